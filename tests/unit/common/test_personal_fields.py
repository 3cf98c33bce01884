"""What contracts say of personal data: which fields hold it, where identifiers are, what may travel sealed."""

from typing import Annotated

import pytest
from pydantic import BaseModel, ValidationError

from libs.common.contracts import Personal, identifier_fields, is_sealed, personal_fields
from libs.common.contracts.consent import IdentityLinked
from libs.common.contracts.feedback import SurveyAnswered
from libs.common.contracts.pos import Sale
from libs.common.contracts.profile import ProfileSnapshot
from libs.common.contracts.values import Comment, Identifier, Text
from libs.common.contracts.web import PageViewed, Searched

SEALED = "sealed:v1:"


class _Note(BaseModel):
    words: Comment
    place: Annotated[Text | None, Personal.DIRECT] = None
    by: Identifier | None = None


class _Notebook(BaseModel):
    title: str
    notes: tuple[_Note, ...] = ()


def test_what_somebody_typed_is_free_text_and_what_was_looked_at_is_behaviour() -> None:
    assert personal_fields(SurveyAnswered) == ((("comment",), Personal.FREE_TEXT),)
    assert personal_fields(Searched) == ((("query",), Personal.FREE_TEXT),)
    looked_at = (("url_path",), ("title",), ("referrer_host",))
    assert personal_fields(PageViewed) == tuple((place, Personal.BEHAVIOUR) for place in looked_at)
    assert personal_fields(Sale) == ()


def test_identifiers_are_found_wherever_they_stand() -> None:
    assert identifier_fields(Sale) == (("customer",),)
    assert identifier_fields(IdentityLinked) == (("first",), ("second",))
    assert identifier_fields(ProfileSnapshot) == (("identifiers", "*"),)


def test_a_star_stands_for_every_item_of_a_list() -> None:
    assert personal_fields(_Notebook) == (
        (("notes", "*", "words"), Personal.FREE_TEXT),
        (("notes", "*", "place"), Personal.DIRECT),
    )
    assert identifier_fields(_Notebook) == (("notes", "*", "by"),)


def test_the_published_schema_says_what_is_personal() -> None:
    query = Searched.model_json_schema()["properties"]["query"]
    assert (query["x-personal"], query["maxLength"]) == ("free_text", 2000)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("x" * 2000, True),
        ("x" * 2001, False),
        (SEALED + "x" * (12_000 - len(SEALED)), True),
        (SEALED + "x" * (12_001 - len(SEALED)), False),
    ],
)
def test_the_limit_of_a_text_does_not_count_against_a_sealed_one(text: str, fits: bool) -> None:  # noqa: FBT001 - a column of the table above
    note = {"words": text}
    if fits:
        assert is_sealed(_Note.model_validate(note).words) == text.startswith(SEALED)
    else:
        with pytest.raises(ValidationError, match="at most"):
            _Note.model_validate(note)
