"""What the last close knew of the days to come, told again from what it kept; called by the API."""

from services.inventory.domain.learning import forecast, known, spread
from services.inventory.domain.learning.facts import Shelves
from services.inventory.domain.learning.forecast import Forecast
from services.inventory.domain.learning.known import Known
from services.inventory.domain.learning.pooling import Pooled
from services.inventory.domain.learning.spread import Spread
from services.inventory.domain.learning.state import ItemStates


def outlook(
    states: ItemStates, shelves: Shelves, pooled: Pooled, day: int, ahead: Known | None
) -> tuple[Forecast, Spread]:
    """Demand after the close of `day` and how far it may stray, with what is known ahead by now."""
    told = Known.nothing(len(shelves)) if ahead is None else ahead
    lifts = known.lifts_of(known.lift_table(states, pooled), shelves.item_of, told.promoted_ahead)
    vouchers = known.uplift(pooled) * told.vouchers_ahead
    found = forecast.forecast(states, shelves, forecast.surroundings(shelves, pooled), day, lifts, vouchers)
    return found, spread.spread(states, shelves, pooled, found)
