"""Laws of the library that runs in a till: never above its lease, each voucher once, nothing lost once it was answered."""

import ast
import json
import os
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.common.money import allocate_cents
from libs.tills import offline_till
from libs.tills.offline_till import Line, OfflineTill
from libs.tills.verify_voucher import Refused
from services.offers.domain.campaigns.terms import PercentOff, Terms
from services.offers.domain.codes.signed import Promise, signed_text
from tests.support.offers_facts import NOW
from tests.support.offers_running import CODES
from tests.support.offline_books import KEY

FILE = Path(offline_till.__file__)
KEYS = {1: KEY.public_key}
SECONDS = NOW.timestamp() + 3600


def signed(voucher_id: str, **changes: Any) -> str:
    plain: dict[str, Any] = {
        "code": CODES.code_of(voucher_id),
        "campaign_id": "usual",
        "category": "milk",
        "percent": 10,
        "greatest_value_cents": 100,
        "currency": "USD",
        "expires_at": NOW + timedelta(days=1),
        "store_id": "",
    }
    return signed_text(KEY, Promise(**(plain | changes)))


def a_lease(lease_id: str = "lease", **changes: Any) -> dict[str, Any]:
    """As the door answers."""
    money = {
        "campaign_id": "usual",
        "currency": "USD",
        "accept_up_to_cents": 60,
        "granted_cents": 100,
        "left_cents": 100,
    }
    return {
        "lease_id": lease_id,
        "granted_at": "2026-03-10T15:00:00Z",
        "ends_at": "2026-03-11T03:00:00Z",
        "campaigns": [money | changes],
    }


def milk(*cents: int) -> list[Line]:
    return [Line(n, f"milk-{n}", "1", each, "milk") for n, each in enumerate(cents, 1)]


@pytest.fixture
def till(tmp_path: Path) -> OfflineTill:
    opened = OfflineTill(str(tmp_path / "journal"), KEYS, "store-1")
    opened.lend(a_lease())
    return opened


def again(till: OfflineTill) -> OfflineTill:
    """The same till after its process was ended."""
    return OfflineTill(till.path, KEYS, "store-1")


def outcome(
    entry: dict[str, Any], from_lease: int = 0, *, taken_back: bool = False, status: str = "x"
) -> dict[str, Any]:
    return {
        "redemption_id": entry["redemption_id"],
        "status": status,
        "from_lease_cents": from_lease,
        "taken_back": taken_back,
    }


def test_it_gives_what_the_chain_would(till: OfflineTill) -> None:
    lines = [*milk(250, 133), Line(3, "bread-1", "1", 900, "bread"), Line(4, "bag", "1", 10, None), *milk(-50)]
    entry = till.accept(signed("v1"), "r1", "USD", lines, SECONDS)
    ten = Terms(promise=PercentOff(percent=10), greatest_value_cents=100, validity_days=0)
    assert entry["gives"] == ten.discount_cents(250 + 133) == 38
    assert [line["discount_cents"] for line in entry["lines"]] == [*allocate_cents(38, [250, 133]), 0, 0]
    assert till.left_cents("lease", "usual") == 62


@given(total=st.integers(0, 10**6), weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any))
def test_lines_get_the_shares_that_the_chain_gives_them(total: int, weights: list[int]) -> None:
    assert offline_till._allocate(total, weights) == allocate_cents(total, weights)


def test_a_voucher_is_taken_once_per_lane_and_again_on_the_same_receipt_is_the_same(till: OfflineTill) -> None:
    entry = till.accept(signed("v1"), "r1", "USD", milk(250), SECONDS)
    for lane in (till, again(till)):
        assert lane.accept(signed("v1"), "r1", "USD", milk(250), SECONDS + 10**6) == entry
        with pytest.raises(Refused, match="spent-here"):
            lane.accept(signed("v1"), "r2", "USD", milk(250), SECONDS)
    assert len(again(till).entries) == 1


def test_two_vouchers_take_no_more_off_a_line_than_it_costs(till: OfflineTill) -> None:
    till.lend(a_lease("more", accept_up_to_cents=500, granted_cents=1_000, left_cents=1_000))
    worth = {"percent": 0, "greatest_value_cents": 200}
    first = till.accept(signed("v1", **worth), "r1", "USD", milk(250), SECONDS)
    second = again(till).accept(signed("v2", **worth), "r1", "USD", milk(250), SECONDS)
    assert [each["lines"][0]["discount_cents"] for each in (first, second)] == [200, 50]
    assert second["lines"][0]["amount_cents"] == 250, "what it cost before any voucher"
    lane = again(till)
    with pytest.raises(Refused, match="no-eligible-line"):
        lane.accept(signed("v3", **worth), "r1", "USD", milk(250), SECONDS)
    lane.take_back(first["redemption_id"])
    third = lane.accept(signed("v3", **worth), "r1", "USD", milk(250), SECONDS)
    assert third["lines"][0]["discount_cents"] == 200, "what was taken back is on no receipt"


