"""The bound on what is under way."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.domain.intake import Intake, IntakeFull


@given(st.lists(st.integers(min_value=0, max_value=60), max_size=20))
@settings(derandomize=True, deadline=None)
def test_what_is_held_never_exceeds_the_bound_and_comes_back_whole(sizes: list[int]) -> None:
    intake = Intake(limit_bytes=100)
    with intake.share() as share:
        held = 0
        for size in sizes:
            if held + size > 100:
                with pytest.raises(IntakeFull):
                    share.take(size)
            else:
                share.take(size)
                held += size
            assert intake.taken_bytes == held
    assert intake.taken_bytes == 0


def test_a_request_that_fails_gives_back_what_it_held() -> None:
    intake = Intake(limit_bytes=100)
    share = intake.share()
    share.take(60)
    share.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert intake.taken_bytes == 0
