-- What was said of a pair, as far as it can still matter: the word that took the link back last, and those that said it since.
-- JSON [[seconds, event id, linked], ...]. Without it: what the other columns say.
ALTER TABLE links ADD COLUMN facts text;
