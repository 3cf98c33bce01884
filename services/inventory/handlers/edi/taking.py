"""What trading partners send: read, kept, applied as acknowledgements, and receipted, in one transaction; and the partners' own doors."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from libs.common.clock import Clock
from libs.common.contracts.inventory import Acknowledged, AcknowledgementStatus
from libs.common.errors import NotFound
from libs.common.persistence import Transactions
from services.inventory.domain.edi.documents import (
    Document,
    EdiInvalid,
    EdiUnsayable,
    Envelope,
    LineAnswer,
    Partner,
    Received,
)
from services.inventory.domain.edi.exchange import OrderedItem, read_interchange, settled, write_receipt
from services.inventory.handlers.commands.acknowledgements import Acknowledgement, acknowledge
from services.inventory.handlers.edi.writing import EdiStorage, StorageOf, put_aside
from services.inventory.metrics import InventoryMetrics
from services.inventory.ports.edi import Interchange, KnownPartner, WrittenOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of an interchange that came in. `receipt` is ours for it, to be fetched like an order."""

    interchange: Interchange
    repeated: bool
    receipt: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EdiDesk:
    """Answers from the service's own tables; raises RetryableError when the database does not answer."""

    transactions: Transactions
    storage_of: StorageOf
    metrics: InventoryMetrics
    clock: Clock

    async def take(self, partner_id: str, raw: bytes, by: str) -> Taken:
        """Apply what came in, once, however often it comes; what was refused is judged anew, our settings may have been wrong.

        Raises NotFound, and EdiInvalid for what cannot be read: it is kept.
        """
        async with self._storage() as storage:
            known = await storage.edi.partner(partner_id, lock=True)
            if known is None:
                raise _unknown_partner()
            before = await storage.edi.seen(partner_id, raw)
            if before is None or before.state == "refused":
                taken = await self._new(storage, known, raw, by, before)
            else:
                taken = Taken(interchange=before, repeated=True)
        found = taken.interchange
        self.metrics.edi_interchanges.labels(known.partner.format.value, found.state).inc()
        if found.state == "refused":
            raise EdiInvalid(found.detail, context={"interchange_id": found.interchange_id})
        return taken

    async def put_partner(self, partner: Partner) -> None:
        """Make a partner, whose orders begin now, or change one. Raises Conflict for a supplier that has another."""
        async with self._storage() as storage:
            _, head = await storage.inventory.log.ends()
            await storage.edi.put_partner(partner, head, self.clock.now())

    async def partners(self) -> Sequence[KnownPartner]:
        """All of them."""
        async with self._storage() as storage:
            return await storage.edi.partners()

    async def partner(self, partner_id: str) -> KnownPartner:
        """One of them; raises NotFound."""
        async with self._storage() as storage:
            found = await storage.edi.partner(partner_id)
        if found is None:
            raise _unknown_partner()
        return found

    async def interchanges(
        self, partner_id: str, direction: str | None, state: str | None, after: int, limit: int
    ) -> Sequence[Interchange]:
        """Interchanges in the order of ids, without their bytes."""
        async with self._storage() as storage:
            return await storage.edi.interchanges(partner_id, direction, state, after, limit)

    async def interchange(self, interchange_id: int) -> tuple[Interchange, Partner]:
        """One of them with its bytes; raises NotFound."""
        async with self._storage() as storage:
            found = await storage.edi.interchange(interchange_id)
            known = None if found is None else await storage.edi.partner(found.partner_id)
        if found is None or known is None:
            raise NotFound("no such interchange", slug="unknown-interchange")
        return found, known.partner

    async def fetched(self, interchange_id: int) -> Interchange:
        """Note that an interchange is on its way to its partner; the same again changes nothing. Raises NotFound."""
        async with self._storage() as storage:
            found = await storage.edi.interchange(interchange_id, lock=True)
            if found is None or found.direction != "out":
                raise NotFound("no such interchange to fetch", slug="unknown-interchange")
            if found.state == "waiting":
                await storage.edi.move(interchange_id, "fetched", found.detail, self.clock.now())
                return replace(found, state="fetched")
            return found

    async def _new(
        self, storage: EdiStorage, known: KnownPartner, raw: bytes, by: str, before: Interchange | None
    ) -> Taken:
        """`before`: these bytes as they were refused."""
        partner = known.partner
        kept = Interchange(
            partner_id=partner.partner_id, direction="in", kind="answers", state="taken", raw=raw, at=self.clock.now()
        )
        try:
            received = await asyncio.to_thread(read_interchange, partner, raw)
            if await storage.edi.by_reference(partner.partner_id, "in", received.control_reference):
                raise EdiInvalid(f"another interchange had the control reference {received.control_reference!r}")  # noqa: TRY301 - one way of refusing
        except EdiInvalid as error:
            refused = replace(kept, state="refused", detail=error.detail)
            return Taken(interchange=await _kept(storage, refused, before), repeated=before is not None)
        judged, outcome = await self._apply(storage, partner, received, by)
        await self._hear(storage, partner, received)
        receipt = await self._receipt(storage, known, judged) if judged.wants_receipt else None
        kept = replace(kept, control_reference=received.control_reference, outcome=outcome)
        return Taken(interchange=await _kept(storage, kept, before), repeated=False, receipt=receipt)

    async def _apply(
        self, storage: EdiStorage, partner: Partner, received: Received, by: str
    ) -> tuple[Received, Sequence[Mapping[str, Any]]]:
        """Each document as a whole, or not at all; the interchange with the faults that were found, and what came of it."""
        numbers = {answer.order_number for document in received.documents for answer in document.answers}
        orders = _in_force(await storage.edi.orders(partner.partner_id, numbers))
        units = await storage.edi.units([order.item_id for order in orders.values()])
        judged: list[Document] = []
        outcome: list[Mapping[str, Any]] = []
        for document in received.documents:
            try:
                bodies = _bodies(document, orders, units)
            except EdiInvalid as error:
                judged.append(replace(document, fault=error.detail))
                outcome.append(_said(judged[-1]))
                continue
            given = [Acknowledgement(body=body, answered_at=self.clock.now(), by=by) for body in bodies]
            effects = await acknowledge(storage.inventory, given) if given else ()
            for effect in effects:
                self.metrics.acknowledgements.labels(effect.value).inc()
            judged.append(document)
            outcome.append({**_said(document), "effects": [effect.value for effect in effects]})
        return replace(received, documents=judged), outcome

    async def _hear(self, storage: EdiStorage, partner: Partner, received: Received) -> None:
        """What a partner's system says of our interchanges."""
        for receipt in received.receipts:
            ours = await storage.edi.by_reference(partner.partner_id, "out", str(receipt.control_number))
            if ours is not None:
                state = "acknowledged" if receipt.accepted else "rejected"
                await storage.edi.move(ours.interchange_id, state, receipt.detail or ours.detail, self.clock.now())

    async def _receipt(self, storage: EdiStorage, known: KnownPartner, judged: Received) -> int | None:
        """Ours for what came in; None where the partner's format cannot say it: that is no reason to lose an answer."""
        now, control = self.clock.now(), known.last_control + 1
        try:
            raw = write_receipt(known.partner, Envelope(control_number=control, prepared_at=now), judged)
        except EdiUnsayable as error:
            await put_aside(
                storage.edi, known.partner, "receipt", f"for {judged.control_reference}: {error.detail}", now
            )
            self.metrics.edi_interchanges.labels(known.partner.format.value, "unsayable").inc()
            return None
        await storage.edi.advance(known.partner.partner_id, known.cursor, control)
        return await storage.edi.add(
            Interchange(
                partner_id=known.partner.partner_id,
                direction="out",
                kind="receipt",
                state="waiting",
                raw=raw,
                at=now,
                control_reference=str(control),
                detail=f"for {judged.control_reference}",
            )
        )

    @asynccontextmanager
    async def _storage(self) -> AsyncIterator[EdiStorage]:
        async with self.transactions.begin() as tx:
            yield self.storage_of(tx)


