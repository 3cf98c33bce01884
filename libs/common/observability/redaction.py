"""The last wall before a log: whatever a line was given, no card number and no API key leaves in it.

No code of ours logs a body or a key; this is for what libraries say and for what an exception's message may hold.
"""

import re
from typing import Any

from structlog.typing import EventDict, WrappedLogger

from libs.common.card_numbers import masked

_API_KEY = re.compile(r"tk_([A-Za-z0-9.-]{1,64})_[0-9A-Za-z]{8,}")
_ENCODED_API_KEY = re.compile(r"dGtf[A-Za-z0-9+/_-]{16,}=*")
"""`tk_...` in base64, as HTTP's Basic scheme carries it."""


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor, the last before the renderer: every text at any depth, in names too, is made fit to print."""
    return {_text(str(name)): _redacted(value) for name, value in event.items()}


def _redacted(value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if masked(str(value)) == str(value) else masked(str(value))
    if isinstance(value, dict):
        return {_text(str(name)): _redacted(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(inner) for inner in value]
    return _text(value if isinstance(value, str) else repr(value))


def _text(text: str) -> str:
    return masked(_ENCODED_API_KEY.sub("[api key]", _API_KEY.sub(r"tk_\1_[secret]", text)))
