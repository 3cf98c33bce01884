"""The independent verifier: the journal of what was sent against the effects counted in each database and log.

It shares no code with the services; it reads their tables with the superuser's eyes and the topics as any reader may.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil

import msgspec

from libs.common.contracts import TOPICS
from libs.common.streaming import StreamSettings
from libs.common.streaming.reader import TopicReader
from libs.laptop.drain import Observer
from libs.laptop.ledger import Difference, EventName, Ledger, Range, compare

INGEST_TOPICS = tuple(topic.name for topic in TOPICS if topic.owner == "ingest")
VOUCHERS_TOPIC = "offers.vouchers.v1"
ISSUED = "usual.offers.voucher_issued.v1"
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. `applied`: events of this log that every group that reads their topic has passed."""

    differences: Sequence[Difference]
    applied: int
    dead_letters: int
    repeats_in_logs: int
    """Events that lie in a log more than once: allowed on the wire, their effect is counted once."""

    @property
    def lost(self) -> int:
        """Effects that are missing."""
        return sum(ceil(difference.lost) for difference in self.differences)

    @property
    def doubled(self) -> int:
        """Effects that are there more than once."""
        return sum(ceil(difference.doubled) for difference in self.differences)

    @property
    def examples(self) -> list[str]:
        """The first few places of each kind."""
        return [example for difference in self.differences for example in difference.examples]


@dataclass(frozen=True, slots=True)
class InThisLog:
    """What happened while the present broker log existed, so that it must be found there."""

    events: frozenset[EventName]
    vouchers: frozenset[str]

    @classmethod
    def of(cls, whole: Ledger, earlier: Ledger, recent: Ledger) -> "InThisLog":
        """From the ledger of the whole journal, and of its parts before and since the log began."""
        acknowledged = frozenset(name for name in recent.events if whole.events.get(name))
        return cls(acknowledged, frozenset(recent.vouchers - earlier.vouchers))


async def verify(ledger: Ledger, observer: Observer, settings: StreamSettings, recent: InThisLog) -> Verdict:
    """Compare; call it when the system is at rest."""
    logs = await _read_logs(settings, observer)
    issued = await _vouchers(observer)
    differences = [
        compare("receipts", ledger.receipts, await _facets(observer, "receipts_count")),
        compare("amount_cents", ledger.amounts_cents, await _facets(observer, "amount_cents")),
        compare("sold_units", ledger.sold_units, await _sold_units(observer)),
        _acknowledged_events(ledger, logs.seen, recent.events),
        _issued(ledger, issued),
        _redeemed(ledger, issued),
        await _budgets(observer),
        await _journal(observer),
        _told(issued, logs.issued, recent.vouchers),
    ]
    return Verdict(differences, logs.applied, await _dead_letters(observer), logs.repeats)


@dataclass(frozen=True, slots=True)
class Logs:
    """What lies in the logs."""

    seen: frozenset[EventName]
    applied: int
    repeats: int
    issued: frozenset[str]
    """Vouchers that the voucher topic tells of."""


@dataclass(frozen=True, slots=True)
class Voucher:
    """One voucher as its table has it."""

    state: str
    given_cents: int
    redemptions: int


async def _read_logs(settings: StreamSettings, observer: Observer) -> Logs:
    passed = _passed(await observer.offsets())
    seen: Counter[EventName] = Counter()
    applied: set[EventName] = set()
    issued: set[str] = set()
    async with TopicReader(settings, (*INGEST_TOPICS, VOUCHERS_TOPIC)) as reader:
        while True:
            records = await reader.read()
            for record in records:
                if record.topic == VOUCHERS_TOPIC:
                    if record.header("ce_type") == ISSUED:
                        issued.add(_voucher_id(record.value or b""))
                    continue
                name = (record.header("ce_source") or "", record.header("ce_id") or "")
                seen[name] += 1
                if record.offset < passed.get((record.topic, record.partition), 0):
                    applied.add(name)
            if not records and await reader.at_end():
                break
    return Logs(frozenset(seen), len(applied), seen.total() - len(seen), frozenset(issued))


def _passed(offsets: Mapping[tuple[str, str, int], int]) -> Mapping[tuple[str, int], int]:
    """What the slowest group of each partition has passed."""
    slowest: dict[tuple[str, int], int] = {}
    for (_, topic, partition), offset in offsets.items():
        slowest[topic, partition] = min(offset, slowest.get((topic, partition), offset))
    return slowest


def _voucher_id(body: bytes) -> str:
    voucher_id: str = _decode(body)["voucher_id"]
    return voucher_id


async def _facets(observer: Observer, column: str) -> Mapping[str, int]:
    rows = await observer.connection.fetch(f"SELECT identifier, {column} AS found FROM profile.facets")  # noqa: S608 - our own names
    return {row["identifier"]: row["found"] for row in rows if row["found"]}


async def _sold_units(observer: Observer) -> Mapping[tuple[str, str], Decimal]:
    rows = await observer.connection.fetch(
        "SELECT store_id, item_id, sold_units FROM inventory.stock WHERE sold_units <> 0"
    )
    return {(row["store_id"], row["item_id"]): Decimal(row["sold_units"]) for row in rows}


async def _vouchers(observer: Observer) -> Mapping[str, Voucher]:
    rows = await observer.connection.fetch("""
        SELECT voucher_id, state, given_cents,
               (SELECT count(*) FROM offers.redemptions AS made
                WHERE made.voucher_id = vouchers.voucher_id AND status = 'redeemed' AND rolled_back_at IS NULL) AS made
        FROM offers.vouchers
    """)
    return {row["voucher_id"]: Voucher(row["state"], row["given_cents"], row["made"]) for row in rows}


