"""Laws of the simulated till: what it sends keeps the contracts, and its ids derive from the basket."""

from libs.common.contracts import StructuredEvent, contract_of
from libs.common.contracts.pos import Sale
from libs.laptop.till import (
    RECEIPT_COLUMNS,
    Receipt,
    checkout_request,
    printed_text,
    redemption_request,
    return_event,
    sale_event,
)
from tests.support.receipts import basket, line


def receipt(*lines: object) -> Receipt:
    return Receipt.of(basket("b1", *lines), "USD")  # type: ignore[arg-type]  # lines of a data set


def test_a_sale_keeps_its_contract_and_its_sum() -> None:
    event = StructuredEvent.model_validate(sale_event(receipt(line("milk"), line("bread", amount_cents=250))))
    sale = contract_of(event.type).model_validate(event.data)
    assert isinstance(sale, Sale)
    assert sale.total_cents == 350
    assert sale.partition_key == "loyalty_card:7"


def test_lines_that_came_back_are_a_return_of_their_own() -> None:
    mixed = receipt(line("milk"), line("bread", quantity="-2", amount_cents=-500))
    sold, returned = sale_event(mixed)["data"], return_event(mixed)["data"]
    assert [each["item_id"] for each in sold["lines"]] == ["milk"]
    assert [(each["quantity"], each["amount_cents"]) for each in returned["lines"]] == [("2", 500)]
    contract_of("usual.pos.return.v1").model_validate(returned)


def test_the_same_basket_has_the_same_ids_always() -> None:
    first, second = receipt(), receipt()
    assert sale_event(first)["id"] == sale_event(second)["id"]
    assert checkout_request(first)["checkout_id"] == checkout_request(second)["checkout_id"]
    assert (
        redemption_request(first, "v1", "c")["redemption_id"] == redemption_request(second, "v1", "c")["redemption_id"]
    )


def test_a_redemption_lowers_the_line_and_the_total_and_names_the_voucher_but_never_its_code() -> None:
    paid = receipt(line("milk")).discounted("v1", [{"line_no": 1, "item_id": "milk", "discount_cents": 30}])
    sale = sale_event(paid)["data"]
    assert (sale["total_cents"], sale["lines"][0]["amount_cents"]) == (70, 70)
    assert sale["vouchers_scanned"] == ["v1"]
    assert sale["lines"][0]["discounts"] == ({"amount_cents": 30, "voucher_id": "v1"},)


def test_a_line_that_a_voucher_caused_is_named_as_synthetic() -> None:
    sale = sale_event(receipt(line("milk")).with_line("bread", 250, "v1"))["data"]
    assert sale["synthetic_lines"] == [2]
    assert "synthetic_lines" not in sale_event(receipt(line("milk")))["data"]


def test_a_printed_receipt_fits_the_paper_and_its_figures_add_up() -> None:
    paid = receipt(line("milk"), line("bread", quantity="2", amount_cents=505))
    paid = paid.discounted("v1", [{"line_no": 1, "item_id": "milk", "discount_cents": 30}])
    rows = printed_text(paid, {"milk": "MILK " * 20}, "a voucher").splitlines()
    assert all(len(row) <= RECEIPT_COLUMNS for row in rows)
    figures = [round(float(row.split()[-1]) * 100) for row in rows if row[-3:-2] == "."]
    assert sum(figures[:-1]) == figures[-1] == paid.total_cents == 575
    assert rows[-1] == "a voucher"
