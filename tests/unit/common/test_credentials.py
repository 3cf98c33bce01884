"""What must hold of API keys."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from libs.common.clock import FixedClock
from libs.common.errors import RetryableError, Unauthenticated
from libs.common.http.credentials import Credential, Credentials, new_key, write_credentials

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


def in_force(path: Path, clock: FixedClock, *known: Credential) -> Credentials:
    write_credentials(path, list(known))
    return Credentials(path, clock)


def test_the_right_key_names_its_caller_and_the_file_never_holds_the_secret(tmp_path: Path, clock: FixedClock) -> None:
    key, credential = new_key("till7", frozenset({"voucher:request"}), store_id="7")
    credentials = in_force(tmp_path / "keys.json", clock, credential)
    assert credentials.authenticate(key) == credential
    assert key.rpartition("_")[2] not in (tmp_path / "keys.json").read_text()


@pytest.mark.parametrize("wrong", [None, "", "tk_", "tk_till7_", "tk_till7_00", "tk_nobody_00", "xx_till7_00"])
def test_any_other_key_is_refused_alike(tmp_path: Path, clock: FixedClock, wrong: str | None) -> None:
    _, credential = new_key("till7", frozenset())
    with pytest.raises(Unauthenticated) as caught:
        in_force(tmp_path / "keys.json", clock, credential).authenticate(wrong)
    assert caught.value.slug == "unauthenticated"


def test_a_key_ends_at_its_last_moment(tmp_path: Path, clock: FixedClock) -> None:
    key, credential = new_key("till7", frozenset(), not_after=NOON + timedelta(hours=1))
    credentials = in_force(tmp_path / "keys.json", clock, credential)
    credentials.authenticate(key)
    clock.move(timedelta(hours=1))
    with pytest.raises(Unauthenticated):
        credentials.authenticate(key)


def test_a_key_taken_out_of_the_file_stops_working_without_a_restart(tmp_path: Path, clock: FixedClock) -> None:
    key, credential = new_key("till7", frozenset())
    credentials = in_force(tmp_path / "keys.json", clock, credential)
    credentials.authenticate(key)
    write_credentials(tmp_path / "keys.json", [])
    clock.move(timedelta(seconds=3))
    with pytest.raises(Unauthenticated):
        credentials.authenticate(key)


def test_a_file_that_is_away_or_half_written_leaves_the_known_keys_in_force(tmp_path: Path, clock: FixedClock) -> None:
    key, credential = new_key("till7", frozenset())
    credentials = in_force(tmp_path / "keys.json", clock, credential)
    credentials.authenticate(key)
    for breakage in ((tmp_path / "keys.json").unlink, lambda: (tmp_path / "keys.json").write_text("[{")):
        breakage()
        clock.move(timedelta(seconds=3))
        assert credentials.authenticate(key) == credential


def test_without_any_file_nobody_is_refused_for_good(tmp_path: Path, clock: FixedClock) -> None:
    with pytest.raises(RetryableError):
        Credentials(tmp_path / "none.json", clock).authenticate("tk_a_b")


def test_a_till_speaks_for_its_own_store_only() -> None:
    _, till = new_key("till7", frozenset(), store_id="7")
    _, head_office = new_key("ho", frozenset())
    assert till.may_act_for("7")
    assert not till.may_act_for("8")
    assert head_office.may_act_for("8")
