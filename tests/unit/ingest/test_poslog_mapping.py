"""What becomes of a till's transaction: laws of the mapping from POSLog to our events."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.contracts import contract_of
from libs.common.contracts.pos import Return, Sale, Void
from services.ingest.domain.poslog import Assumed
from tests.support.poslog_documents import BERLIN, document, events, fault, grand, only, poslog, read, sale, transaction


def bodies(mapped: Any) -> list[Any]:
    """The contracts' view of a transaction's events: each must be valid."""
    return [contract_of(event["type"]).model_validate(event["data"]) for event in events(mapped)]


def amounts(lines: str) -> list[int]:
    return [line.amount_cents for body in bodies(only(poslog(transaction(lines)))) for line in body.lines]


def test_a_sale_of_version_6_keeps_goods_discounts_payments_and_the_customer() -> None:
    mapped = only(document("sale_v6"), Assumed())
    (event,) = events(mapped)
    (body,) = bodies(mapped)
    assert isinstance(body, Sale)
    assert (event["time"], event["source"]) == ("2026-03-01T10:59:30.500000Z", "poslog/7/2")
    assert (body.receipt_id, body.terminal_id, body.cashier_id) == ("7/2/2026-03-01/451", "2", "9009")
    assert body.customer is not None
    assert body.customer.key == "loyalty_card:2600001234"
    milk, apples = body.lines
    assert (milk.item_id, milk.gtin, milk.amount_cents) == ("milk", "04006381333931", 258)
    assert milk.quantity == Decimal(2)
    assert milk.tax_ratio == Decimal("0.07")
    assert (apples.quantity, apples.unit, apples.amount_cents) == (Decimal("1.234"), "kg", 200)
    assert [one.amount_cents for one in apples.discounts] == [46]
    assert [(tender.kind, tender.amount_cents) for tender in body.tenders] == [("cash", 458)]
    assert mapped.voided_lines == 1


def test_a_day_of_version_2_gives_each_transaction_its_event_or_says_why_not() -> None:
    exchange, void, training, cancelled, suspended, control = read(document("day_v2")).transactions
    sold, back = bodies(exchange)
    assert isinstance(sold, Sale)
    assert isinstance(back, Return)
    assert [line.item_id for line in sold.lines] == ["40"], (
        "a void that is a line of its own takes back the line it links to"
    )
    assert (back.total_cents, back.original_receipt_id) == (225, "8/1/2026-02-20/77")
    (voided,) = bodies(void)
    assert isinstance(voided, Void)
    assert voided.voided_receipt_id == sold.receipt_id
    assert [(body.training, body.cancelled) for one in (training, cancelled) for body in bodies(one)] == [
        (True, False),
        (False, True),
    ]
    assert (suspended.skipped, suspended.events) == ("suspended", [])
    assert (control.kind, control.skipped, control.events) == ("ControlTransaction", "unmapped-transaction", [])


def test_coupons_of_makers_baskets_and_taxes_that_are_added_come_to_what_was_paid() -> None:
    mapped = only(document("coupons_v3"), Assumed())
    (body,) = bodies(mapped)
    cereal, ham = body.lines
    assert body.total_cents == 910 == sum(tender.amount_cents for tender in body.tenders)
    assert [(one.amount_cents, one.funder) for one in cereal.discounts] == [(100, "maker"), (20, "retailer")]
    assert [(one.amount_cents, one.funder) for one in ham.discounts] == [(30, "retailer")]
    assert (ham.quantity, ham.unit) == (Decimal("0.680389"), "kg")
    assert events(mapped)[0]["time"] == "2026-02-27T23:30:00.000000Z", "the till's own offset places its time"
    assert body.customer.value == "48800123"


@given(cents=st.integers(0, 10**9), currency=st.sampled_from(["EUR", "JPY", "KWD"]))
def test_money_is_exact_in_every_currency(cents: int, currency: str) -> None:
    digits = {"EUR": 2, "JPY": 0, "KWD": 3}[currency]
    text = f"{Decimal(cents).scaleb(-digits):f}"
    (body,) = bodies(only(poslog(transaction(sale(text), header=f"<CurrencyCode>{currency}</CurrencyCode>"))))
    assert body.total_cents == cents


@pytest.mark.parametrize("text", ["1.005", "12,50", "1e3", "NaN", "Infinity", "€ 3", "", "9" * 40, "٣"])
def test_an_amount_that_is_not_exact_breaks_its_transaction(text: str) -> None:
    slug, pointer = fault(only(poslog(transaction(sale(text)))))
    assert (slug, pointer) == ("invalid-amount", "/Transaction/RetailTransaction/LineItem/Sale/ExtendedAmount")


def test_two_currencies_in_one_transaction_break_it_and_none_at_all_too() -> None:
    mixed = sale("1", '<Tax><Amount Currency="USD">1</Amount></Tax>')
    assert fault(only(poslog(transaction(mixed))))[0] == "mixed-currency"
    silent = poslog(transaction(header=""))
    assert fault(only(silent))[0] == "missing-currency"
    (event,) = events(only(silent, Assumed(currency="USD")))
    assert event["data"]["currency"] == "USD"


@pytest.mark.parametrize(
    ("stated", "expected"),
    [("10.00", [1000]), ("11.90", [1190]), ("9.00", [900]), ("10.90", [1090])],
    ids=["as it stands", "taxes added", "discounts taken off", "both"],
)
def test_the_stated_total_says_what_the_amounts_mean(stated: str, expected: list[int]) -> None:
    line = sale(
        "10.00",
        "<Tax><Amount>1.90</Amount></Tax><RetailPriceModifier><Amount>1.00</Amount></RetailPriceModifier>",
    )
    assert amounts(line + grand(stated)) == expected


def test_lines_that_come_to_another_sum_than_the_total_break_the_transaction() -> None:
    assert fault(only(poslog(transaction(sale("10.00") + grand("9.99")))))[0] == "total-mismatch"


def test_a_difference_that_lines_of_an_unknown_kind_explain_is_theirs() -> None:
    top_up = "<LineItem><GiftCertificate><Amount>25.00</Amount></GiftCertificate></LineItem>"
    mapped = read(poslog(transaction(sale("10.00") + top_up + grand("35.00"))))
    assert mapped.transactions[0].fault is None
    assert mapped.unmapped["Transaction/RetailTransaction/LineItem/GiftCertificate"] == 1


def test_rounding_to_coins_is_no_difference() -> None:
    rounded = sale("9.98") + grand("10.00") + '<Total TotalType="RoundingAmount">0.02</Total>'
    assert amounts(rounded) == [998]


def test_a_time_without_a_zone_needs_one_from_the_deployment_and_the_answer_says_that_it_was_assumed() -> None:
    body = poslog(transaction(at="<EndDateTime>2026-07-01T12:00:00</EndDateTime>"))
    assert fault(only(body, Assumed())) == ("missing-time-zone", "/Transaction/EndDateTime")
    mapped = only(body, BERLIN)
    assert mapped.zone_was_assumed
    assert events(mapped)[0]["time"] == "2026-07-01T10:00:00.000000Z"


@pytest.mark.parametrize("at", ["yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_is_none_breaks_its_transaction(at: str) -> None:
    assert fault(only(poslog(transaction(at=f"<EndDateTime>{at}</EndDateTime>"))))[0] == "invalid-time"


@pytest.mark.parametrize("name", ["RetailStoreID", "WorkstationID", "SequenceNumber"])
def test_a_transaction_that_cannot_be_told_from_others_is_broken(name: str) -> None:
    body = poslog(transaction()).replace(f"<{name}>".encode(), f"<{name}x>".encode())
    body = body.replace(f"</{name}>".encode(), f"</{name}x>".encode())
    assert fault(only(body)) == ("missing-element", f"/Transaction/{name}")


def test_a_broken_transaction_is_kept_as_it_came_and_costs_its_neighbours_nothing() -> None:
    broken = transaction(sale("1.005"), sequence="2")
    first, second, third = read(poslog(transaction(), broken, transaction(sequence="3"))).transactions
    assert (first.fault, third.fault) == (None, None)
    assert (len(first.events), len(second.events), len(third.events)) == (1, 0, 1)
    assert second.raw == broken.encode()


def test_the_same_transaction_has_the_same_bytes_and_ids_whenever_and_in_whichever_namespace_it_comes() -> None:
    once = [one.events for one in read(document("day_v2")).transactions]
    again = [one.events for one in read(document("day_v2")).transactions]
    plain = document("day_v2").replace(b'xmlns="http://www.nrf-arts.org/IXRetail/namespace/"', b"")
    prefixed = poslog(transaction()).replace(b"xmlns=", b"xmlns:a=").replace(b"</", b"</a:").replace(b"<", b"<a:")
    prefixed = prefixed.replace(b"<a:/a:", b"</a:")
    assert once == again == [one.events for one in read(plain).transactions]
    assert only(prefixed).events == only(poslog(transaction())).events


def test_ids_differ_by_store_till_day_number_and_kind() -> None:
    changes = [("<RetailStoreID>7", "<RetailStoreID>8"), ("<WorkstationID>2", "<WorkstationID>3")]
    changes += [("2026-03-01</B", "2026-03-02</B"), ("<SequenceNumber>1", "<SequenceNumber>2")]
    exchange = sale("5.50") + sale("2.00", kind="Return")
    documents = [poslog(transaction(exchange).replace(*change)) for change in [("", ""), *changes]]
    ids = [event["id"] for body in documents for event in events(only(body))]
    assert len(set(ids)) == len(ids) == 10


def test_a_void_that_does_not_say_what_it_voids_is_broken() -> None:
    body = poslog(transaction()).replace(b"<RetailTransaction>", b'<RetailTransaction TransactionStatus="PostVoided">')
    assert fault(only(body))[0] == "missing-link"


def test_goods_brought_back_carry_what_was_given_back_whatever_the_signs() -> None:
    for text, total in (("2.00", "2.00"), ("-2.00", "-2.00"), ("2.00", "-2.00")):
        (body,) = bodies(only(poslog(transaction(sale(text, kind="Return") + grand(total)))))
        assert isinstance(body, Return)
        assert body.total_cents == 200


@pytest.mark.parametrize("tax", ["0.80", "-0.80"])
def test_a_tax_on_the_whole_of_what_was_brought_back_is_given_back_with_it(tax: str) -> None:
    back = sale("7.50", kind="Return") + sale("-2.50", kind="Return")
    taxed = f"<LineItem><Tax><Amount>{tax}</Amount></Tax></LineItem>"
    for total in ("10.80", "-10.80"):
        assert amounts(back + taxed + grand(total)) == [810, 270]
    assert fault(only(poslog(transaction(back + taxed + grand("10.90")))))[0] == "total-mismatch"


def test_a_link_that_no_line_can_have_takes_no_line_back_and_no_neighbour_down() -> None:
    voiding = (
        f'<LineItem VoidFlag="true"><Sale><ItemID>milk</ItemID><ItemLink>{"1" * 5_000}</ItemLink></Sale></LineItem>'
    )
    assert amounts(sale("1.00") + voiding) == [100]


def test_how_a_refund_was_paid_is_told_with_the_sale_beside_it_or_else_with_the_return() -> None:
    paid = '<LineItem><Tender TenderType="Cash" TypeCode="Refund"><Amount>2.00</Amount></Tender></LineItem>'
    alone = events(only(poslog(transaction(sale("2.00", kind="Return") + paid))))
    beside = events(only(poslog(transaction(sale("5.00") + sale("2.00", kind="Return") + paid))))
    assert [event["data"].get("tenders") for event in alone] == [[{"kind": "cash", "amount_cents": -200}]]
    assert [event["data"].get("tenders") for event in beside] == [[{"kind": "cash", "amount_cents": -200}], None]


def test_a_transaction_in_which_no_line_stands_is_skipped_and_says_so() -> None:
    mapped = only(poslog(transaction(sale("1", attributes='VoidFlag="true"'))))
    assert (mapped.skipped, mapped.voided_lines, mapped.fault) == ("empty-transaction", 1, None)


def test_whatever_nobody_read_is_listed_by_path_and_nothing_that_was_read() -> None:
    more = '<Colour Shade="dark">red</Colour><x:Shelf xmlns:x="urn:till">9</x:Shelf>'
    unmapped = read(poslog(transaction(sale("1", more) + sale("2", more)))).unmapped
    line = "Transaction/RetailTransaction/LineItem/Sale"
    assert unmapped == {f"{line}/Colour": 2, f"{line}/{{urn:till}}Shelf": 2}


def test_the_list_of_what_was_not_read_is_bounded_and_says_how_much_it_left_out() -> None:
    many = "".join(f"<Odd{number}/>" for number in range(300))
    found = read(poslog(transaction(sale("1", many))))
    assert (len(found.unmapped), found.unmapped_left_out) == (200, 100)


def test_an_elements_namesake_from_another_vocabulary_is_not_taken_for_it() -> None:
    foreign = '<x:ExtendedAmount xmlns:x="urn:till">99</x:ExtendedAmount>'
    assert amounts(sale("1").replace("<ItemID>", f"{foreign}<ItemID>")) == [100]


def test_a_transaction_with_a_card_number_is_refused_and_its_bytes_are_let_go() -> None:
    places = [
        "<Note>4111 1111 1111 1111</Note>",
        '<Note Number="4111111111111111"/>',
        "<!-- 4111-1111-1111-1111 -->",
        "<?till 4111111111111111?>",
    ]
    for place in places:
        bad, good = read(poslog(transaction(sale("1", place)), transaction(sequence="2"))).transactions
        assert (fault(bad)[0], bad.raw, bad.events) == ("card-number", b"", [])
        assert good.fault is None


def test_goods_numbers_that_look_like_card_numbers_pass() -> None:
    (body,) = bodies(only(poslog(transaction(sale("1", item_id="4000000000006")))))
    assert body.lines[0].item_id == "4000000000006"
