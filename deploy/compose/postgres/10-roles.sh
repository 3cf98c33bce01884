#!/usr/bin/env bash
# Run once by the PostgreSQL image, in the new database `usual`: one role and one schema per service.
set -euo pipefail

for service in ingest profile offers inventory; do
  variable="USUAL_${service^^}_DB_PASSWORD"
  # The password comes in on standard input: an argument would show in the list of processes.
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set role="usual_$service" --set schema="$service" <<SQL
\set password \`printenv $variable\`
CREATE ROLE :"role" LOGIN CONNECTION LIMIT 40 PASSWORD :'password';
ALTER ROLE :"role" SET search_path = :"schema";
CREATE SCHEMA :"schema" AUTHORIZATION :"role";
SQL
done
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  --command 'REVOKE ALL ON SCHEMA public FROM PUBLIC'
