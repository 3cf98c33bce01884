"""A door at which deciding is free: `python -m benchmarks.offers.trial api`.

The first customer's checkout is ranked, decided and worded; every later one gets its offer, with ids and codes of its own. Each is read,
judged, stored, paid for, told and printed as ever. It is nobody's product: it shows what a door takes of which no part is the decision.
"""

import msgspec

from libs.common.ids import derived_id
from services.offers import __main__ as service
from services.offers.bootstrap import door
from services.offers.domain.checkout.proposal import Proposal
from services.offers.handlers.checkout.desk import CheckoutDesk, _Asked
from services.offers.handlers.decisions.ranking import Wanted
from services.offers.ports.checkout import IssueRequest

_decided: list[tuple[Wanted, Proposal, IssueRequest]] = []


class FreeDesk(CheckoutDesk):
    """Decides once."""

    __slots__ = ()

    async def _wanted(self, asked: _Asked) -> Wanted:
        return _decided[0][0] if _decided else await super()._wanted(asked)

    def _request(self, asked: _Asked, wanted: Wanted) -> tuple[Proposal, IssueRequest]:
        if not _decided:
            proposal, request = super()._request(asked, wanted)
            if asked.personal and proposal.vouchers:
                _decided.append((wanted, proposal, request))
            return proposal, request
        _, proposal, request = _decided[0]
        checkout = asked.checkout
        ids = [derived_id("voucher", f"{checkout.checkout_id}/{voucher.slot}") for voucher in proposal.vouchers]
        proposal = msgspec.structs.replace(
            proposal,
            checkout_id=checkout.checkout_id,
            decision_id=derived_id("decision", checkout.checkout_id),
            vouchers=[
                msgspec.structs.replace(voucher, voucher_id=voucher_id)
                for voucher, voucher_id in zip(proposal.vouchers, ids, strict=True)
            ],
        )
        return proposal, msgspec.structs.replace(
            request,
            proposal=proposal,
            receipt_id=checkout.receipt_id,
            customer_id=asked.customer_id,
            decided_at=asked.now,
            drafts=[
                msgspec.structs.replace(
                    draft, voucher_id=voucher_id, code_lookup=self.codes.lookup_of(self.codes.code_of(voucher_id))
                )
                for draft, voucher_id in zip(request.drafts, ids, strict=True)
            ],
            asked=checkout.asked,
        )


if __name__ == "__main__":
    vars(door)["CheckoutDesk"] = FreeDesk  # the one part of the composition that differs
    service.main()
