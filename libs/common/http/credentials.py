"""API keys: `tk_<id>_<secret>`, known by their SHA-256 only, read from a file that may change while we run.

A key's 256 random bits need no slow hash; the digests are compared in constant time. The file is a mounted secret, the
same for all services, so that no door needs a database or another service to know its callers.
"""

import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypedDict, Unpack

import structlog
from fastapi import Request, Security
from fastapi.security import APIKeyHeader
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, field_serializer, model_validator

from libs.common.clock import Clock
from libs.common.errors import Forbidden, RetryableError, Unauthenticated

_log = structlog.get_logger(__name__)
_PARTS_OF_A_KEY = 3
_CHECK_FILE_EVERY_SECONDS = 1.0


class Credential(BaseModel):
    """Who a caller is and what it may do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,64}$")]
    secret_sha256: str
    scopes: frozenset[str]
    store_id: str = "*"
    """Binds a till to its store; `*` is any store."""
    not_after: AwareDatetime | None = None
    holder: Annotated[str, Field(min_length=1, max_length=100)] = ""
    """The terminal or site that carries the key, and for the time of a rotation a second one; the key's id where none is given."""
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    """ISO 3166-1 alpha-2: whose field policy holds; None is the deployment's."""
    origins: tuple[Annotated[str, Field(pattern=r"^https?://[^/\s]+$")], ...] = ()
    """The web sites whose pages may carry it, as browsers name them (`https://shop.example`); none: no browser may."""
    events_per_second: Annotated[float, Field(ge=0)] | None = None
    """Its own rate limit; None is the deployment's, 0 is no limit."""

    @model_validator(mode="before")
    @classmethod
    def _held_by_itself(cls, given: Any) -> Any:
        return {"holder": given["key_id"], **given} if isinstance(given, dict) and "key_id" in given else given

    @field_serializer("scopes")
    def _in_order(self, scopes: frozenset[str]) -> list[str]:
        return sorted(scopes)

    def allows(self, scope: str) -> bool:
        """Whether it carries `scope`."""
        return scope in self.scopes

    def may_act_for(self, store_id: str) -> bool:
        """Whether it may speak for this store."""
        return self.store_id in {"*", store_id}


_FILE = TypeAdapter(list[Credential])


class Terms(TypedDict, total=False):
    """What else a key may be given; see Credential."""

    store_id: str
    not_after: datetime | None
    holder: str
    country: str | None
    origins: tuple[str, ...]
    events_per_second: float | None


def new_key(key_id: str, scopes: frozenset[str], **terms: Unpack[Terms]) -> tuple[str, Credential]:
    """A fresh key, to be shown once, and the credential to be stored in its place."""
    secret = secrets.token_hex(32)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    stored = {"key_id": key_id, "secret_sha256": digest, "scopes": scopes, **terms}
    return f"tk_{key_id}_{secret}", Credential.model_validate(stored)


def read_credentials(path: Path) -> list[Credential]:
    """What the file holds; raises OSError, or ValueError when it is no list of credentials."""
    return _FILE.validate_json(path.read_bytes())


def write_credentials(path: Path, credentials: Sequence[Credential]) -> None:
    """Replace the file as a whole: a reader sees the old one or the new one. A new file is for its owner only."""
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
    staged = path.with_suffix(".new")
    staged.unlink(missing_ok=True)
    with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(_FILE.dump_json(list(credentials), indent=1, exclude_defaults=True))
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)


@dataclass(slots=True)
class Credentials:
    """The keys in force; the file is read again when it has changed, at most once a second."""

    path: Path
    clock: Clock
    _by_id: dict[str, Credential] | None = None
    _read_version: tuple[int, int, int] | None = None
    _looked_at_seconds: float = float("-inf")

    def authenticate(self, key: str | None) -> Credential:
        """The caller behind `key`; raises Unauthenticated without saying which part was wrong.

        Raises RetryableError while no file could be read since the start.
        """
        parts = (key or "").split("_", 2)
        known = self._in_force().get(parts[1]) if len(parts) == _PARTS_OF_A_KEY and parts[0] == "tk" else None
        digest = hashlib.sha256(parts[-1].encode()).hexdigest()
        matches = hmac.compare_digest(digest, known.secret_sha256 if known else "0" * 64)
        if known is None or not matches:
            raise Unauthenticated("a valid API key is needed")
        if known.not_after is not None and known.not_after <= self.clock.now():
            raise Unauthenticated("this API key is out of date", slug="expired-key")
        return known

    def _in_force(self) -> dict[str, Credential]:
        elapsed = self.clock.monotonic_seconds()
        if self._by_id is None or elapsed - self._looked_at_seconds > _CHECK_FILE_EVERY_SECONDS:
            self._looked_at_seconds = elapsed
            try:
                self._read()
            except (OSError, ValueError) as error:  # away or half written: the keys that we know stay in force
                _log.error("credentials not readable", error=type(error).__name__)
        if self._by_id is None:
            raise RetryableError("no credentials could be read yet", slug="credentials-unavailable")
        return self._by_id

    def _read(self) -> None:
        found = self.path.stat()
        version = (found.st_ino, found.st_mtime_ns, found.st_size)
        if version != self._read_version:
            self._by_id = {known.key_id: known for known in read_credentials(self.path)}
            self._read_version = version


def key_in(request: Request) -> str | None:
    """The key that a request carries: `X-Api-Key`, or `Authorization: Bearer`."""
    given = request.headers.get("x-api-key")
    if given:
        return given
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


API_KEY = Annotated[
    str | None, Security(APIKeyHeader(name="X-Api-Key", auto_error=False, description="or `Authorization: Bearer`"))
]
"""How the OpenAPI document names the key; `key_in` reads it."""


def require(scope: str) -> Callable[[Request], Awaitable[Credential]]:
    """A FastAPI dependency, `Annotated[Credential, Depends(require("events:write"))]`: the caller, who must carry `scope`.

    Asynchronous, so that no till waits for a thread. The app's state must hold `credentials`. Raises Unauthenticated or Forbidden.
    """

    async def caller(request: Request, _described: API_KEY = None) -> Credential:
        credentials: Credentials = request.app.state.credentials
        known = credentials.authenticate(key_in(request))
        if not known.allows(scope):
            raise Forbidden(f"this key lacks the scope {scope}", slug="missing-scope")
        return known

    return caller
