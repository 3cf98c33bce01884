"""Answers to many commands in one request: each is judged as it would be alone, and none spoils another."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from libs.common.contracts.inventory import Command
from services.inventory.api.commands.answers import GREATEST_BATCH
from tests.integration.inventory.test_acknowledgements import Door, open_door
from tests.support.postgres import Database

ANSWERED = "SELECT command_id, status, quantity_milli FROM acknowledgements ORDER BY 1, 2"
STANDING = "SELECT command_id, version, state, promised_milli FROM commands ORDER BY 1"
PATH = "/v1/acknowledgements/batch"


def an_answer(command: Command, status: str = "acknowledged", **more: Any) -> dict[str, Any]:
    return {"command_id": command.command_id, "version": 1, "item_id": command.item_id, "status": status, **more}


async def say(door: Door, answers: list[Any]) -> list[dict[str, Any]]:
    body = json.dumps({"acknowledgements": answers})  # as ASCII: also what is no whole character
    answer = await door.client.post(PATH, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    assert len(results) == len(answers)
    return results


async def test_a_batch_is_answered_in_order_and_the_same_again_changes_nothing(
    database: Database, tmp_path: Path
) -> None:
    async with open_door(database, tmp_path) as door:
        answers = [an_answer(one) for one in door.commands]
        Random(3).shuffle(answers)
        first = await say(door, answers)
        assert [(one["command_id"], one["effect"], one["version"], one["status"]) for one in first] == [
            (one["command_id"], "applied", 1, "acknowledged") for one in answers
        ]
        kept = [await door.service.rows(query) for query in (ANSWERED, STANDING)]
        again = await say(door, answers)
        assert again == [one | {"effect": "repeated"} for one in first]
        assert [await door.service.rows(query) for query in (ANSWERED, STANDING)] == kept
        assert len(kept[0]) == len(answers)


async def test_one_answer_twice_in_a_batch_has_one_effect_and_the_first_counts(
    database: Database, tmp_path: Path
) -> None:
    async with open_door(database, tmp_path) as door:
        command = door.commands[0]
        amended = [an_answer(command, "amended", quantity=quantity) for quantity in ("1", "7")]
        results = await say(door, [*amended, an_answer(command, "shipped")])
        assert [one["effect"] for one in results] == ["applied", "repeated", "applied"]
        assert {one["status"] for one in results} == {"shipped"}
        found = await door.get(f"/v1/commands/{command.command_id}")
        assert found["promised"] == "1"


async def test_a_batch_leaves_what_the_same_answers_one_by_one_leave(database: Database, tmp_path: Path) -> None:
    async with open_door(database, tmp_path) as door:
        statuses = ("acknowledged", "rejected", "shipped", "received", "acknowledged")
        answers = [an_answer(one, statuses[number % 5]) for number, one in enumerate(door.commands)]
        alone = [await door.client.post("/v1/acknowledgements", json=one) for one in answers[::2]]
        results = await say(door, answers)
        assert [one["effect"] for one in results[::2]] == ["repeated"] * len(alone)
        assert [one["effect"] for one in results[1::2]] == ["applied"] * len(answers[1::2])
        by_status = {answer["status"]: result["status"] for answer, result in zip(answers, results, strict=True)}
        told_alone = {one.json()["command"]["status"] for one in alone}
        assert told_alone <= set(by_status.values())
        changes = await door.service.rows("SELECT command_id FROM command_log WHERE change = 'answered'")
        assert sorted(row["command_id"] for row in changes) == sorted(one.command_id for one in door.commands)


BAD: dict[str, tuple[Any, str]] = {
    "no object": ("nonsense", "invalid-input"),
    "without its item": ({"command_id": "c", "version": 1, "status": "acknowledged"}, "invalid-input"),
    "a status that is none": (
        {"command_id": "c", "version": 1, "item_id": "i", "status": "perhaps"},
        "invalid-input",
    ),
    "half a character": (
        {"command_id": "\ud800", "version": 1, "item_id": "i", "status": "received"},
        "invalid-input",
    ),
    "nobody's": ({"command_id": "c", "version": 1, "item_id": "i", "status": "received"}, "unknown-command"),
    "how much": (
        {"command_id": "c", "version": 1, "item_id": "i", "status": "amended"},
        "amended-without-quantity",
    ),
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_answer_is_refused_and_the_others_are_kept(database: Database, tmp_path: Path, kind: str) -> None:
    bad, slug = BAD[kind]
    async with open_door(database, tmp_path) as door:
        good = [an_answer(one) for one in door.commands]
        results = await say(door, [good[0], bad, *good[1:], bad])
        assert [one["slug"] for one in results if one["effect"] == "refused"] == [slug, slug]
        assert [results[1]["effect"], results[-1]["effect"]] == ["refused", "refused"]
        assert [one["effect"] for one in results].count("applied") == len(good)
        assert len(await door.service.rows(ANSWERED)) == len(good)


async def test_a_number_that_no_column_holds_spoils_its_own_answer_only(database: Database, tmp_path: Path) -> None:
    async with open_door(database, tmp_path) as door:
        good = [an_answer(one) for one in door.commands[1:]]
        beyond = an_answer(door.commands[0]) | {"version": 2**40}
        results = await say(door, [good[0], beyond, *good[1:]])
        assert (results[1]["effect"], results[1]["slug"]) == ("refused", "value-refused")
        assert [one["effect"] for one in results].count("applied") == len(good)
        assert results == [
            one | {"effect": one["effect"].replace("repeated", "applied")}
            for one in await say(door, [good[0], beyond, *good[1:]])
        ]


@pytest.mark.parametrize("count", [0, GREATEST_BATCH + 1])
async def test_a_batch_has_answers_and_not_too_many(database: Database, tmp_path: Path, count: int) -> None:
    async with open_door(database, tmp_path) as door:
        answer = await door.client.post(PATH, json={"acknowledgements": [an_answer(door.commands[0])] * count})
        assert (answer.status_code, answer.json()["title"]) == (422, "invalid-input")
        assert await door.service.rows(ANSWERED) == []
        full = await say(door, [an_answer(door.commands[0])] * GREATEST_BATCH)
        assert [one["effect"] for one in full] == ["applied", *["repeated"] * (GREATEST_BATCH - 1)]


async def test_a_batch_needs_the_scope_of_answers(database: Database, tmp_path: Path) -> None:
    async with open_door(database, tmp_path, frozenset({"inventory:read"})) as door:
        answer = await door.client.post(PATH, json={"acknowledgements": [an_answer(door.commands[0])]})
        assert (answer.status_code, answer.json()["title"]) == (403, "missing-scope")
