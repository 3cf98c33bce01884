"""Being forgotten: the suppression, the deleting and the request to all services are one transaction; answers come later."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain

from libs.common.clock import Clock
from libs.common.contracts import Event, new_event
from libs.common.contracts.privacy import Erased, ErasureRequested
from libs.common.contracts.topics import PROFILE_ERASURES, SUPPRESSION_RETENTION
from libs.common.errors import NotFound
from libs.common.ids import random_id
from libs.common.persistence import OutboxMessage, Transaction, Transactions
from services.profile.domain.segments import versions_in_force
from services.profile.handlers.intake import own_customer_id
from services.profile.handlers.learning import unlearn
from services.profile.handlers.memberships import settle_memberships
from services.profile.handlers.persons import find_persons
from services.profile.handlers.privacy_shapes import ErasureState, ErasureView, RemovedView
from services.profile.handlers.snapshots import SOURCE, identifier_of, known_of, tombstone
from services.profile.ports import ProfileStore
from services.profile.ports.privacy import Asker, Erasure, Person, ServiceReceipt

ANSWERING = ("ingest", "inventory", "offers", "profile")
"""Who has to answer until an erasure is complete."""


class Erasing:
    """What the API asks for. Without a play's clock "now" is the server's; in a play it is the customer's newest event."""

    def __init__(
        self,
        transactions: Transactions,
        store_of: Callable[[Transaction], ProfileStore],
        clock: Clock,
        *,
        play_mode: bool,
    ) -> None:
        self._transactions = transactions
        self._store_of = store_of
        self._clock = clock
        self._play_mode = play_mode

    async def erase(self, customer_id: str, asker: Asker | None = None) -> ErasureView:
        """Forget the customer that this id stands for. Who was forgotten already: the same erasure again. Raises NotFound."""
        async with self._transactions.begin() as tx:
            store = self._store_of(tx)
            await store.privacy.exclude()
            person = await store.privacy.person(customer_id)
            if person is not None:
                return await self._erased(store, person, asker)
            known = await store.privacy.newest_of(customer_id)
            if known is None:
                raise NotFound("no such customer", slug="unknown-customer")
            return _view(known, await store.privacy.receipts(known.erasure_id))

    async def erase_with(self, identifier: str, asker: Asker | None = None) -> ErasureView:
        """Forget whoever has this identifier (`kind:pseudonym`), and the identifier itself though no profile has it."""
        own_id = own_customer_id(identifier)
        async with self._transactions.begin() as tx:
            store = self._store_of(tx)
            await store.privacy.exclude()
            person = await store.privacy.person(own_id)
            unknown = Person(customer_id=own_id, identifiers={identifier: own_id})
            return await self._erased(store, person or unknown, asker)

    async def state(self, erasure_id: str) -> ErasureView:
        """How far an erasure is; raises NotFound."""
        async with self._transactions.begin() as tx:
            store = self._store_of(tx)
            known = await store.privacy.find(erasure_id)
            if known is None:
                raise NotFound("no such erasure", slug="unknown-erasure")
            return _view(known, await store.privacy.receipts(erasure_id))

    async def _erased(self, store: ProfileStore, person: Person, asker: Asker | None) -> ErasureView:
        now = self._clock.now()
        newest_at = await _newest_event_at(store, person.customer_id) if self._play_mode else None
        erasure = Erasure(
            erasure_id=random_id(),
            customer_id=person.customer_id,
            erased_at=newest_at or now,
            requested_at=now,
            asker=asker,
        )
        await _forget(store, person, erasure)
        await store.privacy.tell(_request(person, erasure))
        return _view(erasure, ())


async def _newest_event_at(store: ProfileStore, customer_id: str) -> datetime | None:
    """Of what is known of a customer, folded or not; None where no profile is."""
    rows = (await store.customers.facets([customer_id])).get(customer_id, ())
    words = await store.customers.consents([row.identifier for row in rows])
    return known_of(rows, chain.from_iterable(words.values())).as_of if rows else None


async def catch_up(store: ProfileStore, asked: Sequence[Event], clock: Clock) -> int:
    """Erase again what the topic asks for and these tables do not know: they are new, or of an older backup.

    Tables know nothing of erasures that are older than suppressions are kept, and a broker may hold them for longer: these
    are done, and whoever has come back since is somebody new.
    """
    since = clock.now() - SUPPRESSION_RETENTION
    requests = [
        event.data for event in asked if isinstance(event.data, ErasureRequested) and event.occurred_at >= since
    ]
    return await erase_unknown(store, [_asked_for(request, clock) for request in requests])


