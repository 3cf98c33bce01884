#!/bin/sh
# Makes what docker-compose.yml needs and the repository must not hold: `.env` with passwords, var/compose with secrets.
# Run it again at any time, also after it was broken off: what exists stays, and nothing exists by half.
set -eu
cd "$(dirname "$0")/../.."
secrets=var/compose

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# Containers read these files as other users, so the files are open and the folder is closed.
keys=$secrets/keys
mkdir -p "$keys"
chmod 700 "$secrets"
chmod 755 "$keys"

for name in postgres_password grafana_password voucher_key pseudonym_key key_encryption_key webhook_key; do
  if [ ! -e "$secrets/$name" ]; then
    random >"$secrets/$name.new"
    mv "$secrets/$name.new" "$secrets/$name"
  fi
done

if [ ! -e .env ]; then
  (
    umask 077
    while IFS= read -r line; do
      case "$line" in
        *_DB_PASSWORD=) echo "$line$(random)" ;;
        *) echo "$line" ;;
      esac
    done <.env.example >.env.new
    mv .env.new .env
  )
fi

if [ ! -e "$keys/credentials.json" ]; then
  rm -f "$keys/credentials.new"
  separator='['
  while read -r caller scopes; do
    secret=$(random)
    digest=$(printf %s "$secret" | sha256sum | cut -d' ' -f1)
    printf '%s\n {"key_id": "%s", "secret_sha256": "%s", "scopes": [%s]}' \
      "$separator" "$caller" "$digest" "$scopes" >>"$keys/credentials.new"
    separator=','
    if [ "$caller" = profile ]; then
      printf 'tk_%s_%s' "$caller" "$secret" >"$secrets/service_key"
    else
      echo "$caller  tk_${caller}_$secret"
    fi
  done <<CALLERS
till "events:write", "voucher:request", "voucher:redeem", "voucher:explain", "vouchers:offline"
erp "events:write", "inventory:read", "inventory:ack"
office "events:write", "campaigns:write", "vouchers:revoke", "brakes:write", "fraud:read", "voucher-keys:write", "ledger:read", "customers:read", "segments:read", "segments:write", "inventory:read", "inventory:write", "quarantine:read", "quarantine:write", "clocks:read", "privacy:read", "privacy:write"
profile "privacy:read"
player "events:write", "voucher:request", "voucher:redeem", "voucher:explain", "play"
CALLERS
  printf '\n]\n' >>"$keys/credentials.new"
  mv "$keys/credentials.new" "$keys/credentials.json"
  echo "These API keys are shown once; $keys/credentials.json holds their digests only."
  echo "More, fewer: usual keys create|list|revoke --file $keys/credentials.json (docs/security.md)"
fi
if [ ! -e "$secrets/service_key" ]; then
  : >"$secrets/service_key"
  echo "Exports need a key of profile's own: usual keys create --holder profile --scope privacy:read" \
    "--file $keys/credentials.json >$secrets/service_key"
fi
find "$secrets" -type f -exec chmod 644 {} +
