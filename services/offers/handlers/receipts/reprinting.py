"""Coupons again, in the form that a caller reads; pictures are drawn beside the loop that answers tills, one at a time."""

import asyncio

from libs.common.errors import NotFound
from services.offers.domain.checkout.reprint import Form, Keys, rendered
from services.offers.domain.codes.code import CodeKey
from services.offers.domain.receipts.sheet import Columns
from services.offers.handlers.codes import SigningRing
from services.offers.metrics import OffersMetrics
from services.offers.ports.checkout import Overloaded
from services.offers.ports.receipts import ReceiptStore, StoredCheckout

_GREATEST_WAITING = 32
_ANYTHING = Form.E_RECEIPT


class Reprinter:
    """Renders stored checkouts."""

    def __init__(self, codes: CodeKey, signing: SigningRing, font: bytes, metrics: OffersMetrics) -> None:
        self.keys = Keys(codes, lambda: signing.keys)
        self._font = font
        self._metrics = metrics
        self._drawing = asyncio.Semaphore(1)
        self._waiting = 0

    async def render(self, stored: StoredCheckout, form: Form, columns: Columns | None) -> bytes:
        """The coupons in this form; raises Overloaded when too many pictures are asked for at a time."""
        if form is Form.PICTURE:
            body = await self._drawn(stored, columns)
        else:
            body = self._rendered(stored, form, columns)
        self._metrics.receipts_rendered.labels(form.name.lower()).inc()
        return body

    async def _drawn(self, stored: StoredCheckout, columns: Columns | None) -> bytes:
        if self._waiting >= _GREATEST_WAITING:
            raise Overloaded(f"{self._waiting} pictures are being drawn")
        self._waiting += 1
        try:
            async with self._drawing:
                return await asyncio.to_thread(self._rendered, stored, Form.PICTURE, columns)
        finally:
            self._waiting -= 1

    def _rendered(self, stored: StoredCheckout, form: Form, columns: Columns | None) -> bytes:
        return rendered(form, (stored.proposal, stored.granted), self.keys, font=self._font, columns=columns)


async def stored_checkout(store: ReceiptStore, checkout_id: str) -> StoredCheckout:
    """The checkout; raises NotFound for one that printed nothing that could be printed again."""
    stored = await store.checkout(checkout_id)
    if stored is None:
        raise NotFound("no such checkout was answered with a decision")
    return stored


def form_for(accept: str) -> Form | None:
    """The form that an `Accept` header likes best; the e-receipt for one that takes anything, None when there is none.

    >>> form_for("image/png"), form_for("text/*;q=0.5, image/*"), form_for(""), form_for("video/mp4")
    (<Form.PICTURE: 'image/png'>, <Form.PICTURE: 'image/png'>, <Form.E_RECEIPT: 'application/json'>, None)
    """
    liked = sorted(map(_liked, (accept or "*/*").split(",")), key=lambda each: -each[1])
    for wanted, weight in liked:
        if weight <= 0:
            continue
        if wanted == "*/*":
            return _ANYTHING
        for form in Form:
            if wanted in {form.value, f"{form.value.partition('/')[0]}/*"}:
                return form
    return None


def _liked(part: str) -> tuple[str, float]:
    wanted, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return wanted, float(value)
            except ValueError:
                return wanted, 0.0
    return wanted, 1.0
