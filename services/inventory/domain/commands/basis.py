"""The figures behind a command, as fields: kept beside its words (explanation.py), so that both can be checked against each other."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from services.inventory.domain.distribution import shortage
from services.inventory.domain.measure import MILLI


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A limit that changed how many packs are asked for, and to how many."""

    packs: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Why a reorder asks for what it asks for. Quantities in thousandths, `_units` in units, money in minor units."""

    item_id: str
    store_id: str
    supplier_id: str
    lane_id: str
    on_hand_milli: int
    reserved_milli: int
    """Promised to other stores."""
    coming_milli: int
    """On its way already, what an earlier version of this command asked for included."""
    rate: float
    """Units a day here."""
    shelf_days: float
    """Recent days behind it."""
    stores: int
    """How many stores the forecast was pooled over."""
    voucher_units: float
    """Of `expected_units`, what issued vouchers will probably sell."""
    promotion_units: float = 0.0
    """And what promotions that were told ahead will probably sell more."""
    protection_days: float
    """How long the order must last: until the one after it can arrive."""
    expected_units: float
    """Demand over `protection_days`."""
    spread_units: float
    """Its standard deviation."""
    target_ratio: float | None
    """In what share of cases stock is to last for `protection_days`; None where the safety stock was learned instead."""
    trigger_milli: int
    """An order is due below this."""
    order_up_to_milli: int
    pack_milli: int
    packs: int
    """By the formula: ceil((order up to - position) / pack)."""
    arrives_at: datetime
    horizon_days: float
    missed_units: float
    """Sales that are missed within `horizon_days` without this order."""
    missed_cents: float
    currency: str
    item_name: str = ""
    """What people call the item; empty where nobody said."""
    asked_milli: int = 0
    """What the version before asked for; this one asks for it too."""
    asked_version: int = 0
    refused: tuple[str, ...] = ()
    """Sources that said no to this need before."""
    cuts: tuple[Cut, ...] = ()
    """Limits in the order in which they were applied; the last one's packs are what is asked for."""
    policy: str | None = None
    """The policy of its class in words; None for the learned one."""
    margin_cents: float = 0.0
    """What one lost sale costs; 0 where no price is known."""
    ended_milli: int = 0
    """Of what is on hand, what is past its last day."""
    spoiling_milli: int = 0
    """Of the rest and of what comes, what will probably end unsold before the order after this one is here."""
    ends: tuple[tuple[str, int], ...] = ()
    """Of what is on hand, how much ends on which day (ISO), the first of them."""
    predecessor: str | None = None
    """Superseded items whose demand this one has, and how much of them is left in the store: it counts as this one's."""
    stands_in_milli: int = 0
    served_else: float = 0.0
    """The share of missed sales that substitutes would serve; `missed_units` is without it."""

    @property
    def safety_units(self) -> float:
        """What is kept beyond what is expected: less than nothing where an empty shelf costs less than stock."""
        return self.trigger_milli / 1000 - self.expected_units

    @property
    def position_milli(self) -> int:
        """What there will be without this order; a negative book counts as an empty shelf."""
        lost_milli = self.ended_milli + self.spoiling_milli
        return max(self.on_hand_milli, 0) - self.reserved_milli + self.coming_milli + self.stands_in_milli - lost_milli

    @property
    def soon_missed_units(self) -> float:
        """Sales that are missed within `protection_days` without this order: E[(D - position)+]."""
        return shortage(self.expected_units, self.spread_units**2, max(self.position_milli, 0) // MILLI)

    @property
    def asked_packs(self) -> int:
        """What is asked for now, after all limits."""
        return self.cuts[-1].packs if self.cuts else self.packs

    @property
    def quantity_milli(self) -> int:
        """What the command asks for in all."""
        return self.asked_milli + self.asked_packs * self.pack_milli


@dataclass(frozen=True, slots=True, kw_only=True)
class DepotNeed(Need):
    """Why a depot orders: demand is what its stores will ask for, `rate` what they sell, `stores` how many they are."""

    unserved_milli: int = 0
    """What was asked of it at this review and it had not got."""
    unserved: tuple[str, ...] = ()
    """Who wait for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """How long what a store has must last before an order could make up for what is missing, as a transfer weighs it."""

    days: float
    asked_units: float
    """Demand in that time."""
    spread_units: float
    """Its standard deviation."""
    have_units: int
    """What covers it: what is there now, or when the time begins."""
    until_day: int | None = None
    """The day, counted from 1970-01-01, on whose morning it ends; None where it is not counted in whole days."""
    more_units: int = 0
    """What arrives on the way, ordered already."""
    more_day: int | None = None
    """The day of the first of that; None: nothing comes. `until_day` where it is less than one unit and the time ends with it."""
    sooner_units: float = 0.0
    """Demand until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Why a reroute moves what it moves."""

    item_id: str
    units: int
    store_id: str
    from_store_id: str
    donor_free_units: int
    donor_keep_units: int | None
    """What the giving store keeps at least: its own trigger. None: what it puts at risk is weighed instead."""
    free_units: int
    coming_units: int
    rate: float
    """Units a day at the store that receives."""
    gap_days: float
    """How long a transfer arrives ahead of the next supply."""
    gap_units: float
    """Demand in that time."""
    saved_cents: float
    donor_loss_cents: float
    cost_cents: float
    hurdle_ratio: float
    currency: str
    item_name: str = ""
    """What people call the item; empty where nobody said."""
    refused: tuple[str, ...] = ()
    """Stores that said no to this need before."""
    gap_cents: float = 0.0
    """No other set of transfers of this item would have gained more than this on top; 0: none is better."""
    cuts: tuple[Cut, ...] = ()
    """Limits and changes by hand, `packs` in units; the last one's are moved."""
    hold_cents: float = 0.0
    """What keeping stock costs more, as the receiver is supplied later than the giver; negative where the chain keeps less."""
    last_day: int | None = None
    """The last day of the oldest that is sent, counted from 1970-01-01; None where it does not spoil."""
    wasted_units: float = 0.0
    """How much less will probably spoil in both stores together; above 0 where that is why it moves."""
    getter: Lasting | None = None
    """What the savings were counted from; None where a former release decided, or where it moves so that less spoils."""
    giver: Lasting | None = None
    first_chance: float = 0.0
    """How probable it is that the first piece is missed where it goes, if it is not moved."""
    last_chance: float = 0.0
    """And the last of `units`, if only that one is not."""
    unit_cents: float = 0.0
    """What each piece more costs to move."""
    piece_cents: float = 0.0
    """What a missed piece costs where it goes."""

    @property
    def asked_packs(self) -> int:
        """The units that are moved, after all limits."""
        return self.cuts[-1].packs if self.cuts else self.units

    @property
    def quantity_milli(self) -> int:
        """What the command asks for in all."""
        return self.asked_packs * 1000


Basis: TypeAlias = Need | Exchange
