"""An inventory system of one file: purchase orders, transfers, stock, and what is still to be told; fits Erp on SQLite."""

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from random import Random
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from libs.erp.ports import Saying, Wanted

_TABLES = """
CREATE TABLE IF NOT EXISTS orders (
    command_id TEXT PRIMARY KEY, version INTEGER NOT NULL, item_id TEXT NOT NULL, store_id TEXT NOT NULL,
    supplier_id TEXT, from_store_id TEXT, quantity TEXT NOT NULL, promised TEXT NOT NULL, delivered TEXT NOT NULL,
    state TEXT NOT NULL, answer TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sayings (
    number INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, door TEXT NOT NULL, body TEXT NOT NULL, taken INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS moves (item_id TEXT, store_id TEXT, change TEXT NOT NULL, PRIMARY KEY (item_id, store_id));
"""
_SHORT_SHARE = Decimal("0.5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How often this system says no or delivers less; of each command the same, whenever it is asked."""

    seed: int = 0
    rejects: float = 0.0
    shorts: float = 0.0

    def promised(self, wanted: Wanted) -> Decimal:
        """What will come of a command."""
        drawn = Random(f"{self.seed}:{wanted.command_id}:{wanted.version}").random()
        if drawn < self.rejects:
            return Decimal(0)
        if drawn < self.rejects + self.shorts:
            return (wanted.quantity * _SHORT_SHARE).to_integral_value(ROUND_CEILING)
        return wanted.quantity


class Ledger:
    """Fits Erp. Goods leave and arrive when `deliver` is called. Every change is on the disk when its method returns."""

    def __init__(self, path: Path, habits: Habits) -> None:
        self._habits = habits
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def place(self, wanted: Wanted) -> bool:
        """As the port promises. What was delivered of an earlier version counts towards the later one."""
        with self._transaction() as run:
            known = run(
                "SELECT version, delivered, answer FROM orders WHERE command_id = ?", wanted.command_id
            ).fetchone()
            if known is not None and known[0] >= wanted.version:
                if known[0] == wanted.version:
                    run("UPDATE sayings SET taken = 0 WHERE name = ?", known[2])
                return False
            promised = self._habits.promised(wanted)
            answer = _answer(wanted, promised)
            run(
                "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(wanted.command_id, wanted.version, wanted.item_id, wanted.store_id, wanted.supplier_id),
                *(wanted.from_store_id, str(wanted.quantity), str(promised), known[1] if known else "0"),
                *("open" if promised else "rejected", answer.name),
            )
            _note(run, answer)
        return True

    def withdraw(self, command_id: str, version: int) -> bool:
        """As the port promises."""
        with self._transaction() as run:
            changed = run(
                "UPDATE orders SET state = 'cancelled', version = max(version, ?)"
                " WHERE command_id = ? AND state <> 'cancelled' AND delivered = '0' AND version <= ?",
                *(version, command_id, version),
            )
            return changed.rowcount > 0

    def deliver(self, at: str) -> int:
        """Deliver what is open: goods move, and that is noted to be told; how many orders."""
        with self._transaction() as run:
            found = run(
                "SELECT command_id, version, item_id, store_id, from_store_id, promised, delivered FROM orders"
                " WHERE state = 'open' ORDER BY command_id"
            ).fetchall()
            for command_id, version, item_id, store_id, from_store_id, promised, delivered in found:
                change = Decimal(promised) - Decimal(delivered)
                run("UPDATE orders SET state = 'delivered' WHERE command_id = ?", command_id)
                if change <= 0:
                    continue  # more has come of an earlier version: that stays delivered
                run("UPDATE orders SET delivered = ? WHERE command_id = ?", promised, command_id)
                name = f"{command_id}:{version}"
                for reason, place, moved in _moves(store_id, from_store_id, change):
                    _move(run, item_id, place, moved)
                    named = {"store_id": place, "item_id": item_id, "command_id": command_id}
                    _note(run, _stock_event(name, at, named, moved, reason))
        return len(found)

    def unsaid(self, limit: int) -> Sequence[Saying]:
        """As the port promises."""
        with self._transaction() as run:
            rows = run("SELECT name, door, body FROM sayings WHERE taken = 0 ORDER BY number LIMIT ?", limit)
            return [Saying(name=name, door=door, body=json.loads(body)) for name, door, body in rows]

    def said(self, names: Sequence[str]) -> None:
        """As the port promises."""
        with self._transaction() as run:
            for name in names:
                run("UPDATE sayings SET taken = 1 WHERE name = ?", name)

    def state(self) -> Mapping[str, Any]:
        """Everything that it holds, for whoever compares."""
        with self._transaction() as run:
            names = ("command_id", "version", "item_id", "store_id", "from_store_id", "quantity", "delivered", "state")
            orders = run(f"SELECT {', '.join(names)} FROM orders ORDER BY command_id").fetchall()  # noqa: S608 - our own columns
            moves = run("SELECT item_id, store_id, change FROM moves ORDER BY 1, 2").fetchall()
            (unsaid,) = run("SELECT count(*) FROM sayings WHERE taken = 0").fetchone()
        return {
            "orders": [dict(zip(names, order, strict=True)) for order in orders],
            "moves": [list(move) for move in moves],
            "unsaid": unsaid,
            "open": sum(order[-1] == "open" for order in orders),
        }

    @contextmanager
    def _transaction(self) -> Iterator["_Run"]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield _Run(self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


class _Run:
    """One statement after the other, within a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __call__(self, sql: str, *values: object) -> sqlite3.Cursor:
        return self._connection.execute(sql, values)


def _note(run: _Run, saying: Saying) -> None:
    run(
        "INSERT OR IGNORE INTO sayings (name, door, body, taken) VALUES (?, ?, ?, 0)",
        *(saying.name, saying.door, json.dumps(saying.body)),
    )


def _move(run: _Run, item_id: str, store_id: str, change: Decimal) -> None:
    row = run("SELECT change FROM moves WHERE item_id = ? AND store_id = ?", item_id, store_id).fetchone()
    total = change + (Decimal(row[0]) if row else 0)
    run("INSERT OR REPLACE INTO moves VALUES (?, ?, ?)", item_id, store_id, str(total))


def _moves(store_id: str, from_store_id: str | None, change: Decimal) -> Sequence[tuple[str, str, Decimal]]:
    """Why, where and by how much stock moves."""
    if from_store_id is None:
        return [("delivered", store_id, change)]
    return [("transfer_out", from_store_id, -change), ("transfer_in", store_id, change)]


def _answer(wanted: Wanted, promised: Decimal) -> Saying:
    status = "rejected" if not promised else "acknowledged" if promised == wanted.quantity else "amended"
    body = {
        "command_id": wanted.command_id,
        "version": wanted.version,
        "item_id": wanted.item_id,
        "status": status,
    }
    if status == "amended":
        body |= {"quantity": str(promised), "reason": "short"}
    if status == "rejected":
        body |= {"reason": "not-available"}
    return Saying(name=f"{wanted.command_id}:{wanted.version}:answer", door="answer", body=body)


def _stock_event(name: str, at: str, place: Mapping[str, str], change: Decimal, reason: str) -> Saying:
    content: dict[str, Any] = dict(place)
    if reason == "delivered":
        kind, content = "usual.stock.delivered.v1", content | {"quantity": str(change)}
    else:
        kind, content = "usual.stock.moved.v1", content | {"change": str(change), "reason": reason}
    event = {
        "specversion": "1.0",
        "id": str(uuid5(NAMESPACE_URL, f"{name}:{reason}")),
        "source": "urn:erp",
        "type": kind,
        "time": at,
        "datacontenttype": "application/json",
        "data": content,
    }
    return Saying(name=f"{name}:{reason}", door="event", body=event)
