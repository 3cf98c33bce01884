"""The main job through the public doors: real baskets in, profiles, vouchers and commands out, every effect once."""

import asyncio
from collections.abc import Iterator

import pytest

from libs.common.contracts.topics import INGEST_POS, INVENTORY_COMMANDS, OFFERS_VOUCHERS, PROFILE_SNAPSHOTS, TOPICS
from libs.common.streaming.reader import TopicReader
from libs.laptop.launch import READS
from libs.laptop.played import Outcome, RunningSystem
from libs.laptop.report import shortcomings, summary_of
from libs.laptop.slices import Slice
from libs.laptop.system import System
from libs.laptop.verify import InThisLog, verify
from tests.support.asyncapi import Documented, written_document
from tests.support.whole_system import SMALL, get, play, running_system

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running_system(tmp_path_factory.mktemp("usual")) as running:
        yield running


@pytest.fixture(scope="module")
def outcome(system: System) -> Outcome:
    return asyncio.run(play(system))


@pytest.fixture(scope="module")
def part() -> Slice:
    return Slice.read("complete-journey", SMALL)


def test_nothing_is_lost_and_nothing_is_doubled(outcome: Outcome) -> None:
    assert outcome.verdict.examples == []
    assert (outcome.verdict.lost, outcome.verdict.doubled) == (0, 0)


def test_every_event_is_accepted_and_applied_by_every_service_that_reads_it(outcome: Outcome) -> None:
    assert outcome.events_sent == outcome.events_accepted == outcome.verdict.applied > 0
    assert (outcome.tally.quarantined, outcome.verdict.dead_letters) == (0, 0)


def test_every_part_of_the_main_job_has_happened(outcome: Outcome) -> None:
    of_a_small_slice = ("checkouts", "vouchers_issued", "commands.reorder", "commands_acknowledged", "freshness_ms.p50")
    assert shortcomings(summary_of(outcome), of_a_small_slice) == []


def test_every_basket_asked_for_vouchers_and_a_receipt_shows_some(outcome: Outcome) -> None:
    assert outcome.tally.checkouts == outcome.baskets
    assert outcome.printed
    assert all(printed.text.strip() for printed in outcome.printed)


async def test_the_verifier_finds_what_is_lost_and_what_is_doubled(system: System, outcome: Outcome) -> None:
    running = RunningSystem(system.state)
    ledger, _ = running.ledgers([0, 0])
    nothing_recent = InThisLog(frozenset(), frozenset())
    async with running.observer() as observer:
        for change, found in ((-1, (1, 0)), (+2, (0, 1)), (-1, (0, 0))):
            await observer.connection.execute(
                "UPDATE profile.facets SET receipts_count = receipts_count + $1"
                " WHERE identifier = (SELECT min(identifier) FROM profile.facets)",
                change,
            )
            verdict = await verify(ledger, observer, running.settings, nothing_recent)
            assert (verdict.lost, verdict.doubled) == found


async def test_what_we_wait_for_is_what_the_services_read(system: System, outcome: Outcome) -> None:
    async with RunningSystem(system.state).observer() as observer:
        read = {(group.partition("-")[0], topic) for group, topic, _ in await observer.offsets()}
    assert read == {(service, topic) for service, topics in READS.items() for topic in topics}


async def test_whatever_lies_on_a_topic_is_what_the_asyncapi_document_says(system: System, outcome: Outcome) -> None:
    documented = Documented(written_document())
    carried: set[str] = set()
    async with TopicReader(RunningSystem(system.state).settings, [topic.name for topic in TOPICS]) as reader:
        while not await reader.at_end():
            for record in await reader.read():
                assert documented.faults_of_record(record) == [], record
                carried.add(record.topic)
    of_a_sale = {topic.name for topic in (INGEST_POS, PROFILE_SNAPSHOTS, OFFERS_VOUCHERS, INVENTORY_COMMANDS)}
    assert carried >= of_a_sale


async def test_a_customers_view_and_next_basket_know_what_was_bought(
    system: System, outcome: Outcome, part: Slice
) -> None:
    customer_id = part.baskets[0].customer_id
    bought = {line.product_id for basket in part.baskets if basket.customer_id == customer_id for line in basket.lines}
    view = await get(system, "profile", f"/v1/customers?identifier=loyalty_card:{customer_id}")
    listed = await get(system, "profile", f"/v1/customers/{view['customer_id']}/next-basket?k=20")
    assert view["customer_id"] == listed["customer_id"]
    assert bought & {need["item_id"] for need in listed["needs"]}


async def test_every_command_says_why(system: System, outcome: Outcome) -> None:
    page = await get(system, "inventory", "/v1/commands?kind=reorder")
    assert page["commands"]
    assert all(command["explanation"] for command in page["commands"])


async def test_a_data_set_that_is_played_again_changes_nothing(system: System, outcome: Outcome) -> None:
    again = await play(system)
    assert again.verdict.examples == []
    assert (again.verdict.lost, again.verdict.doubled) == (0, 0)
    # The door knew each repeat; after a restart of it they would lie in the logs twice, and count once.
    assert again.events_accepted == again.events_sent > len(Slice.read("complete-journey", SMALL).baskets)
    assert again.verdict.repeats_in_logs == 0
