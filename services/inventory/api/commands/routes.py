"""The routes of commands: what was asked for, what happened to it, what waits for a person, and what people decide."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from libs.common.contracts.values import Key
from libs.common.errors import InvalidInput
from libs.common.http.credentials import Credential, require
from services.inventory.api.commands.shapes import (
    CommandAnswer,
    CommandPage,
    DecisionAnswer,
    ExceptionPage,
    HistoryAnswer,
    change_answer,
    command_answer,
    exception_answer,
)
from services.inventory.api.shapes import problems
from services.inventory.domain.commands.transitions import STATUSES
from services.inventory.domain.commands.verdicts import Ruling, Verdict
from services.inventory.handlers.commands.approvals import Approvals
from services.inventory.handlers.desk import Desk
from services.inventory.ports import CommandFilter

API_KEY = Security(APIKeyHeader(name="X-Api-Key", auto_error=False, description="or `Authorization: Bearer`"))
Reader = Annotated[Credential, Depends(require("inventory:read"))]
Buyer = Annotated[Credential, Depends(require("inventory:approve"))]
PageSize = Annotated[int, Query(ge=1, le=1_000)]
CommandStatus = Literal[
    "proposed", "approved", "sent", "acknowledged", "amended", "rejected", "shipped", "received", "closed", "expired",
    "cancelled",
]  # fmt: skip
CommandKind = Literal["reorder", "reroute"]
Waits = Literal["approval", "unapproved", "unanswered", "overdue", "no-source", "no-room"]
assert set(STATUSES) == set(CommandStatus.__args__)  # type: ignore[attr-defined]  # noqa: S101 - two lists of one truth
_SEPARATOR = ":"
_LONGEST_MONEY = 19
"""Digits of the greatest amount that a column holds."""


class DecisionRequest(BaseModel):
    """What is decided on one version: the one that was read. A version is decided once; the same again changes nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[int, Field(ge=1)]
    ruling: Ruling
    packs: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """With `amend`, and only then: how many packs are to be ordered, or units moved, in all."""
    reason: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """For the history."""


def command_router(desk: Desk, approvals: Approvals) -> APIRouter:
    """The routes, bound to what they ask."""
    router = APIRouter(prefix="/v1", tags=["commands"], dependencies=[API_KEY])

    @router.get("/commands", summary="What was asked for", responses=problems(401, 403, 422, 503))
    async def get_commands(
        _caller: Reader,
        status: CommandStatus | None = None,
        kind: CommandKind | None = None,
        item_id: Key | None = None,
        store_id: Key | None = None,
        after: Key | None = None,
        limit: PageSize = 100,
    ) -> CommandPage:
        """Commands with their explanation and what has become of them; every filter is optional."""
        wanted = CommandFilter(status=status, kind=kind, item_id=item_id, store_id=store_id, after=after, limit=limit)
        found = await desk.commands(wanted)
        following = found[-1].command_id if len(found) == limit else None
        return CommandPage(commands=tuple(map(command_answer, found)), next=following)

    @router.get("/commands/{command_id}", summary="One command", responses=problems(401, 403, 404, 422, 503))
    async def get_command(_caller: Reader, command_id: Key) -> CommandAnswer:
        """One command, whatever has become of it."""
        return command_answer(await desk.command(command_id))

    @router.get(
        "/commands/{command_id}/history", summary="What happened to it", responses=problems(401, 403, 404, 422, 503)
    )
    async def get_history(_caller: Reader, command_id: Key) -> HistoryAnswer:
        """Every change with who made it, when and why, in order; of all its versions."""
        return HistoryAnswer(changes=tuple(map(change_answer, await approvals.history(command_id))))

    @router.get("/exceptions", summary="What waits for a person", responses=problems(401, 403, 422, 503))
    async def get_exceptions(
        _caller: Reader, waits_for: Waits | None = None, after: str | None = None, limit: PageSize = 100
    ) -> ExceptionPage:
        """Proposals that need agreement and commands that were escalated, the most money at stake first, each with one line why."""
        found = await approvals.queue(waits_for, _cursor_in(after), limit)
        last = found[-1].command if len(found) == limit else None
        following = None if last is None else f"{last.stake_cents or 0}{_SEPARATOR}{last.command_id}"
        return ExceptionPage(exceptions=tuple(map(exception_answer, found)), next=following)

    @router.post(
        "/commands/{command_id}/decisions",
        summary="Decide on a command",
        responses=problems(401, 403, 404, 409, 422, 503),
    )
    async def post_decision(caller: Buyer, command_id: Key, asked: DecisionRequest) -> DecisionAnswer:
        """Approve, amend or reject a proposal, withdraw a command that nobody has answered, or dismiss an alarm.

        Idempotent by command and version: the same decision again is `repeated`, another one is refused.
        """
        if (asked.packs is None) == (asked.ruling is Ruling.AMEND):
            raise InvalidInput("packs are stated with an amendment, and only then", slug="packs-and-ruling")
        by = f"{caller.key_id} ({caller.holder})"
        verdict = Verdict(ruling=asked.ruling, by=by, packs=asked.packs, reason=asked.reason)
        applied, command = await approvals.decide(command_id, asked.version, verdict)
        return DecisionAnswer(effect="applied" if applied else "repeated", command=command_answer(command))

    return router


def _cursor_in(after: str | None) -> tuple[int, str] | None:
    if after is None:
        return None
    money, _, command_id = after.partition(_SEPARATOR)
    if not money.isdecimal() or len(money) > _LONGEST_MONEY or not command_id:
        raise InvalidInput("`after` is what `next` said", slug="invalid-cursor")
    return int(money), command_id