async def erase_unknown(store: ProfileStore, asked: Sequence[tuple[Person, Erasure]]) -> int:
    """Erase again those that are not noted here; returns how many."""
    await store.privacy.exclude()
    known = await store.privacy.known([erasure.erasure_id for _, erasure in asked])
    missing = [(person, erasure) for person, erasure in asked if erasure.erasure_id not in known]
    for person, erasure in missing:
        await _forget(store, person, erasure)
    return len(missing)


async def _forget(store: ProfileStore, person: Person, erasure: Erasure) -> None:
    """Erase, find anew who is whom among those that the person was linked with, and leave all segments.

    Locks are taken in the order in which a folder takes them: the sizes of segments last.
    """
    around = await store.identity.links_of(person.customer_ids)
    versions = await store.privacy.erase(person, erasure)
    linked = {end for fact in around.facts for end in (fact.link.first, fact.link.second)} - set(person.customer_ids)
    if linked:
        await find_persons(store, linked, occurred_at=erasure.erased_at, accepted_at=None)
    gone = [tombstone(name, version) for name, version in sorted(versions.items())]
    in_force = versions_in_force([row.segment for row in await store.segments.all()])
    left = await settle_memberships(store, gone, in_force)
    await store.privacy.also_removed(erasure.erasure_id, {"memberships": len(left)})


async def take_answers(store: ProfileStore, events: Sequence[Event]) -> None:
    """Note what services answered."""
    await store.privacy.answered(
        [
            ServiceReceipt(
                erasure_id=event.data.erasure_id,
                service=event.data.service,
                removed=event.data.removed,
                answered_at=event.occurred_at,
            )
            for event in events
            if isinstance(event.data, Erased)
        ]
    )


async def sweep(store: ProfileStore) -> int:
    """Finish profile's own part of one erasure and note its answer; returns how many were finished."""
    unswept = await store.privacy.next_unswept()
    if unswept is None:
        return 0
    await store.learning.lock()  # first: a learner has it when it takes what waits in line, which is swept too
    swept = await store.privacy.sweep(unswept)
    removed = {**swept.receipt.removed, "learner_entries": await unlearn(store, swept.identifiers)}
    await store.privacy.answered([replace(swept.receipt, removed=removed)])
    return 1


def _asked_for(request: ErasureRequested, clock: Clock) -> tuple[Person, Erasure]:
    identifiers = {identifier.key: own_customer_id(identifier.key) for identifier in request.identifiers}
    erasure = Erasure(
        erasure_id=request.erasure_id,
        customer_id=request.customer_id,
        erased_at=request.erased_at,
        requested_at=clock.now(),
    )
    return Person(customer_id=request.customer_id, identifiers=identifiers), erasure


def _request(person: Person, erasure: Erasure) -> OutboxMessage:
    body = ErasureRequested(
        erasure_id=erasure.erasure_id,
        customer_id=person.customer_id,
        customer_ids=tuple(person.customer_ids),
        identifiers=tuple(identifier_of(key) for key in person.identifiers),
        erased_at=erasure.erased_at,
    )
    event = new_event(body, event_id=erasure.erasure_id, source=SOURCE, occurred_at=erasure.requested_at)
    return OutboxMessage.of(event, PROFILE_ERASURES)


def _view(erasure: Erasure, receipts: Sequence[ServiceReceipt]) -> ErasureView:
    answered = {receipt.service for receipt in receipts}
    return ErasureView(
        erasure_id=erasure.erasure_id,
        erased_at=erasure.erased_at,
        requested_at=erasure.requested_at,
        requested_by=erasure.asker.key_id if erasure.asker else None,
        requested_roles=tuple(filter(None, erasure.asker.roles.split(","))) if erasure.asker else None,
        state=ErasureState.COMPLETE if answered >= set(ANSWERING) else ErasureState.OPEN,
        waiting_for=tuple(service for service in ANSWERING if service not in answered),
        receipts=tuple(
            RemovedView(service=receipt.service, removed=dict(receipt.removed), answered_at=receipt.answered_at)
            for receipt in receipts
        ),
    )
