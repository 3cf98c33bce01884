"""Consents and the identity graph on PostgreSQL."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import text

from libs.common.persistence import Transaction
from services.profile.domain.identity import Link, LinkFact, remembered
from services.profile.ports import ConsentRow, LinkRow, LinksRow, Reassigned

_KEEP_CONSENTS = text("""
    INSERT INTO consents (identifier, purpose, channel, granted, occurred_at, event_id, accepted_at)
    SELECT * FROM unnest(CAST(:identifiers AS text[]), CAST(:purposes AS text[]), CAST(:channels AS text[]),
                         CAST(:granted AS boolean[]), CAST(:occurred AS timestamptz[]), CAST(:event_ids AS text[]),
                         CAST(:accepted AS timestamptz[]))
    ON CONFLICT (identifier, purpose, channel) DO UPDATE
    SET granted = excluded.granted, occurred_at = excluded.occurred_at, event_id = excluded.event_id,
        accepted_at = excluded.accepted_at
    WHERE (consents.occurred_at, consents.event_id) < (excluded.occurred_at, excluded.event_id)
""")
# Links are rare, and two around the same person would lock its facets crosswise: so one at a time.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.identity'), 0)")
_KNOWN_LINKS = text("""
    SELECT links.* FROM links
    JOIN unnest(CAST(:firsts AS text[]), CAST(:seconds AS text[])) AS said (first_customer_id, second_customer_id)
         USING (first_customer_id, second_customer_id)
""")
# Whoever changes links is alone, and has seen what is known.
_KEEP_LINKS = text("""
    INSERT INTO links (first_customer_id, second_customer_id, linked, occurred_at, event_id, facts)
    SELECT * FROM unnest(CAST(:firsts AS text[]), CAST(:seconds AS text[]), CAST(:linked AS boolean[]),
                         CAST(:occurred AS timestamptz[]), CAST(:event_ids AS text[]), CAST(:facts AS text[]))
    ON CONFLICT (first_customer_id, second_customer_id) DO UPDATE
    SET linked = excluded.linked, occurred_at = excluded.occurred_at, event_id = excluded.event_id, facts = excluded.facts
""")
_PERSONS = text("""
    SELECT own_customer_id, customer_id FROM facets
    WHERE customer_id IN (SELECT customer_id FROM facets WHERE own_customer_id = ANY(CAST(:own_ids AS text[])))
    ORDER BY identifier FOR UPDATE
""")
_LINKS = text("""
    WITH around AS (
        SELECT * FROM links WHERE first_customer_id = ANY(CAST(:own_ids AS text[]))
        UNION
        SELECT * FROM links WHERE second_customer_id = ANY(CAST(:own_ids AS text[]))
    )
    SELECT around.*, first.identifier AS first_identifier, second.identifier AS second_identifier
    FROM around JOIN facets AS first ON first.own_customer_id = first_customer_id
                JOIN facets AS second ON second.own_customer_id = second_customer_id
""")
_REASSIGN = text("""
    WITH new AS (
        SELECT * FROM unnest(CAST(:own_ids AS text[]), CAST(:customer_ids AS text[]), CAST(:occurred AS timestamptz[]),
                             CAST(:accepted AS timestamptz[])) AS new (own_id, customer_id, occurred_at, accepted_at)
    ), moved AS (
        UPDATE facets SET customer_id = new.customer_id FROM new WHERE facets.own_customer_id = new.own_id
    )
    INSERT INTO identity_changes (customer_id, now_customer_id, version, occurred_at, accepted_at)
    SELECT own_id, customer_id, 1, occurred_at, accepted_at FROM new ORDER BY own_id
    ON CONFLICT (customer_id) DO UPDATE
    SET now_customer_id = excluded.now_customer_id, version = identity_changes.version + 1,
        occurred_at = excluded.occurred_at, accepted_at = excluded.accepted_at
