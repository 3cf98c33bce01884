"""What one batch tells one facet, and its bytes: written by the worker, worked in by folders, found again by returns and voids."""

from dataclasses import replace
from datetime import datetime

import msgspec

from services.profile.domain.contact import Contact, PackedPurchase, Purchase, Return, packed
from services.profile.domain.facet import Facet
from services.profile.domain.facet_of import apply_all
from services.profile.domain.purchases import Purchases

FORMAT_VERSION = 3
"""Stands first, where earlier formats have an array: a release that knows only those refuses it, and loses no purchase."""
_ARRAYS = b"\x80"
"""Above every small number that MessagePack writes in one byte."""


class EarlierDelta(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """As the releases stored it that kept purchases among the others."""

    others: tuple[Contact, ...] = ()
    currency: str | None = None
    accepted_at: datetime | None = None
    quiet: bool = False


class Delta(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=FORMAT_VERSION):
    """Contacts in no order that matters; `accepted_at` is when the door accepted the newest of them.

    `quiet`: it is what we did, not the customer. The facet's first and last contact stay, so no view depends on when we did it.
    Purchases are `bought`; a release before kept them among the `others`.
    """

    others: tuple[Contact, ...] = ()
    currency: str | None = None
    accepted_at: datetime | None = None
    quiet: bool = False
    bought: Purchases | None = None

    @property
    def contacts(self) -> tuple[Contact, ...]:
        """All of them one by one, what was bought first: the index of receipts names purchases by their place."""
        return self.others if self.bought is None else (*self.bought.each(), *self.others)

    def contact_at(self, position: int) -> Contact:
        """The one that stands there among `contacts`."""
        if self.bought is None or position >= len(self.bought.receipts):
            return self.contacts[position]
        return self.bought.at(position)


class Effects(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The plain columns of one facet, or what is to be added to them; `accepted_at` is when the door accepted the newest of it."""

    receipts_count: int = 0
    lines_count: int = 0
    amount_cents: int = 0
    returns_count: int = 0
    refund_cents: int = 0
    contacts_count: int = 0
    currency: str | None = None
    accepted_at: datetime | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Delta)
_earlier_decoder = msgspec.msgpack.Decoder(EarlierDelta)


def encode_delta(delta: Delta) -> bytes:
    """Its bytes; what they mean is said by the fields of Delta and of contacts."""
    return _encoder.encode(delta)


def decode_delta(content: bytes) -> Delta:
    """The delta whose `encode_delta` gave these bytes, now or in a release before; raises msgspec.DecodeError."""
    if content[1:2] < _ARRAYS:
        return _decoder.decode(content)
    earlier = _earlier_decoder.decode(content)
    return Delta(earlier.others, earlier.currency, earlier.accepted_at, earlier.quiet)


def grown(facet: Facet, delta: Delta) -> Facet:
    """The facet after it was told."""
    after = apply_all(facet, delta.contacts)
    if not delta.quiet:
        return after
    return replace(after, first_at_seconds=facet.first_at_seconds, last_at_seconds=facet.last_at_seconds)


def effects_of(*deltas: Delta) -> Effects:
    """What deltas add to the plain columns."""
    columns = [delta.bought for delta in deltas if delta.bought is not None]
    others = [contact for delta in deltas for contact in delta.others]
    bought = [packed(contact).amounts_cents for contact in others if isinstance(contact, PackedPurchase | Purchase)]
    returned = [contact.lines for contact in others if isinstance(contact, Return)]
    receipts = sum([len(one.receipts) for one in columns])
    return Effects(
        receipts_count=receipts + len(bought),
        lines_count=sum([len(one.item_numbers) for one in columns]) + sum(map(len, bought)),
        amount_cents=sum([sum(one.amounts_cents) for one in columns]) + sum(map(sum, bought)),
        returns_count=len(returned),
        refund_cents=sum([line.refund_cents for lines in returned for line in lines]),
        contacts_count=receipts + len(others),
        currency=min((delta.currency for delta in deltas if delta.currency is not None), default=None),
        accepted_at=max((delta.accepted_at for delta in deltas if delta.accepted_at is not None), default=None),
    )


def plus(a: Effects, b: Effects) -> Effects:
    """Both effects together."""
    return Effects(
        receipts_count=a.receipts_count + b.receipts_count,
        lines_count=a.lines_count + b.lines_count,
        amount_cents=a.amount_cents + b.amount_cents,
        returns_count=a.returns_count + b.returns_count,
        refund_cents=a.refund_cents + b.refund_cents,
        contacts_count=a.contacts_count + b.contacts_count,
        currency=min((known for known in (a.currency, b.currency) if known is not None), default=None),
        accepted_at=later(a.accepted_at, b.accepted_at),
    )


def later(a: datetime | None, b: datetime | None) -> datetime | None:
    """The later of two times, if any."""
    return max((at for at in (a, b) if at is not None), default=None)
