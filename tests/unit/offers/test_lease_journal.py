"""Laws of the journal of hand-outs."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.offers.ports.leases import JournalUnusable
from services.offers.store.leases.journal import LeaseJournal
from tests.support.hand_outs import a_hand_out


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[LeaseJournal]:
    journal = LeaseJournal(folder)
    served = asyncio.create_task(journal.run())
    try:
        yield journal
    finally:
        journal.stop()
        await asyncio.wait_for(served, 30)


async def test_what_was_kept_is_there_for_the_next_process_under_the_same_name(tmp_path: Path) -> None:
    async with running(tmp_path) as journal:
        kept = [a_hand_out(f"c{number}", vouchers=2) for number in range(20)]
        await asyncio.gather(*map(journal.append, kept))
        pod_id = journal.pod_id
    async with running(tmp_path) as again:
        assert list(again.waiting.values()) == kept
        assert again.pod_id == pod_id
        assert set(again.spoken_for) == {voucher_id for each in kept for voucher_id in each.slots}


async def test_a_line_that_was_cut_short_is_left_out_and_those_before_it_are_not(tmp_path: Path) -> None:
    async with running(tmp_path) as journal:
        await journal.append(a_hand_out("c1"))
        one = (tmp_path / "journal").stat().st_size
        await journal.append(a_hand_out("c2"))
    whole = (tmp_path / "journal").read_bytes()
    for cut in range(one, len(whole), 37):
        (tmp_path / "journal").write_bytes(whole[:cut])
        async with running(tmp_path) as journal:
            assert list(journal.waiting) == ["c1"]
            await journal.append(a_hand_out("c3"))
        async with running(tmp_path) as journal:
            assert list(journal.waiting) == ["c1", "c3"]


async def test_a_damaged_line_ends_what_is_read(tmp_path: Path) -> None:
    async with running(tmp_path) as journal:
        await journal.append(a_hand_out("c1"))
        one = (tmp_path / "journal").stat().st_size
        await journal.append(a_hand_out("c2"))
    damaged = bytearray((tmp_path / "journal").read_bytes())
    damaged[one + 40] ^= 1
    (tmp_path / "journal").write_bytes(bytes(damaged))
    async with running(tmp_path) as journal:
        assert list(journal.waiting) == ["c1"]


async def test_one_process_at_a_time_has_a_folder(tmp_path: Path) -> None:
    async with running(tmp_path):
        with pytest.raises(JournalUnusable):
            LeaseJournal(tmp_path)
        assert LeaseJournal.opened(tmp_path) is None
    async with running(tmp_path):
        pass


async def test_the_file_is_emptied_when_the_database_has_all_of_it_and_not_before(tmp_path: Path) -> None:
    async with running(tmp_path) as journal:
        for name in ("c1", "c2"):
            await journal.append(a_hand_out(name))
        journal.bound("c1")
        await passed()
        assert (tmp_path / "journal").stat().st_size > 0
        journal.bound("c2")
        async with asyncio.timeout(30):
            while (tmp_path / "journal").stat().st_size:
                await passed()
        await journal.append(a_hand_out("c3"))
    async with running(tmp_path) as again:
        assert list(again.waiting) == ["c3"]


async def test_who_appends_while_a_sync_runs_shares_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs = list[object]()
    monkeypatch.setattr(os, "fsync", syncs.append)
    async with running(tmp_path) as journal:
        syncs.clear()
        await asyncio.gather(*(journal.append(a_hand_out(f"c{number}")) for number in range(50)))
        assert len(syncs) <= 2


async def test_a_checkout_has_one_hand_out_however_its_first_one_is_doing(tmp_path: Path) -> None:
    async with running(tmp_path) as journal:
        first = asyncio.create_task(journal.append(a_hand_out("c1")))
        await asyncio.sleep(0)  # noqa: TID251 - it is on its way
        with pytest.raises(JournalUnusable):
            await journal.append(a_hand_out("c1", vouchers=2))
        await first
        with pytest.raises(JournalUnusable):
            await journal.append(a_hand_out("c1", vouchers=2))
        assert journal.waiting == {"c1": a_hand_out("c1")}
        journal.bound("c1")
        await journal.append(a_hand_out("c1", vouchers=2))


async def test_nothing_is_told_that_the_disk_did_not_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as journal:
        await journal.append(a_hand_out("c1"))
        _fails(monkeypatch, "fsync", errno.EIO)
        with pytest.raises(JournalUnusable):
            await journal.append(a_hand_out("c2"))
        assert list(journal.waiting) == ["c1"]
        assert "c2-1" in journal.spoken_for, "the disk may have it: nobody else gets it"
        monkeypatch.undo()
        assert not journal.usable, "after a failed sync nobody knows what the disk has"
        with pytest.raises(JournalUnusable):
            await journal.append(a_hand_out("c3"))


async def test_a_full_disk_is_over_when_there_is_room_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as journal:
        _fails(monkeypatch, "pwrite", errno.ENOSPC)
        with pytest.raises(JournalUnusable):
            await journal.append(a_hand_out("c1"))
        monkeypatch.undo()
        await journal.append(a_hand_out("c2"))
    async with running(tmp_path) as again:
        assert list(again.waiting) == ["c2"]


def _fails(monkeypatch: pytest.MonkeyPatch, call: str, number: int) -> None:
    def failing(*_arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, failing)


async def passed() -> None:
    await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=0.01)
