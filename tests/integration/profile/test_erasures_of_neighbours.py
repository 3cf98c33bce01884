"""What an erasure does to segments, and to persons whom the forgotten was linked with."""

from libs.common.contracts import decode
from libs.common.contracts.profile import SegmentLeft
from libs.common.persistence.messages import decode_headers
from services.profile.handlers.intake import own_customer_id
from tests.integration.profile.test_erasures import GUEST, IDS, ONE, OTHER, a_life, erase
from tests.support.postgres import Database
from tests.support.profile_events import a_link, a_sale, card
from tests.support.profile_running import running_profile
from tests.support.secrets import PSEUDONYMS


async def test_who_is_forgotten_is_in_no_segment_and_their_leaving_is_told(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take(a_life())
        await profile.fold_all()
        sizes = "SELECT segment_id, members_count FROM segment_sizes WHERE members_count > 0"
        assert await profile.rows(sizes) == [{"segment_id": "new", "members_count": 2}]
        await profile.rows("DELETE FROM outbox RETURNING 1")
        await erase(profile, own_customer_id(ONE.key))
        assert await profile.rows(sizes) == [{"segment_id": "new", "members_count": 1}]
        assert await profile.rows("SELECT customer_id FROM segment_members") == [
            {"customer_id": own_customer_id(OTHER.key)}
        ]
        told = await profile.rows("SELECT headers, value FROM outbox WHERE topic = 'profile.segments.v1'")
        ((left),) = [decode(decode_headers(row["headers"]), row["value"]) for row in told]
        assert isinstance(left.data, SegmentLeft)
        assert (left.data.customer_id, left.data.reason) == (min(IDS), "superseded")
        ((tombstone),) = await profile.rows("SELECT version FROM customers WHERE customer_id = :id", id=min(IDS))
        assert left.data.version == tombstone["version"]


async def test_persons_are_found_anew_among_those_whom_the_forgotten_was_linked_with(database: Database) -> None:
    cards = [PSEUDONYMS.of(card(number)) for number in range(1, 5)]
    links = [a_link(f"l{number}", one, GUEST, day=number) for number, one in enumerate(cards)]
    async with running_profile(database) as crowded:
        await crowded.take([*(a_sale(f"r{number}", one) for number, one in enumerate(cards)), *links])
        await crowded.fold_all()
        assert len(await crowded.snapshots()) == 5, "a browser that four cards share joins nobody"
        await erase(crowded, own_customer_id(cards[0].key))
        (person,) = (await crowded.snapshots()).values()
        assert {one.key for one in person.identifiers} == {GUEST.key, *(one.key for one in cards[1:])}
