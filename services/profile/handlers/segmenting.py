"""What owners of segments ask for: documents by version, saved only over the version they have read, sized before they are saved."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt

from libs.common.clock import Clock
from libs.common.errors import Conflict, InvalidInput, NotFound, Outdated
from libs.common.persistence import Transaction, Transactions
from services.profile.domain.figures import objects_to_profiling
from services.profile.domain.segment_rules import Rule, predicate_of, segments_named_in
from services.profile.domain.segments import GREATEST_SEGMENTS, Segment, SegmentDocument, circle_through
from services.profile.handlers.judging import figures_of_customers
from services.profile.handlers.memory import Judge
from services.profile.handlers.snapshots import Judgement
from services.profile.ports import ProfileStore
from services.profile.ports.segments import Sample, SegmentRow, SweepRow

PREVIEWED_EXACTLY = 1_000
"""Up to so many customers a preview asks everybody; of more it asks so many."""
_PREVIEW_STEP = 50
SAMPLE = 20
_CONFIDENCE_Z = 1.96


@dataclass(frozen=True, slots=True)
class SegmentStanding:
    """A segment with how many members it has."""

    row: SegmentRow
    members_count: int


@dataclass(frozen=True, slots=True)
class Preview:
    """How many customers a rule would hold for: between `lowest` and `greatest` (95 %), the same where everybody was asked."""

    customers_count: int
    asked_count: int
    members_count: int
    lowest_count: int
    greatest_count: int
    estimated: bool
    sample: Sequence[str]


class Segmenting:
    """One per API process."""

    def __init__(
        self, transactions: Transactions, store_of: Callable[[Transaction], ProfileStore], *, clock: Clock
    ) -> None:
        self._transactions = transactions
        self._store_of = store_of
        self._clock = clock
        self._judge = Judge()

    async def all(self) -> tuple[Sequence[SegmentStanding], SweepRow]:
        """Every segment, archived ones too, and how far the sweep after the newest save is."""
        async with self._transactions.begin() as tx:
            store = self._store_of(tx)
            rows, sizes, sweep = await store.segments.all(), await store.segments.sizes(), await store.segments.sweep()
            if sweep.number != await store.segments.number():
                sweep = SweepRow(number=sweep.number)  # nobody has begun with the newest rules
        return [SegmentStanding(row, sizes.get(row.segment.segment_id, 0)) for row in rows], sweep

    async def one(self, segment_id: str, version: int | None = None) -> SegmentStanding:
        """A segment, in the newest or a given version; raises NotFound."""
        async with self._transactions.begin() as tx:
            store = self._store_of(tx)
            row, sizes = await store.segments.version(segment_id, version), await store.segments.sizes()
        if row is None:
            raise NotFound("no such segment, or not in this version", slug="unknown-segment")
        return SegmentStanding(row, sizes.get(segment_id, 0))

    async def save(
        self, segment_id: str, document: SegmentDocument, *, read_version: int | None, saved_by: str
    ) -> tuple[SegmentStanding, bool]:
        """Make `document` the next version, if `read_version` is the newest one (None: there is none); says whether it is the first.

        The document that is there already is not saved again, so a repeat has no further effect. Raises Outdated,
        InvalidInput for a rule that names what is not there or itself, Conflict for one that others lean on.
        """
        async with self._transactions.begin() as tx:
            store = self._store_of(tx)
            number = await store.segments.lock()
            known = {row.segment.segment_id: row for row in await store.segments.all()}
            newest = known.get(segment_id)
            sizes = await store.segments.sizes()
            size = sizes.get(segment_id, 0)
            if newest is not None and newest.segment.document == document:
                return SegmentStanding(newest, size), False
            _check_version(newest, read_version)
            _check_neighbours(segment_id, document, known)
            version = newest.segment.version + 1 if newest else 1
            row = SegmentRow(
                segment=Segment(segment_id=segment_id, version=version, document=document),
                saved_at=self._clock.now(),
                saved_by=saved_by,
            )
            await store.segments.save(row, number + 1)
        return SegmentStanding(row, size), newest is None

    async def preview(self, rule: Rule) -> Preview:
        """How many customers a rule would hold for, and some of them; raises InvalidInput for one that names what is not there.

        Bounded: of more customers than PREVIEWED_EXACTLY it asks a fair sample of so many.
        """
        async with self._transactions.begin() as tx:
            store = self._store_of(tx)
            judgement = await self._judge.newest(store)
            _check_named(rule, judgement.rules.versions)
            sample = await store.segments.sample(PREVIEWED_EXACTLY)
        holding: list[str] = []
        for first in range(0, len(sample.customer_ids), _PREVIEW_STEP):
            holding += await self._holding(rule, judgement, sample.customer_ids[first : first + _PREVIEW_STEP])
        return _preview(sample, holding)

    async def _holding(self, rule: Rule, judgement: Judgement, customer_ids: Sequence[str]) -> Sequence[str]:
        """Those that the rule holds for. A step at a time: other requests come in between."""
        holds = predicate_of(rule)
        async with self._transactions.begin() as tx:
            store = self._store_of(tx)
            figures = await figures_of_customers(store, customer_ids, judgement.returns)
        return [
            customer_id
            for customer_id, known in sorted(figures.items())
            if not objects_to_profiling(known.consents) and holds(known, frozenset(judgement.rules.segments_of(known)))
        ]


def _check_version(newest: SegmentRow | None, read_version: int | None) -> None:
    version = newest.segment.version if newest else None
    if version == read_version:
        return
    if version is not None and read_version is None:
        raise Outdated("this segment exists: say in If-Match which version you change", slug="version-missing")
    raise Outdated("somebody saved another version meanwhile: read it first", slug="version-outdated")


def _check_neighbours(segment_id: str, document: SegmentDocument, known: Mapping[str, SegmentRow]) -> None:
    rules = {
        name: row.segment.document.rule
        for name, row in known.items()
        if name != segment_id and not row.segment.document.archived
    }
    if document.archived:
        leaning = sorted(name for name, rule in rules.items() if segment_id in segments_named_in(rule))
        if leaning:
            raise Conflict(f"the rules of {', '.join(leaning)} ask for this segment", slug="segment-in-use")
        return
    if len(rules) >= GREATEST_SEGMENTS:
        raise Conflict(f"there may be {GREATEST_SEGMENTS} segments; archive one", slug="too-many-segments")
    rules[segment_id] = document.rule
    _check_named(document.rule, rules)
    if circle_through(segment_id, rules):
        raise InvalidInput("the rule asks, through others, for the segment itself", slug="segment-circle")


def _check_named(rule: Rule, known: Collection[str]) -> None:
    unknown = sorted(segments_named_in(rule) - set(known))
    if unknown:
        raise InvalidInput(
            f"the rule asks for what is no segment: {', '.join(unknown)}", slug="unknown-segment-in-rule"
        )


def _preview(sample: Sample, holding: Sequence[str]) -> Preview:
    asked, customers = len(sample.customer_ids), sample.customers_count
    members = lowest = greatest = len(holding)
    estimated = customers > asked or sample.error_ratio > 0
    if estimated and asked:
        low, high = _wilson(len(holding), asked)
        low, high = (
            low * max(1 - _CONFIDENCE_Z * sample.error_ratio, 0),
            high * (1 + _CONFIDENCE_Z * sample.error_ratio),
        )
        members, lowest, greatest = (
            round(customers * len(holding) / asked),
            floor(customers * low),
            ceil(customers * high),
        )
    return Preview(customers, asked, members, lowest, greatest, estimated, holding[:SAMPLE])


def _wilson(found: int, asked: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (E. B. Wilson, 1927): never outside 0 to 1, of use also where few were found."""
    share, z2 = found / asked, _CONFIDENCE_Z**2
    middle = share + z2 / (2 * asked)
    spread = _CONFIDENCE_Z * sqrt(share * (1 - share) / asked + z2 / (4 * asked**2))
    return max((middle - spread) / (1 + z2 / asked), 0.0), min((middle + spread) / (1 + z2 / asked), 1.0)
