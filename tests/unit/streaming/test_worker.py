"""A worker process ends in the order that loses nothing, whatever made it end."""

import asyncio

import pytest

from libs.common.streaming import Worker, run_until_stopped


class Recorded:
    """A part that notes when it was asked to stop and when it ended."""

    def __init__(self, name: str, log: list[str], *, fails: bool = False, hangs: bool = False) -> None:
        self._name, self._log, self._fails, self._hangs = name, log, fails, hangs
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        if self._fails:
            raise ZeroDivisionError(self._name)
        await self._stopped.wait()
        if self._hangs:
            await asyncio.Event().wait()
        self._log.append(f"{self._name} ended")

    def stop(self) -> None:
        self._stopped.set()


class Producer:
    def __init__(self, log: list[str]) -> None:
        self._log = log

    async def stop(self) -> None:
        self._log.append("producer stopped")


async def _run(worker: Worker, *, stop_at_once: bool = True) -> None:
    stop = asyncio.Event()
    if stop_at_once:
        asyncio.get_running_loop().call_later(0.01, stop.set)
    await asyncio.wait_for(run_until_stopped(worker, stop), 30)


async def test_what_takes_work_in_ends_before_what_sends_it_out() -> None:
    log: list[str] = []
    await _run(
        Worker(
            first=[Recorded("consumer", log)],
            last=[Recorded("relay", log)],
            producer=Producer(log),
            on_stopping=lambda: log.append("not ready"),
        )
    )
    assert log == ["not ready", "consumer ended", "relay ended", "producer stopped"]


async def test_a_part_that_fails_ends_the_rest_in_order_and_its_error_comes_out() -> None:
    log: list[str] = []
    worker = Worker(
        first=[Recorded("bad", log, fails=True), Recorded("good", log)],
        last=[Recorded("relay", log)],
        producer=Producer(log),
    )
    with pytest.raises(ZeroDivisionError):
        await _run(worker, stop_at_once=False)
    assert log == ["good ended", "relay ended", "producer stopped"]


async def test_a_part_that_hangs_is_left_behind() -> None:
    log: list[str] = []
    worker = Worker(
        first=[Recorded("hangs", log, hangs=True)],
        last=[Recorded("relay", log)],
        producer=Producer(log),
        part_deadline_seconds=0.05,
    )
    await _run(worker)
    assert log == ["relay ended", "producer stopped"]


async def test_a_server_that_took_the_signal_for_itself_ends_the_rest_too() -> None:
    log: list[str] = []

    async def serve() -> None:
        await asyncio.sleep(0.01)  # noqa: TID251  # uvicorn's serve() returns after a signal

    await _run(Worker(first=[Recorded("consumer", log)], beside=serve), stop_at_once=False)
    assert log == ["consumer ended"]