def _in_force(written: Sequence[WrittenOrder]) -> Mapping[str, WrittenOrder]:
    """The version that the partner speaks of: the newest that was fetched for it, else the first."""
    found: dict[str, WrittenOrder] = {}
    for order in written:
        if order.is_fetched or order.order_number not in found:
            found[order.order_number] = order
    return found


def _bodies(document: Document, orders: Mapping[str, WrittenOrder], units: Mapping[str, str]) -> Sequence[Acknowledged]:
    """What a document says of our commands; raises EdiInvalid for one that is not understood, or of no order of ours."""
    if document.fault is not None:
        raise EdiInvalid(document.fault)
    by_order: dict[str, list[LineAnswer]] = defaultdict(list)
    for answer in document.answers:
        by_order[answer.order_number].append(answer)
    if strange := sorted(by_order.keys() - orders.keys()):
        raise EdiInvalid(f"no such order of ours: {strange[0][:35]!r}")
    return [
        _body(settled(answers, _item(orders[number], units)), orders[number]) for number, answers in by_order.items()
    ]


def _item(order: WrittenOrder, units: Mapping[str, str]) -> OrderedItem:
    return OrderedItem(order_number=order.order_number, item_id=order.item_id, unit=units.get(order.item_id, "each"))


async def _kept(storage: EdiStorage, one: Interchange, before: Interchange | None) -> Interchange:
    """The interchange under its id: of bytes that were refused before, theirs."""
    if before is None:
        return replace(one, interchange_id=await storage.edi.add(one))
    await storage.edi.judge(judged := replace(one, interchange_id=before.interchange_id, at=before.at), one.at)
    return judged


def _body(answer: LineAnswer, order: WrittenOrder) -> Acknowledged:
    return Acknowledged(
        command_id=order.command_id,
        version=order.version,
        item_id=order.item_id,
        status=AcknowledgementStatus(answer.meaning.value),
        quantity=answer.quantity,
        expected_at=answer.expected_at,
        reason=answer.reason,
    )


def _said(document: Document) -> Mapping[str, Any]:
    return {"reference": document.reference, "kind": document.kind, "fault": document.fault}


def _unknown_partner() -> NotFound:
    return NotFound("no such trading partner", slug="unknown-partner")