def test_a_receipt_that_comes_to_less_than_the_campaign_asks_for_gets_nothing(tmp_path: Path) -> None:
    till = OfflineTill(str(tmp_path / "journal"), KEYS, "store-1")
    till.lend(a_lease(minimum_basket_cents=1_000))
    bread = Line(9, "bread-1", "1", 800, "bread")
    bottles = Line(10, "bottles", "1", -60, None)
    with pytest.raises(Refused, match="below-threshold"):
        till.accept(signed("v1"), "r1", "USD", [*milk(250), bread, bottles], SECONDS)
    entry = till.accept(signed("v1"), "r1", "USD", [*milk(260), bread, bottles], SECONDS)
    assert entry["gives"] == 26
    till.lend(a_lease("any", minimum_basket_cents=None))
    till.accept(signed("v2"), "r2", "USD", milk(100), SECONDS)


def test_what_was_taken_back_is_given_to_nobody_before_the_chain_knows_not_even_on_its_own_receipt(
    till: OfflineTill,
) -> None:
    entry = till.accept(signed("v1"), "r1", "USD", milk(250), SECONDS)
    till.take_back(entry["redemption_id"])
    for lane in (till, again(till)):
        for receipt_id in ("r1", "r2"):
            with pytest.raises(Refused, match="spent-here"):
                lane.accept(signed("v1"), receipt_id, "USD", milk(250), SECONDS)
    till.learn({"outcomes": [outcome(entry, taken_back=True)]})
    assert till.accept(signed("v1"), "r1", "USD", milk(250), SECONDS)["redemption_id"] != entry["redemption_id"]


def test_a_lease_that_the_chain_has_ended_lends_nothing(till: OfflineTill) -> None:
    till.lend(a_lease("over", granted_cents=1_000) | {"ended_at": "2026-03-10T16:00:00Z"})
    assert list(again(till).leases) == ["lease"]


