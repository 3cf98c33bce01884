"""The same id is for the same question."""

from libs.common.errors import InvalidInput


def check_same(asked_then: bytes | None, asked_now: bytes, id_name: str) -> None:
    """Raise InvalidInput when another question was asked under this id; None: nobody noted what was asked."""
    if asked_then is not None and asked_then != asked_now:
        raise InvalidInput(f"this {id_name} was used for another request", slug="other-request")
