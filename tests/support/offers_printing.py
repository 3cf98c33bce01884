"""What prints in tests: the service's own catalogue of words, a coupon, and the examples behind the golden receipts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from services.offers.bootstrap.receipts import picture_font, wording_of_ours
from services.offers.domain.checkout.proposal import NumberedBy, Proposal, ProposedVoucher, SignedFor
from services.offers.domain.checkout.reprint import Keys
from services.offers.domain.codes.code import CodeKey
from services.offers.domain.codes.signed import KeyRow, SigningKey, signing_key
from services.offers.domain.receipts.printing import Printing, PrintPolicy
from services.offers.domain.receipts.sheet import Columns
from services.offers.domain.receipts.template import Coupon

WORDING = wording_of_ours()
FONT = picture_font()
KEY = CodeKey(b"k" * 32)
ISSUED_AT = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
SIGNING_KEY = signing_key(
    KEY, KeyRow(key_id=1, nonce=b"n" * 16, signs_from=ISSUED_AT, withdrawn_at=None, made_by="test")
)


def signing() -> Sequence[SigningKey]:
    """The keys as a process knows them."""
    return [SIGNING_KEY]


KEYS = Keys(KEY, signing)
LAST_DAY = date(2026, 3, 24)


def a_coupon(**changes: Any) -> Coupon:
    """Ten percent off milk, in English."""
    plain: dict[str, Any] = {
        "voucher_id": "voucher-1",
        "headline": "10% off Fluid Milk Products",
        "note": "up to $1.50",
        "title": "Your usual, for less",
        "such_as": "For example: 2% Milk 1 gal, Whole milk",
        "code": "4T8N-0AQV-Z7XK-M",
        "valid_through": "Good through March 24, 2026",
    }
    return Coupon(**(plain | changes))


@dataclass(frozen=True)
class Example:
    """A receipt that is kept as it was agreed."""

    name: str
    country: str
    currency: str
    columns: Columns
    policy: PrintPolicy
    categories: tuple[str, ...]
    such_as: tuple[str, ...]
    title: str
    percent: int | None = 10
    language: str | None = None
    signed_for: SignedFor | None = None
    numbered: NumberedBy | None = None

    @property
    def proposal(self) -> Proposal:
        """The decision that it is printed from."""
        voice = WORDING.voice(self.language, self.country)
        vouchers = []
        for slot, category in enumerate(self.categories, 1):
            headline, note = voice.promise(
                percent=self.percent, greatest_value_cents=150, currency=self.currency, category=category
            )
            vouchers.append(
                ProposedVoucher(
                    slot=slot,
                    voucher_id=f"voucher-{slot}",
                    campaign_id="usual",
                    title=self.title,
                    category=category,
                    item_ids=(f"{category}-1",),
                    such_as=self.such_as,
                    kind="percent" if self.percent else "amount",
                    headline=headline,
                    note=note,
                    greatest_value_cents=150,
                    currency=self.currency,
                    valid_from=ISSUED_AT,
                    expires_at=datetime(2026, 3, 25, 4, tzinfo=UTC),
                    last_day=LAST_DAY,
                    propensity_ratio=0.25,
                    reasons=("habit",),
                    such_as_line=voice.such_as(self.such_as),
                    valid_through=voice.valid_through(LAST_DAY),
                    signed_for=self.signed_for,
                    numbered=self.numbered,
                )
            )
        printing = Printing.of(self.policy, voice, len(vouchers))
        return Proposal(
            "checkout-1", "decision-1", 0, "offered", "treated", "model", self.columns, tuple(vouchers), printing
        )


EXAMPLES = (
    Example(
        name="us-42",
        country="US",
        currency="USD",
        columns=42,
        policy=PrintPolicy(how="print"),
        categories=("FLUID MILK PRODUCTS",),
        such_as=("2% Milk 1 gal", "Whole milk"),
        title="Your usual, for less",
    ),
    Example(
        name="de-32-two-amounts",
        country="DE",
        currency="EUR",
        columns=32,
        policy=PrintPolicy(how="print"),
        categories=("Frischmilch", "Käse & Aufschnitt"),
        such_as=("Weidemilch 3,8 %", "Żubrówka-Käse"),
        title="Ihr Übliches, für weniger",
        percent=None,
    ),
    Example(
        name="fr-48-on-request",
        country="FR",
        currency="EUR",
        columns=48,
        policy=PrintPolicy(how="ask"),
        categories=("LAIT DEMI-ÉCRÉMÉ", "FROMAGE"),
        such_as=("Lait bio 1 l", "Bœuf haché"),
        title="Comme d'habitude, moins cher",
    ),
    Example(
        name="pl-42-paper-budget",
        country="PL",
        currency="EUR",
        columns=42,
        policy=PrintPolicy(how="print", greatest_mm=80),
        categories=("Mleko świeże", "Ser żółty", "Pieczywo"),
        such_as=("Mleko łaciate 3,2 %",),
        title="To co zwykle, taniej",
    ),
    Example(
        name="us-32-signed",
        country="US",
        currency="USD",
        columns=32,
        policy=PrintPolicy(how="print"),
        categories=("FLUID MILK PRODUCTS", "SOFT DRINKS"),
        such_as=("2% Milk 1 gal",),
        title="Your usual, for less",
        signed_for=SignedFor(percent=10, store_id="store-1"),
    ),
    Example(
        name="us-32-ean13",
        country="US",
        currency="USD",
        columns=32,
        policy=PrintPolicy(how="print"),
        categories=("FLUID MILK PRODUCTS",),
        such_as=("2% Milk 1 gal",),
        title="Your usual, for less",
        numbered=NumberedBy("ean13", "29"),
    ),
    Example(
        name="nl-48-gcn",
        country="NL",
        currency="EUR",
        columns=48,
        policy=PrintPolicy(how="print"),
        categories=("Zuivel",),
        such_as=("Halfvolle melk 1 l",),
        title="Het gebruikelijke, voor minder",
        numbered=NumberedBy("gcn", "871234500001"),
    ),
)
