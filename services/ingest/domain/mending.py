"""An invalid event as a person mends it: a JSON Patch on its bytes that leaves its name alone; called by the mender."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import jsonpatch
import msgspec

from libs.common.errors import InvalidInput, TooLarge
from services.ingest.domain.envelope import EventName, read_name

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_BAD_PATCH = (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, ValueError, TypeError, RecursionError)


def mended(raw: bytes, operations: Sequence[Mapping[str, Any]], *, greatest_bytes: int) -> bytes:
    """The event with the operations of RFC 6902 done in order, numbers kept digit for digit.

    Bytes that are no JSON can only be replaced as a whole (`add` at the path ""). Raises InvalidInput (`patch-refused`,
    `name-changed`: id and source stay what they were, as far as they could be read) and TooLarge.

    >>> mended(b'{"id":"e1","data":{"price":1.50,"unit":"kilo"}}',
    ...        [{"op": "replace", "path": "/data/unit", "value": "kg"}], greatest_bytes=1_000)
    b'{"id":"e1","data":{"price":1.50,"unit":"kg"}}'
    """
    document = _readable(raw)
    after = raw
    for operation in operations:
        try:
            document = jsonpatch.apply_patch(document, [operation], in_place=True)
            after = _encoder.encode(document)
        except _BAD_PATCH as error:
            raise InvalidInput(_what_failed(operation, error), slug="patch-refused") from error
        if len(after) > greatest_bytes:  # after each one: copies of copies would double it again and again
            raise TooLarge(f"an event may have {greatest_bytes} bytes", slug="event-too-large")
    _check_name(read_name(raw), read_name(after))
    return after


def _readable(raw: bytes) -> Any:
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError, ArithmeticError):
        return None


def _what_failed(operation: Mapping[str, Any], error: Exception) -> str:
    """Never the error's own words: they may quote what is personal."""
    return f"{operation.get('op')} at {operation.get('path')!r} does not fit the event ({type(error).__name__})"


def _check_name(before: EventName, after: EventName) -> None:
    for part in ("id", "source"):
        was = getattr(before, part)
        if was is not None and getattr(after, part) != was:
            raise InvalidInput(f"the {part} of an event cannot be mended: it is told apart by it", slug="name-changed")
