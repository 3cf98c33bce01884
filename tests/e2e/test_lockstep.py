"""In lockstep an end state is a function of data and seed."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from libs.laptop.slices import Choice
from tests.support.whole_system import play, running_system

pytestmark = pytest.mark.e2e

TWO_DAYS = Choice(first_week=2, days=2, stores=5)


def digests_of_a_play(folder: Path) -> Mapping[str, str]:
    with running_system(folder) as system:
        outcome = asyncio.run(play(system, TWO_DAYS, lockstep=True))
    assert (outcome.verdict.lost, outcome.verdict.doubled) == (0, 0)
    assert outcome.tally.vouchers_issued
    assert outcome.commands["reorder"]
    return outcome.digests


def test_two_plays_in_lockstep_end_in_the_same_digests(tmp_path: Path) -> None:
    assert digests_of_a_play(tmp_path / "first") == digests_of_a_play(tmp_path / "second")
