"""Child processes and the state folder: nothing outlives its supervisor, nothing runs twice, a crash shows its log."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from libs.laptop.children import Child, ChildFailed, Children, Identity, answers, free_port, stop_found
from libs.laptop.state_folder import AlreadyRunning, Part, Run, StateFolder, this_process

PATIENCE_SECONDS = 60.0
SLEEP = [sys.executable, "-c", "import time; print('hello', flush=True); time.sleep(600)"]
STUBBORN = textwrap.dedent("""
    import signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf", flush=True)
    time.sleep(600)
""")


@pytest.fixture
def children(tmp_path: Path) -> Children:
    return Children(tmp_path / "logs")


async def says(child: Child, word: str) -> None:
    async def said() -> bool:
        return word in child.log.read_text()

    await child.wait_ready(said, within_seconds=PATIENCE_SECONDS)


async def test_a_child_is_started_when_its_readiness_address_answers(children: Children) -> None:
    port = free_port()
    server = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    child = await children.start("web", server, ready=answers(f"http://127.0.0.1:{port}/"))
    assert child.running
    await children.stop_all()
    assert not child.running


async def test_a_child_that_is_not_ready_in_time_is_stopped(children: Children) -> None:
    with pytest.raises(ChildFailed, match="not ready within"):
        await children.start("slow", SLEEP, ready=answers(f"http://127.0.0.1:{free_port()}/"), ready_within_seconds=0.3)
    assert children.running == []


async def test_a_child_that_ends_at_once_is_reported_with_its_last_lines(children: Children) -> None:
    argv = [sys.executable, "-c", "raise SystemExit('no such setting')"]
    with pytest.raises(ChildFailed, match="exit code 1") as failure:
        await children.start("broken", argv, ready=answers(f"http://127.0.0.1:{free_port()}/"))
    assert failure.value.lines == ["no such setting"]


async def test_a_crash_is_told_with_its_name_and_exit_code_and_a_stop_is_not(children: Children) -> None:
    await children.start("stopped", SLEEP)
    await children.start("killed", SLEEP)
    await says(children["killed"], "hello")
    await children["stopped"].stop()
    os.kill(children["killed"].pid, signal.SIGKILL)
    crash = await asyncio.wait_for(children.crashed(), PATIENCE_SECONDS)
    assert crash.name == "killed"
    assert "exit code -9" in crash.what
    assert crash.lines == ["hello"]


async def test_children_stop_in_reverse_order_and_a_deaf_one_is_killed(children: Children) -> None:
    left: dict[str, set[str]] = {}

    async def watch(child: Child) -> None:
        await child.wait_end(within_seconds=PATIENCE_SECONDS)
        left[child.name] = {other.name for other in children.running}

    for name, argv in (("first", SLEEP), ("deaf", [sys.executable, "-c", STUBBORN]), ("last", SLEEP)):
        await children.start(name, argv)
    await says(children["deaf"], "deaf")
    watchers = [asyncio.create_task(watch(child)) for child in children.running]
    await children.stop_all(grace_seconds=2.0)
    await asyncio.gather(*watchers)
    assert left["last"] == {"deaf", "first"}
    assert "last" not in left["deaf"]
    assert left["first"] == set()
    assert children["deaf"].process.returncode == -signal.SIGKILL


def test_children_do_not_outlive_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from libs.laptop.children import spawn
        log = Path({str(tmp_path / "log")!r})
        child = spawn("child", {SLEEP!r}, log=log)
        while "hello" not in log.read_text():
            time.sleep(0.01)
        print(child.pid, flush=True)
        time.sleep(600)
    """)
    supervisor = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    child = psutil.Process(int(supervisor.stdout.readline()))
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    _, alive = psutil.wait_procs([child], timeout=PATIENCE_SECONDS)
    assert alive == []


async def test_another_shell_stops_the_process_it_finds_and_never_a_stranger(children: Children) -> None:
    child = await children.start("found", SLEEP)
    identity = child.identity
    assert identity is not None
    assert not await stop_found(Identity(identity.pid, "another start"))
    assert child.running
    reaper = asyncio.create_task(child.wait_end(within_seconds=PATIENCE_SECONDS))
    assert await stop_found(identity)
    assert await reaper
    assert not await stop_found(identity)


async def test_the_record_of_a_run_is_read_back_while_a_part_of_it_runs(tmp_path: Path, children: Children) -> None:
    state = StateFolder(tmp_path / "usual")
    child = await children.start("offers", SLEEP)
    dead = Identity(this_process().pid, "an earlier process")
    with state.locked():
        run = Run(dead, (Part.of(child, port=8080),), {"offers": "http://127.0.0.1:8080"})
        state.write_run(run)
        assert state.read_run() == run
        await children.stop_all()
        assert state.read_run() is None


def test_a_second_supervisor_is_told_what_already_runs(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "usual")
    with state.locked():
        state.write_run(Run(this_process(), (Part("postgres", this_process(), "postgres.log"),)))
        with pytest.raises(AlreadyRunning, match="postgres") as refusal, StateFolder(state.path).locked():
            pass
        assert refusal.value.run is not None
        with pytest.raises(AlreadyRunning):
            StateFolder(state.path).delete()
    with state.locked():
        assert state.read_run() is None
    state.delete()
    assert not state.path.exists()
