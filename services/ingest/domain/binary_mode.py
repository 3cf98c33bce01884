"""CloudEvents in HTTP's binary mode (attributes as `ce-` headers, the body is the data) put into structured JSON; called by the API."""

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

import msgspec

MEDIA_TYPE = "application/json"
_MARK = b"ce-specversion"
_PREFIX = b"ce-"
_json = msgspec.json.Decoder(msgspec.Raw)


def is_binary(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request with these headers, names in lower case, says that it is in binary mode."""
    return _MARK in headers


def structured(headers: Mapping[bytes, bytes], body: bytes) -> bytes:
    """The same event in structured mode, to be judged like any other; never raises.

    The body's bytes stay as they are. One that is no JSON becomes `data_base64`, which no contract of ours takes.
    """
    event: dict[str, object] = {
        name[len(_PREFIX) :].decode("latin-1"): _text(content)
        for name, content in headers.items()
        if name.startswith(_PREFIX)
    }
    # What the body is, only the body says.
    event |= {"datacontenttype": MEDIA_TYPE}
    event.pop("data", None)
    event.pop("data_base64", None)
    try:
        event["data"] = _json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        event["data_base64"] = b64encode(body).decode()
    return msgspec.json.encode(event)


def _text(content: bytes) -> str:
    """A header's text: UTF-8, percent-encoded where it is not printable ASCII (CloudEvents HTTP binding 3.1.3.2)."""
    return unquote_to_bytes(content).decode("utf-8", "replace")
