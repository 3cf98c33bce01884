"""What consents and identity links do: the newest word counts, whatever order words come in; persons are made anew around a link."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from libs.common.contracts import Event
from libs.common.contracts.consent import ConsentChanged, IdentityLinked
from libs.common.contracts.identity import Described
from libs.common.contracts.values import Identifier
from services.profile.domain.delta import Delta, later
from services.profile.domain.identity import link_of
from services.profile.handlers.intake import own_customer_id
from services.profile.handlers.persons import find_persons
from services.profile.handlers.suppressing import names_in
from services.profile.ports import ConsentRow, LinkRow, ProfileStore
from services.profile.ports.privacy import ConsentWord


def links_itself(event: Event) -> bool:
    """Whether `event` links an identifier with itself."""
    return isinstance(event.data, IdentityLinked) and event.data.first.key == event.data.second.key


async def take_consents_and_links(store: ProfileStore, events: Sequence[Event]) -> None:
    """Apply a batch; none of its links may be of an identifier with itself.

    Whoever is described is somebody from then on; the traits stay sealed in the topic until something needs them.
    """
    ordered = sorted(events, key=lambda event: (event.occurred_at, event.event_id))
    # All at once, so in one order: two batches that meet the same people do not wait for each other.
    await store.facets.make({name: own_customer_id(name) for event in events for name in names_in(event.data)})
    linked = [event for event in ordered if isinstance(event.data, IdentityLinked)]
    if linked:
        await _take_links(store, linked)
    await _take_consents(store, [event for event in ordered if isinstance(event.data, ConsentChanged)])
    await _meet(
        store, [(event.data.customer, event.received_at) for event in ordered if isinstance(event.data, Described)]
    )


async def _take_consents(store: ProfileStore, events: Sequence[Event]) -> None:
    rows: dict[tuple[str, str, str], ConsentRow] = {}
    met: list[tuple[Identifier, datetime | None]] = []
    for event in events:
        assert isinstance(event.data, ConsentChanged)  # noqa: S101 - filtered by the caller
        word = event.data
        met.append((word.customer, event.received_at))
        rows[word.customer.key, word.purpose, word.channel] = ConsentRow(
            identifier=word.customer.key,
            purpose=word.purpose,
            channel=word.channel,
            granted=word.granted,
            occurred_at=event.occurred_at,
            event_id=event.event_id,
            accepted_at=event.received_at,
        )
    await _meet(store, met)
    await store.identity.keep_consents(rows.values())
    await store.privacy.keep_words([_word_of(event) for event in events])


def _word_of(event: Event) -> ConsentWord:
    word = event.data
    assert isinstance(word, ConsentChanged)  # noqa: S101 - filtered by the caller
    return ConsentWord(
        identifier=word.customer.key,
        purpose=word.purpose,
        channel=word.channel,
        granted=word.granted,
        basis=word.basis,
        evidence=word.evidence,
        occurred_at=event.occurred_at,
        event_id=event.event_id,
    )


async def _take_links(store: ProfileStore, events: Sequence[Event]) -> None:
    """Note the links, then find out who is who around them; whoever's person changed is told of and folded again."""
    rows: list[LinkRow] = []
    met: list[tuple[Identifier, datetime | None]] = []
    for event in events:
        assert isinstance(event.data, IdentityLinked)  # noqa: S101 - filtered by the caller
        pair = event.data
        link = link_of(own_customer_id(pair.first.key), own_customer_id(pair.second.key))
        rows.append(LinkRow(link=link, linked=pair.linked, occurred_at=event.occurred_at, event_id=event.event_id))
        met += [(pair.first, event.received_at), (pair.second, event.received_at)]
    await store.identity.change_links(rows)
    await _meet(store, met)
    newest = events[-1]
    ends = {end for row in rows for end in (row.link.first, row.link.second)}
    await find_persons(store, ends, occurred_at=newest.occurred_at, accepted_at=newest.received_at)


async def _meet(store: ProfileStore, met: Iterable[tuple[Identifier, datetime | None]]) -> None:
    """Move the freshness of these identifiers' facets, and mark them: even one without contacts is somebody."""
    accepted: dict[str, datetime | None] = {}
    for identifier, accepted_at in met:
        accepted[identifier.key] = later(accepted.get(identifier.key), accepted_at)
    if not accepted:
        return
    first_id = await store.facets.reserve()
    await store.facets.append(
        {
            delta_id: (identifier, Delta(accepted_at=accepted_at))
            for delta_id, (identifier, accepted_at) in enumerate(sorted(accepted.items()), first_id)
        }
    )
