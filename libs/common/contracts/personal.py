"""How a contract marks what is personal, and texts that may travel sealed; places.py finds the marks."""

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
    """What somebody looked at or for."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The published schema says it too, as `x-personal`."""
        return {**handler(schema), "x-personal": self.value}


def is_sealed(text: str) -> bool:
    """Whether `text` has the form of a sealed one; whether it can be opened is another question."""
    return text.startswith(SEALED_PREFIX)


@dataclass(frozen=True, slots=True)
class Sealable:
    """A text of at most `max_length` characters that may travel sealed; sealing makes it longer, to 12 000 at most.

    The JSON Schema says what a sender must keep to: `max_length`.
    """

    max_length: int

    def check(self, text: str) -> str:
        """`text` itself; raises PydanticCustomError when it is too long."""
        limit = GREATEST_SEALED_CHARACTERS if is_sealed(text) else self.max_length
        if len(text) > limit:
            raise PydanticCustomError(
                "string_too_long", "String should have at most {max_length} characters", {"max_length": limit}
            )
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The text's own check, then this one."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The limit of what a sender may write."""
        return {**handler(schema), "maxLength": self.max_length}
