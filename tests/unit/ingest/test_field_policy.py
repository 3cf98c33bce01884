"""A field policy is data, and a wrong one is refused at start with the place that is wrong."""

import pytest

from libs.common.contracts import Personal
from libs.common.errors import InvalidInput
from services.ingest.domain.field_policy import Action, FieldPolicy, read_policy

ANSWER = "usual.feedback.nps_answered.v1"
SEARCHED = "usual.web.searched.v1"


PAGE = "usual.web.page_viewed.v1"


def test_without_a_policy_whatever_is_personal_is_encrypted() -> None:
    assert FieldPolicy().actions(ANSWER, "US") == {("comment",): Action.ENCRYPT}
    assert FieldPolicy().actions(SEARCHED, "US") == {("query",): Action.ENCRYPT}
    assert set(FieldPolicy().actions(PAGE, "US").values()) == {Action.ENCRYPT}
    assert FieldPolicy().unnamed(None) is Action.ENCRYPT
    described = FieldPolicy().actions("usual.identity.described.v1", None)
    assert len(described) == 12
    assert set(described.values()) == {Action.ENCRYPT}


def test_a_country_goes_before_the_default_and_a_field_before_its_sort() -> None:
    policy = read_policy(
        f"""
        default:
          sorts: {{free_text: drop}}
          fields: {{{SEARCHED}: {{query: encrypt}}}}
        countries:
          DE: {{sorts: {{behaviour: drop, unnamed: drop}}, fields: {{{SEARCHED}: {{query: drop}}}}}}
          US: {{sorts: {{free_text: pass}}, fields: {{{SEARCHED}: {{query: pass}}}}}}
        """
    )
    assert policy.actions(ANSWER, "DE") == policy.actions(ANSWER, None) == {("comment",): Action.DROP}
    assert policy.actions(ANSWER, "US") == {}
    assert policy.actions(SEARCHED, "DE") == {("query",): Action.DROP}
    assert set(policy.actions(PAGE, "DE").values()) == {Action.DROP}
    assert (policy.unnamed("DE"), policy.unnamed("US")) == (Action.DROP, Action.ENCRYPT)
    assert policy.actions(SEARCHED, "FR") == {("query",): Action.ENCRYPT}
    assert policy.actions(SEARCHED, "US") == {}
    assert read_policy("") == FieldPolicy()
    assert policy.default.sorts == {Personal.FREE_TEXT: Action.DROP}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("default: {sorts: {free_text: hash}}", "default.sorts.free_text: Input should be 'drop', 'encrypt' or 'pass'"),
        ("default: {sorts: {names: drop}}", "default.sorts.names"),
        ("countries: {Germany: {}}", "countries.Germany"),
        ("countries: {NO: {}}", "put countries in quotes"),
        ("country: {}", "country: Extra inputs"),
        ("default: {fields: {usual.pos.sale.v9: {a: drop}}}", "no event type usual.pos.sale.v9 comes in"),
        (
            f"countries: {{DE: {{fields: {{{ANSWER}: {{note: drop}}}}}}}}",
            "countries.DE.fields.*no personal field note .comment",
        ),
        ("default: [", "no YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        read_policy(text)
    assert refused.value.slug == "field-policy-invalid"
