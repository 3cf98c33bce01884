"""A compiled contract and its contract agree: held against each other on bodies that are valid, damaged and hostile."""

import copy
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, ValidationError, field_validator

from libs.common.contracts import CONTRACTS, TOPIC_OF_TYPE, Contract, partition_key_of
from libs.common.contracts.compiled import Spelling, compiled, read_body
from libs.common.contracts.personal import Personal
from libs.common.contracts.pos import Sale
from libs.common.contracts.stock import StockMoved
from tests.support.bodies import bodies_of, plain

INCOMING = sorted(name for name, topic in TOPIC_OF_TYPE.items() if topic.owner == "ingest")
COMPILED = [name for name in INCOMING if compiled(CONTRACTS[name]) is not None]
LINE = {"line_no": 1, "item_id": "milk", "quantity": "1.5", "unit": "kg", "amount_cents": 199}
SALE: Mapping[str, Any] = {
    "receipt_id": "r1",
    "store_id": "s1",
    "currency": "USD",
    "customer": {"kind": "loyalty_card", "value": "7"},
    "lines": [LINE],
    "total_cents": 199,
}
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**13), 10**13)
    | st.floats()
    | st.decimals().map(str)
    | st.text(max_size=8)
    | st.sampled_from(["", " 1", "1_0", "1.0", "1e3", "\x7f", "\n", "٣", "4006381333931", "4006381333932", "x" * 3000])
    | st.sampled_from(
        [
            "2026-02-29",
            "2026-02-28",
            "2026-02-28T00:00:00",
            "2026-02-28T00:00:01Z",
            "2026-2-28",
            "0000-01-01",
            1772236800,
        ]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)
LAW = settings(derandomize=True, deadline=None, max_examples=500)


def accepted_by(event_type: str, raw: bytes) -> Any:
    """The struct, or None when the compiled contract does not say yes; those that take more for granted agree where they may."""
    strict, quick, quickest = (compiled(CONTRACTS[event_type], spelling) for spelling in Spelling)
    assert strict is not None
    assert quick is not None
    assert quickest is not None
    found = decoded(strict, raw)
    if not any(sign in raw for sign in (b"\\", b"\x7f")):
        assert plain(decoded(quick, raw)) == plain(found)
        plainest = decoded(quickest, raw)
        assert plainest is None or plain(plainest) == plain(found)
    return found


def decoded(decoder: "msgspec.json.Decoder[Any]", raw: bytes) -> Any:
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def same(struct: Any, model: Contract) -> bool:
    return bool(plain(struct) == plain(model)) and bool(struct.partition_key == partition_key_of(model))


def places_in(found: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, inner in steps:
        yield (*path, key)
        yield from places_in(inner, (*path, key))


@st.composite
def damaged_bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    """A valid body of any type with a place or two replaced by anything, added or taken away."""
    event_type = draw(st.sampled_from(COMPILED))
    body = copy.deepcopy(draw(bodies_of(CONTRACTS[event_type])))
    for _ in range(draw(st.integers(1, 2))):
        if not (places := list(places_in(body))):
            break
        *path, last = draw(st.sampled_from(places))
        parent: Any = body
        for step in path:
            parent = parent[step]
        match draw(st.sampled_from(["replace", "delete", "add"])):
            case "delete":
                del parent[last]
            case "add" if isinstance(parent, dict):
                parent[draw(st.text(max_size=4))] = draw(ANYTHING)
            case _:
                parent[last] = draw(ANYTHING)
    return event_type, json.dumps(body, ensure_ascii=draw(st.booleans())).encode(errors="surrogatepass")


def test_what_comes_in_is_compiled_but_for_these() -> None:
    """Moments, times of day and addresses are read by pydantic alone: nothing that comes in masses has one in its body."""
    assert set(INCOMING) - set(COMPILED) == {
        "usual.catalog.lane.v1",
        "usual.catalog.store.v1",
        "usual.identity.described.v1",
        "usual.play.tick.v1",
    }


@given(damaged_bodies())
@LAW
def test_whatever_the_compiled_contract_accepts_the_contract_accepts_and_reads_alike(
    damaged: tuple[str, bytes],
) -> None:
    event_type, raw = damaged
    struct = accepted_by(event_type, raw)
    if struct is not None:
        assert same(struct, CONTRACTS[event_type].model_validate_json(raw))


@given(st.data())
@LAW
def test_whatever_the_contract_writes_the_compiled_contract_accepts_and_reads_alike(data: st.DataObject) -> None:
    event_type = data.draw(st.sampled_from(COMPILED))
    model = CONTRACTS[event_type].model_validate(data.draw(bodies_of(CONTRACTS[event_type])))
    written = model.model_dump_json(exclude_none=True).encode()
    assert same(accepted_by(event_type, written), model)


@given(st.sampled_from(INCOMING), st.binary(max_size=60) | ANYTHING.map(lambda found: json.dumps(found).encode()))
@LAW
def test_a_refusal_is_the_contracts_own(event_type: str, raw: bytes) -> None:
    model = CONTRACTS[event_type]
    with pytest.raises(ValidationError) as refused:
        model.model_validate_json(raw)
    with pytest.raises(ValidationError) as ours:
        read_body(model, raw)
    assert ours.value.errors(include_url=False, include_input=False) == refused.value.errors(
        include_url=False, include_input=False
    )


@pytest.mark.parametrize(
    "hostile",
    [
        json.dumps(SALE).replace('"milk"', '"\\ud800"').encode(),
        json.dumps(SALE).encode().replace(b'"milk"', b'"\xff"'),
        json.dumps(SALE).encode().replace(b'"USD"', b"[" * 20_000 + b"]" * 20_000),
        json.dumps(SALE).encode().replace(b"199", b"9" * 5_000),
        json.dumps(SALE).encode().replace(b'"1.5"', b"NaN"),
        json.dumps(SALE).encode().replace(b'"1.5"', b"[" * 20_000 + b"]" * 20_000),
        json.dumps({**SALE, "extra": 1}).encode().replace(b"1}", b'"\xff"}'),
        json.dumps({**SALE, "extra": 1}).encode().replace(b"1}", b"[" * 500 + b"]" * 500 + b"}"),
        json.dumps({**SALE, "receipt_id": ""}).encode(),
        json.dumps({**SALE, "receipt_id": "\x7f"}).encode(),
        json.dumps({**SALE, "receipt_id": "\n"}).encode(),
        json.dumps({**SALE, "receipt_id": "x"}).encode().replace(b"x", b"\n"),
        json.dumps({**SALE, "currency": "USD\n"}).encode(),
        json.dumps({**SALE, "currency": "U\x00D"}).encode(),
    ],
)
def test_what_is_made_to_break_a_parser_is_refused_by_both(hostile: bytes) -> None:
    with pytest.raises(ValidationError):
        Sale.model_validate_json(hostile)
    with pytest.raises(ValidationError):
        read_body(Sale, hostile)


@pytest.mark.parametrize("twice", [b'"currency":"EUR"', b'"total_cents":199', b'"customer":null'])
def test_of_a_member_that_comes_twice_both_take_the_last(twice: bytes) -> None:
    raw = json.dumps(SALE).encode()[:-1] + b"," + twice + b"}"
    assert same(accepted_by("usual.pos.sale.v1", raw), Sale.model_validate_json(raw))


def test_a_member_that_the_contract_does_not_know_is_for_the_contract_to_keep() -> None:
    raw = json.dumps({**SALE, "weather": "rain"}).encode()
    read = read_body(Sale, raw)
    assert isinstance(read, Sale)
    assert read.model_extra == {"weather": "rain"}


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (Sale, {**SALE, "total_cents": 200}),
        (StockMoved, {"store_id": "1", "item_id": "2", "change": "-1", "reason": "transfer_in"}),
        (Sale, {**SALE, "lines": [{**LINE, "gtin": "4006381333932"}]}),
    ],
)
def test_a_rule_about_the_whole_body_or_of_a_check_digit_holds_in_the_compiled_form_too(
    model: type[Contract], body: Mapping[str, Any]
) -> None:
    decoder = compiled(model)
    assert decoder is not None
    with pytest.raises(msgspec.ValidationError):
        decoder.decode(json.dumps(body).encode())


