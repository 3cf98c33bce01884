"""Which processes make up the system, what each is told by its environment, and the keys that its callers carry."""

import json
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from libs.common.http.credentials import new_key, write_credentials
from libs.common.pseudonyms import Pseudonyms, read_secret

PARTITIONS_CAP = 2
"""One worker process of each service runs here: more partitions would only make smaller batches (broker CPU -26 %)."""
SERVICES = ("ingest", "profile", "offers", "inventory")
SCOPES: Mapping[str, frozenset[str]] = {
    "till": frozenset(
        {"events:write", "voucher:request", "voucher:redeem", "voucher:explain", "vouchers:offline", "play"}
    ),
    "erp": frozenset({"events:write", "inventory:read", "inventory:ack"}),
    "office": frozenset(
        {
            *("events:write", "campaigns:write", "vouchers:revoke", "voucher-keys:write", "ledger:read"),
            *("brakes:write", "fraud:read"),
            *("webhooks:write", "edi:exchange", "edi:partners"),
            *("customers:read", "inventory:read", "inventory:write", "inventory:approve"),
            *("segments:read", "segments:write", "quarantine:read", "quarantine:write", "clocks:read"),
            *("privacy:read", "privacy:write"),
        }
    ),
    "profile": frozenset({"privacy:read"}),
}
"""Who calls the system on this machine, and what each of them may do."""
_SECRET_OF_PLAYS = "a data set is of nobody, so this need not be secret"  # noqa: S105 - says why
DEMO_CAMPAIGNS = Path(__file__).parents[2] / "deploy" / "campaigns" / "demo.yaml"
"""What a play begins with; a live system begins with none, or with those of a file."""
READS: Mapping[str, tuple[str, ...]] = {
    "ingest": ("profile.erasures.v1",),
    "profile": (
        "ingest.pos.v1",
        "ingest.web.v1",
        "ingest.feedback.v1",
        "ingest.consent.v1",
        "ingest.catalog.v1",
        "ingest.play.v1",
        "offers.vouchers.v1",
        "profile.erased.v1",
    ),
    "offers": (
        "profile.snapshots.v1",
        "profile.progress.v1",
        "profile.identity.v1",
        "profile.models.v1",
        "inventory.availability.v1",
        "ingest.catalog.v1",
        "ingest.pos.v1",
        "ingest.play.v1",
        "profile.erasures.v1",
    ),
    "inventory": (
        "ingest.web.v1",
        "ingest.pos.v1",
        "ingest.stock.v1",
        "ingest.catalog.v1",
        "ingest.play.v1",
        "inventory.demand.v1",
        "inventory.acknowledgements.v1",
        "offers.vouchers.v1",
        "profile.erasures.v1",
    ),
}
"""What each service reads: a check that waits for all of them must know whom to wait for, before they have begun."""


@dataclass(frozen=True, slots=True)
class Service:
    """One process of the system: `python -m services.<service> <role>`."""

    service: str
    role: str

    @property
    def name(self) -> str:
        """Its name in lists and logs."""
        return f"{self.service}-{self.role}"

    @property
    def argv(self) -> list[str]:
        """What starts it."""
        return [sys.executable, "-m", f"services.{self.service}", self.role]


