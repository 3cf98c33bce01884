"""What Segment's calls mean: pure translation, judged by the real contracts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.errors import InvalidInput
from libs.common.money import minor_digits
from libs.common.pseudonyms import Pseudonyms
from services.ingest.domain import segment
from services.ingest.domain.admission import Accepted, Refused, Rules, admit
from tests.unit.ingest.examples import NOON, a_key

IDS = segment.Ids(lambda: "made", Pseudonyms(b"s" * 32).value_of)
VISITOR = {"anonymousId": "v1"}
SHOE = {"product_id": "shoe", "price": 19.99, "quantity": 2}
LACE = {"sku": "lace", "price": 0.5, "quantity": 3}


def raws(**call: Any) -> list[bytes]:
    asked = segment.read_request(json.dumps({"batch": [{"messageId": "m1", **call}]}).encode(), None)
    return list(segment.translate(asked.calls[0], "segment:site", IDS))


def verdicts(**call: Any) -> list[Accepted | Refused]:
    return [admit(raw, a_key("web:write"), Rules(), NOON) for raw in raws(**call)]


@dataclass(frozen=True)
class Told:
    id: str
    source: str
    type: str
    occurred_at: datetime
    data: Mapping[str, Any]


def events(**call: Any) -> list[Told]:
    judged = verdicts(**call)
    assert [verdict for verdict in judged if isinstance(verdict, Refused)] == []
    return [
        Told(one.event.id, one.event.source, one.event.type, one.event.occurred_at, json.loads(one.body))
        for one in judged
        if isinstance(one, Accepted)
    ]


def refused(**call: Any) -> Refused:
    (verdict,) = verdicts(**call)
    assert isinstance(verdict, Refused)
    return verdict


def body(event: Told) -> Mapping[str, Any]:
    return event.data


def track(name: str, **properties: Any) -> Told:
    (event,) = events(type="track", event=name, properties=properties, **VISITOR)
    return event


def order(**properties: Any) -> Mapping[str, Any]:
    return body(track("Order Completed", order_id="o1", currency="EUR", **properties))


def test_a_page_is_told_by_its_path_and_the_host_before_it_and_nothing_else_of_addresses() -> None:
    url = "https://shop.example/milk?email=jane@example.com#top"
    page = {"url": url, "title": "Milk", "referrer": "https://search.example/?q=jane"}
    for said in ({"properties": page}, {"context": {"page": page}}):
        (event,) = events(type="page", **VISITOR, **said)
        assert event.type == "usual.web.page_viewed.v1"
        assert (event.id, event.source) == ("m1", "segment:site")
        assert body(event) == {
            "visitor": {"kind": "web_visitor", "value": "v1"},
            "url_path": "/milk",
            "title": "Milk",
            "referrer_host": "search.example",
        }


def test_the_standard_names_of_a_shop_are_known_whatever_their_capitals() -> None:
    assert body(track("Products Searched", query="oat milk"))["query"] == "oat milk"
    viewed = track("product viewed", product_id=507, sku="S", price=19.99, currency="usd")
    assert (viewed.type, body(viewed)["item_id"], body(viewed)["price_cents"], body(viewed)["currency"]) == (
        "usual.web.product_viewed.v1",
        "507",
        1999,
        "USD",
    )
    added = body(track("Product Added", **LACE))
    assert (added["item_id"], added["quantity"]) == ("lace", "3")
    assert track("Product Removed", product_id="shoe").type == "usual.web.removed_from_cart.v1"
    started = track("Checkout Started", order_id="c1", currency="EUR", products=[SHOE, LACE], value=41.48)
    assert started.type == "usual.web.checkout_started.v1"
    assert body(started)["total_cents"] == 4148
    assert body(started)["lines"][0] == {"item_id": "shoe", "quantity": "2", "price_cents": 1999}


def test_a_price_without_a_currency_is_no_price() -> None:
    assert "price_cents" not in body(track("Product Viewed", product_id="shoe", price=19.99))


def test_what_was_paid_for_an_order_is_shared_out_to_the_cent() -> None:
    placed = order(products=[SHOE, LACE], total=42.98, shipping=5, tax=0, discount=3.5)
    assert placed["total_cents"] == 4298
    assert [line["amount_cents"] for line in placed["lines"]] == [3661, 137]
    assert [line["discounts"][0]["amount_cents"] for line in placed["lines"]] == [337, 13]


def test_without_a_total_an_order_costs_what_its_lines_cost() -> None:
    placed = order(products=[SHOE, LACE], shipping=5)
    assert [line["amount_cents"] for line in placed["lines"]] == [3998, 150]
    assert placed["total_cents"] == 4648
    assert order(products=[SHOE, LACE], revenue=30, tax=1.48)["total_cents"] == 3148


@given(
    cents=st.integers(0, 10**9),
    currency=st.sampled_from(["EUR", "JPY", "KWD", "CLF"]),
    as_text=st.booleans(),
)
def test_an_amount_comes_out_to_the_minor_unit_also_after_a_float_has_touched_it(
    *, cents: int, currency: str, as_text: bool
) -> None:
    exact = Decimal(cents).scaleb(-minor_digits(currency))
    sent = str(exact) if as_text else float(exact)
    viewed = track("Product Viewed", product_id="shoe", price=sent, currency=currency)
    assert body(viewed)["price_cents"] == cents
    started = track("Checkout Started", value=sent, currency=currency)
    assert body(started)["total_cents"] == cents


def test_the_noise_of_binary_sums_is_no_money() -> None:
    assert order(products=[SHOE], total=6.33 * 3)["total_cents"] == 1899


@pytest.mark.parametrize("total", ["12.345", "cheap", "NaN", True, "1e400", 1e300, "-Infinity"])
def test_an_amount_that_cannot_be_read_is_refused_with_its_place(total: object) -> None:
    verdict = refused(
        type="track",
        event="Order Completed",
        properties={"order_id": "o1", "currency": "EUR", "total": total, "products": [SHOE]},
        **VISITOR,
    )
    assert (verdict.slug, verdict.pointer) == ("contract-violation", "/data/total_cents")


def test_a_line_of_an_order_without_a_price_is_refused_with_its_place() -> None:
    products = [SHOE, {"product_id": "lace"}]
    verdict = refused(
        type="track",
        event="Order Completed",
        properties={"order_id": "o1", "currency": "EUR", "products": products, "total": 9},
        **VISITOR,
    )
    assert (verdict.slug, verdict.pointer) == ("contract-violation", "/data/lines/1/amount_cents")


def test_a_user_and_a_visitor_in_one_call_are_linked_once_however_often_it_is_said() -> None:
    first, second = (
        events(type="page", messageId=name, properties={"path": path}, userId=42, **VISITOR)
        for name, path in (("m1", "/"), ("m2", "/milk"))
    )
    assert [event.id for event in first] == ["m1", first[1].id]
    assert body(first[0])["visitor"] == {"kind": "web_visitor", "value": "v1"}
    assert first[1].type == "usual.identity.linked.v1"
    assert (body(first[1])["first"]["value"], body(first[1])["second"]) == ("v1", {"kind": "account", "value": "42"})
    assert (second[1].id, second[1].data) == (first[1].id, first[1].data)
    other = events(type="page", properties={"path": "/"}, userId=43, **VISITOR)
    assert other[1].id != first[1].id


def test_the_time_of_a_link_does_not_make_it_another_event() -> None:
    link = json.loads(raws(type="page", userId="42", timestamp="2026-03-01T11:00:00Z", **VISITOR)[1])
    assert "time" not in link


def test_an_e_mail_address_links_its_digest_and_the_address_itself_is_only_a_trait() -> None:
    described, link = events(type="identify", userId="42", traits={"email": " Jane@Example.com "})
    digest = sha256(b"jane@example.com").hexdigest()
    assert body(link)["second"] == {"kind": "email_hash", "value": digest}
    assert body(described) == {
        "customer": {"kind": "account", "value": "42"},
        "traits": {"email": "Jane@Example.com"},
    }


def test_traits_come_under_the_contracts_names_and_the_rest_under_their_own() -> None:
    traits = {
        "firstName": "Jane",
        "birthday": "1980-12-24T00:00:00.000Z",
        "address": {"street": "1 Main", "postalCode": 1234, "state": "CA", "country": "Utopia"},
        "plan": "gold",
        "age": 45.5,
        "company": {"name": "ACME"},
        "nothing": None,
    }
    (described,) = events(type="identify", traits=traits, **VISITOR)
    assert body(described)["traits"] == {
        "first_name": "Jane",
        "birthday": "1980-12-24",
        "address": {"street": "1 Main", "postal_code": "1234", "region": "CA"},
        "other": [
            {"name": "plan", "value": "gold"},
            {"name": "age", "value": "45.5"},
            {"name": "company", "value": '{"name":"ACME"}'},
            {"name": "country", "value": "Utopia"},
        ],
    }


def test_an_alias_links_whatever_the_former_id_was() -> None:
    linked = events(type="alias", previousId="v1", userId="42")
    assert [body(event)["first"] for event in linked] == [
        {"kind": "web_visitor", "value": "v1"},
        {"kind": "account", "value": "v1"},
    ]
    assert [body(event)["second"]["kind"] for event in linked] == ["account", "account"]
    assert linked[0].id == "m1" != linked[1].id


def test_a_consent_call_is_one_event_for_each_purpose_at_the_time_it_was_given() -> None:
    given_at = NOON - timedelta(minutes=1)
    consents = events(
        type="track",
        event="Segment Consent Preference Updated",
        context={"consent": {"categoryPreferences": {"profiling": True, "personal_offers": False}}},
        timestamp=given_at.isoformat(),
        **VISITOR,
    )
    assert [(body(event)["purpose"], body(event)["granted"], body(event)["channel"]) for event in consents] == [
        ("profiling", True, "web"),
        ("personal_offers", False, "web"),
    ]
    assert len({event.id for event in consents}) == 2
    assert {event.occurred_at for event in consents} == {given_at}


@pytest.mark.parametrize(
    ("call", "event_type"),
    [
        ({"type": "track", "event": "Video Started"}, "segment.track.Video Started"),
        ({"type": "group", "groupId": "g"}, "segment.group"),
        ({"type": "alias", "userId": "42"}, "segment.alias"),
        ({"type": "track"}, "segment.track"),
        ({"type": ["?"]}, "segment.call"),
        ({}, "segment.call"),
    ],
)
def test_what_no_event_fits_is_refused_by_a_name_that_says_what_was_called(
    call: Mapping[str, Any], event_type: str
) -> None:
    verdict = refused(**call, writeKey="tk_1_secret", context={"ip": "10.0.0.1"}, sentAt="2026-03-01T12:00:00Z")
    assert (verdict.slug, verdict.name.type, verdict.name.id) == ("unknown-type", event_type, "m1")
    assert b"secret" not in verdict.raw
    assert b"10.0.0.1" not in verdict.raw
    assert b"2026-03-01" not in verdict.raw, "the next attempt would be another event"


def test_a_call_that_names_nobody_is_refused() -> None:
    assert refused(type="page", properties={"path": "/"}).pointer == "/data/visitor"


def test_a_call_without_an_id_gets_one() -> None:
    assert [event.id for event in events(type="page", properties={"path": "/"}, messageId=None, **VISITOR)] == ["made"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = ["type", "event", "userId", "anonymousId", "previousId", "properties", "traits", "context", "timestamp"]
MEMBERS = [
    "products",
    "price",
    "quantity",
    "total",
    "currency",
    "product_id",
    "email",
    "address",
    "url",
    "page",
    "consent",
]


@given(
    call=st.dictionaries(st.sampled_from(NAMES), JSON | st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=6)),
    kind=st.sampled_from(["track", "page", "identify", "alias", "screen"]),
    name=st.sampled_from(["Order Completed", "Product Viewed", "Checkout Started", "Segment Consent Preference"]),
)
def test_whatever_a_call_holds_it_is_admitted_or_refused_and_never_breaks(
    call: Mapping[str, Any], kind: str, name: str
) -> None:
    assert verdicts(**{"event": name, **call, "type": kind})


@pytest.mark.parametrize("of_the_batch", [True, False])
def test_key_and_clock_of_a_batch_may_stand_in_its_calls(*, of_the_batch: bool) -> None:
    told = {"writeKey": "tk_1_a", "sentAt": NOON.isoformat()}
    call, batch = ({}, told) if of_the_batch else (told, {})
    asked = segment.read_request(json.dumps({"batch": [call], **batch}).encode(), None)
    assert (asked.write_key, asked.sent_at) == ("tk_1_a", NOON)


@pytest.mark.parametrize("sent", [b"", b"[]", b"{", b'{"batch": {}}', b'{"batch": [1]}', b"\xff", b'{"a":' * 3000])
def test_a_body_that_is_no_batch_is_refused(sent: bytes) -> None:
    with pytest.raises(InvalidInput):
        segment.read_request(sent, None)
