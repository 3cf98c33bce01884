"""Several codes at once, looked at for signs of fraud like any other: each by itself, all in one look."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from libs.common.ids import derived_id
from services.offers.domain.redemption.discounting import Refusal, Shown
from services.offers.domain.redemption.stacking import Dropped, Stack
from services.offers.domain.vouchers.voucher import Basket, NotRedeemed, Voucher
from services.offers.handlers.fraud.watching import Verdict, Watching
from services.offers.handlers.redemption.presenting import ShownCodes
from services.offers.handlers.redemption.stacking import ReceiptAtTill
from services.offers.ports.fraud.watching import Bearer, WatchStore

_REFUSED_BY_WATCH = (NotRedeemed.STEP_UP_REQUIRED, NotRedeemed.SUSPECTED)


class Asked(Protocol):
    """What a look needs of a question."""

    @property
    def basket(self) -> Basket:
        """The receipt."""
        ...

    @property
    def bearer(self) -> Bearer:
        """Who stands at the till."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of each voucher, by id, and of each code without one, by its place in the question."""

    vouchers: Mapping[str, tuple[Voucher, Verdict]]
    codes: Mapping[int, Verdict]

    @property
    def suspected(self) -> Sequence[Dropped]:
        """The vouchers that are refused for what was seen."""
        return [
            Dropped(Shown(voucher=voucher), verdict.outcome)
            for voucher, verdict in self.vouchers.values()
            if isinstance(verdict.outcome, Refusal) and self.suspects(voucher)
        ]

    def suspects(self, voucher: Voucher) -> bool:
        """Whether a voucher is refused for what was seen."""
        return self.vouchers[voucher.voucher_id][1].outcome in _REFUSED_BY_WATCH

    async def keep(self, watch: Watching, store: WatchStore, set_id: str, together: Stack) -> None:
        """Keep what was seen with what came of it."""
        why = {each.shown.voucher.voucher_id: each.reason for each in together.dropped}
        for voucher_id, (_, verdict) in self.vouchers.items():
            outcome = why.get(voucher_id, verdict.outcome)
            await watch.keep(store, redemption_id_of(set_id, voucher_id), replace(verdict, outcome=outcome))
        for code_no, verdict in self.codes.items():
            await watch.keep(store, redemption_id_of(set_id, f"code {code_no}"), verdict)


async def watched(
    watch: Watching, asked: Asked, shown: ShownCodes, fresh: Sequence[Voucher], at_till: ReceiptAtTill
) -> Seen:
    """What there is to see of these vouchers, and of the codes that stand for none. Asks the same of all."""
    unfound = {code_no: each for code_no, each in enumerate(shown.behind, 1) if isinstance(each, NotRedeemed)}
    # Beside the loop that answers tills: a long receipt takes its time with each of them.
    outcomes = await asyncio.to_thread(lambda: [at_till.outcome(each) for each in fresh])
    looks = [
        watch.judge(each, outcome, asked.basket, asked.bearer, shown.now)
        for each, outcome in zip(fresh, outcomes, strict=True)
    ]
    looks += [watch.judge(None, each, asked.basket, asked.bearer, shown.now) for each in unfound.values()]
    verdicts = await asyncio.gather(*looks)
    return Seen(
        {voucher.voucher_id: (voucher, verdict) for voucher, verdict in zip(fresh, verdicts, strict=False)},
        dict(zip(unfound, verdicts[len(fresh) :], strict=True)),
    )


def redemption_id_of(set_id: str, voucher_id: str) -> str:
    """The id of a redemption that is one of a set."""
    return derived_id("redemption-set", set_id, voucher_id)
