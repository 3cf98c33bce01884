"""Laws of the `usual` command where nothing runs: it says so and how to begin, in a line, without a traceback."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from libs.common.errors import InvalidInput
from libs.laptop import cli


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