PROCESSES: tuple[Service, ...] = (
    Service("ingest", "api"),
    Service("ingest", "worker"),
    Service("profile", "api"),
    Service("profile", "worker"),
    Service("profile", "learner"),
    Service("offers", "api"),
    Service("offers", "worker"),
    Service("inventory", "api"),
    Service("inventory", "worker"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all processes of one run share."""

    bootstrap: str
    idempotence: bool
    keys: "Keys"
    play: bool
    campaigns: Path | None = None
    doors: Mapping[str, str] = field(default_factory=dict)
    """Where each service's door is."""

    def environment(self, database_url: str, port: int) -> dict[str, str]:
        """The environment of one process: this one's, and the settings that it reads (prefix `USUAL_`)."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("USUAL_")}
        campaigns = {} if self.campaigns is None else {"USUAL_CAMPAIGNS_FILE": str(self.campaigns)}
        return (
            inherited
            | campaigns
            | {f"USUAL_{service.upper()}_URL": address for service, address in self.doors.items()}
            | {
                "PYTHONUNBUFFERED": "1",
                "USUAL_DATABASE_URL": database_url,
                "USUAL_KAFKA_BOOTSTRAP": self.bootstrap,
                "USUAL_KAFKA_IDEMPOTENCE": _said(self.idempotence),
                "USUAL_HTTP_HOST": "127.0.0.1",
                "USUAL_HTTP_PORT": str(port),
                "USUAL_CREDENTIALS_FILE": str(self.keys.credentials),
                "USUAL_PSEUDONYM_KEY_FILE": str(self.keys.pseudonym_key(play=self.play)),
                "USUAL_KEY_ENCRYPTION_KEY_FILE": str(self.keys.key_encryption_key),
                "USUAL_SERVICE_KEY_FILE": str(self.keys.service_key),
                "USUAL_PLAY_MODE": _said(self.play),
                # Nobody sits beside a played data set to agree to its orders.
                "USUAL_APPROVE_EVERYTHING": _said(self.play),
                "USUAL_PARTITIONS_CAP": str(PARTITIONS_CAP),
            }
        )


def _said(yes: bool) -> str:  # noqa: FBT001 - the value to be said
    return "true" if yes else "false"


@dataclass(frozen=True, slots=True)
class Keys:
    """The callers' keys, in a file that only the owner may read; their digests are what the services get."""

    folder: Path

    @property
    def credentials(self) -> Path:
        """What the services read."""
        return self.folder / "credentials.json"

    @property
    def key_encryption_key(self) -> Path:
        """What persons' keys are wrapped under; ingest reads it."""
        return self.folder / "key_encryption_key"

    @property
    def service_key(self) -> Path:
        """What profile asks the other doors with."""
        return self.folder / "service_key"

    def pseudonym_key(self, *, play: bool) -> Path:
        """The secret behind pseudonyms. All plays share one: two plays of a slice must end in the same digest."""
        return self.folder / ("pseudonym_key_of_plays" if play else "pseudonym_key")

    def pseudonyms(self, *, play: bool) -> Pseudonyms:
        """What the services make of identifiers; raises InvalidInput before `make`."""
        return Pseudonyms(read_secret(self.pseudonym_key(play=play), "pseudonym key"))

    @property
    def _secrets(self) -> Path:
        return self.folder / "keys.json"

    def make(self) -> None:
        """Make a key for every caller and the secrets of the services, once: a second start keeps them."""
        for path, secret in (
            (self.key_encryption_key, secrets.token_hex(32)),
            (self.pseudonym_key(play=False), secrets.token_hex(32)),
            (self.pseudonym_key(play=True), _SECRET_OF_PLAYS),
        ):
            if not path.exists():
                _keep(path, secret)
        if self._secrets.exists() and self.credentials.exists() and self.service_key.exists():
            return
        made = {caller: new_key(caller, scopes) for caller, scopes in SCOPES.items()}
        for path, secret in (
            (self._secrets, json.dumps({caller: key for caller, (key, _) in made.items()})),
            (self.service_key, made["profile"][0]),
        ):
            _keep(path, secret)
        write_credentials(self.credentials, [credential for _, credential in made.values()])

    def key(self, caller: str) -> str:
        """The key of `caller` (till, erp, office); raises FileNotFoundError before `make`, KeyError for a stranger."""
        keys: dict[str, str] = json.loads(self._secrets.read_text())
        return keys[caller]


def _keep(path: Path, secret: str) -> None:
    """Write it for its owner only, and whole or not at all: half a secret on a full disk would be kept for ever."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(secret)
    fresh.replace(path)
