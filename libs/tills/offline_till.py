"""Takes signed vouchers at a till without a network, within a lease: this file and verify_voucher.py, Python 3.9 or later, no package.

A till asks for a lease while it has a network, and `accept`s on it when it has none. What it took stands in a journal that is on the
disk before `accept` returns, and is sent in with `pending` and `learn`. One process owns a journal. A till that lost its
journal has lost its lease with it: ask for another. docs/offline-tills.md is a day of such a till.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple, Optional

try:
    from libs.tills.verify_voucher import Refused, fingerprint, verify
except ImportError:  # in a till, where it lies beside this file
    from verify_voucher import Refused, fingerprint, verify  # type: ignore[import-not-found, no-redef]

TOGETHER = 100
"""Entries in one request."""
_SENT = ("redemption_id", "signed", "receipt_id", "currency", "given_at", "lines")
Record = dict[str, Any]


class Line(NamedTuple):
    """A line of the receipt. `category`: as the chain names it; None for goods that no voucher is for."""

    line_no: int
    item_id: str
    quantity: str
    amount_cents: int
    category: Optional[str]


class OfflineTill:
    """One lane with its journal at `path`. `keys`: from `GET /v1/voucher-keys`, without the withdrawn ones. Raises ValueError for a damaged journal."""

    def __init__(self, path: str, keys: Mapping[int, bytes], store_id: str) -> None:
        self.path, self.keys, self.store_id = path, keys, store_id
        self._load()

    def lend(self, lease: Record) -> None:
        """Note the answer of `POST /v1/leases`, as it came. One that the chain has ended lends nothing."""
        if lease["lease_id"] not in self.leases and not lease.get("ended_at"):
            self._write(lease["lease_id"], "lease", lease)

    def accept(self, signed: str, receipt_id: str, currency: str, lines: Sequence[Line], now_seconds: float) -> Record:
        """The entry with what each line gets off, for good; the same again for the same receipt. Raises Refused.

        Call it when the receipt is closed, not while goods are scanned, with what each line costs before any voucher. Beside the
        reasons of `verify`: spent-here, other-currency, no-eligible-line, no-lease, below-threshold, above-limit, lease-used-up.
        """
        stands = {name: entry for name, entry in self.entries.items() if not self._undone(name)}
        off = Counter[int]()
        here = [each for name, each in stands.items() if name not in self._back and each["receipt_id"] == receipt_id]
        for entry in here:
            if entry["signed"] == signed:
                return entry
            off.update({line["line_no"]: line["discount_cents"] for line in entry["lines"]})  # added to what is there
        now = max(now_seconds, self._latest)  # a clock that was set back revives nothing
        voucher = verify(signed, self.keys, self.store_id, now)
        if voucher.code in self._spent or any(entry["code"] == voucher.code for entry in stands.values()):
            raise Refused("spent-here")
        if voucher.currency != currency:
            raise Refused("other-currency")
        sold = [line for line in lines if line.amount_cents > 0]
        ours = [line.category and fingerprint(line.category, 4) == voucher.category for line in sold]
        weights = [max(0, line.amount_cents - off[line.line_no]) * bool(fits) for line, fits in zip(sold, ours)]
        gives = min(sum(weights) * (voucher.percent or 100) // 100, voucher.greatest_value_cents)
        if gives <= 0:
            raise Refused("no-eligible-line")
        lease_id, campaign_id = self._lease_for(voucher.campaign, gives, sum(line.amount_cents for line in lines), now)
        shares = _allocate(gives, weights)
        entry = {
            "redemption_id": os.urandom(16).hex(),
            "signed": signed,
            "receipt_id": receipt_id,
            "currency": currency,
            "given_at": datetime.fromtimestamp(now, timezone.utc).isoformat(),
            "lines": [
                {**dict(zip(Line._fields[:4], line)), "discount_cents": share} for line, share in zip(sold, shares)
            ],
            "lease_id": lease_id,
            "campaign_id": campaign_id,
            "code": voucher.code,
            "ends": voucher.expires_at_seconds,
            "gives": gives,
        }
        self._write(lease_id, "entry", entry)
        return entry

    def take_back(self, redemption_id: str) -> None:
        """The receipt was cancelled. Its lease is free of it once the chain has heard of it."""
        if redemption_id in self.entries and redemption_id not in self._back:
            self._write(self.entries[redemption_id]["lease_id"], "back", redemption_id)

    def left_cents(self, lease_id: str, campaign_id: str) -> int:
        """What the lane may still give: the loan, less what conflicts took of it, less what nobody has settled yet."""
        lent = {each["campaign_id"]: each["granted_cents"] for each in self.leases[lease_id]["campaigns"]}
        left = int(lent[campaign_id])
        for entry in self.entries.values():
            if (entry["lease_id"], entry["campaign_id"]) == (lease_id, campaign_id):
                outcome = self._outcomes.get(entry["redemption_id"], {"status": "refused"})
                left -= entry["gives"] if outcome["status"] == "refused" else outcome["from_lease_cents"]
        return left

    def pending(self) -> list[Record]:
        """Bodies for `POST /v1/reconciliations`; none when the chain knows all. Send them in any order, again after any failure."""
        bodies = []
        for lease_id in self.leases:
            waiting = [
                {**{each: entry[each] for each in _SENT}, "taken_back": name in self._back}
                for name, entry in self.entries.items()
                if entry["lease_id"] == lease_id and not self._settled(name)
            ]
            together = [waiting[at : at + TOGETHER] for at in range(0, len(waiting), TOGETHER)]
            bodies += [{"lease_id": lease_id, "entries": entries} for entries in together]
        return bodies

    def learn(self, answer: Mapping[str, Any]) -> None:
        """Note the answer to such a request, as it came."""
        for outcome in answer["outcomes"]:
            if outcome["redemption_id"] in self.entries and not self._settled(outcome["redemption_id"]):
                self._write(self.entries[outcome["redemption_id"]]["lease_id"], "outcome", outcome)

    def ending(self, lease_id: str) -> Optional[Record]:
        """The body for `POST /v1/leases/{lease_id}/end`; None while entries wait or are refused. From here on the till gives nothing on it."""
        ids = [entry["redemption_id"] for entry in self.entries.values() if entry["lease_id"] == lease_id]
        if any(not self._settled(each) or self._outcomes[each]["status"] == "refused" for each in ids):
            return None
        if lease_id not in self._ended:
            self._write(lease_id, "ended", lease_id)
        return {"entries": len(ids)}

    def forget(self, lease_id: str, now_seconds: float) -> None:
        """Once the chain has ended a lease: make the journal short. Codes stay listed as spent until their vouchers have ended."""
        for entry in self.entries.values():
            if entry["lease_id"] == lease_id and not self._undone(entry["redemption_id"]):
                self._spent[entry["code"]] = entry["ends"]
        kept = [record for record in self._records if record["lease_id"] not in (lease_id, "")]
        over = min(now_seconds, self._latest)  # a clock that is ahead makes nothing good again
        spent = [each for each in self._spent.items() if each[1] > over]
        kept += [{"lease_id": "", "kind": "spent", "told": each} for each in spent]
        with open(self.path + ".new", "wb", buffering=0) as file:
            _append(file, kept)
        os.replace(self.path + ".new", self.path)
        self._load()

    def _lease_for(self, campaign: bytes, gives: int, basket_cents: int, now: float) -> tuple[str, str]:
        """The lease that ends first of those that bear it; raises Refused."""
        why = "no-lease"
        for lease in sorted(self.leases.values(), key=lambda lease: _seconds(lease["ends_at"])):
            in_force = now < _seconds(lease["ends_at"]) and lease["lease_id"] not in self._ended
            for each in lease["campaigns"]:
                if not in_force or fingerprint(each["campaign_id"], 6) != campaign:
                    continue
                if basket_cents < (each.get("minimum_basket_cents") or 0):
                    why = "below-threshold"
                elif gives > each["accept_up_to_cents"]:
                    why = "above-limit"
                elif gives > self.left_cents(lease["lease_id"], each["campaign_id"]):
                    why = "lease-used-up"
                else:
                    return lease["lease_id"], each["campaign_id"]
        raise Refused(why)

    def _settled(self, redemption_id: str) -> bool:
        outcome = self._outcomes.get(redemption_id)
        return outcome is not None and (outcome["taken_back"] or redemption_id not in self._back)

    def _undone(self, redemption_id: str) -> bool:
        return redemption_id in self._back and self._settled(redemption_id)

    def _write(self, lease_id: str, kind: str, told: Any) -> None:
        """On the disk first, then in memory."""
        record = {"lease_id": lease_id, "kind": kind, "told": told}
        with open(self.path, "ab", buffering=0) as file:
            _append(file, [record])
        self._note(record)

    def _load(self) -> None:
        self._records: list[Record] = []
        self.leases: dict[str, Record] = {}
        self.entries: dict[str, Record] = {}
        self._outcomes: dict[str, Record] = {}
        self._ended, self._back = set[str](), set[str]()
        self._spent: dict[str, float] = {}
        self._latest = 0.0
        for record in _read(self.path):
            self._note(record)

    def _note(self, record: Record) -> None:
        self._records.append(record)
        kind, told = record["kind"], record["told"]
        if kind == "lease":
            self.leases[told["lease_id"]] = told
            self._latest = _seconds(told["granted_at"])  # the chain's clock, whatever ours was
        elif kind == "entry":
            self.entries[told["redemption_id"]] = told
            self._latest = max(self._latest, _seconds(told["given_at"]))
        elif kind == "outcome":
            self._outcomes[told["redemption_id"]] = told
        elif kind == "spent":
            self._spent[told[0]] = told[1]
        else:
            (self._back if kind == "back" else self._ended).add(told)


def _append(file: Any, records: Sequence[Record]) -> None:
    """All of them or none; raises OSError."""
    size = file.tell()
    told = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    try:
        written = file.write(told)
        os.fsync(file.fileno())
        if written != len(told):
            raise OSError("the disk is full")  # noqa: TRY301  # what was written is cut off below
    except BaseException:
        file.truncate(size)
        raise


def _read(path: str) -> Iterator[Record]:
    """What stands in the journal. A last line that was not finished was never answered for: it is cut off."""
    with open(path, "ab+") as file:
        file.seek(0)
        whole = file.read()
        kept = whole.rfind(b"\n") + 1
        if kept != len(whole):
            file.truncate(kept)
            os.fsync(file.fileno())
    if os.name == "posix":  # elsewhere no folder can be synced
        folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
        os.fsync(folder)  # else a power cut may bring back the file that this one took the place of
        os.close(folder)
    yield from map(json.loads, whole[:kept].splitlines())


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def _allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Whole cents in proportion, by largest remainder, ties to the earlier line: as the chain does it."""
    shares = [total * weight // sum(weights) for weight in weights]
    rest = [total * weight % sum(weights) for weight in weights]
    for place in sorted(range(len(weights)), key=lambda place: (-rest[place], place))[: total - sum(shares)]:
        shares[place] += 1
    return shares
