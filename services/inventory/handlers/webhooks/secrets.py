"""Secrets of webhooks: derived from the deployment's key when they are needed, kept nowhere; called by doors and deliveries."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from standardwebhooks import Webhook as Signer

from libs.common.errors import Conflict, RetryableError
from libs.common.pseudonyms import read_secret
from services.inventory.ports.webhooks import Secrets

_PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class WebhookKeys:
    """The deployment's keys by name, the one in use first: whoever reads the database alone can sign nothing."""

    in_use: str
    _keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def of(cls, *keys: bytes) -> "WebhookKeys":
        """Keys, the one in use first."""
        named = {hashlib.sha256(b"fingerprint:" + key).hexdigest()[:16]: key for key in keys}
        return cls(next(iter(named)), named)

    @classmethod
    def read(cls, path: Path | None, former: Path | None = None) -> "WebhookKeys":
        """From files; raises InvalidInput. `former` is the key before, for secrets that are not rotated yet."""
        first = read_secret(path, "USUAL_WEBHOOK_KEY_FILE")
        return cls.of(first, *([read_secret(former, "USUAL_WEBHOOK_FORMER_KEY_FILE")] if former else []))

    def secret(self, webhook_id: str, salt: str, generation: int, key_name: str) -> bytes:
        """One secret of 32 bytes; raises RetryableError when the key that it comes from is not at hand."""
        key = self._keys.get(key_name)
        if key is None:
            raise RetryableError("the key that this webhook's secret comes from is not here", slug="webhook-key-away")
        name = "\x1f".join(("webhook secret v1", webhook_id, salt, str(generation)))
        return hmac.digest(key, name.encode(), "sha256")


def newest(keys: WebhookKeys, webhook_id: str, secrets: Secrets) -> str:
    """The newest secret, as its holder enters it: `whsec_` and base64."""
    raw = keys.secret(webhook_id, secrets.salt, secrets.generation, secrets.key_name)
    return _PREFIX + base64.b64encode(raw).decode()


def rotated(keys: WebhookKeys, secrets: Secrets, now: datetime, overlap: timedelta) -> Secrets:
    """A new generation; the one before signs too for `overlap`. Raises Conflict while two are valid already."""
    if secrets.former_until is not None and now < secrets.former_until:
        raise Conflict("two secrets are valid; the former one ends first", slug="two-secrets-valid")
    return replace(
        secrets,
        generation=secrets.generation + 1,
        key_name=keys.in_use,
        former_key_name=secrets.key_name,
        former_until=now + overlap,
    )


def signed_headers(
    keys: WebhookKeys, webhook_id: str, secrets: Secrets, message: tuple[str, bytes], now: datetime
) -> Mapping[str, str]:
    """The headers of Standard Webhooks for a message (id, body), one signature for each secret that is valid."""
    message_id, body = message
    at = now.astimezone(UTC).replace(microsecond=0)
    signatures = [Signer(raw).sign(message_id, at, body.decode()) for raw in _valid(keys, webhook_id, secrets, now)]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _valid(keys: WebhookKeys, webhook_id: str, secrets: Secrets, now: datetime) -> Sequence[bytes]:
    found = [keys.secret(webhook_id, secrets.salt, secrets.generation, secrets.key_name)]
    if secrets.former_until is not None and now < secrets.former_until and secrets.former_key_name is not None:
        found.append(keys.secret(webhook_id, secrets.salt, secrets.generation - 1, secrets.former_key_name))
    return found
