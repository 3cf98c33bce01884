"""The file of keys as an operator changes it: who may get a key, who loses one; `usual keys` calls it.

Two live keys for a holder are what a rotation needs: make the second, carry it to the terminal, revoke the first.
"""

import fcntl
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from libs.common.errors import Conflict, InvalidInput, NotFound
from libs.common.http.credentials import Credential, read_credentials, write_credentials

LIVE_KEYS_OF_A_HOLDER = 2
BROWSER_SCOPES = frozenset({"web:write"})
"""All that a key may carry that every visitor of a web site can read."""
SCOPES: Mapping[str, str] = {
    "events:write": "send events to ingest",
    "web:write": "send what happens on a web site: views, baskets, identity, consent; for keys in browsers",
    "play": "send play events, where a data set is played",
    "quarantine:read": "see invalid events and why they are invalid",
    "quarantine:write": "mend invalid events and send them again",
    "clocks:read": "see how far the terminals' clocks are off",
    "voucher:request": "ask for vouchers at a checkout",
    "voucher:redeem": "redeem vouchers",
    "voucher:explain": "be told why a voucher is refused, as a cashier's till is; not for web shops, apps or partners",
    "voucher:confirm": "confirm a redemption for which a supervisor must be asked",
    "fraud:read": "see redemptions in which something spoke for fraud; with a store's key those of that store",
    "vouchers:offline": "be lent money for the time without a network, and send in what was given meanwhile; for tills",
    "vouchers:revoke": "revoke vouchers that were printed, and see who revoked which",
    "brakes:write": "stop a campaign, a store or the chain, and let it run again; with a store's key that store alone",
    "voucher-keys:write": "make and withdraw the keys of signed vouchers",
    "campaigns:write": "make and change campaigns",
    "batches:write": "make vouchers in batches, import codes, see how far a batch is, cancel it",
    "batches:codes": "export the codes of a batch: whoever has them has what they are worth",
    "ledger:read": "read and export the books of campaigns, what lanes are lent, and their conflicts",
    "customers:read": "see everything that is known of customers, as the chain's own systems do",
    "customers:cashier": "see customers as a cashier does",
    "customers:store_manager": "see customers as a store's manager does",
    "customers:marketing": "see customers as marketing does",
    "customers:service_desk": "see customers as the service desk does",
    "customers:privacy": "see customers as who answers for their privacy does",
    "views:read": "see who looked at which customer",
    "segments:read": "see segments, their rules and sizes",
    "segments:write": "make, change and archive segments",
    "privacy:read": "see all that is held of a person, to hand it over",
    "privacy:write": "have a person forgotten",
    "inventory:read": "see stock, forecasts and orders",
    "inventory:write": "say how item classes and shelves are ordered",
    "inventory:ack": "acknowledge orders, as an inventory system does",
    "webhooks:write": "say who is told of orders, and see what was delivered",
    "edi:exchange": "fetch orders for trading partners and bring their answers, as an EDI gateway does",
    "edi:partners": "say with which trading partners orders are exchanged, and how",
    "inventory:approve": "decide on orders that wait for a person, and take back what nobody has answered",
}
"""Every scope that a door asks for."""


def change_keys(path: Path, change: Callable[[Sequence[Credential]], Sequence[Credential]]) -> None:
    """Read, change and replace the file under a lock, so that two operators at once lose nothing.

    A file that is not there is one without keys. Raises what `change` raises, the file untouched, and InvalidInput when
    it cannot be read or replaced.
    """
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        changed = change(keys_in(path) if path.exists() else [])
        write_credentials(path, changed)
    except OSError as error:
        raise InvalidInput(f"cannot change {path}: {error.strerror}", slug="no-credentials-file") from error
    finally:
        os.close(folder)


def keys_in(path: Path) -> Sequence[Credential]:
    """The keys of a file; raises InvalidInput when it is away, closed to us, or holds anything else."""
    try:
        return read_credentials(path)
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}", slug="no-credentials-file") from error
    except ValueError as error:
        raise InvalidInput(f"{path} is not a file of keys", slug="no-credentials-file") from error


def with_key(known: Sequence[Credential], new: Credential, now: datetime) -> Sequence[Credential]:
    """`known` and the new key.

    Raises Conflict for an id in use or a third live key of a holder, and InvalidInput for scopes that no door knows or
    that a browser may not have.
    """
    if any(one.key_id == new.key_id for one in known):
        raise Conflict(f"there is a key with the id {new.key_id}", slug="key-exists")
    live = [one.key_id for one in known if one.holder == new.holder and is_live(one, now)]
    if len(live) >= LIVE_KEYS_OF_A_HOLDER:
        raise Conflict(
            f"{new.holder} has {len(live)} live keys ({', '.join(live)}); revoke one first", slug="too-many-keys"
        )
    if strange := new.scopes - set(SCOPES):
        raise InvalidInput(f"no such scope: {', '.join(sorted(strange))}", slug="unknown-scope")
    if new.origins and not new.scopes <= BROWSER_SCOPES:
        raise InvalidInput(
            "a key in a browser is public: web:write is all that it may carry", slug="scope-not-for-browsers"
        )
    return [*known, new]


def without_key(known: Sequence[Credential], key_id: str) -> Sequence[Credential]:
    """`known` less one; raises NotFound."""
    left = [one for one in known if one.key_id != key_id]
    if len(left) == len(known):
        raise NotFound(f"no key has the id {key_id}", slug="no-such-key")
    return left


def is_live(credential: Credential, now: datetime) -> bool:
    """Whether it opens a door at `now`."""
    return credential.not_after is None or credential.not_after > now
