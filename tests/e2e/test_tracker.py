"""The tracker in a real browser: what a visitor does ends in the profile after consent, once, and nothing leaves before."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import eventually, running_browser
from tests.support.web_shop import Visitor, WebShop, running_web_shop

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

YES = {"granted": True}
SHOE = {"product_id": "shoe", "price": 19.99, "currency": "EUR"}


@pytest.fixture(scope="module")
def web_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebShop]:
    with running_web_shop(tmp_path_factory.mktemp("usual")) as running:
        yield running


@pytest.fixture
def visitor(web_shop: WebShop, tmp_path: Path) -> Iterator[Visitor]:
    with running_browser(tmp_path / "browser") as browser:
        yield Visitor(browser, web_shop.shop)


def test_before_consent_nothing_is_sent_and_nothing_is_stored(web_shop: WebShop, visitor: Visitor) -> None:
    requests, events = web_shop.requests_at_the_door(), len(web_shop.in_topics())
    visitor.open("/")
    visitor.usual("viewed", SHOE)
    visitor.usual("identify", "42", {"email": "jane@example.com"})
    visitor.usual("consent", {"granted": False})
    visitor.run("history.pushState({}, '', '/milk')")
    visitor.open("/bread")
    assert visitor.stored == {}
    visitor.open("/plain")
    assert visitor.stored == {}
    assert web_shop.requests_at_the_door() == requests
    assert len(web_shop.in_topics()) == events


def test_after_consent_what_a_visitor_does_ends_in_the_profile_once(web_shop: WebShop, visitor: Visitor) -> None:
    visitor.open("/")
    visitor.usual("viewed", {"product_id": "before"})
    visitor.usual("consent", {**YES, "personal_offers": True})
    visitor.run("history.pushState({}, '', '/milk')")
    eventually(lambda: web_shop.counts(visitor.id).get("web:page") == 2, "the page of the consent and the one after")
    visitor.usual("searched", {"query": "shoes", "results_count": 3})
    visitor.usual("viewed", SHOE)
    visitor.usual("added", {**SHOE, "quantity": 2})
    visitor.usual("removed", SHOE)
    visitor.open("/checkout")
    visitor.usual("consent", {**YES, "personal_offers": True})
    visitor.usual("checkout", {"currency": "EUR", "products": [{**SHOE, "quantity": 2}], "total": 39.98})
    visitor.usual("identify", "42", {"email": "jane@example.com"})
    visitor.usual("ordered", {"order_id": visitor.id, "currency": "EUR", "products": [{**SHOE, "quantity": 2}]})
    wanted = {"page": 3, "search": 1, "product": 1, "cart": 1, "uncart": 1, "checkout": 1}
    eventually(
        lambda: (
            {**web_shop.counts(visitor.id), "visits": 1}.items()
            >= {f"web:{action}": count for action, count in wanted.items()}.items()
        ),
        f"{wanted} in the profile",
    )
    eventually(lambda: web_shop.counts(visitor.id).get("visits") == 1, "the order in the profile")
    known = web_shop.customer(visitor.id)
    assert known is not None
    assert known["totals"]["amount_cents"] == 3998
    assert {each["purpose"]: each["granted"] for each in known["consents"]} == {
        "profiling": True,
        "personal_offers": True,
    }
    assert {each["kind"] for each in known["identifiers"]} == {"web_visitor", "account", "email_hash"}
    assert web_shop.counts(visitor.id)["web:product"] == 1
    assert "cookies" not in visitor.stored


def test_a_withdrawal_is_told_clears_the_browser_and_ends_it(web_shop: WebShop, visitor: Visitor) -> None:
    visitor.open("/")
    visitor.usual("consent", YES)
    eventually(lambda: web_shop.counts(visitor.id).get("web:page") == 1, "the page")
    visitor_id = visitor.id
    visitor.usual("consent", {"granted": False})
    eventually(lambda: visitor.stored == {}, "nothing stored")
    requests = web_shop.requests_at_the_door()
    visitor.usual("viewed", SHOE)
    visitor.open("/milk")
    visitor.open("/plain")
    assert visitor.stored == {}
    assert web_shop.requests_at_the_door() == requests

    def withdrawn() -> bool:
        known = web_shop.customer(visitor_id)
        return known is not None and [each["granted"] for each in known["consents"]] == [False]

    eventually(withdrawn, "the withdrawal in the profile")
    assert web_shop.counts(visitor_id).get("web:product") is None


def test_a_withdrawal_holds_in_every_tab(web_shop: WebShop, visitor: Visitor) -> None:
    visitor.open("/")
    visitor.usual("consent", YES)
    first = visitor.browser.current_window_handle
    visitor.browser.switch_to.new_window("tab")
    visitor.open("/milk")
    visitor.usual("consent", {"granted": False})
    eventually(lambda: visitor.stored == {}, "nothing stored")
    visitor.browser.switch_to.window(first)
    requests = web_shop.requests_at_the_door()
    visitor.usual("viewed", SHOE)
    assert visitor.stored == {}
    assert web_shop.requests_at_the_door() == requests


def test_what_waits_is_bounded_and_the_consent_is_not_what_goes(visitor: Visitor) -> None:
    visitor.open("/")
    visitor.run("window.fetch = () => new Promise(() => {})")
    visitor.usual("consent", YES)
    visitor.run("for (let n = 0; n < 150; n++) usual('searched', { query: String(n) })")
    waiting = visitor.waiting
    assert len(waiting) == 100
    assert waiting[0]["event"] == "Segment Consent Preference Updated"
    assert waiting[-1]["properties"]["query"] == "149"


def test_with_the_broker_away_calls_wait_in_the_browser_and_are_counted_once_after(
    web_shop: WebShop, visitor: Visitor
) -> None:
    visitor.open("/")
    visitor.usual("consent", YES)
    eventually(lambda: not visitor.waiting, "all acknowledged")
    requests = web_shop.requests_at_the_door()
    with web_shop.broker_away():
        for path in ("/milk", "/bread"):
            visitor.open(path)
            visitor.usual("viewed", SHOE)
        eventually(lambda: web_shop.requests_at_the_door() >= requests + 3, "three attempts")
        assert [call["type"] for call in visitor.waiting].count("track") == 2
    eventually(lambda: not visitor.waiting, "all acknowledged")
    eventually(lambda: web_shop.counts(visitor.id).get("web:page") == 3, "three pages")
    assert web_shop.counts(visitor.id)["web:product"] == 2


def test_what_happens_as_a_visitor_leaves_is_sent_on_the_way_out(web_shop: WebShop, visitor: Visitor) -> None:
    visitor.open("/")
    visitor.usual("consent", YES)
    eventually(lambda: web_shop.counts(visitor.id).get("web:page") == 1, "the page")
    visitor_id = visitor.id
    visitor.run("window.fetch = () => new Promise(() => {})")  # what is under way as a page goes is cut off
    visitor.usual("viewed", SHOE)
    visitor.open("/plain")
    eventually(lambda: web_shop.counts(visitor_id).get("web:product") == 1, "the view")
    assert len(visitor.waiting) == 1
    visitor.open("/")
    eventually(lambda: not visitor.waiting, "sent again and acknowledged")
    eventually(lambda: web_shop.counts(visitor_id).get("web:page") == 2, "the second page")
    assert web_shop.counts(visitor_id)["web:product"] == 1


def test_another_sites_page_cannot_use_the_key(web_shop: WebShop, visitor: Visitor) -> None:
    visitor.browser.get(web_shop.shop.origin.replace("127.0.0.1", "localhost") + "/")
    eventually(lambda: visitor.run("return document.body.className") == "ready", "the tracker")
    events = len(web_shop.in_topics())
    visitor.usual("consent", YES)
    eventually(lambda: not visitor.waiting, "refused for good")
    assert len(web_shop.in_topics()) == events
