"""From records to events, tombstones and dead letters."""

from hypothesis import given
from hypothesis import strategies as st

from libs.common.contracts import decode
from libs.common.streaming.batch import Record
from libs.common.streaming.reading import read
from tests.unit.streaming.builders import movement


def record(offset: int, *, item: str, deletes: bool = False) -> Record:
    event = movement(offset, item=item)
    return Record(
        offset=offset,
        key=item.encode(),
        headers=() if deletes else event.headers(),
        value=None if deletes else event.body(),
    )


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=12))
def test_of_each_key_the_newest_record_decides(writes: list[tuple[str, bool]]) -> None:
    records = [record(offset, item=item, deletes=deletes) for offset, (item, deletes) in enumerate(writes)]
    newest = dict(writes)
    reading = read(records, decode, compacted=True)
    assert set(reading.tombstones) == {item for item, deletes in newest.items() if deletes}
    assert {event.partition_key for event, _ in reading.events} == {
        item for item, deletes in newest.items() if not deletes
    }
    assert reading.letters == []


@given(st.lists(st.booleans(), max_size=12))
def test_without_compaction_a_record_without_body_is_invalid_and_the_rest_is_kept_in_order(bodies: list[bool]) -> None:
    records = [record(offset, item="a", deletes=not body) for offset, body in enumerate(bodies)]
    reading = read(records, decode, compacted=False)
    assert [found.offset for _, found in reading.events] == [offset for offset, body in enumerate(bodies) if body]
    assert [letter.log_offset for letter in reading.letters] == [
        offset for offset, body in enumerate(bodies) if not body
    ]


@given(
    st.binary(max_size=40) | st.none(),
    st.lists(st.tuples(st.sampled_from(["ce_id", "ce_type", "ce_time", "ce_source", "x"]), st.binary(max_size=20))),
)
def test_no_bytes_at_all_make_it_raise(value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
    reading = read([Record(offset=0, key=None, headers=headers, value=value)], decode, compacted=False)
    assert len(reading.events) + len(reading.letters) + reading.unknown == 1
