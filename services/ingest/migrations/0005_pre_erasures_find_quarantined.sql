-- An erasure finds what lies in quarantine under a person's key: without these it reads all that lies there, and takes too long where much does.
CREATE INDEX quarantine_sealed_under ON quarantine (sealed_under);
CREATE INDEX quarantine_mended_sealed_under ON quarantine (mended_sealed_under) WHERE mended_sealed_under IS NOT NULL;
