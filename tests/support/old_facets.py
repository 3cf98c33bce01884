"""What the facets in facet_bytes/ were told. Each file was written by the release that had its layout, and is never written anew."""

from pathlib import Path

from libs.ranking.state import DAY_SECONDS
from services.profile.domain.contact import (
    Contact,
    MatterMoved,
    Purchase,
    PurchaseLine,
    Return,
    ReturnedLine,
    SurveyAnswer,
    VoucherIssued,
    VoucherRedeemed,
    WebView,
)

FACET_BYTES = Path(__file__).parent / "facet_bytes"
WITHOUT_MATTERS = ("version-1-ten-sections", "version-1-eleven-sections")
WITH_MATTERS = ("version-2",)
CUT_TO_ITEMS = 2
"""The files `*-cut.bin` were written by facets that kept no more items than that, so that visits name items without a tally."""
_AT = 1_700_000_000


def told_at_all_times() -> list[Contact]:
    """What every release understood."""
    milk = PurchaseLine("milk", "dairy", "fresh milk", 1000, 129)
    tea = PurchaseLine("thé", "drinks", "tea", 250, 399, 100)
    fuel = PurchaseLine("fuel", "fuel", "", 35_200, 6_300, 0, False)  # noqa: FBT003 - as releases knew it
    unlisted = PurchaseLine("4711", "", "", 1000, 0)
    return [
        Purchase("e1", "r1", _AT, "s1", (milk, tea, milk), "till", 60),
        Purchase("e2", "r2", _AT + 8 * DAY_SECONDS, "s2", (tea, fuel), "till", 120),
        Purchase("e3", "r3", _AT + 40 * DAY_SECONDS, "web", (unlisted, milk), "web", 0),
        Purchase("e4", "r4", _AT + 41 * DAY_SECONDS, "s1", (fuel,), "till", -300),
        Return("e5", _AT + 9 * DAY_SECONDS, (ReturnedLine("thé", 250, 299), ReturnedLine("never bought", 1000, 5))),
        WebView("e6", _AT + 2 * DAY_SECONDS, "product", "milk"),
        WebView("e7", _AT + 3 * DAY_SECONDS, "search"),
        SurveyAnswer("e8", _AT + 10 * DAY_SECONDS, "satisfaction", 8),
        SurveyAnswer("e9", _AT + 12 * DAY_SECONDS, "satisfaction", 3),
        VoucherIssued("e10", _AT + 11 * DAY_SECONDS),
        VoucherRedeemed("e11", _AT + 12 * DAY_SECONDS, 150),
    ]


def told_since_matters() -> list[Contact]:
    """The same, and what the second version understands."""
    return [
        *told_at_all_times(),
        MatterMoved("e12", _AT + 13 * DAY_SECONDS, "complaint", "c1", opened=True),
        MatterMoved("e13", _AT + 14 * DAY_SECONDS, "complaint", "c1", opened=False),
        MatterMoved("e14", _AT + 15 * DAY_SECONDS, "service_contact", "t1", opened=True),
    ]
