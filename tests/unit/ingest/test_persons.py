"""Whom bytes name that nobody could read: found as XML may write it, in a time that grows no faster than the bytes."""

import time

import pytest

from services.ingest.domain.persons import named_in

GREATEST_SECONDS = 2.0
"""A try for each two blanks would take minutes; the door has one loop for all tills."""


@pytest.mark.parametrize(
    "written",
    [
        "<LoyaltyID>9</LoyaltyID>",
        '<pos:LoyaltyAccountID Type="Primary">\n 9 </pos:LoyaltyAccountID>',
        "<LoyaltyID><![CDATA[9]]></LoyaltyID>",
        "<LoyaltyID>&#57;</LoyaltyID>",
        "<LoyaltyID> </LoyaltyID><LoyaltyID/><LoyaltyID>9</LoyaltyID>",
    ],
)
def test_a_loyalty_account_is_found_however_it_is_written(written: str) -> None:
    found = named_in(f"<Transaction>{written}</Transaction>".encode())
    assert found is not None
    assert found.key == "loyalty_card:9"


@pytest.mark.parametrize("part", [" ", "<LoyaltyID>", "<LoyaltyID><![CDATA[", "<LoyaltyID x", "<a:", "\\"])
def test_bytes_made_to_be_looked_at_again_and_again_are_not(part: str) -> None:
    hostile = f"<LoyaltyID>{part * (250_000 // len(part))}</LoyaltyID>".encode()
    began = time.monotonic()
    assert named_in(hostile) is None
    assert time.monotonic() - began < GREATEST_SECONDS
