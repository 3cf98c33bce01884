"""Every topic, declared once: key, partitions, retention, compaction, dead letters, owner, and what travels on it.

The broker's topics, the AsyncAPI document and the Kubernetes resources come from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

RAW_RETENTION = timedelta(days=28)
COMMAND_RETENTION = timedelta(days=90)
SUPPRESSION_RETENTION = timedelta(days=430)
"""Longer than an event can come late (400 days) and lie in its topic (28)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic. `retention` None with `compacted`: the newest value per key stays."""

    name: str
    owner: str
    key: str
    types: tuple[str, ...]
    description: str
    partitions: int = 12
    compacted: bool = False
    retention: timedelta | None = RAW_RETENTION
    compaction_lag: timedelta = timedelta(days=7)
    """With `compacted`: how long an old value may stay beside a newer one, and a tombstone be seen."""
    dead_letters: bool = True
    written_by: tuple[str, ...] | None = None
    """The services that write, where it is not the owner alone; none where systems of others do."""

    @property
    def writers(self) -> tuple[str, ...]:
        """The services of ours that write."""
        return (self.owner,) if self.written_by is None else self.written_by

    @property
    def dead_letter_name(self) -> str:
        """The topic for what its consumers cannot read."""
        return f"{self.name}.dead-letters"


def _topic(name: str, key: str, types: tuple[str, ...], description: str, **settings: object) -> Topic:
    return Topic(name=name, owner=name.partition(".")[0], key=key, types=types, description=description, **settings)  # type: ignore[arg-type]  # keywords of Topic, checked by the dataclass


INGEST_POS = _topic(
    "ingest.pos.v1",
    "customer identifier, else receipt id",
    (
        "usual.pos.sale.v1",
        "usual.pos.return.v1",
        "usual.pos.void.v1",
        "usual.pos.line_scanned.v1",
        "usual.pos.voucher_scanned.v1",
    ),
    "Receipts, and what led to them: one writer per facet.",
)
INGEST_WEB = _topic(
    "ingest.web.v1",
    "visitor",
    (
        "usual.web.page_viewed.v1",
        "usual.web.searched.v1",
        "usual.web.product_viewed.v1",
        "usual.web.added_to_cart.v1",
        "usual.web.removed_from_cart.v1",
        "usual.web.checkout_started.v1",
        "usual.web.ordered.v1",
    ),
    "Contacts on the website and in apps.",
)
INGEST_FEEDBACK = _topic(
    "ingest.feedback.v1",
    "customer identifier",
    (
        "usual.feedback.survey_answered.v2",
        "usual.feedback.survey_answered.v1",
        "usual.feedback.nps_answered.v1",
        "usual.feedback.complaint_made.v1",
        "usual.feedback.complaint_resolved.v1",
        "usual.feedback.compliment_made.v1",
        "usual.feedback.service_opened.v1",
        "usual.feedback.service_closed.v1",
    ),
    "What customers say, and how they are served.",
)
INGEST_CONSENT = _topic(
    "ingest.consent.v1",
    "customer identifier, for links the smaller one",
    ("usual.consent.changed.v1", "usual.identity.linked.v1", "usual.identity.described.v1"),
    "What a person allows, which handles are one person, and who that is.",
)
INGEST_STOCK = _topic(
    "ingest.stock.v1",
    "item",
    ("usual.stock.counted.v1", "usual.stock.delivered.v1", "usual.stock.moved.v1"),
    "Counts, deliveries and movements.",
)
INGEST_CATALOG = _topic(
    "ingest.catalog.v1",
    "item, store, lane, promotion or link id",
    tuple(f"usual.catalog.{what}.v1" for what in ("item", "store", "lane", "promotion", "link")),
    "Master data, newest per key.",
    compacted=True,
    retention=None,
    partitions=4,
)
INGEST_PLAY = _topic(
    "ingest.play.v1",
    "constant",
    ("usual.play.tick.v1",),
    "Event time of a deployment that plays a data set.",
    partitions=1,
)
PROFILE_SNAPSHOTS = _topic(
    "profile.snapshots.v1",
    "customer id",
    ("usual.profile.snapshot.v1",),
    "Newest view of each customer.",
    compacted=True,
    retention=None,
)
PROFILE_PROGRESS = _topic(
    "profile.progress.v1",
    "constant",
    ("usual.profile.completed.v1",),
    "Until when the snapshots are complete: about once a second, while that is known.",
    compacted=True,
    retention=None,
    compaction_lag=timedelta(hours=1),
    partitions=1,
)
PROFILE_IDENTITY = _topic(
    "profile.identity.v1",
    "customer id",
    ("usual.profile.identity.v1",),
    "Old customer ids and what they became.",
    compacted=True,
    retention=None,
)
PROFILE_SEGMENTS = _topic(
    "profile.segments.v1",
    "customer id",
    ("usual.profile.segment_entered.v1", "usual.profile.segment_left.v1"),
    "Who came into a segment and who left it, a customer's movements in order.",
)
PROFILE_MODELS = _topic(
    "profile.models.v1",
    "model name",
    ("usual.profile.model.v1",),
    "Immutable, numbered population models.",
    compacted=True,
    retention=None,
    partitions=1,
)
PROFILE_ERASURES = _topic(
    "profile.erasures.v1",
    "customer id",
    ("usual.privacy.erasure_requested.v1",),
    "Who is to be forgotten, by pseudonym; a rebuild reads it first.",
    retention=SUPPRESSION_RETENTION,
    partitions=1,
)
PROFILE_ERASED = _topic(
    "profile.erased.v1",
    "erasure id",
    ("usual.privacy.erased.v1",),
    "What each service removed.",
    retention=SUPPRESSION_RETENTION,
    partitions=1,
    written_by=("ingest", "offers", "inventory"),
)
OFFERS_VOUCHERS = _topic(
    "offers.vouchers.v1",
    "customer id, else receipt id",
    (
        "usual.offers.voucher_issued.v1",
        "usual.offers.voucher_redeemed.v1",
        "usual.offers.voucher_rolled_back.v1",
        "usual.offers.voucher_expired.v1",
        "usual.offers.voucher_revoked.v1",
    ),
    "A voucher's life, in order; never its code.",
    retention=COMMAND_RETENTION,
)
OFFERS_DECISIONS = _topic(
    "offers.decisions.v1",
    "customer id, else receipt id",
    ("usual.offers.decision.v1",),
    "Every decision with its alternatives and their propensities.",
    retention=COMMAND_RETENTION,
)
OFFERS_BRAKES = _topic(
    "offers.brakes.v1",
    "what is stopped",
    ("usual.offers.brake_pulled.v1", "usual.offers.brake_released.v1"),
    "Emergency brakes: what issues no vouchers, since when and why.",
    retention=COMMAND_RETENTION,
    partitions=1,
)
OFFERS_FRAUD = _topic(
    "offers.fraud.v1",
    "store",
    ("usual.offers.fraud_suspected.v1",),
    "Redemptions in which so much spoke for fraud that something was done.",
    retention=COMMAND_RETENTION,
    partitions=1,
)
INVENTORY_DEMAND = _topic(
    "inventory.demand.v1",
    "item",
    ("usual.inventory.demand.v1",),
    "Internal repartition of sales by item: one worker sees an item in all stores.",
)
INVENTORY_COMMANDS = _topic(
    "inventory.commands.v1",
    "item",
    tuple(f"usual.inventory.{x}.v1" for x in ("reorder", "reroute", "count", "command_withdrawn", "command_escalated")),
    "Reorder and reroute, versions of a command in order.",
    retention=COMMAND_RETENTION,
)
INVENTORY_ACKNOWLEDGEMENTS = _topic(
    "inventory.acknowledgements.v1",
    "item",
    ("usual.inventory.acknowledgement.v1",),
    "What inventory systems answer.",
    retention=COMMAND_RETENTION,
    written_by=(),
)
INVENTORY_AVAILABILITY = _topic(
    "inventory.availability.v1",
    "store and item",
    ("usual.inventory.availability.v1",),
    "Whether an item will be there for a voucher.",
    compacted=True,
    retention=None,
)

TOPICS: tuple[Topic, ...] = (
    *(INGEST_POS, INGEST_WEB, INGEST_FEEDBACK, INGEST_CONSENT, INGEST_STOCK, INGEST_CATALOG, INGEST_PLAY),
    *(PROFILE_SNAPSHOTS, PROFILE_PROGRESS, PROFILE_IDENTITY, PROFILE_SEGMENTS, PROFILE_MODELS),
    *(PROFILE_ERASURES, PROFILE_ERASED),
    *(OFFERS_VOUCHERS, OFFERS_DECISIONS, OFFERS_BRAKES, OFFERS_FRAUD),
    *(INVENTORY_DEMAND, INVENTORY_COMMANDS, INVENTORY_ACKNOWLEDGEMENTS, INVENTORY_AVAILABILITY),
)

TOPIC_OF_TYPE: Mapping[str, Topic] = {event_type: topic for topic in TOPICS for event_type in topic.types}
