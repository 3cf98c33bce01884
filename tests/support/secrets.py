"""The secret that all tests share, and what identifiers are called behind the doors with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from libs.common.contracts.values import Identifier
from libs.common.pseudonyms import Pseudonyms, read_secret

SECRET_FILE = Path(__file__).with_name("no_secret")
"""May stand for every secret file that a service asks for."""
PSEUDONYMS = Pseudonyms(read_secret(SECRET_FILE, "SECRET_FILE"))


def behind_the_door(handle: Identifier | Mapping[str, Any] | str) -> str:
    """The key (`kind:pseudonym`) of an identifier, its JSON object or its own key."""
    if isinstance(handle, str):
        return PSEUDONYMS.key_of(handle)
    return PSEUDONYMS.of(Identifier.model_validate(handle)).key