def test_values_are_normalised_alike_and_keep_their_kind() -> None:
    raw = json.dumps({**SALE, "lines": [{**LINE, "gtin": "96385074"}]}).encode()
    (line,) = read_body(Sale, raw).lines
    assert line.gtin == "00000096385074"
    assert line.quantity + 1 == Decimal("2.5")
    assert isinstance(line.unit, Enum)


def test_only_contracts_whose_every_rule_has_a_compiled_form_are_compiled() -> None:
    class WithFieldValidator(Contract):
        name: str

        @field_validator("name", mode="before")
        @classmethod
        def _strip(cls, found: object) -> object:
            return str(found).strip()

    class WithAlias(Contract):
        name: str = Field(alias="Name")

    class WithForeignPattern(Contract):
        name: str = Field(pattern=r"^\W+$")

    class WithExclusion(Contract):
        name: str = Field(pattern=r"^[^\s]+$")

    class WithPersonalExclusion(Contract):
        name: Annotated[str, Personal.DIRECT, Field(pattern=r"^[^\s]+$")]

    class WithUnion(Contract):
        name: str | int

    assert compiled(WithFieldValidator) is None
    assert compiled(WithAlias) is None
    assert compiled(WithUnion) is None
    assert compiled(WithPersonalExclusion) is None, "what is personal is not remembered"
    exclusion = compiled(WithExclusion)
    assert exclusion is not None
    with pytest.raises(msgspec.ValidationError):
        exclusion.decode('{"name": "\u2003"}')
    decoder = compiled(WithForeignPattern)  # a text on its own: pydantic judges it inside the compiled form
    assert decoder is not None
    assert decoder.decode(b'{"name": "."}').name == "."
    with pytest.raises(msgspec.ValidationError):
        decoder.decode(b'{"name": "a"}')


@pytest.mark.parametrize(("quantity", "known"), [("1", True), ("0.482", True), ("999", True), ("1.0", False)])
def test_a_plain_decimal_is_found_and_is_the_number_that_it_spells(quantity: str, known: bool) -> None:  # noqa: FBT001
    raw = json.dumps({**SALE, "lines": [{**LINE, "quantity": quantity}]}).encode()
    decoder = compiled(Sale, Spelling.PLAIN)
    assert decoder is not None
    found = decoded(decoder, raw)
    assert (found is not None) is known
    number = read_body(Sale, raw).lines[0].quantity
    assert number == Decimal(quantity)
    assert hash(number) == hash(Decimal(quantity))
    assert f"{number} {number + 1}" == f"{Decimal(quantity)} {Decimal(quantity) + 1}"


@pytest.mark.parametrize("quantity", ["0", "0.000", "-1"])
def test_a_plain_decimal_outside_the_bounds_is_not_found(quantity: str) -> None:
    decoder = compiled(Sale, Spelling.PLAIN)
    assert decoder is not None
    assert decoded(decoder, json.dumps({**SALE, "lines": [{**LINE, "quantity": quantity}]}).encode()) is None