def test_a_journal_that_takes_the_place_of_another_is_there_after_a_power_cut(
    till: OfflineTill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = list[str]()
    replace, fsync = os.replace, os.fsync

    def replaced(*names: str) -> None:
        steps.append("replaced")
        replace(*names)

    def synced(file: int) -> None:
        steps.append("folder" if os.path.samestat(os.fstat(file), tmp_path.stat()) else "file")
        fsync(file)

    monkeypatch.setattr(os, "replace", replaced)
    monkeypatch.setattr(os, "fsync", synced)
    till.forget("lease", SECONDS)
    assert steps == ["file", "replaced", "folder"]


@pytest.mark.parametrize(
    ("why", "asked"),
    [
        ("expired", {"now": SECONDS + 30 * 3600}),
        ("other-currency", {"currency": "EUR"}),
        ("no-eligible-line", {"lines": [Line(1, "bread-1", "1", 500, "bread")]}),
        ("no-eligible-line", {"lines": milk(9)}),
        ("no-lease", {"text": signed("v1", campaign_id="other")}),
        ("no-lease", {"now": SECONDS + 12 * 3600}),
        ("above-limit", {"lines": milk(700)}),
        ("other-store", {"text": signed("v1", store_id="store-2")}),
        ("not-a-voucher", {"text": "TU1:AAA"}),
    ],
)
def test_what_the_lease_does_not_bear_is_refused_with_its_reason(
    till: OfflineTill, why: str, asked: dict[str, Any]
) -> None:
    plain: dict[str, Any] = {"text": signed("v1"), "currency": "USD", "lines": milk(250), "now": SECONDS} | asked
    with pytest.raises(Refused, match=why):
        till.accept(plain["text"], "r1", plain["currency"], plain["lines"], plain["now"])
    assert till.entries == {}
    assert till.left_cents("lease", "usual") == 100


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 60), st.integers(0, 60)), max_size=14), data=st.data()
)
def test_what_a_lane_gave_and_did_not_get_back_never_exceeds_its_lease(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    """The chain settles any of the entries, at any time, against the lease or not; answers may get lost, the till may end and begin again."""
    till = OfflineTill(str(tmp_path_factory.mktemp("till") / "journal"), KEYS, "store-1")
    till.lend(a_lease())
    settled: dict[str, int] = {}
    for number, (kind, cents, paid) in enumerate(steps):
        if kind == 0:
            till = again(till)
        elif kind in {1, 2} and till.pending():
            waiting = data.draw(st.sampled_from(till.pending()[0]["entries"]))
            gives = sum(line["discount_cents"] for line in waiting["lines"])
            settled.setdefault(waiting["redemption_id"], 0 if waiting["taken_back"] else min(paid, gives))
            if kind == 1:
                told = outcome(waiting, settled[waiting["redemption_id"]], taken_back=waiting["taken_back"])
                till.learn({"outcomes": [told]})
        elif kind == 3 and till.entries:
            till.take_back(data.draw(st.sampled_from(sorted(till.entries))))
        else:
            with suppress(Refused):
                till.accept(signed(f"v{number}"), f"r{number}", "USD", milk(cents * 10), SECONDS)
        open_cents = sum(each["gives"] for name, each in till.entries.items() if name not in settled)
        assert sum(settled.values()) + open_cents <= 100


def test_a_clock_that_is_set_back_revives_nothing(till: OfflineTill) -> None:
    text = signed("v1", expires_at=datetime.fromtimestamp(SECONDS + 60, UTC))
    till.accept(signed("v2"), "r1", "USD", milk(100), SECONDS + 60)
    for lane in (till, again(till)):
        with pytest.raises(Refused, match="expired"):
            lane.accept(text, "r2", "USD", milk(100), SECONDS - 9_000)


def test_a_lease_begins_with_the_clock_of_the_chain(till: OfflineTill) -> None:
    text = signed("v1", expires_at=NOW)
    with pytest.raises(Refused, match="expired"):
        till.accept(text, "r1", "USD", milk(100), NOW.timestamp() - 10**6)


def test_an_entry_is_on_the_disk_before_the_customer_hears_of_it(
    till: OfflineTill, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync

    def noted(file: int) -> None:
        real(file)
        synced.append(os.fstat(file).st_size)

    monkeypatch.setattr("os.fsync", noted)
    till.accept(signed("v1"), "r1", "USD", milk(250), SECONDS)
    assert synced == [Path(till.path).stat().st_size]


def test_a_disk_that_is_full_refuses_aloud_and_leaves_the_journal_whole(
    till: OfflineTill, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Path(till.path).read_bytes()

    def full(_file: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        till.accept(signed("v1"), "r1", "USD", milk(250), SECONDS)
    monkeypatch.undo()
    assert (till.entries, Path(till.path).read_bytes()) == ({}, before)
    till.accept(signed("v1"), "r2", "USD", milk(250), SECONDS)
    assert len(again(till).entries) == 1


def test_a_line_that_was_not_finished_was_never_answered_for(till: OfflineTill) -> None:
    first = till.accept(signed("v1"), "r1", "USD", milk(250), SECONDS)
    whole = Path(till.path).read_bytes()
    till.accept(signed("v2"), "r2", "USD", milk(250), SECONDS)
    full = Path(till.path).read_bytes()
    for cut in range(len(whole), len(full)):
        Path(till.path).write_bytes(full[:cut])
        assert again(till).entries == {first["redemption_id"]: first}
        assert Path(till.path).read_bytes() == whole, "the next entry begins a line"


def test_a_damaged_journal_is_not_read_as_a_shorter_one(till: OfflineTill) -> None:
    till.accept(signed("v1"), "r1", "USD", milk(250), SECONDS)
    lines = Path(till.path).read_bytes().splitlines(keepends=True)
    Path(till.path).write_bytes(lines[0][:-9] + b"\n" + lines[1])
    with pytest.raises(ValueError, match=r"delimiter|char"):
        again(till)


def test_what_is_settled_is_not_sent_again_and_the_lease_can_end(till: OfflineTill) -> None:
    entries = [till.accept(signed(f"v{n}"), f"r{n}", "USD", milk(100), SECONDS) for n in range(3)]
    till.take_back(entries[1]["redemption_id"])
    assert till.ending("lease") is None
    (body,) = till.pending()
    assert [each["taken_back"] for each in body["entries"]] == [False, True, False]
    assert body["entries"][0].keys() == {*offline_till._SENT, "taken_back"}
    till.learn({"outcomes": [outcome(entries[0], 10), outcome(entries[1]), outcome({"redemption_id": "not mine"})]})
    (body,) = again(till).pending()
    assert [each["redemption_id"] for each in body["entries"]] == [each["redemption_id"] for each in entries[1:]]
    till.learn({"outcomes": [outcome(entries[1], taken_back=True), outcome(entries[2])]})
    assert till.pending() == []
    assert till.left_cents("lease", "usual") == 90
    assert till.ending("lease") == again(till).ending("lease") == {"entries": 3}
    with pytest.raises(Refused, match="no-lease"):
        till.accept(signed("v9"), "r9", "USD", milk(100), SECONDS)


def test_an_entry_that_the_chain_refused_stays_for_a_person(till: OfflineTill) -> None:
    entry = till.accept(signed("v1"), "r1", "USD", milk(100), SECONDS)
    till.learn({"outcomes": [outcome(entry, status="refused")]})
    assert (till.pending(), till.ending("lease"), till.left_cents("lease", "usual")) == ([], None, 90)


def test_many_entries_are_sent_in_bounded_parts(till: OfflineTill) -> None:
    till.lend(a_lease("long", granted_cents=10_000))
    for number in range(offline_till.TOGETHER + 1):
        till.accept(signed(f"v{number}"), f"r{number}", "USD", milk(100), SECONDS)
    sent = [len(body["entries"]) for body in till.pending() if body["lease_id"] == "long"]
    assert sum(sent) + sum(len(b["entries"]) for b in till.pending() if b["lease_id"] == "lease") == 101
    assert max(sent) <= offline_till.TOGETHER


def test_a_journal_gets_short_and_spent_codes_stay_spent_until_they_end(till: OfflineTill) -> None:
    entry = till.accept(signed("v1"), "r1", "USD", milk(100), SECONDS)
    gone = till.accept(signed("v2"), "r2", "USD", milk(100), SECONDS)
    till.take_back(gone["redemption_id"])
    till.learn({"outcomes": [outcome(entry), outcome(gone, taken_back=True)]})
    till.lend(a_lease("next"))
    assert till.ending("lease") is not None
    size = Path(till.path).stat().st_size
    till.forget("lease", SECONDS)
    assert Path(till.path).stat().st_size < size / 2
    for lane in (till, again(till)):
        assert (list(lane.leases), lane.entries) == (["next"], {})
        with pytest.raises(Refused, match="spent-here"):
            lane.accept(signed("v1"), "r3", "USD", milk(100), SECONDS)
    till.accept(signed("v2"), "r4", "USD", milk(100), SECONDS)
    till.forget("next", SECONDS + 10**6)
    till.lend(a_lease("later") | {"granted_at": "2026-03-20T15:00:00Z", "ends_at": "2026-03-21T15:00:00Z"})
    till.forget("later", SECONDS + 10**6)
    assert Path(till.path).stat().st_size == 0


def test_a_clock_that_is_ahead_while_a_lease_is_forgotten_makes_nothing_good_again(till: OfflineTill) -> None:
    till.accept(signed("v1"), "r1", "USD", milk(100), SECONDS)
    till.forget("lease", SECONDS + 10**6)
    till.lend(a_lease("next"))
    with pytest.raises(Refused, match="spent-here"):
        till.accept(signed("v1"), "r2", "USD", milk(100), SECONDS)


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in names}


def test_a_till_needs_two_files_of_a_few_kilobytes_and_nothing_else(tmp_path: Path) -> None:
    files = [FILE, FILE.with_name("verify_voucher.py")]
    assert sum(path.stat().st_size for path in files) < 20_000
    assert imported(FILE) - {"libs", "verify_voucher"} <= sys.stdlib_module_names
    for path in files:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    day = (
        "import json, sys\n"
        "from offline_till import Line, OfflineTill\n"
        "keys, lease, text, seconds = json.load(sys.stdin)\n"
        "till = OfflineTill('journal', {1: bytes.fromhex(keys)}, 'store-1')\n"
        "till.lend(lease)\n"
        "till.accept(text, 'r1', 'USD', [Line(1, 'milk-1', '1', 250, 'milk')], seconds)\n"
        "print(json.dumps([till.left_cents('lease', 'usual'), len(till.pending()[0]['entries'])]))\n"
    )
    asked = json.dumps([KEY.public_key.hex(), a_lease(), signed("v1"), SECONDS])
    told = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, '.')\n{day}"],
        cwd=tmp_path,
        input=asked,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(told.stdout) == [75, 1]
