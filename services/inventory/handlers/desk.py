"""What callers of the API ask and say: stock, forecasts, commands, acknowledgements; each in a transaction of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from libs.common.errors import NotFound, UsualError
from libs.common.persistence import InvalidValue, Transactions
from services.inventory.domain.commands.command import Command
from services.inventory.domain.demand.demand import WEEK, demand_over
from services.inventory.domain.distribution import quantile
from services.inventory.domain.stock.shelves import ItemPlan
from services.inventory.handlers.commands.acknowledgements import Acknowledgement, Effect, settle
from services.inventory.handlers.planning import DayLines, day_lines
from services.inventory.metrics import InventoryMetrics
from services.inventory.ports import CommandFilter, StockView
from services.inventory.ports.stores import StoreOf

QUANTILES = (0.5, 0.9, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A week's demand of one item in one store, as the last plan sees it, in units."""

    store_id: str
    day: int
    rate: float
    shelf_days: float
    voucher_units: float
    mean: float
    quantiles: tuple[int, ...]
    trigger_milli: int
    order_up_to_milli: int
    days: Sequence[DayLines]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Answers from the service's own tables; every method raises RetryableError when the database does not answer."""

    transactions: Transactions
    store_of: StoreOf
    metrics: InventoryMetrics

    async def stock(
        self, store_id: str | None, item_id: str | None, after: tuple[str, str], limit: int
    ) -> Sequence[StockView]:
        """Stock rows above `after` in the order of (item, store)."""
        async with self.transactions.begin() as tx:
            return await self.store_of(tx).views.stock(store_id, item_id, after, limit)

    async def forecasts(self, item_id: str, store_id: str | None) -> Sequence[Forecast]:
        """The item's forecasts per store; raises NotFound for one that was never planned there."""
        async with self.transactions.begin() as tx:
            plan = await self.store_of(tx).views.plan(item_id)
            lines = {} if plan is None else await day_lines(self.store_of(tx), plan)
        found = [] if plan is None else [one for one in _forecasts(plan, lines) if store_id in {None, one.store_id}]
        if not found:
            raise NotFound("no forecast for this item here", slug="no-forecast")
        return found

    async def commands(self, wanted: CommandFilter) -> Sequence[Command]:
        """Commands in the order of ids."""
        async with self.transactions.begin() as tx:
            return await self.store_of(tx).views.commands(wanted)

    async def command(self, command_id: str) -> Command:
        """One command; raises NotFound."""
        async with self.transactions.begin() as tx:
            found = await self.store_of(tx).views.command(command_id)
        if found is None:
            raise NotFound("no such command", slug="unknown-command")
        return found

    async def acknowledge(self, given: Acknowledgement) -> tuple[Effect, Command]:
        """Apply an answer, and the command as it stands after it; raises NotFound for a command that this item has not."""
        (outcome,) = await self._settled([given])
        if isinstance(outcome, UsualError):
            raise outcome
        return outcome

    async def acknowledge_all(
        self, given: Sequence[Acknowledgement]
    ) -> Sequence[tuple[Effect, Command] | NotFound | InvalidValue]:
        """Apply answers: the effect of each, in order, with its command after all of them, or why it is refused.

        In one transaction, unless one of them holds what no column takes: then in one each.
        """
        try:
            return await self._settled(given)
        except InvalidValue:
            return [await self._alone(one) for one in given]

    async def _alone(self, given: Acknowledgement) -> tuple[Effect, Command] | NotFound | InvalidValue:
        try:
            (outcome,) = await self._settled([given])
        except InvalidValue as error:
            return error
        return outcome

    async def _settled(self, given: Sequence[Acknowledgement]) -> Sequence[tuple[Effect, Command] | NotFound]:
        async with self.transactions.begin() as tx:
            effects, commands = await settle(self.store_of(tx), given)
        for effect in effects:
            if effect is not Effect.UNKNOWN:
                self.metrics.acknowledgements.labels(effect.value).inc()
        return [
            NotFound("no such command for this item", slug="unknown-command")
            if effect is Effect.UNKNOWN
            else (effect, commands[one.body.command_id])
            for one, effect in zip(given, effects, strict=True)
        ]


def _forecasts(plan: ItemPlan, lines: Mapping[str, Sequence[DayLines]]) -> Sequence[Forecast]:
    week = np.full(len(plan.store_ids), float(WEEK))
    mean, variance = demand_over(plan.rates, week, plan.voucher_units)
    levels = [quantile(mean, variance, np.full(len(mean), level)) for level in QUANTILES]
    return [
        Forecast(
            store_id=store_id,
            day=plan.day,
            rate=float(plan.rate[place]),
            shelf_days=float(plan.shelf_days[place]),
            voucher_units=float(plan.voucher_units[place]),
            mean=float(mean[place]),
            quantiles=tuple(int(level[place]) for level in levels),
            trigger_milli=int(plan.trigger_milli[place]),
            order_up_to_milli=int(plan.order_up_to_milli[place]),
            days=lines[store_id],
        )
        for place, store_id in enumerate(plan.store_ids)
    ]
