"""One valid body of every event type: shown in the AsyncAPI document, sent by tests."""

from collections.abc import Mapping
from typing import Any

AT = "2026-03-01T12:00:00Z"
CARD = {"kind": "loyalty_card", "value": "7"}
VISITOR = {"kind": "web_visitor", "value": "v1"}
LINE = {
    "line_no": 1,
    "item_id": "milk",
    "gtin": "4006381333931",
    "quantity": "1.5",
    "unit": "kg",
    "amount_cents": 199,
    "discounts": [{"amount_cents": 20, "funder": "maker", "voucher_id": "v-1"}],
}
TILL = {"receipt_id": "r1", "store_id": "7", "terminal_id": "t3", "customer": CARD}
RECEIPT = {**TILL, "currency": "USD"}
BASKET = {"lines": [LINE], "total_cents": 199}
STOCK = {"store_id": "7", "item_id": "milk"}
PROMOTION = {"promotion_id": "p-7", "item_ids": ["milk"], "store_ids": ["7"], "first_day": AT[:10], "last_day": AT[:10]}
CUSTOMER_ID = "4c0d8f7e-8a53-5d5c-9c67-0d6f0c1c7b1a"
VOUCHER = {
    "voucher_id": "v-1",
    "campaign_id": "milk-10",
    "customer_id": CUSTOMER_ID,
    "receipt_id": "r1",
    "store_id": "7",
    "currency": "USD",
}
BRAKE = {"brake_id": "stop-1", "scope": "campaign", "entity_id": "milk-10", "reason": "a wrong price on the poster"}
COMMAND = {
    "command_id": "c-1",
    "version": 1,
    "item_id": "milk",
    "store_id": "7",
    "quantity": "24",
    "needed_at": AT,
    "valid_until": AT,
    "explanation": "12 on hand, 30 wanted until the next delivery",
}

