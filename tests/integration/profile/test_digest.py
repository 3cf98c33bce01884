"""The digest of a profile's state: the same for the same events in any order and batches, another for anything altered."""

from random import Random

import pytest

from libs.common.contracts import Event
from services.profile.domain.digest import StateDigest
from services.profile.store.digest import PARTS, VIEWS, state_digest
from tests.support.postgres import Database
from tests.support.profile_events import a_catalogue, a_history, a_link, a_return, a_sale, card, visitor
from tests.support.profile_running import RunningProfile, running_profile

ALTERED = {
    "facets": "UPDATE facets SET amount_cents = amount_cents + 1 WHERE identifier = 'loyalty_card:1'",
    "consents": "UPDATE consents SET granted = NOT granted WHERE identifier = 'loyalty_card:1'",
    "consent_words": "UPDATE consent_words SET evidence = 'other' WHERE identifier = 'loyalty_card:1'",
    "links": "UPDATE links SET linked = NOT linked",
    "identity_changes": "DELETE FROM identity_changes WHERE now_customer_id <> customer_id",
    "items": "UPDATE items SET category = 'other' WHERE item_id = 'item-3'",
    "stores": "DELETE FROM stores WHERE store_id = 'store-2'",
    "receipts": "UPDATE receipts SET voided = true WHERE receipt_key = (SELECT min(receipt_key::text)::uuid FROM receipts WHERE NOT voided)",
    "parked": "DELETE FROM parked WHERE receipt_id = 'unknown'",
    "suppressions": "INSERT INTO suppressions VALUES ('loyalty_card:9', 'nine', now(), 'e1')",
    VIEWS: "UPDATE customers SET body = replace(convert_from(body, 'UTF8'), '\"open_complaint\":', '\"complaint\":')::bytea",
}


async def digest_of(profile: RunningProfile, *, views: bool = True) -> StateDigest:
    async with profile.parts.transactions.begin() as tx:
        return await state_digest(tx, views=views)


def a_story(seed: int) -> list[Event]:
    tail = [
        a_sale("only", card(1), day=40),
        a_return("b-unknown", "unknown", card(1)),
        a_link("l", card(1), visitor(1)),
    ]
    return [*a_history(seed), *tail]


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_digest_is_of_the_events_whatever_their_order_and_whoever_folded_when(
    database: Database, other_database: Database, seed: int
) -> None:
    async with running_profile(database) as orderly, running_profile(other_database) as other:
        story = a_story(seed)
        await orderly.take([*a_catalogue(), *story])
        await other.take(a_catalogue())
        mixed = Random(seed).sample(story, len(story))
        for first in range(0, len(mixed), 9):
            await other.take(mixed[first : first + 11])
            if first % 2:
                await other.fold_once(limit=5)
        unfolded = await digest_of(orderly, views=False)
        assert unfolded == await digest_of(other, views=False)
        await orderly.fold_all()
        await other.fold_all()
        folded = await digest_of(orderly)
        assert folded == await digest_of(other)
        assert {part: folded.parts[part] for part in unfolded.parts} == unfolded.parts
        await other.take([a_sale("one more", card(2), day=50)])
        assert (await digest_of(other, views=False)).whole != unfolded.whole


async def test_whatever_is_altered_by_hand_changes_its_part_of_the_digest_and_no_other(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([*a_catalogue(), *a_story(3)])
        await profile.fold_all()
        before = await digest_of(profile)
        assert set(ALTERED) == set(PARTS) == set(before.parts)
        for part, statement in ALTERED.items():
            rows = await profile.rows(f"WITH done AS ({statement} RETURNING 1) SELECT count(*) AS n FROM done")  # noqa: S608 - our own
            assert rows[0]["n"] > 0, part
            after = await digest_of(profile)
            assert {name for name in PARTS if after.parts[name] != before.parts[name]} == {part}
            assert after.whole != before.whole
            before = after