def _acknowledged_events(ledger: Ledger, seen: frozenset[EventName], acknowledged: frozenset[EventName]) -> Difference:
    """Acknowledged means readable; readable means sent."""
    difference = Difference("event in a log")
    for name in sorted(acknowledged - seen):
        difference.note(name, "there", "missing", lost=1)
    for name in sorted(seen - ledger.events.keys()):
        difference.note(name, "never accepted", "there", doubled=1)
    return difference


def _issued(ledger: Ledger, found: Mapping[str, Voucher]) -> Difference:
    """Every printed voucher is known; one that nobody was told of is allowed only where an answer was lost."""
    difference = Difference("voucher")
    for voucher_id in sorted(ledger.vouchers - found.keys()):
        difference.note(voucher_id, "issued", "missing", lost=1)
    unasked = len(found.keys() - ledger.vouchers)
    if unasked and not ledger.checkouts_unknown:
        difference.note("nobody", 0, unasked, doubled=unasked)
    return difference


def _redeemed(ledger: Ledger, found: Mapping[str, Voucher]) -> Difference:
    """What tills were told was given was given, once, and nothing else was."""
    difference = Difference("redemption")
    for voucher_id, given_cents in ledger.redeemed_cents.items():
        voucher = found.get(voucher_id)
        if voucher is None or voucher.state != "redeemed" or voucher.given_cents != given_cents:
            difference.note(voucher_id, f"{given_cents} given", voucher, lost=1)
    told = ledger.redeemed_cents.keys() | ledger.perhaps_redeemed
    for voucher_id, voucher in found.items():
        if voucher.redemptions > 1 or (voucher.state == "redeemed" and voucher_id not in told):
            difference.note(voucher_id, "at most one, and told", voucher, doubled=1)
    return difference


async def _budgets(observer: Observer) -> Difference:
    """Reserved and spent are the sums over the vouchers and what lanes gave beside them, leased over the leases, to the cent."""
    rows = await observer.connection.fetch("""
        SELECT campaign_id, reserved_cents, spent_cents, leased_cents, lost_cents,
               coalesce(sum(part.reserved), 0)::bigint AS reserved, coalesce(sum(part.given), 0)::bigint AS given,
               coalesce(sum(part.leased), 0)::bigint AS leased, coalesce(sum(part.lost), 0)::bigint AS lost
        FROM offers.budgets LEFT JOIN (
            SELECT campaign_id, CASE WHEN state IN ('issued', 'leased') THEN reserved_cents ELSE 0 END AS reserved, given_cents AS given,
                   0 AS leased, 0 AS lost FROM offers.vouchers
            UNION ALL SELECT campaign_id, 0, spent_cents, 0, lost_cents FROM offers.offline_redemptions
            UNION ALL SELECT campaign_id, 0, 0, left_cents, 0 FROM offers.leased) AS part USING (campaign_id)
        GROUP BY campaign_id, reserved_cents, spent_cents, leased_cents, lost_cents
    """)
    columns = {"reserved": "reserved_cents", "given": "spent_cents", "leased": "leased_cents", "lost": "lost_cents"}
    wanted = {(row["campaign_id"], kind): row[kind] for row in rows for kind in columns}
    booked = {(row["campaign_id"], kind): row[column] for row in rows for kind, column in columns.items()}
    return compare("budget", {key: Range(cents, cents) for key, cents in wanted.items()}, booked)


async def _journal(observer: Observer) -> Difference:
    """What the journal adds up to is what the budgets say, to the cent, and no number is missing."""
    rows = await observer.connection.fetch("""
        SELECT campaign_id, cap_cents + backing_cents + lost_cents AS funded_cents, budgets.*, journal.*
        FROM offers.budgets LEFT JOIN (
            SELECT campaign_id, count(*) AS counted, max(number) AS newest,
                   sum(amount_cents * ((from_account = 'funder')::int - (to_account = 'funder')::int))::bigint AS cap,
                   sum(amount_cents * ((to_account = 'reserved')::int - (from_account = 'reserved')::int))::bigint AS reserved,
                   sum(amount_cents * ((to_account = 'spent')::int - (from_account = 'spent')::int))::bigint AS spent,
                   sum(amount_cents * ((to_account = 'leased')::int - (from_account = 'leased')::int))::bigint AS leased,
                   sum(amount_cents * ((to_account = 'lost')::int - (from_account = 'lost')::int))::bigint AS lost
            FROM offers.journal GROUP BY campaign_id) AS journal USING (campaign_id)
    """)
    kinds = {"cap": "funded_cents", "reserved": "reserved_cents", "spent": "spent_cents"}
    kinds |= {"leased": "leased_cents", "lost": "lost_cents"}
    kinds |= {"counted": "transfers", "newest": "transfers"}
    added_up = {(row["campaign_id"], kind): row[kind] or 0 for row in rows for kind in kinds}
    booked = {(row["campaign_id"], kind): row[column] for row in rows for kind, column in kinds.items()}
    return compare("journal", {key: Range(cents, cents) for key, cents in added_up.items()}, booked)


def _told(found: Mapping[str, Voucher], told: frozenset[str], recent: frozenset[str]) -> Difference:
    """Every voucher that was issued is told of in the log, and no other."""
    difference = Difference("voucher event")
    for voucher_id in sorted(recent - told):
        difference.note(voucher_id, "told", "silence", lost=1)
    for voucher_id in sorted(told - found.keys()):
        difference.note(voucher_id, "no voucher", "told", doubled=1)
    return difference


async def _dead_letters(observer: Observer) -> int:
    total = 0
    for service in ("profile", "offers", "inventory"):
        total += await observer.connection.fetchval(f"SELECT count(*) FROM {service}.dead_letters")  # noqa: S608 - our own names
    return total