SILENCE = {"silent_since": "2031-03-03", "reason": "nothing moved for 6 days"}
NOTICE = {"command_id": "c-1", "version": 1, "item_id": "milk"}

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "usual.pos.sale.v1": {
        **RECEIPT,
        **BASKET,
        "tenders": [{"kind": "card", "amount_cents": 199}],
        "vouchers_scanned": ["v-1"],
    },
    "usual.pos.return.v1": {**RECEIPT, **BASKET, "original_receipt_id": "r0"},
    "usual.pos.void.v1": {**RECEIPT, "voided_receipt_id": "r0"},
    "usual.pos.line_scanned.v1": {**RECEIPT, "line": LINE},
    "usual.pos.voucher_scanned.v1": {**TILL, "voucher_id": "v-1", "outcome": "expired"},
    "usual.web.page_viewed.v1": {"visitor": VISITOR, "url_path": "/milk", "title": "Milk"},
    "usual.web.searched.v1": {"visitor": VISITOR, "query": "oat milk", "results_count": 0, "store_id": "7"},
    "usual.web.product_viewed.v1": {"visitor": VISITOR, "item_id": "milk", "price_cents": 199, "currency": "USD"},
    "usual.web.added_to_cart.v1": {"visitor": VISITOR, "item_id": "milk", "quantity": "2"},
    "usual.web.removed_from_cart.v1": {"visitor": VISITOR, "item_id": "milk", "quantity": "1"},
    "usual.web.checkout_started.v1": {
        "visitor": VISITOR,
        "cart_id": "cart-1",
        "currency": "USD",
        "lines": [{"item_id": "milk", "quantity": "2", "price_cents": 199}],
        "total_cents": 398,
    },
    "usual.web.ordered.v1": {"visitor": VISITOR, "order_id": "o1", "currency": "USD", **BASKET},
    "usual.feedback.survey_answered.v1": {"customer": CARD, "survey_id": "s1", "question": "value", "score": 9},
    "usual.feedback.survey_answered.v2": {
        "customer": CARD,
        "survey_id": "s1",
        "question": "value",
        "answer": 4,
        "scale": {"lowest": 1, "highest": 5},
        "comment": "The milk was fresh.",
    },
    "usual.feedback.nps_answered.v1": {"customer": CARD, "survey_id": "s1", "score": 9},
    "usual.feedback.complaint_made.v1": {
        "customer": CARD,
        "complaint_id": "k1",
        "subject": "product",
        "receipt_id": "r1",
        "item_id": "milk",
        "comment": "It was sour.",
    },
    "usual.feedback.complaint_resolved.v1": {
        "customer": CARD,
        "complaint_id": "k1",
        "outcome": "refunded",
        "satisfied": True,
    },
    "usual.feedback.compliment_made.v1": {"customer": CARD, "store_id": "7", "subject": "staff"},
    "usual.feedback.service_opened.v1": {
        "customer": CARD,
        "case_id": "a1",
        "channel": "phone",
        "topic": "delivery",
    },
    "usual.feedback.service_closed.v1": {
        "customer": CARD,
        "case_id": "a1",
        "outcome": "solved",
        "waited_seconds": 40,
        "handled_seconds": 300,
    },
    "usual.stock.counted.v1": {**STOCK, "on_hand": "12"},
    "usual.stock.delivered.v1": {**STOCK, "quantity": "24", "command_id": "c-1"},
    "usual.stock.moved.v1": {**STOCK, "change": "-2", "reason": "adjustment"},
    "usual.catalog.item.v1": {
        "item_id": "milk",
        "name": "Milk",
        "gtins": ["4006381333931"],
        "category": "milk",
        "item_type": "grocery",
        "department": "dairy",
        "price_cents": 199,
        "currency": "USD",
    },
    "usual.catalog.store.v1": {
        "store_id": "7",
        "name": "Seven",
        "time_zone": "America/New_York",
        "country": "US",
        "currency": "USD",
    },
    "usual.catalog.lane.v1": {"lane_id": "l1", "supplier_id": "s1", "store_id": "7", "lead_time_hours": 24},
    "usual.catalog.promotion.v1": PROMOTION,
    "usual.catalog.link.v1": {"link_id": "milks", "kind": "substitutes", "item_id": "milk", "other_ids": ["milk-2"]},
    "usual.consent.changed.v1": {"customer": CARD, "purpose": "personal_offers", "granted": True},
    "usual.identity.linked.v1": {"first": CARD, "second": VISITOR, "reason": "signed in"},
    "usual.identity.described.v1": {
        "customer": CARD,
        "traits": {
            "name": "A. Customer",
            "email": "customer@shop.example",
            "phone": "+1 555 0100",
            "birthday": "--12-24",
            "address": {"city": "Springfield", "country": "US"},
            "other": [{"name": "diet", "value": "no lactose"}],
        },
    },
    "usual.play.tick.v1": {"reached_at": AT},
    "usual.profile.snapshot.v1": {
        "customer_id": CUSTOMER_ID,
        "version": 3,
        "identifiers": [CARD],
        "as_of": AT,
        "accepted_at": AT,
        "consents": [{"purpose": "personal_offers", "channel": "till", "granted": True}],
        "segments": ["regular"],
        "value": {
            "currency": "USD",
            "expected_year_cents": 120_000,
            "chance_of_return_30_days_ratio": 0.9,
            "tier": "gold",
        },
    },
    "usual.profile.completed.v1": {"complete_until": AT},
    "usual.profile.identity.v1": {"customer_id": CUSTOMER_ID, "version": 2, "now_customer_id": "another"},
    "usual.profile.segment_entered.v1": {
        "customer_id": CUSTOMER_ID,
        "version": 3,
        "segment_id": "regular",
        "segment_version": 1,
    },
    "usual.profile.segment_left.v1": {
        "customer_id": CUSTOMER_ID,
        "version": 4,
        "segment_id": "new",
        "segment_version": 1,
        "reason": "rule",
    },
    "usual.profile.model.v1": {
        "model_name": "needs",
        "number": 1,
        "model_id": "needs-1",
        "trained_until": AT,
        "body": {},
    },
    "usual.privacy.erasure_requested.v1": {
        "erasure_id": "e-1",
        "customer_id": CUSTOMER_ID,
        "customer_ids": [CUSTOMER_ID],
        "identifiers": [CARD],
        "erased_at": AT,
    },
    "usual.privacy.erased.v1": {"erasure_id": "e-1", "service": "ingest", "removed": {"person_keys": 1}},
    "usual.offers.voucher_issued.v1": {
        **VOUCHER,
        "checkout_id": "k-1",
        "item_ids": ["milk"],
        "greatest_value_cents": 50,
        "valid_from": AT,
        "expires_at": AT,
        "tier": 0,
        "redemption_ratio": "0.25",
    },
    "usual.offers.voucher_redeemed.v1": {
        **VOUCHER,
        "redemption_id": "q-1",
        "given_cents": 20,
        "lines": [{"line_no": 1, "item_id": "milk", "discount_cents": 20}],
    },
    "usual.offers.voucher_rolled_back.v1": {**VOUCHER, "redemption_id": "q-1", "returned_cents": 20},
    "usual.offers.voucher_expired.v1": {**VOUCHER, "released_cents": 50},
    "usual.offers.brake_pulled.v1": {
        **BRAKE,
        "redemptions": False,
        "pulled_for": "person",
        "pulled_by": "office-1 (office)",
    },
    "usual.offers.brake_released.v1": {**BRAKE, "released_by": "office-1 (office)"},
    "usual.offers.fraud_suspected.v1": {
        "redemption_id": "redemption-1",
        "voucher_id": "v-1",
        "store_id": "7",
        "receipt_id": "r1",
        "action": "step-up",
        "points": 50,
        "signals": ["far-stores"],
    },
    "usual.offers.voucher_revoked.v1": {**VOUCHER, "revocation_id": "leak-1", "released_cents": 50},
    "usual.offers.decision.v1": {
        "decision_id": "d-1",
        "checkout_id": "k-1",
        "receipt_id": "r1",
        "customer_id": CUSTOMER_ID,
        "store_id": "7",
        "tier": 0,
        "reason": "decided",
        "group": "treated",
        "model_id": "offers-1",
        "chosen": ["milk-10"],
        "alternatives": [{"campaign_id": "milk-10", "propensity_ratio": 0.75, "score": 12.5}],
    },
    "usual.inventory.demand.v1": {**STOCK, "quantity": "1.5", "amount_cents": 199},
    "usual.inventory.reorder.v1": {**COMMAND, "supplier_id": "s1", "lane_id": "l1", "packs": 4},
    "usual.inventory.reroute.v1": {**COMMAND, "from_store_id": "8"},
    "usual.inventory.command_withdrawn.v1": {**NOTICE, "reason": "not needed"},
    "usual.inventory.command_escalated.v1": {**NOTICE, "alarm": "unanswered", "reason": "sent 2 times"},
    "usual.inventory.count.v1": {**STOCK, **SILENCE, "request_id": "q-1", "book": "12", "empty_ratio": "0.93"},
    "usual.inventory.acknowledgement.v1": {**NOTICE, "status": "acknowledged"},
    "usual.inventory.availability.v1": {**STOCK, "version": 5, "on_hand": "12", "available": "8", "status": "low"},
}
