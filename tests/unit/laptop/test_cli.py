"""Laws of the `usual` command where nothing runs: it says so and how to begin, in a line, without a traceback."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from libs.common.errors import InvalidInput
from libs.laptop import cli

ROOT = Path(__file__).parents[3]
WRITTEN = re.compile(r"\busual ((?:evaluate|keys) [a-z|-]+|[a-z]+)([^`\n#]*)")


def written() -> Iterator[tuple[str, str, str]]:
    """Each option of the command that the README and the pages beside it name: page, command, option."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for words, rest in WRITTEN.findall(page.read_text()):
            *group, names = words.split()
            for name in names.split("|"):
                for option in re.findall(r"--[a-z-]+", rest):
                    yield page.name, " ".join((*group, name)), option


def test_status_without_a_system_says_how_to_start_one(tmp_path: Path) -> None:
    shown = CliRunner().invoke(cli.app, ["status", "--state", str(tmp_path)])
    assert shown.exit_code == 1
    assert "usual up" in shown.output


def test_down_without_a_system_is_no_error(tmp_path: Path) -> None:
    shown = CliRunner().invoke(cli.app, ["down", "--state", str(tmp_path)])
    assert (shown.exit_code, shown.output.strip()) == (0, "nothing runs")


def test_a_play_without_a_system_says_how_to_start_one(tmp_path: Path) -> None:
    shown = CliRunner().invoke(cli.app, ["play", "complete-journey", "--state", str(tmp_path)])
    assert isinstance(shown.exception, InvalidInput)
    assert "usual up --play" in str(shown.exception)


@pytest.mark.parametrize("command", [["up"], ["play"], ["demo"], ["status"], ["down"], ["evaluate", "next-basket"]])
def test_every_command_explains_itself(command: list[str]) -> None:
    shown = CliRunner().invoke(cli.app, [*command, "--help"])
    assert shown.exit_code == 0
    assert "Usage" in shown.output


def test_every_option_that_the_pages_name_is_one_that_the_command_takes() -> None:
    named, commands = set(written()), get_command(cli.app).commands  # type: ignore[attr-defined]  # it is a group
    assert {"simulate", "keys create", "evaluate next-basket"} <= {command for _, command, _ in named}
    for page, command, option in sorted(named):
        known = commands
        *group, name = command.split()
        for one in group:
            known = known[one].commands
        taken = {text for one in known[name].params for text in (*one.opts, *one.secondary_opts)} | {"--help"}
        assert option in taken, (page, command, option)
