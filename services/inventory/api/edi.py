"""`/v1/edi`: trading partners, the interchanges that wait for them, and what they send; an EDI gateway stands before it."""

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, field_validator

from libs.common.contracts.values import Currency, Key
from libs.common.errors import InvalidInput, TooLarge
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.inventory.domain.edi.documents import Format, Partner, Party
from services.inventory.domain.edi.edifact_syntax import CODECS
from services.inventory.domain.edi.x12_syntax import is_name
from services.inventory.handlers.edi.taking import EdiDesk
from services.inventory.ports.edi import Interchange

Gateway = Annotated[Credential, Depends(require("edi:exchange"))]
Office = Annotated[Credential, Depends(require("edi:partners"))]
_MOST_BYTES = 262_144
_MEDIA = {Format.EDIFACT: "application/EDIFACT", Format.X12: "application/EDI-X12"}
_ORDINARY = r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$"


class PartyModel(BaseModel):
    """A name of an interchange and its kind (14: GLN; 12: telephone; ZZ: agreed)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, StringConstraints(min_length=1, max_length=35, pattern=_ORDINARY)]
    qualifier: Annotated[str, StringConstraints(max_length=4, pattern=r"^[A-Z0-9]*$")] = ""


class PartnerModel(BaseModel):
    """How orders are exchanged with a supplier. `time_zone` is that of the partner's dates; X12 is always ASCII."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    supplier_id: Key
    format: Format
    ours: PartyModel
    theirs: PartyModel
    character_set: str = "UNOC"
    currency: Currency = "EUR"
    time_zone: str = "UTC"
    is_test: bool = False
    store_codes: Annotated[dict[Key, Key], Field(max_length=10_000)] = Field(default_factory=dict)
    """What the partner calls our stores (a GLN, mostly); our own ids where it has no name for one."""

    @field_validator("character_set")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in CODECS:
            raise ValueError(f"one of {', '.join(CODECS)}")
        return name

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("a name of the IANA database, such as Europe/Berlin") from error
        return name


class PartnerView(PartnerModel):
    """A partner and how far its orders are written."""

    partner_id: str
    cursor: int
    last_control_number: int


class InterchangeView(BaseModel):
    """An interchange without its bytes. Out: waiting, fetched, acknowledged, rejected, unsayable; in: taken, refused."""

    interchange_id: int
    partner_id: str
    direction: str
    kind: str
    state: str
    control_reference: str | None
    detail: str
    documents: list[dict[str, Any]]
    """Of one that came in: each message with what was not understood of it, or what it came to."""
    at: AwareDatetime


class InterchangePage(BaseModel):
    """Interchanges in the order of ids; `next` asks for what follows, as `after`."""

    interchanges: list[InterchangeView]
    next: int | None


class TakenView(InterchangeView):
    """What came of an interchange. `receipt` is the interchange that answers it (CONTRL, 997), to be fetched."""

    repeated: bool
    receipt: int | None


def edi_router(desk: EdiDesk) -> APIRouter:
    """The routes, bound to their desk."""
    router = APIRouter(prefix="/v1/edi", tags=["edi"])

    @router.put("/partners/{partner_id}", summary="Make or change a trading partner", responses=problems(409))
    async def put(partner_id: Key, request: PartnerModel, _caller: Office) -> PartnerView:
        """From now on the reorders for this supplier are written for it; earlier ones are not."""
        await desk.put_partner(_partner(partner_id, request))
        return await _view(desk, partner_id)

    @router.get("/partners", summary="All trading partners")
    async def everybody(_caller: Office) -> list[PartnerView]:
        """In the order of ids."""
        return [_shown(known.partner, known.cursor, known.last_control) for known in await desk.partners()]

    @router.get("/partners/{partner_id}", summary="One trading partner", responses=problems(404))
    async def one(partner_id: Key, _caller: Office) -> PartnerView:
        """Its settings, and how far its orders are written."""
        return await _view(desk, partner_id)

    _add_exchange(router, desk)
    return router


