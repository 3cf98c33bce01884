"""`/v1/webhooks`: who is told of commands, with which secrets, and what has been delivered."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from libs.common.contracts.values import Key
from libs.common.errors import InvalidInput
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.inventory.domain.webhooks import Delivery, State
from services.inventory.handlers.webhooks.subscribing import Wanted, WebhookDesk
from services.inventory.ports.webhooks import Registered

Caller = Annotated[Credential, Depends(require("webhooks:write"))]
_CREATED = 201


class WebhookRequest(BaseModel):
    """Where to send what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    """https only; http for loopback alone. No private address unless the deployment allows it."""
    event_types: Annotated[frozenset[str], Field(min_length=1)]
    description: Annotated[str, StringConstraints(max_length=200)] = ""


class RotateRequest(BaseModel):
    """How long the former secret stays good."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    overlap_hours: Annotated[float, Field(ge=0, le=24 * 14)] = 24.0


class ReplayRequest(BaseModel):
    """From where: behind a position of the log, or since a moment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: Annotated[int, Field(ge=0)] | None = None
    since: AwareDatetime | None = None


class WebhookView(BaseModel):
    """A subscription. Everything up to `cursor` was answered 2xx, or not wanted."""

    webhook_id: str
    url: str
    event_types: list[str]
    description: str
    state: State
    disabled_for: str | None
    """`failing` for too long, or `gone`: the endpoint answered 410."""
    cursor: int
    run: int
    failures: int
    failing_since: AwareDatetime | None
    next_attempt_at: AwareDatetime | None
    former_secret_until: AwareDatetime | None
    created_at: AwareDatetime


class WebhookWithSecret(WebhookView):
    """The same with a secret, which is shown this once."""

    secret: str | None = None


class DeliveryView(BaseModel):
    """One event on its way. `webhook_message_id` is the same at every attempt."""

    position: int
    webhook_message_id: str
    item_id: str
    type: str
    attempts: int
    first_attempt_at: AwareDatetime | None
    last_attempt_at: AwareDatetime | None
    next_attempt_at: AwareDatetime | None
    delivered_at: AwareDatetime | None
    status: int | None
    error: str | None


class DeliveryPage(BaseModel):
    """Deliveries in the order of the log; `next` asks for what follows, as `after`."""

    deliveries: list[DeliveryView]
    next: int | None


class PingAnswer(BaseModel):
    """How the test event was answered."""

    taken: bool
    status: int | None
    error: str | None


def webhook_router(desk: WebhookDesk) -> APIRouter:
    """The routes, bound to their desk."""
    router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

    @router.put("/{webhook_id}", summary="Subscribe", responses={201: {"model": WebhookWithSecret}, **problems(503)})
    async def put(webhook_id: Key, request: WebhookRequest, caller: Caller, response: Response) -> WebhookWithSecret:
        """Make a subscription (201, with its secret, this once) or change one (200). A new one begins at the end of the log."""
        wanted = Wanted(url=request.url, event_types=request.event_types, description=request.description)
        registered, secret = await desk.put(webhook_id, wanted, f"{caller.key_id} ({caller.holder})")
        response.status_code = _CREATED if secret else 200
        return WebhookWithSecret(**view(registered).model_dump(), secret=secret)

    @router.get("", summary="All subscriptions")
    async def everything(_caller: Caller) -> list[WebhookView]:
        """In the order of ids; never with a secret."""
        return [view(one) for one in await desk.all()]

    @router.get("/{webhook_id}", summary="One subscription", responses=problems(404))
    async def one(webhook_id: Key, _caller: Caller) -> WebhookView:
        """How its endpoint does, and how far it is."""
        return view(await desk.get(webhook_id))

    @router.delete("/{webhook_id}", summary="End a subscription", status_code=204, responses=problems(404))
    async def end(webhook_id: Key, _caller: Caller) -> None:
        """Nothing more is sent; its delivery log goes too."""
        await desk.delete(webhook_id)

    _add_actions(router, desk)
    return router


def _add_actions(router: APIRouter, desk: WebhookDesk) -> None:
    @router.post("/{webhook_id}/secrets", summary="Rotate the secret", responses=problems(404, 409, 503))
    async def rotate(webhook_id: Key, request: RotateRequest, _caller: Caller) -> WebhookWithSecret:
        """A new secret, shown this once. Until `former_secret_until` each event is signed with both."""
        registered, secret = await desk.rotate(webhook_id, timedelta(hours=request.overlap_hours))
        return WebhookWithSecret(**view(registered).model_dump(), secret=secret)

    @router.post("/{webhook_id}/replay", summary="Deliver again", responses=problems(404))
    async def replay(webhook_id: Key, request: ReplayRequest, _caller: Caller) -> WebhookView:
        """Everything behind the position `after`, or since a moment, comes again under its old ids; a disabled one is enabled.

        `after` ahead of the cursor leaves out what lies between: the way past an event that an endpoint can never take.
        """
        if (request.after is None) == (request.since is None):
            raise InvalidInput("state `after` or `since`, one of them", slug="after-or-since")
        return view(await desk.replay(webhook_id, request.after, request.since))

    @router.post("/{webhook_id}/enable", summary="Enable again", responses=problems(404, 409))
    async def enable(webhook_id: Key, _caller: Caller) -> WebhookView:
        """It goes on from its cursor: what it missed comes first."""
        return view(await desk.enable(webhook_id))

    @router.post("/{webhook_id}/ping", summary="Send a test event", responses=problems(404, 503))
    async def ping(webhook_id: Key, _caller: Caller) -> PingAnswer:
        """One signed `usual.webhook.ping.v1`, now, and how it was answered."""
        outcome = await desk.ping(webhook_id)
        return PingAnswer(taken=outcome.is_success, status=outcome.status, error=outcome.error)

    @router.get("/{webhook_id}/deliveries", summary="The delivery log", responses=problems(404))
    async def deliveries(
        webhook_id: Key,
        _caller: Caller,
        run: Annotated[int, Query(ge=1)] | None = None,
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> DeliveryPage:
        """What was tried in a run (each replay begins one), with the last answer."""
        found = await desk.deliveries(webhook_id, run, after, limit)
        following = found[-1].position if len(found) == limit else None
        return DeliveryPage(deliveries=[_delivery(each) for each in found], next=following)


def view(registered: Registered) -> WebhookView:
    """A subscription as it is answered."""
    webhook = registered.webhook
    return WebhookView(
        webhook_id=webhook.webhook_id,
        url=webhook.url,
        event_types=sorted(webhook.event_types),
        description=registered.description,
        state=webhook.state,
        disabled_for=webhook.disabled_for,
        cursor=webhook.cursor,
        run=webhook.run,
        failures=webhook.failures,
        failing_since=webhook.failing_since,
        next_attempt_at=webhook.next_attempt_at,
        former_secret_until=registered.secrets.former_until,
        created_at=registered.created_at,
    )


def _delivery(each: Delivery) -> DeliveryView:
    return DeliveryView(
        position=each.position,
        webhook_message_id=each.message_id,
        item_id=each.item_id,
        type=each.type,
        attempts=each.attempts,
        first_attempt_at=each.first_attempt_at,
        last_attempt_at=each.last_attempt_at,
        next_attempt_at=each.next_attempt_at,
        delivered_at=each.delivered_at,
        status=each.status,
        error=each.error,
    )
