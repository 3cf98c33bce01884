"""Keys of persons: one for each, made once, gone for everybody when they are deleted."""

import asyncio
from datetime import timedelta

import pytest

from libs.common.clock import FixedClock
from libs.common.sealing import KeyEncryptionKey
from services.ingest.handlers import PersonKeyGone, PersonKeyUnavailable, Sealing
from services.ingest.handlers.sealing import KeyRules
from tests.unit.ingest.examples import KEK, NOON, PATIENCE_SECONDS
from tests.unit.ingest.in_memory_person_keys import InMemoryPersonKeys

ANNA, BERT = "loyalty_card:panna", "loyalty_card:pbert"


def sealing(store: InMemoryPersonKeys, **rules: float) -> Sealing:
    return Sealing(store, KEK, FixedClock(NOON), KeyRules(**{"deadline_seconds": PATIENCE_SECONDS, **rules}))  # type: ignore[arg-type]  # ints are floats


async def test_what_one_process_seals_another_one_opens() -> None:
    store = InMemoryPersonKeys()
    name, sealed = await sealing(store).seal_bytes(ANNA, b"hers", NOON)
    assert name == ANNA
    assert await sealing(store).open_bytes(name, sealed) == b"hers"


async def test_all_who_need_a_new_persons_key_at_once_get_the_same_one() -> None:
    store = InMemoryPersonKeys()
    processes = [sealing(store) for _ in range(8)]
    sealed = await asyncio.gather(*(one.seal_bytes(ANNA, b"hers", NOON) for one in processes))
    assert len(store.kept) == 1
    for _, each in sealed:
        assert await sealing(store).open_bytes(ANNA, each) == b"hers"


async def test_a_deleted_key_opens_nothing_anywhere_from_that_moment_on() -> None:
    store = InMemoryPersonKeys()
    here, there = sealing(store), sealing(store)
    name, sealed = await here.seal_bytes(ANNA, b"hers", NOON)
    text = (await there.keys_of([ANNA]))[ANNA].seal_text("hers")
    assert await there.open_bytes(name, sealed) == b"hers"
    assert await here.forget([ANNA, BERT]) == 1
    for process in (here, there, sealing(store)):
        with pytest.raises(PersonKeyGone):
            await process.open_bytes(name, sealed)
        with pytest.raises(PersonKeyGone):
            await process.open_text(ANNA, text)


async def test_a_person_who_comes_back_gets_a_new_key_that_opens_nothing_old() -> None:
    store = InMemoryPersonKeys()
    one = sealing(store)
    _, old = await one.seal_bytes(ANNA, b"old", NOON)
    await one.forget([ANNA])
    _, new = await one.seal_bytes(ANNA, b"new", NOON)
    assert await one.open_bytes(ANNA, new) == b"new"
    with pytest.raises(Exception, match="not sealed with this key"):
        await one.open_bytes(ANNA, old)


async def test_nobodys_bytes_are_sealed_under_a_key_of_the_day() -> None:
    store = InMemoryPersonKeys()
    one = sealing(store)
    today, sealed = await one.seal_bytes(None, b"whose?", NOON)
    tomorrow, _ = await one.seal_bytes(None, b"whose?", NOON + timedelta(days=1))
    assert (today, tomorrow) == ("day:2026-03-01", "day:2026-03-02")
    await one.forget([tomorrow])
    assert await one.open_bytes(today, sealed) == b"whose?"


async def test_no_more_keys_are_remembered_than_was_said() -> None:
    one = sealing(InMemoryPersonKeys(), cached=3)
    for number in range(10):
        await one.keys_of([f"app:p{number}"])
    assert len(one._known) == 3


async def test_without_the_database_nothing_is_opened_and_the_error_says_try_again() -> None:
    store = InMemoryPersonKeys()
    one = sealing(store)
    name, sealed = await one.seal_bytes(ANNA, b"hers", NOON)
    store.away = True
    with pytest.raises(PersonKeyUnavailable):
        await one.open_bytes(name, sealed)
    with pytest.raises(PersonKeyUnavailable):
        await sealing(store).seal_bytes(BERT, b"his", NOON)


async def test_keys_that_were_wrapped_under_another_key_are_out_of_reach() -> None:
    store = InMemoryPersonKeys()
    await sealing(store).keys_of([ANNA])
    other = Sealing(store, KeyEncryptionKey(b"another secret of thirty-two bytes"), FixedClock(NOON), KeyRules())
    assert await other.keys_of([ANNA]) == {}
