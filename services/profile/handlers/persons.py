"""Who is one person with whom: found anew around identifiers whose links changed, and told where it is another one now."""

from collections.abc import Collection, Mapping
from datetime import datetime

from services.profile.domain.identity import customer_id_of
from services.profile.domain.identity_rules import beyond, persons
from services.profile.ports import LinksRow, ProfileStore, Reassigned


async def find_persons(
    store: ProfileStore, own_ids: Collection[str], *, occurred_at: datetime, accepted_at: datetime | None
) -> None:
    """Find the persons around these ids; whoever's person changed is told of, and all of them are folded again."""
    members, around = await _neighbourhood(store, own_ids)
    found = persons(around.kinds, around.facts)
    now = {member: member for member in members} | {one: customer_id_of(person) for person in found for one in person}
    await store.identity.reassign(
        [
            Reassigned(
                own_customer_id=member, customer_id=now[member], occurred_at=occurred_at, accepted_at=accepted_at
            )
            for member in sorted(members)
            if now[member] != members[member]
        ]
    )
    await store.facets.mark_dirty(members)


async def _neighbourhood(store: ProfileStore, own_ids: Collection[str]) -> tuple[Mapping[str, str], LinksRow]:
    """Everybody whose person may be another one when links of these ids changed, with every link of theirs; locked."""
    members = dict(await store.identity.persons_around(own_ids))
    while True:
        around = await store.identity.links_of(members)
        needed = beyond(members, around.kinds, around.facts)
        if not needed:
            return members, around
        members |= await store.identity.persons_around(needed)
