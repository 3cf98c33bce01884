"""Hand-outs from leases, without a decision: what a journal keeps."""

from libs.common.persistence import OutboxMessage
from services.offers.domain.checkout.proposal import Proposal, ProposedVoucher
from services.offers.ports.leases import HandedOut
from tests.support.offers_facts import NOW


def a_hand_out(checkout_id: str, vouchers: int = 1) -> HandedOut:
    """Of vouchers `<checkout>-1` and so on, a slot each."""
    proposed = tuple(
        ProposedVoucher(
            slot=slot,
            voucher_id=f"{checkout_id}-{slot}",
            campaign_id="usual",
            title="Your usual",
            category="milk",
            item_ids=("milk-1",),
            such_as=("Milk-1",),
            kind="percent",
            headline="10% off milk",
            note="",
            greatest_value_cents=100,
            currency="USD",
            valid_from=NOW,
            expires_at=NOW,
            last_day=NOW.date(),
            propensity_ratio=1.0,
            reasons=(),
        )
        for slot in range(1, vouchers + 1)
    )
    message = OutboxMessage(topic="offers.vouchers.v1", key=b"k", headers=[], value=b"{}")
    return HandedOut(
        proposal=Proposal(checkout_id, f"d-{checkout_id}", 2, "deadline", "treated", "model", 42, proposed),
        receipt_id=f"receipt-{checkout_id}",
        store_id="store-1",
        handed_at=NOW,
        gave_up_at=None,
        decided=message,
        issued=(message,) * vouchers,
    )
