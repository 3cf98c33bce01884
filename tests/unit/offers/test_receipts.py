"""What an answer says of the receipt: what is for paper, what for the e-receipt, and the same bytes for ever."""

import math
from base64 import b64decode
from dataclasses import replace

import msgspec
import pytest

from services.offers.domain.checkout.answer import (
    BUDGET_EXHAUSTED,
    CheckoutAnswer,
    PrintedReceipt,
    answer,
    answered,
    nothing,
)
from services.offers.domain.checkout.proposal import Proposal, pack, unpack
from services.offers.domain.receipts.printing import PrintPolicy
from tests.support.escpos_paper import Printer
from tests.support.offers_printing import EXAMPLES, KEY, Example, signing

THREE = next(example for example in EXAMPLES if len(example.categories) > 2)


def told(proposal: Proposal, *slots: int) -> PrintedReceipt:
    granted = slots or [voucher.slot for voucher in proposal.vouchers]
    return answered(proposal, granted, KEY, signing)[1]


def under(**policy: object) -> Example:
    return replace(THREE, policy=PrintPolicy.model_validate(policy))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_answer_is_made_again_from_what_is_stored_byte_for_byte(example: Example) -> None:
    slots = [voucher.slot for voucher in example.proposal.vouchers]
    stored = pack(example.proposal)
    assert answer(unpack(stored), slots, KEY, signing) == answer(example.proposal, slots, KEY, signing)
    code = KEY.code_of("voucher-1")
    assert code.encode() not in stored
    assert code.encode() in answer(unpack(stored), [1], KEY)


def test_words_and_rules_of_a_repeat_are_those_of_the_first_answer() -> None:
    proposal = under(how="ask", greatest_mm=80).proposal
    stored = unpack(pack(proposal)).printing
    assert stored == proposal.printing
    assert stored.questions[0] == "Czy wydrukować kupon?"
    assert stored.elsewhere[1] == "Jeszcze 2 kupony w e-paragonie"


def test_a_proposal_of_an_earlier_release_is_still_answered() -> None:
    fields = msgspec.msgpack.decode(pack(EXAMPLES[0].proposal))
    del fields["printing"]
    for voucher in fields["vouchers"]:
        del voucher["such_as_line"], voucher["valid_through"]
    receipt = told(unpack(msgspec.msgpack.encode(fields)))
    assert "2026-03-24" in receipt.text
    assert "2% Milk 1 gal, Whole milk" in receipt.text
    assert receipt.printing == "print"


def test_only_granted_slots_are_printed() -> None:
    body = msgspec.json.decode(answer(THREE.proposal, [2], KEY), type=CheckoutAnswer)
    assert [voucher.voucher_id for voucher in body.vouchers] == ["voucher-2"]
    assert KEY.code_of("voucher-1") not in body.receipt.text
    none = msgspec.json.decode(answer(THREE.proposal, [], KEY), type=CheckoutAnswer)
    assert (none.vouchers, none.reason, none.receipt.escpos_base64) == ((), BUDGET_EXHAUSTED, "")
    assert none.receipt.printing == "never"


def test_nothing_to_print_takes_no_paper() -> None:
    receipt = msgspec.json.decode(nothing("checkout", "deadline"), type=CheckoutAnswer).receipt
    assert (receipt.printing, receipt.text, receipt.paper_mm, receipt.saved_mm) == ("never", "", 0, 0)


def test_asking_first_has_the_question_and_all_that_a_yes_prints() -> None:
    proposal = under(how="ask").proposal
    assert told(proposal).question == "Czy wydrukować 3 kupony?"
    assert told(proposal, 2).question == "Czy wydrukować kupon?"
    receipt = told(proposal)
    assert receipt.printing == "ask"
    assert receipt.e_receipt_only == ()
    assert receipt.paper_mm > 0
    assert Printer(proposal.columns).print(b64decode(receipt.escpos_base64)).barcodes


def test_a_paperless_country_prints_nothing_and_saves_all() -> None:
    printed, paperless = told(under(how="print").proposal), told(under(how="never").proposal)
    assert (paperless.printing, paperless.text, paperless.escpos_base64) == ("never", "", "")
    assert paperless.e_receipt_only == ("voucher-1", "voucher-2", "voucher-3")
    assert (paperless.paper_mm, paperless.saved_mm) == (0, printed.paper_mm)
    # 80 mm wide, 55 g a square metre.
    assert paperless.saved_grams == pytest.approx(printed.paper_mm * 0.0044, abs=0.001)


@pytest.mark.parametrize("greatest_mm", [1, 60, 80, 100, 120, 160, 200, 250])
def test_the_paper_budget_of_a_basket_holds_and_nothing_is_lost(greatest_mm: int) -> None:
    proposal = under(how="print", greatest_mm=greatest_mm).proposal
    receipt = told(proposal)
    assert receipt.paper_mm <= greatest_mm
    on_paper = {KEY.code_of(v) for v in ("voucher-1", "voucher-2", "voucher-3")} - {
        KEY.code_of(voucher_id) for voucher_id in receipt.e_receipt_only
    }
    assert {line.strip() for line in receipt.text.splitlines()} & {
        KEY.code_of(v) for v in ("voucher-1", "voucher-2", "voucher-3")
    } == on_paper
    if on_paper:
        paper = Printer(proposal.columns).print(b64decode(receipt.escpos_base64))
        assert math.ceil(paper.length_dots * 25.4 / 180) <= receipt.paper_mm
    else:
        assert receipt.printing == "never"


def test_a_tight_budget_first_leaves_out_symbols_and_then_coupons() -> None:
    steps = {mm: told(under(how="print", greatest_mm=mm).proposal) for mm in (230, 160, 110, 80, 30)}
    assert [3 - len(receipt.e_receipt_only) for receipt in steps.values()] == [3, 3, 2, 1, 0]
    assert [b"\x1d(k" in b64decode(receipt.escpos_base64) for receipt in steps.values()] == [True, *[False] * 4]
    assert steps[110].text.splitlines()[-2].strip() == "Jeszcze 1 kupon w e-paragonie"


def test_paper_and_what_is_saved_of_it_are_together_what_all_would_take() -> None:
    whole_mm = told(under(how="print").proposal).paper_mm
    for greatest_mm in (30, 80, 160):
        receipt = told(under(how="print", greatest_mm=greatest_mm).proposal)
        assert whole_mm <= receipt.paper_mm + receipt.saved_mm <= whole_mm + 1, "each is rounded up"
