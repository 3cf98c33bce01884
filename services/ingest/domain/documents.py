"""Events opened before they are judged: not too long, without a card number, with an envelope; called by admission and the door.

A batch in which nothing needs a closer look is opened in one go, for half of what its events cost one by one.
"""

from collections.abc import Sequence
from functools import cached_property

import msgspec

from libs.common.card_numbers import CardNumberGuard, may_hold_card_number
from libs.common.contracts.compiled import is_clean
from libs.common.errors import TooLarge
from services.ingest.domain.envelope import Envelope, read_envelope, read_plain, split_batch


class Batch:
    """A JSON array of events that were opened together, taken apart when one of them is asked for as it came."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    @cached_property
    def raws(self) -> Sequence[msgspec.Raw]:
        """Each event as it came."""
        return split_batch(self._body)


class Opened(msgspec.Struct, frozen=True, gc=False):
    """One event of a batch: its envelope, its body still unread. Nothing in it is escaped, no text holds a control character."""

    envelope: Envelope
    batch: Batch
    place: int


Document = bytes | msgspec.Raw | Opened
"""An event as it came, or opened already."""


def raw_of(document: Document) -> bytes:
    """The event as it came."""
    return bytes(document.batch.raws[document.place] if isinstance(document, Opened) else document)


def open_event(document: Document, cards: CardNumberGuard, greatest_bytes: int) -> tuple[Envelope, bool]:
    """Its envelope, and whether it is clean; raises TooLarge, CardNumberFound, or InvalidMessage with its JSON pointer."""
    if isinstance(document, Opened):
        return document.envelope, True
    raw = bytes(document)
    if len(raw) > greatest_bytes:
        raise TooLarge(f"an event may have {greatest_bytes} bytes", slug="event-too-large")
    cards.check(raw)
    clean = is_clean(raw)
    return read_envelope(raw, clean=clean), clean


def open_batch(body: bytes, greatest_bytes: int) -> Sequence[Document]:
    """The events of a JSON array, opened if all of them can be; raises InvalidMessage when it is none.

    Where one might have to be refused, each is to be opened alone: it must not cost its neighbours.
    """
    if is_clean(body) and not may_hold_card_number(body):
        envelopes = read_plain(body)
        sizes = [len(memoryview(one.data)) for one in envelopes]
        around_bytes = len(body) - sum(sizes)
        if envelopes and max(sizes) + around_bytes <= greatest_bytes:
            batch = Batch(body)
            return [Opened(one, batch, place) for place, one in enumerate(envelopes)]
    return split_batch(body)