""")


class PostgresIdentity:
    """Fits IdentityStore."""

    def __init__(self, tx: Transaction) -> None:
        self._connection = tx.connection

    async def keep_consents(self, rows: Collection[ConsentRow]) -> None:
        """As the port promises."""
        ordered = sorted(rows, key=lambda row: (row.identifier, row.purpose, row.channel))
        if not ordered:
            return
        await self._connection.execute(
            _KEEP_CONSENTS,
            {
                "identifiers": [row.identifier for row in ordered],
                "purposes": [row.purpose for row in ordered],
                "channels": [row.channel for row in ordered],
                "granted": [row.granted for row in ordered],
                "occurred": [row.occurred_at for row in ordered],
                "event_ids": [row.event_id for row in ordered],
                "accepted": [row.accepted_at for row in ordered],
            },
        )

    async def change_links(self, rows: Collection[LinkRow]) -> None:
        """As the port promises."""
        await self._connection.execute(_ONE_AT_A_TIME)
        said: defaultdict[Link, list[LinkRow]] = defaultdict(list)
        facts: defaultdict[Link, list[LinkFact]] = defaultdict(list)
        for row in rows:
            said[row.link].append(row)
            facts[row.link].append(LinkFact(row.link, row.occurred_at.timestamp(), row.event_id, row.linked))
        pairs = {"firsts": [link.first for link in said], "seconds": [link.second for link in said]}
        for found in await self._connection.execute(_KNOWN_LINKS, pairs):
            link = Link(found.first_customer_id, found.second_customer_id)
            said[link].append(
                LinkRow(link=link, linked=found.linked, occurred_at=found.occurred_at, event_id=found.event_id)
            )
            facts[link] += _facts(link, found)
        newest = [max(some, key=lambda row: (row.occurred_at, row.event_id)) for _, some in sorted(said.items())]
        await self._connection.execute(
            _KEEP_LINKS,
            {
                "firsts": [row.link.first for row in newest],
                "seconds": [row.link.second for row in newest],
                "linked": [row.linked for row in newest],
                "occurred": [row.occurred_at for row in newest],
                "event_ids": [row.event_id for row in newest],
                "facts": [_stored(remembered(facts[row.link])) for row in newest],
            },
        )

    async def persons_around(self, own_customer_ids: Collection[str]) -> Mapping[str, str]:
        """As the port promises."""
        rows = await self._connection.execute(_PERSONS, {"own_ids": list(own_customer_ids)})
        return {row.own_customer_id: row.customer_id for row in rows}

    async def links_of(self, own_customer_ids: Collection[str]) -> LinksRow:
        """As the port promises."""
        kinds: dict[str, str] = {}
        facts: list[LinkFact] = []
        for row in await self._connection.execute(_LINKS, {"own_ids": list(own_customer_ids)}):
            link = Link(row.first_customer_id, row.second_customer_id)
            kinds[link.first] = row.first_identifier.partition(":")[0]
            kinds[link.second] = row.second_identifier.partition(":")[0]
            facts += _facts(link, row)
        return LinksRow(facts=facts, kinds=kinds)

    async def reassign(self, rows: Collection[Reassigned]) -> None:
        """As the port promises."""
        if not rows:
            return
        await self._connection.execute(
            _REASSIGN,
            {
                "own_ids": [row.own_customer_id for row in rows],
                "customer_ids": [row.customer_id for row in rows],
                "occurred": [row.occurred_at for row in rows],
                "accepted": [row.accepted_at for row in rows],
            },
        )


def _facts(link: Link, row: Any) -> Sequence[LinkFact]:
    """What a row knows of its pair; one of an earlier release knows what was said last."""
    if row.facts is None:
        return [LinkFact(link, row.occurred_at.timestamp(), row.event_id, row.linked)]
    return [LinkFact(link, *fact) for fact in msgspec.json.decode(row.facts, type=list[tuple[float, str, bool]])]


def _stored(facts: Sequence[LinkFact]) -> str:
    return msgspec.json.encode([(fact.occurred_at_seconds, fact.event_id, fact.linked) for fact in facts]).decode()