def _add_exchange(router: APIRouter, desk: EdiDesk) -> None:
    @router.get("/partners/{partner_id}/interchanges", summary="What was exchanged", responses=problems(404))
    async def interchanges(
        partner_id: Key,
        _caller: Gateway,
        direction: Literal["in", "out"] | None = None,
        state: Key | None = None,
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> InterchangePage:
        """`?direction=out&state=waiting` is what a gateway has to fetch; `?state=refused` what somebody has to mend."""
        await desk.partner(partner_id)
        found = await desk.interchanges(partner_id, direction, state, after, limit)
        following = found[-1].interchange_id if len(found) == limit else None
        return InterchangePage(interchanges=[_interchange(each) for each in found], next=following)

    @router.get(
        "/interchanges/{interchange_id}",
        summary="The bytes of an interchange",
        response_class=Response,
        responses={200: {"content": {media: {} for media in _MEDIA.values()}}, **problems(404)},
    )
    async def raw(interchange_id: int, _caller: Gateway) -> Response:
        """As they go, or came, over the wire. Reading changes nothing."""
        found, partner = await desk.interchange(interchange_id)
        return Response(found.raw, media_type=_MEDIA[partner.format])

    @router.post(
        "/interchanges/{interchange_id}/fetched", summary="It is on its way to the partner", responses=problems(404)
    )
    async def fetched(interchange_id: int, _caller: Gateway) -> InterchangeView:
        """Say so when the partner's side has it. The same again changes nothing."""
        return _interchange(await desk.fetched(interchange_id))

    @router.post(
        "/partners/{partner_id}/inbox",
        summary="Take what a partner sent",
        responses=problems(404, 413, 422),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {media: {"schema": {"type": "string", "format": "binary"}} for media in _MEDIA.values()},
            }
        },
    )
    async def inbox(partner_id: Key, request: Request, caller: Gateway) -> TakenView:
        """One interchange, as it came. The same bytes again are `repeated` and change nothing.

        What cannot be read is 422 `edi-invalid`, kept under the `interchange_id` that the problem names.
        """
        taken = await desk.take(partner_id, await _body(request), f"{caller.key_id} ({caller.holder})")
        shown = _interchange(taken.interchange).model_dump()
        return TakenView(**shown, repeated=taken.repeated, receipt=taken.receipt)


async def _body(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > _MOST_BYTES:
            raise TooLarge(f"at most {_MOST_BYTES} bytes; split the interchange", slug="body-too-large")
        parts.append(part)
    return b"".join(parts)


async def _view(desk: EdiDesk, partner_id: str) -> PartnerView:
    known = await desk.partner(partner_id)
    return _shown(known.partner, known.cursor, known.last_control)


def _partner(partner_id: str, request: PartnerModel) -> Partner:
    ours, theirs = (Party(one.id, one.qualifier) for one in (request.ours, request.theirs))
    if request.format is Format.X12 and not (is_name(ours) and is_name(theirs)):
        raise InvalidInput("X12 names have at most 15 characters and no * > ~, their qualifiers at most 2")
    return Partner(
        partner_id=partner_id,
        supplier_id=request.supplier_id,
        format=request.format,
        ours=ours,
        theirs=theirs,
        character_set=request.character_set,
        currency=request.currency,
        time_zone=request.time_zone,
        is_test=request.is_test,
        store_codes=request.store_codes,
    )


def _shown(partner: Partner, cursor: int, last_control: int) -> PartnerView:
    return PartnerView(
        partner_id=partner.partner_id,
        supplier_id=partner.supplier_id,
        format=partner.format,
        ours=PartyModel(id=partner.ours.id, qualifier=partner.ours.qualifier),
        theirs=PartyModel(id=partner.theirs.id, qualifier=partner.theirs.qualifier),
        character_set=partner.character_set,
        currency=partner.currency,
        time_zone=partner.time_zone,
        is_test=partner.is_test,
        store_codes=dict(partner.store_codes),
        cursor=cursor,
        last_control_number=last_control,
    )


def _interchange(found: Interchange) -> InterchangeView:
    return InterchangeView(
        interchange_id=found.interchange_id,
        partner_id=found.partner_id,
        direction=found.direction,
        kind=found.kind,
        state=found.state,
        control_reference=found.control_reference,
        detail=found.detail,
        documents=[dict(each) for each in found.outcome],
        at=found.at,
    )
