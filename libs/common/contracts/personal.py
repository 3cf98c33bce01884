"""How a contract marks what is personal, and texts that may travel sealed; places.py finds the marks."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

SEALED_PREFIX = "sealed:v1:"
"""How a text begins that only the holder of a person's key can read; base64url of nonce and ciphertext follows."""

GREATEST_SEALED_CHARACTERS = 12_000
"""2000 characters of four bytes each, sealed and in base64, with room."""


class Personal(StrEnum):
    """What a field may say of a person, as metadata of its type: `Annotated[Text, Personal.FREE_TEXT]`.

    The door's policy decides by this mark what happens to it: dropped, encrypted or passed.
    """

    FREE_TEXT = "free_text"
    """Words of somebody's own: they may hold anything."""
    DIRECT = "direct"
    """Names a person or leads to one: a name, an address, an e-mail address."""
    BEHAVIOUR = "behaviour"
    """What somebody looked at."""
    UNNAMED = "unnamed"
    """Members that a contract does not name, so that nobody knows what they say; no contract marks them."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The published schema says it too, as `x-personal`."""
        return {**handler(schema), "x-personal": self.value}


def is_sealed(text: str) -> bool:
    """Whether `text` has the form of a sealed one; whether it can be opened is another question."""
    return text.startswith(SEALED_PREFIX)


@dataclass(frozen=True, slots=True)
class Sealable:
    """A text of at most `max_length` characters, that looks like `pattern`, and that may travel sealed.

    A sealed one is longer (12 000 characters at most) and looks like nothing. The JSON Schema says what a sender keeps to.
    """

    max_length: int
    pattern: str | None = None

    def check(self, text: str) -> str:
        """`text` itself; raises PydanticCustomError when it is too long or does not look like `pattern`."""
        sealed = is_sealed(text)
        limit = GREATEST_SEALED_CHARACTERS if sealed else self.max_length
        if len(text) > limit:
            raise PydanticCustomError(
                "string_too_long", "String should have at most {max_length} characters", {"max_length": limit}
            )
        if self.pattern is not None and not sealed and not re.fullmatch(self.pattern, text):
            raise PydanticCustomError(
                "string_pattern_mismatch", "String should match pattern '{pattern}'", {"pattern": self.pattern}
            )
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The text's own check, then this one."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The limits of what a sender may write."""
        pattern = {"pattern": self.pattern} if self.pattern is not None else {}
        return {**handler(schema), "maxLength": self.max_length, **pattern}
