"""Every event type and its contract: the one place that turns bytes into events. Adding an event type starts here."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Protocol, cast

import msgspec
from pydantic import ValidationError
from pydantic_core import to_json

from libs.common.contracts import (
    catalog,
    consent,
    feedback,
    identity,
    inventory,
    offers,
    play,
    pos,
    privacy,
    profile,
    stock,
    web,
)
from libs.common.contracts.envelope import Event, Headers, parse_moment
from libs.common.contracts.upcasting import newest_type, upcast
from libs.common.contracts.values import Contract
from libs.common.contracts.written import Written
from libs.common.errors import InvalidMessage

CONTRACTS: Mapping[str, type[Contract]] = {
    "usual.pos.sale.v1": pos.Sale,
    "usual.pos.return.v1": pos.Return,
    "usual.pos.void.v1": pos.Void,
    "usual.pos.line_scanned.v1": pos.LineScanned,
    "usual.pos.voucher_scanned.v1": pos.VoucherScanned,
    "usual.web.page_viewed.v1": web.PageViewed,
    "usual.web.searched.v1": web.Searched,
    "usual.web.product_viewed.v1": web.ProductViewed,
    "usual.web.added_to_cart.v1": web.AddedToCart,
    "usual.web.removed_from_cart.v1": web.RemovedFromCart,
    "usual.web.checkout_started.v1": web.CheckoutStarted,
    "usual.web.ordered.v1": web.Ordered,
    "usual.feedback.survey_answered.v1": feedback.SurveyAnsweredV1,
    "usual.feedback.survey_answered.v2": feedback.SurveyAnswered,
    "usual.feedback.nps_answered.v1": feedback.NpsAnswered,
    "usual.feedback.complaint_made.v1": feedback.ComplaintMade,
    "usual.feedback.complaint_resolved.v1": feedback.ComplaintResolved,
    "usual.feedback.compliment_made.v1": feedback.ComplimentMade,
    "usual.feedback.service_opened.v1": feedback.ServiceOpened,
    "usual.feedback.service_closed.v1": feedback.ServiceClosed,
    "usual.stock.counted.v1": stock.StockCounted,
    "usual.stock.delivered.v1": stock.StockDelivered,
    "usual.stock.moved.v1": stock.StockMoved,
    "usual.catalog.item.v1": catalog.CatalogItem,
    "usual.catalog.store.v1": catalog.CatalogStore,
    "usual.catalog.lane.v1": catalog.CatalogLane,
    "usual.catalog.promotion.v1": catalog.CatalogPromotion,
    "usual.catalog.link.v1": catalog.CatalogLink,
    "usual.consent.changed.v1": consent.ConsentChanged,
    "usual.identity.linked.v1": consent.IdentityLinked,
    "usual.identity.described.v1": identity.Described,
    "usual.play.tick.v1": play.PlayTicked,
    "usual.profile.snapshot.v1": profile.ProfileSnapshot,
    "usual.profile.completed.v1": profile.ProfileCompleted,
    "usual.profile.identity.v1": profile.IdentityChanged,
    "usual.profile.segment_entered.v1": profile.SegmentEntered,
    "usual.profile.segment_left.v1": profile.SegmentLeft,
    "usual.profile.model.v1": profile.ModelPublished,
    "usual.privacy.erasure_requested.v1": privacy.ErasureRequested,
    "usual.privacy.erased.v1": privacy.Erased,
    "usual.offers.voucher_issued.v1": offers.VoucherIssued,
    "usual.offers.voucher_redeemed.v1": offers.VoucherRedeemed,
    "usual.offers.voucher_rolled_back.v1": offers.VoucherRolledBack,
    "usual.offers.voucher_expired.v1": offers.VoucherExpired,
    "usual.offers.voucher_revoked.v1": offers.VoucherRevoked,
    "usual.offers.decision.v1": offers.Decided,
    "usual.offers.brake_pulled.v1": offers.BrakePulled,
    "usual.offers.brake_released.v1": offers.BrakeReleased,
    "usual.offers.fraud_suspected.v1": offers.FraudSuspected,
    "usual.inventory.demand.v1": inventory.DemandMoved,
    "usual.inventory.reorder.v1": inventory.Reorder,
    "usual.inventory.reroute.v1": inventory.Reroute,
    "usual.inventory.count.v1": inventory.CountRequested,
    "usual.inventory.command_withdrawn.v1": inventory.CommandWithdrawn,
    "usual.inventory.command_escalated.v1": inventory.CommandEscalated,
    "usual.inventory.acknowledgement.v1": inventory.Acknowledged,
    "usual.inventory.availability.v1": inventory.Availability,
}

TYPES: Mapping[type[Contract], str] = {model: name for name, model in CONTRACTS.items()}
Reader = Callable[[bytes], Any]
_NO_READERS: Mapping[str, Reader] = {}
_NEEDED = ("ce_id", "ce_source", "ce_type", "ce_time")
_MAJORS = {name.rpartition(".")[0] for name in CONTRACTS}


class Keyed(Protocol):
    """A contract knows the key that its topic is partitioned by."""

    @property
    def partition_key(self) -> str:
        """The key."""
        ...


class UnknownType(InvalidMessage):
    """An event type that we have never heard of; consumers skip and count it."""

    slug = "unknown-type"


class UnsupportedVersion(InvalidMessage):
    """A known type in a major version that this release does not read."""

    slug = "unsupported-version"


def contract_of(event_type: str) -> type[Contract]:
    """The contract of `event_type`; raises UnsupportedVersion or UnknownType."""
    model = CONTRACTS.get(event_type)
    if model is not None:
        return model
    if event_type.rpartition(".")[0] in _MAJORS:
        raise UnsupportedVersion(f"this release does not read {event_type}")
    raise UnknownType(f"unknown event type {event_type!r}")


def partition_key_of(data: Contract | Written) -> str:
    """The key by which events with this body are partitioned."""
    return cast("Keyed", data).partition_key


def new_event(
    data: Contract | Written, *, event_id: str, source: str, occurred_at: datetime, received_at: datetime | None = None
) -> Event:
    """An event around `data`, its type and key taken from the contract; for what a service publishes itself."""
    contract = data.contract if isinstance(data, Written) else type(data)
    return Event(
        id=event_id,
        source=source,
        type=TYPES[cast("type[Contract]", contract)],
        occurred_at=occurred_at,
        partition_key=partition_key_of(data),
        data=cast("Contract", data),
        received_at=received_at,
    )


def describe(error: ValidationError) -> str:
    """What is wrong, by JSON pointer and rule, without the values (they may be personal)."""
    return "; ".join(
        f"/{'/'.join(str(step) for step in problem['loc'])}: {problem['msg']}"
        for problem in error.errors(include_input=False, include_url=False)[:10]
    )


def in_newest_form(event_type: str, data: Contract) -> tuple[str, Contract]:
    """What consumers see of a body of any version: the newest version of its type, and the body in its form."""
    if newest_type(event_type) == event_type:
        return event_type, data
    newest, body = upcast(event_type, data.model_dump(mode="json", exclude_unset=True))
    return newest, contract_of(newest).model_validate_json(to_json(body))


def decode(headers: Headers | Iterable[tuple[str, bytes]], value: bytes | None) -> Event:
    """The event in one Kafka record, its body in the newest version of its type.

    Raises InvalidMessage (or one of its kinds) with a stable slug when it is none.
    """
    return _decode(headers, value, _NO_READERS)


def decode_with(
    readers: Mapping[type[Contract], Reader],
) -> Callable[[Iterable[tuple[str, bytes]], bytes | None], Event]:
    """The same as `decode`, but bodies of these contracts (of which there is no newer version) are read by these readers.

    A reader raises msgspec.DecodeError for what is not plain; the contract itself then judges it. So a body is of the
    contract's class or of the reader's: who asks what it is asks for the event's type.
    """
    return partial(_decode, readers={TYPES[model]: reader for model, reader in readers.items()})


def _decode(headers: Iterable[tuple[str, bytes]], value: bytes | None, readers: Mapping[str, Reader]) -> Event:
    found = dict(headers)
    try:
        event_id, source = found["ce_id"].decode(), found["ce_source"].decode()
        event_type, time = found["ce_type"].decode(), found["ce_time"].decode()
        key, received = found.get("ce_partitionkey", b"").decode(), found.get("ce_receivedat", b"").decode()
        subject, trace = (
            text.decode() if (text := found.get(name)) else None for name in ("ce_subject", "traceparent")
        )
        claimed = found.get("ce_claimedtime")
    except KeyError as error:
        raise _without_headers(found) from error
    except (UnicodeDecodeError, AttributeError) as error:  # a header of Kafka may be null
        raise InvalidMessage("headers are not UTF-8", slug="invalid-headers") from error
    if not (event_id and source and event_type and time):
        raise _without_headers(found)
    model = contract_of(event_type)
    if value is None:
        raise InvalidMessage("no body", slug="missing-body")
    try:
        data = _read(readers[event_type], value) if event_type in readers else None
        if data is None:
            event_type, data = in_newest_form(event_type, model.model_validate_json(value))
        occurred_at = parse_moment(time)
        received_at = parse_moment(received) if received else None
        claimed_at = parse_moment(claimed.decode()) if claimed else None
    except ValidationError as error:
        raise InvalidMessage(describe(error), slug="contract-violation") from error
    except (ValueError, RecursionError) as error:
        raise InvalidMessage(str(error), slug="invalid-headers") from error
    return Event(
        id=event_id,
        source=source,
        type=event_type,
        occurred_at=occurred_at,
        partition_key=key or partition_key_of(data),
        data=data,
        received_at=received_at,
        claimed_at=claimed_at,
        subject=subject,
        traceparent=trace,
    )


def _without_headers(found: Mapping[str, bytes]) -> InvalidMessage:
    missing = [name for name in _NEEDED if not found.get(name)]
    return InvalidMessage(f"missing CloudEvents headers: {', '.join(missing)}", slug="invalid-headers")


def _read(reader: Reader, value: bytes) -> Any:
    """What the reader makes of it; None for what is not plain."""
    try:
        return reader(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
