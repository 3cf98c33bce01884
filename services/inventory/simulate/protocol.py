"""What a simulator of shelves says and hears: events in batches, commands as the answer; read by the bridge, spoken by our own simulator."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from libs.common.errors import InvalidInput


class World(msgspec.Struct, tag="world", tag_field="type", kw_only=True, frozen=True):
    """The first word: who sells what, how it is supplied and what it costs. Days are counted from 0, money in whole units of a currency."""

    stores: Sequence[str]
    items: Sequence[str]
    lead: int
    """An order given at the close of day t is there on the morning of t + lead."""
    review: int
    """1: orders go out on any day; else a store's go out when (day + its place among the stores) is a multiple of it."""
    transfer_lead: int = 1
    pack: Mapping[str, int]
    price: Mapping[str, float]
    cost: Mapping[str, float]
    first_day: int
    """The first day that is played; what comes before it is history."""
    last_day: int
    initial_stock: Sequence[tuple[str, str, int]]
    """Store, item and what stands on the shelf on the morning of the first day."""


class Sold(msgspec.Struct, tag="sale", tag_field="type", kw_only=True, frozen=True):
    """A line at a till, `t` seconds into the day; what was asked for and not there is not in it."""

    day: int
    t: int
    store: str
    item: str
    qty: int
    stock: int | None = None


class Lost(msgspec.Struct, tag="lost", tag_field="type", kw_only=True, frozen=True):
    """What was asked for and not there; only from a simulator that was told to reveal it."""

    day: int
    t: int
    store: str
    item: str
    qty: int


class Received(msgspec.Struct, tag="receipt", tag_field="type", kw_only=True, frozen=True):
    """Goods that arrived in the morning."""

    day: int
    store: str
    item: str
    qty: int
    kind: Literal["supplier", "transfer"]
    stock: int | None = None


class OrderAcknowledged(msgspec.Struct, tag="order_ack", tag_field="type", kw_only=True, frozen=True):
    """The answer to a reorder: how much will be there on the morning of day `eta`."""

    day: int
    store: str
    item: str
    qty: int
    eta: int


class TransferAcknowledged(msgspec.Struct, tag="transfer_ack", tag_field="type", kw_only=True, frozen=True):
    """The answer to a reroute, for the store that receives."""

    day: int
    store: str
    item: str
    qty: int
    eta: int


class TransferredOut(msgspec.Struct, tag="transfer_out", tag_field="type", kw_only=True, frozen=True):
    """What left the store that gives."""

    day: int
    store: str
    item: str
    qty: int
    stock: int | None = None


class Rejected(msgspec.Struct, tag="rejected", tag_field="type", kw_only=True, frozen=True):
    """A command that came to nothing, and why."""

    day: int
    command: Mapping[str, Any]
    why: str


class Closed(msgspec.Struct, tag="close", tag_field="type", kw_only=True, frozen=True):
    """The end of a day. After one of the history no commands are taken."""

    day: int
    history: bool = False


Said: TypeAlias = (
    World | Sold | Lost | Received | OrderAcknowledged | TransferAcknowledged | TransferredOut | Rejected | Closed
)


class Reorder(msgspec.Struct, tag="reorder", tag_field="cmd", kw_only=True, frozen=True):
    """Buy this much for a store."""

    store: str
    item: str
    qty: int


class Reroute(
    msgspec.Struct,
    tag="reroute",
    tag_field="cmd",
    kw_only=True,
    frozen=True,
    rename={"from_store": "from", "to_store": "to"},
):
    """Move this much between two stores."""

    from_store: str
    to_store: str
    item: str
    qty: int


Asked: TypeAlias = Reorder | Reroute


class Batch(msgspec.Struct, frozen=True):
    """One request."""

    events: Sequence[Said]


class Answer(msgspec.Struct, frozen=True):
    """One answer."""

    commands: Sequence[Asked]


_read = msgspec.json.Decoder(Batch).decode
_write = msgspec.json.Encoder().encode


def batch_of(body: bytes) -> Batch:
    """A request's body; raises InvalidInput for what the protocol does not know.

    >>> batch_of(b'{"events":[{"type":"close","day":3}]}').events
    [Closed(day=3, history=False)]
    """
    try:
        return _read(body)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InvalidInput(f"not what a simulator says: {error}", slug="invalid-simulation") from error


def body_of(answer: Answer) -> bytes:
    """An answer's body.

    >>> body_of(Answer([Reroute(from_store="1", to_store="2", item="milk", qty=3)]))
    b'{"commands":[{"cmd":"reroute","from":"1","to":"2","item":"milk","qty":3}]}'
    """
    return _write(answer)
