"""Says in plain words why a command was given: policy, inputs, forecast, the formula's result, and what would happen without it."""

from dataclasses import dataclass
from datetime import datetime

from services.inventory.domain.measure import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The figures behind a reorder, in thousandths and units a day."""

    on_hand_milli: int
    reserved_milli: int
    coming_milli: int
    rate: float
    shelf_days: float
    voucher_units: float
    stores: int
    protection_days: float
    target_ratio: float
    trigger_milli: int
    order_up_to_milli: int
    pack_milli: int
    packs: int
    arrives_at: datetime
    horizon_days: float
    missed_units: float
    missed_cents: float
    currency: str


def money(cents: float, currency: str) -> str:
    """An amount as a person reads it; currencies here have hundredths.

    >>> money(1234.4, "EUR")
    '12.34 EUR'
    """
    return f"{cents / 100:.2f} {currency}".strip()


def explain_reorder(need: Need) -> str:
    """One paragraph for a buyer."""
    vouchers = f", {need.voucher_units:.1f} of it on vouchers already printed" if need.voucher_units >= 0.05 else ""  # noqa: PLR2004  # shown with one decimal
    reserved = f", {plain(need.reserved_milli)} promised to other stores" if need.reserved_milli else ""
    doubt = " (a book below nothing is wrong: taken as an empty shelf)" if need.on_hand_milli < 0 else ""
    expected = need.rate * need.protection_days + need.voucher_units
    return (
        f"Reorder {plain(need.packs * need.pack_milli)} ({need.packs} x {plain(need.pack_milli)}). "
        f"Policy: order when less is here and coming than demand needs until the order after this one can arrive, "
        f"in {need.target_ratio:.0%} of cases; fill up with whole packs. "
        f"Inputs: {plain(need.on_hand_milli)} on hand{doubt}{reserved}, {plain(need.coming_milli)} on its way. "
        f"Forecast: {need.rate:.2f} a day here ({need.shelf_days:.0f} recent days, pooled with {need.stores} stores); "
        f"{expected:.1f} in {need.protection_days:.1f} days{vouchers}. "
        f"Result: due below {plain(need.trigger_milli)}, filled up to {plain(need.order_up_to_milli)}. "
        f"It can be here on {need.arrives_at:%a %d %b}. Without it, about {need.missed_units:.1f} sales are missed within "
        f"{need.horizon_days:.0f} days ({money(need.missed_cents, need.currency)} of margin)."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """The figures behind a reroute."""

    units: int
    from_store_id: str
    donor_free_units: int
    donor_keep_units: int
    free_units: int
    rate: float
    gap_days: float
    saved_cents: float
    donor_loss_cents: float
    cost_cents: float
    hurdle_ratio: float
    currency: str


def explain_reroute(one: Exchange) -> str:
    """One paragraph for whoever packs the box."""
    currency = one.currency
    return (
        f"Move {one.units} from store {one.from_store_id}. "
        f"Policy: move only what saves {one.hurdle_ratio:.2f} times its cost and leaves the giving store its own trigger. "
        f"Inputs: {one.free_units} here, {one.donor_free_units} there, of which {one.donor_keep_units} must stay. "
        f"Forecast: {one.rate:.2f} a day here; a transfer comes {one.gap_days:.1f} days ahead of the next supply. "
        f"Result: saves {money(one.saved_cents, currency)} of margin here, risks {money(one.donor_loss_cents, currency)} there, "
        f"costs {money(one.cost_cents, currency)}. "
        f"Without it, sales worth {money(one.saved_cents, currency)} of margin are missed here."
    )
