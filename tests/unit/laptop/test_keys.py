"""Laws of `usual keys`: a key is shown once, stored as a digest, and gone when it is revoked."""

import re
import resource
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from libs.common.clock import SystemClock
from libs.common.errors import InvalidInput, NotFound, Unauthenticated, UsualError
from libs.common.http.credentials import Credentials
from libs.laptop import cli
from libs.laptop.launch import Keys
from libs.laptop.state_folder import StateFolder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "credentials.json"


def run(file: Path, *words: str) -> Result:
    return CliRunner().invoke(cli.app, ["keys", *words, "--file", str(file)], env={"COLUMNS": "200"})


def create(file: Path, *words: str) -> str:
    done = run(file, "create", "--holder", "till 7", "--scope", "events:write", *words)
    assert done.exit_code == 0, done.exception
    return done.stdout.strip()


def test_the_key_alone_is_on_standard_output_and_its_digest_alone_in_the_file(file: Path) -> None:
    key = create(file, "--store", "7", "--country", "DE", "--rate", "50", "--expires-in", "30d")
    assert re.fullmatch(r"tk_till-7-[0-9a-f]{8}_[0-9a-f]{64}", key)
    known = Credentials(file, SystemClock()).authenticate(key)
    assert (known.holder, known.store_id, known.country, known.events_per_second) == ("till 7", "7", "DE", 50.0)
    assert known.not_after is not None
    assert (known.not_after - SystemClock().now()).days == 29
    assert key.rpartition("_")[2] not in file.read_text()


def test_the_list_tells_all_but_what_opens_a_door(file: Path) -> None:
    key = create(file, "--expires-in", "never")
    known = Credentials(file, SystemClock()).authenticate(key)
    shown = run(file, "list").stdout
    assert re.search(rf"{known.key_id}\s+till 7\s+events:write\s+\*\s+never\s+live", shown)
    assert known.secret_sha256 not in shown


def test_a_revoked_key_opens_nothing(file: Path) -> None:
    first, second = create(file), create(file)
    credentials = Credentials(file, SystemClock())
    assert run(file, "revoke", credentials.authenticate(first).key_id).exit_code == 0
    with pytest.raises(Unauthenticated):
        Credentials(file, SystemClock()).authenticate(first)
    assert Credentials(file, SystemClock()).authenticate(second).holder == "till 7"


@pytest.mark.parametrize(
    "words", [["--country", "de"], ["--expires-in", "soon"], ["--origin", "shop"], ["--rate", "-1"]]
)
def test_terms_that_make_no_key_are_named_and_nothing_is_written(file: Path, words: list[str]) -> None:
    done = run(file, "create", "--holder", "till 7", "--scope", "web:write", *words)
    assert isinstance(done.exception, InvalidInput)
    assert done.exception.slug == "invalid-key-terms"
    assert not file.exists()


def test_a_third_live_key_is_refused_with_the_names_of_the_two(file: Path) -> None:
    create(file)
    create(file)
    done = run(file, "create", "--holder", "till 7", "--scope", "events:write")
    assert isinstance(done.exception, UsualError)
    assert done.exception.slug == "too-many-keys"
    assert "tk_" not in done.output


def test_without_a_file_they_are_the_keys_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(CliRunner().invoke(cli.app, ["keys", "list"]).exception, InvalidInput)
    folder = StateFolder()
    folder.path.mkdir(parents=True)
    own = Keys(folder.path)
    own.make()
    made = CliRunner().invoke(cli.app, ["keys", "create", "--holder", "till 7", "--scope", "events:write"])
    doors = Credentials(own.credentials, SystemClock())
    assert doors.authenticate(made.stdout.strip()).holder == "till 7"
    assert doors.authenticate(own.key("till")).key_id == "till"


def test_what_is_not_there_is_no_list_and_cannot_be_revoked(file: Path) -> None:
    assert isinstance(run(file, "list").exception, InvalidInput)
    create(file)
    assert isinstance(run(file, "revoke", "nobody").exception, NotFound)


def test_the_secrets_of_a_machine_whose_disk_was_full_are_whole_or_not_there(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            Keys(tmp_path).make()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    Keys(tmp_path).make()
    assert len(Keys(tmp_path).key_encryption_key.read_text()) == 64
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
