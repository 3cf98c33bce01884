"""Whatever 64 clients ask at once, and whichever of their processes are killed: the money is right, and every answer stays true.

`USUAL_MONEY_ANSWERS` (4 000) says how many answers a run has, `USUAL_MONEY_SEEDS` (1) which runs there are, `USUAL_MONEY_KILLS` (4) how many kills each.
"""

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import pytest

from libs.common.persistence import Transactions, make_engine
from services.offers.bootstrap.parts import SERVICE
from services.offers.domain.money.budget import Budget
from services.offers.domain.money.ledger import Account, Move, Transfer, balances
from services.offers.domain.money.limits import Per
from services.offers.domain.repeating import name_of
from services.offers.store.money.ledger import PostgresLedger
from tests.support.money_clients import CALLER, CAPS_CENTS, MOST, STOP, new_counter, voucher_id_of, wishes_of
from tests.support.offers_facts import a_campaign
from tests.support.offers_running import tell_world
from tests.support.postgres import Database

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3_600)]

ANSWERS = int(os.environ.get("USUAL_MONEY_ANSWERS", "4000"))  # noqa: TID251 - the test run's own
SEEDS = [int(seed) for seed in os.environ.get("USUAL_MONEY_SEEDS", "1").split(",")]  # noqa: TID251 - the test run's own
KILLS = int(os.environ.get("USUAL_MONEY_KILLS", "4"))  # noqa: TID251 - the test run's own
PROCESSES, CLIENTS = 4, 16
PATIENCE_SECONDS = 60.0
NOT_PLAYED = {
    *(Move.WITHDRAW, Move.REVOKE, Move.VOID, Move.OPENING, Move.UNSTATED, Move.BACK, Move.UNBACK),
    *(Move.LEASE, Move.LEASE_END, Move.LATE, Move.CONFLICT, Move.UNCOVERED),
}
_logger = logging.getLogger(__name__)
Row = Mapping[str, Any]


