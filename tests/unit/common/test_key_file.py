"""What must hold when an operator makes and revokes keys."""

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from libs.common.clock import FixedClock
from libs.common.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from libs.common.http.credentials import Credential, Credentials, new_key, read_credentials, write_credentials
from libs.common.http.key_file import SCOPES, change_keys, with_key, without_key

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEND = frozenset({"events:write"})


def add(path: Path, credential: Credential, now: datetime = NOON) -> None:
    change_keys(path, lambda known: with_key(known, credential, now))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "credentials.json"


def test_a_rotation_is_never_without_a_key_and_needs_no_restart(file: Path) -> None:
    clock = FixedClock(NOON)
    doors = Credentials(file, clock)
    first, first_stored = new_key("till-7-a", SEND, holder="till-7")
    second, second_stored = new_key("till-7-b", SEND, holder="till-7")
    add(file, first_stored)
    assert doors.authenticate(first).holder == "till-7"
    add(file, second_stored)
    clock.move(timedelta(seconds=2.1))
    assert {doors.authenticate(key).key_id for key in (first, second)} == {"till-7-a", "till-7-b"}
    change_keys(file, lambda known: without_key(known, "till-7-a"))
    clock.move(timedelta(seconds=2.1))
    with pytest.raises(Unauthenticated):
        doors.authenticate(first)
    assert doors.authenticate(second).key_id == "till-7-b"


def test_a_holder_has_two_live_keys_at_most_and_the_refusal_changes_nothing(file: Path) -> None:
    ends = {"a": NOON + timedelta(days=1), "b": None}
    for name, end in ends.items():
        add(file, new_key(name, SEND, holder="till-7", not_after=end)[1])
    before = file.read_bytes()
    third = new_key("c", SEND, holder="till-7")[1]
    with pytest.raises(Conflict, match="a, b") as caught:
        add(file, third)
    assert (caught.value.slug, file.read_bytes()) == ("too-many-keys", before)
    add(file, new_key("other", SEND, holder="till-8")[1])
    add(file, third, NOON + timedelta(days=1))


def test_a_key_without_a_holder_is_its_own() -> None:
    assert new_key("erp", SEND)[1].holder == "erp"
    assert Credential(key_id="erp", secret_sha256="", scopes=SEND, holder="site 3").holder == "site 3"


def test_an_id_names_one_key_only(file: Path) -> None:
    add(file, new_key("a", SEND)[1])
    with pytest.raises(Conflict) as caught:
        add(file, new_key("a", SEND, holder="other")[1])
    assert caught.value.slug == "key-exists"
    with pytest.raises(NotFound):
        change_keys(file, lambda known: without_key(known, "b"))


def test_a_scope_that_no_door_asks_for_is_a_slip_of_the_pen(file: Path) -> None:
    with pytest.raises(InvalidInput, match="event:write") as caught:
        add(file, new_key("a", frozenset({"event:write"}))[1])
    assert caught.value.slug == "unknown-scope"


def test_a_key_that_every_visitor_can_read_may_only_tell_what_happens_on_the_site(file: Path) -> None:
    shop = ("https://shop.example",)
    add(file, new_key("web", frozenset({"web:write"}), origins=shop)[1])
    for scopes in ({"events:write"}, {"web:write", "customers:read"}):
        with pytest.raises(InvalidInput) as caught:
            add(file, new_key("web2", frozenset(scopes), origins=shop)[1])
        assert caught.value.slug == "scope-not-for-browsers"


@pytest.mark.parametrize(
    "terms", [{"origins": ("shop.example",)}, {"origins": ("https://shop.example/x",)}, {"country": "de"}]
)
def test_what_would_never_match_is_refused_when_the_key_is_made(terms: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="pattern"):
        Credential.model_validate({"key_id": "web", "secret_sha256": "", "scopes": ["web:write"], **terms})


def test_a_new_file_is_for_its_owner_only_and_a_replaced_one_keeps_its_mode(file: Path) -> None:
    add(file, new_key("a", SEND)[1])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    add(file, new_key("b", SEND)[1])
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_operators_at_the_same_time_lose_no_key(file: Path) -> None:
    made = [new_key(f"till-{number}", SEND)[1] for number in range(24)]
    with ThreadPoolExecutor(8) as operators:
        list(operators.map(lambda one: add(file, one), made))
    assert {one.key_id for one in read_credentials(file)} == {one.key_id for one in made}


def test_a_file_that_holds_anything_else_is_left_alone(file: Path) -> None:
    file.write_text("{}")
    with pytest.raises(InvalidInput, match="not a file of keys"):
        add(file, new_key("a", SEND)[1])
    assert file.read_text() == "{}"


def test_a_file_from_before_keys_had_holders_is_still_read(file: Path) -> None:
    file.write_text(
        '[{"key_id": "till", "secret_sha256": "00", "scopes": ["play"], "store_id": "*", "not_after": null}]'
    )
    (read,) = read_credentials(file)
    assert (read.holder, read.origins, read.country, read.events_per_second) == ("till", (), None, None)


def test_what_is_written_is_read_alike(file: Path) -> None:
    stored = [
        new_key("a", SEND, store_id="7", country="DE", not_after=NOON, events_per_second=0)[1],
        new_key("b", frozenset({"web:write"}), holder="shop", origins=("https://shop.example",))[1],
    ]
    write_credentials(file, stored)
    assert read_credentials(file) == stored


def test_every_scope_that_a_door_asks_for_can_be_given() -> None:
    services = Path(__file__).parents[3] / "services"
    asked = {
        scope
        for source in services.rglob("*.py")
        for scope in re.findall(r'"([a-z]+:(?:read|write|ack|request|redeem))"', source.read_text())
    }
    assert asked
    assert asked <= set(SCOPES)
