"""`POST /v1/acknowledgements`, alone or as a batch: what inventory systems say becomes of commands."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from libs.common.clock import Clock
from libs.common.contracts.inventory import Acknowledged
from libs.common.errors import InvalidInput, UsualError
from libs.common.http.credentials import Credential, require
from services.inventory.api.commands.shapes import (
    AcknowledgementAnswer,
    AcknowledgementResult,
    AcknowledgementResults,
    command_answer,
)
from services.inventory.api.shapes import problems
from services.inventory.domain.commands.command import Command
from services.inventory.handlers.commands.acknowledgements import Acknowledgement, Effect
from services.inventory.handlers.desk import Desk

API_KEY = Security(APIKeyHeader(name="X-Api-Key", auto_error=False, description="or `Authorization: Bearer`"))
Answerer = Annotated[Credential, Depends(require("inventory:ack"))]
GREATEST_BATCH = 500
"""So many items are locked at once; a review of theirs waits for the batch."""


class AcknowledgementBatch(BaseModel):
    """Answers to any commands, in the order in which they were given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Each is judged by itself, so that one which does not fit the contract spoils no other.
    acknowledgements: Annotated[
        tuple[Any, ...],
        Field(
            min_length=1,
            max_length=GREATEST_BATCH,
            json_schema_extra={"items": {"$ref": "#/components/schemas/Acknowledged"}},
        ),
    ]


def answer_router(desk: Desk, clock: Clock) -> APIRouter:
    """The routes, bound to what they ask; `clock` dates the answers."""
    router = APIRouter(prefix="/v1", tags=["inventory"], dependencies=[API_KEY])

    @router.post("/acknowledgements", summary="Answer a command", responses=problems(401, 403, 404, 422, 503))
    async def post_acknowledgement(caller: Answerer, answer: Acknowledged) -> AcknowledgementAnswer:
        """Say what becomes of a command; the topic `inventory.acknowledgements.v1` takes the same.

        Idempotent by command, version and status: the same answer again is `repeated` and changes nothing.
        """
        _check(answer)
        effect, command = await desk.acknowledge(_given(answer, caller, clock))
        return AcknowledgementAnswer(effect=effect, command=command_answer(command))

    @router.post("/acknowledgements/batch", summary="Answer many commands", responses=problems(401, 403, 422, 503))
    async def post_acknowledgements(caller: Answerer, batch: AcknowledgementBatch) -> AcknowledgementResults:
        """As one answer after the other, in one request: each has its own result, and one that is refused changes nothing of the others.

        200 says that all which was not refused is kept; after 503 nothing is certain, send the same again: what had its effect is
        `repeated`. What is refused is refused again: mend it, or leave it.
        """
        read = [_read(content) for content in batch.acknowledgements]
        given = [_given(one, caller, clock) for one in read if isinstance(one, Acknowledged)]
        outcomes = iter(await desk.acknowledge_all(given) if given else ())
        return AcknowledgementResults(
            results=tuple(_result(one, next(outcomes)) if isinstance(one, Acknowledged) else one for one in read)
        )

    return router


def _check(answer: Acknowledged) -> None:
    """Raises InvalidInput."""
    if answer.quantity is None and answer.status == "amended":
        raise InvalidInput("an amendment says how much will come", slug="amended-without-quantity")


def _given(answer: Acknowledged, caller: Credential, clock: Clock) -> Acknowledgement:
    return Acknowledgement(body=answer, answered_at=clock.now(), by=f"{caller.key_id} ({caller.holder})")


def _read(content: Any) -> Acknowledged | AcknowledgementResult:
    """The answer in a batch's entry, or why it is none."""
    named = content.get("command_id") if isinstance(content, dict) else None
    command_id = named if isinstance(named, str) and _can_be_told(named) else None
    try:
        answer = Acknowledged.model_validate(content)
        _check(answer)
    except ValidationError as error:
        return _refused(command_id, InvalidInput(_places(error)))
    except InvalidInput as error:
        return _refused(command_id, error)
    return answer


def _can_be_told(text: str) -> bool:
    """JSON can hold half a character, which no answer can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _places(error: ValidationError) -> str:
    wrong: Sequence[Any] = error.errors(include_url=False, include_context=False, include_input=False)[:5]
    return "; ".join(f"/{'/'.join(map(str, one['loc']))}: {one['msg']}" for one in wrong)


def _refused(command_id: str | None, error: UsualError) -> AcknowledgementResult:
    return AcknowledgementResult(effect="refused", command_id=command_id, slug=error.slug, detail=error.detail)


def _result(answer: Acknowledged, outcome: tuple[Effect, Command] | UsualError) -> AcknowledgementResult:
    if isinstance(outcome, UsualError):
        return _refused(answer.command_id, outcome)
    effect, command = outcome
    return AcknowledgementResult.model_validate(
        {
            "effect": effect.value,
            "command_id": command.command_id,
            "version": command.version,
            "status": command.status.word,
        }
    )