@dataclass
class Answers:
    """What clients were told, by kind and name; the same question may have been answered many times."""

    count: int = 0
    by_kind: dict[str, dict[str, list[Any]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    unanswered: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path) -> "Answers":
        """From the logs of all processes; the last line of one that was killed may be half a line."""
        found = cls()
        for line in (line for file in folder.glob("*.log") for line in file.read_text().split("\n")[:-1]):
            kind, name, said = json.loads(line)
            if kind == "error":
                found.errors.append(f"{name}: {said}")
            elif kind == "unanswered":
                found.unanswered[f"{name}: {said}"] += 1
            else:
                found.count += 1
                found.by_kind[kind][name].append(said)
        return found


async def fight(database: Database, folder: Path, seed: int) -> Answers:
    """Processes of clients, killed and started again, until so many answers were had."""
    random = Random(seed)
    new_counter(folder)
    arguments = [sys.executable, "-m", "tests.support.money_clients", database.url("offers"), str(folder), str(seed)]

    def started(process: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen([*arguments, str(process), str(CLIENTS)], cwd=Path(__file__).parents[3])

    running = [started(process) for process in range(PROCESSES)]
    kills = 0
    try:
        while ((had := Answers.of(folder)).count < ANSWERS or kills < KILLS) and not had.errors:
            assert all(process.poll() is None for process in running), "nobody ends by itself"
            await _pause(1.0)
            if kills < KILLS and had.count > ANSWERS * (kills + 0.5) / KILLS:
                victim = random.randrange(PROCESSES)
                running[victim].kill()
                running[victim].wait()
                running[victim] = started(victim)
                kills += 1
        (folder / STOP).touch()
        for process in running:
            assert await asyncio.to_thread(process.wait, PATIENCE_SECONDS) == 0
    finally:
        for process in running:
            process.kill()
            process.wait()
    had = Answers.of(folder)
    assert had.errors == []
    return had


@dataclass(frozen=True)
class Found:
    """What lies in the database after all of it."""

    journal: Sequence[Row]
    vouchers: Mapping[str, Row]
    redemptions: Mapping[str, Row]
    lines: Sequence[Row]
    holds: frozenset[str]
    kept: Mapping[bytes, str]
    budgets: Mapping[str, Row]
    marks: Sequence[Row]
    uses: Sequence[Row]
    facts: Sequence[Mapping[str, Any]]
    issued_facts: int
    deadlocks: int


async def found_in(database: Database) -> Found:
    connection = await asyncpg.connect(database.url().replace("+asyncpg", ""))
    try:
        await connection.execute("SET search_path TO offers")
        tables = {
            "journal": await connection.fetch("SELECT * FROM journal ORDER BY campaign_id, number"),
            "lines": await connection.fetch("SELECT * FROM redemption_lines"),
        }
        told = await connection.fetch("SELECT value FROM outbox WHERE topic = 'offers.vouchers.v1'")
        values = [json.loads(row["value"]) for row in told]
        return Found(
            journal=tables["journal"],
            lines=tables["lines"],
            kept={row["name"]: row["answer"].decode() for row in await connection.fetch("SELECT * FROM kept_answers")},
            holds=frozenset(row["hold_id"] for row in await connection.fetch("SELECT hold_id FROM holds")),
            vouchers={row["voucher_id"]: row for row in await connection.fetch("SELECT * FROM vouchers")},
            redemptions={row["redemption_id"]: row for row in await connection.fetch("SELECT * FROM redemptions")},
            budgets={row["campaign_id"]: row for row in await connection.fetch("SELECT * FROM budgets")},
            marks=await connection.fetch("SELECT * FROM voucher_limits"),
            uses=await connection.fetch("SELECT * FROM limit_uses"),
            facts=[value for value in values if "issued" not in value],
            issued_facts=sum("issued" in value for value in values),
            deadlocks=await connection.fetchval(
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            ),
        )
    finally:
        await connection.close()


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_money_is_right_and_every_answer_stays_true(database: Database, tmp_path: Path, seed: int) -> None:
    await tell_world(database, campaigns=[a_campaign(name, cap_cents=cap) for name, cap in CAPS_CENTS.items()])
    answers = await fight(database, tmp_path, seed)
    found = await found_in(database)
    assert answers.errors == []
    assert found.deadlocks == 0, "locks are taken in one order"
    told = Counter({kind: len(names) for kind, names in answers.by_kind.items()})
    moved = Counter(row["move"] for row in found.journal)
    assert set(Move) - moved.keys() == NOT_PLAYED
    _logger.info("%s answers, questions %s, unanswered %s, moves %s", answers.count, told, answers.unanswered, moved)
    await _books_agree(database)
    _caps_held_at_every_moment(found)
    _limits_held(found)
    _each_voucher_lived_one_life(found)
    _answers_are_true(answers, found)
    _keys_are_answered_once(answers, found)
    _refunds_never_exceed_what_was_given(found)
    _everything_was_told_once(found)


async def _books_agree(database: Database) -> None:
    engine = make_engine(database.url("offers"), schema=SERVICE, application_name="test")
    try:
        async with Transactions(engine, SERVICE).begin() as tx:
            books = await PostgresLedger(tx).books()
    finally:
        await engine.dispose()
    assert [each.campaign_id for each in books] == sorted(CAPS_CENTS)
    assert all(each.agree for each in books), books


def _caps_held_at_every_moment(found: Found) -> None:
    """The journal is in the order of commits: after each of its moves the budget could bear it."""
    budgets = {campaign_id: Budget(cap_cents=0) for campaign_id in CAPS_CENTS}
    greatest = Counter[str]()
    for row in found.journal:
        after = budgets[row["campaign_id"]].after(
            [_transfer(row)]
        )  # raises where a counter is below 0 or above the cap
        budgets[row["campaign_id"]] = after
        greatest[row["campaign_id"]] = max(greatest[row["campaign_id"]], after.exposure_cents)
    for campaign_id, row in found.budgets.items():
        expected = Budget(
            cap_cents=row["cap_cents"], reserved_cents=row["reserved_cents"], spent_cents=row["spent_cents"]
        )
        assert budgets[campaign_id] == expected
    assert greatest["hot"] > CAPS_CENTS["hot"] - 250, "the hot budget was used up, so that its cap was tried"


def _limits_held(found: Found) -> None:
    """What stands on the counters is what the vouchers say, and no more than the limits allow."""
    recounted = Counter[tuple[Any, ...]]()
    cents = Counter[tuple[Any, ...]]()
    for mark in found.marks:
        voucher = found.vouchers[mark["voucher_id"]]
        counter = tuple(mark[name] for name in ("per", "entity", "period", "starts_on", "campaign_id"))
        recounted[counter] += voucher["state"] in {"issued", "redeemed"}
        cents[counter] += voucher["reserved_cents"] + voucher["given_cents"]
    assert {tuple(row.values()) for row in found.uses} == {
        (*counter, count, cents[counter]) for counter, count in recounted.items()
    }
    for row in found.uses:
        most_count, most_cents = MOST[Per(row["per"])]
        assert most_count is None or row["count"] <= most_count
        assert most_cents is None or row["cents"] <= most_cents
    assert any(row["count"] == MOST[Per.CUSTOMER][0] for row in found.uses if row["per"] == Per.CUSTOMER)


def _each_voucher_lived_one_life(found: Found) -> None:
    """Issued once; never redeemed while redeemed; what its moves add up to is what its row says."""
    lives: dict[str, list[Row]] = defaultdict(list)
    for row in found.journal:
        if row["voucher_id"] is not None:
            lives[row["voucher_id"]].append(row)
    assert lives.keys() == found.vouchers.keys()
    for voucher_id, moves in lives.items():
        voucher = found.vouchers[voucher_id]
        kinds = [row["move"] for row in moves]
        assert kinds[0] == Move.ISSUE, voucher_id
        assert kinds.count(Move.ISSUE) == 1, voucher_id
        standing = 0
        for kind in kinds:
            standing += (kind == Move.REDEEM) - (kind == Move.REVERSE)
            assert standing in {0, 1} or Move.RETURN in kinds, f"{voucher_id}: redeemed twice: {kinds}"
        held = balances(map(_transfer, moves))
        assert (held[Account.RESERVED], held[Account.SPENT]) == (voucher["reserved_cents"], voucher["given_cents"])
        assert voucher["state"] != "issued" or held[Account.SPENT] == 0, voucher_id
    in_force = Counter(
        row["voucher_id"]
        for row in found.redemptions.values()
        if row["status"] == "redeemed" and row["rolled_back_at"] is None
    )
    for voucher_id, voucher in found.vouchers.items():
        assert in_force[voucher_id] == (voucher["state"] == "redeemed"), voucher_id


def _answers_are_true(answers: Answers, found: Found) -> None:
    """Whoever asked the same had the same answer, and the database says what it said."""
    for checkout_id, granted in answers.by_kind["issued"].items():
        firsts = [slots for slots in granted if slots is not None]
        assert len(firsts) <= 1, f"{checkout_id} was decided twice"
        number = int(checkout_id[1:])
        there = [slot for slot in range(1, len(wishes_of(number)) + 1) if voucher_id_of(number, slot) in found.vouchers]
        assert not firsts or firsts[0] == there, checkout_id
    repeated = 0
    for redemption_id, said in answers.by_kind["redeemed"].items():
        repeated += len(said) > 1
        # The same code on the same receipt is the same redemption, whatever the attempt is called: the first one's answer.
        told = {json.loads(answer)["redemption_id"] for answer in said}
        for name in told:
            assert found.redemptions[name]["answer"].decode() in said, redemption_id
        if told == {redemption_id}:
            assert len(set(said)) == 1, redemption_id
    assert repeated > 100, "the same attempt was made again"
    for hold_id, said in answers.by_kind["held"].items():
        assert len(set(said)) == 1, hold_id
        assert hold_id in found.holds, hold_id
    assert answers.by_kind["held"], "codes were held"
    for redemption_id, said in answers.by_kind["rolled back"].items():
        assert set(said) == {found.redemptions[redemption_id]["rollback_answer"].decode()}, redemption_id


def _keys_are_answered_once(answers: Answers, found: Found) -> None:
    """Whoever asked under a key heard what was kept in the transaction of its one effect, byte for byte."""
    keyed = answers.by_kind["keyed"]
    for key, said in keyed.items():
        assert set(said) == {found.kept[name_of(CALLER, key)]}, key
    for kind in ("k-", "x-"):
        assert sum(len(said) > 1 for key, said in keyed.items() if key.startswith(kind)) > 10, "keys were used again"


def _refunds_never_exceed_what_was_given(found: Found) -> None:
    came_back = 0
    for line in found.lines:
        assert 0 <= line["returned_cents"] <= line["discount_cents"]
        assert line["returned_quantity"] <= line["quantity"]
        assert (line["returned_quantity"] == line["quantity"]) <= (line["returned_cents"] == line["discount_cents"])
        came_back += line["returned_cents"]
    assert came_back == _cents(found, Move.RETURN) - _cents(found, Move.RETURN_UNDONE) > 0


def _everything_was_told_once(found: Found) -> None:
    """As many facts as moves; a fact of a redemption with its cents, and so on."""
    moved = Counter[str]()
    for row in found.journal:
        moved[row["move"]] += 1
    assert found.issued_facts == moved[Move.ISSUE] == len(found.vouchers)
    redeemed = [fact for fact in found.facts if "given_cents" in fact]
    assert len(redeemed) == moved[Move.REDEEM]
    assert sum(fact["given_cents"] for fact in redeemed) == _cents(found, Move.REDEEM)
    assert sum("released_cents" in fact for fact in found.facts) == moved[Move.EXPIRE]
    back = sum(fact["returned_cents"] for fact in found.facts if "returned_cents" in fact)
    assert back == _cents(found, Move.REVERSE) + _cents(found, Move.RETURN)


def _cents(found: Found, move: Move) -> int:
    return sum(row["amount_cents"] for row in found.journal if row["move"] == move)


def _transfer(row: Row) -> Transfer:
    return Transfer(Move(row["move"]), Account(row["from_account"]), Account(row["to_account"]), row["amount_cents"])


async def _pause(seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)
