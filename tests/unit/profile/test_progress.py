"""Laws of what profile says of its progress: never more than is true, whatever is done in whatever order."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.profile.domain.progress import Followed, Standing, follow, newest_complete

START = datetime(2026, 3, 10, tzinfo=UTC)
PLACES = [("ingest.consent.v1", 0), ("ingest.consent.v1", 1)]
CUSTOMERS = ("a", "b", "c")


@dataclass
class Model:
    """A profile in small: events wait in logs, become marks, raise versions, are published."""

    logs: dict[tuple[str, int], list[tuple[int, str]]] = field(default_factory=lambda: {place: [] for place in PLACES})
    applied: dict[tuple[str, int], int] = field(default_factory=lambda: dict.fromkeys(PLACES, 0))
    marks: dict[int, tuple[int, str]] = field(default_factory=dict)
    folded: dict[str, set[int]] = field(default_factory=lambda: {customer: set() for customer in CUSTOMERS})
    versions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CUSTOMERS, 0))
    sent_versions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CUSTOMERS, 0))
    sent: set[int] = field(default_factory=set)
    accepted: list[datetime] = field(default_factory=list)
    marked: int = 0
    now: datetime = START

    def accept(self, place: tuple[str, int], customer: str) -> None:
        self.logs[place].append((len(self.accepted), customer))
        self.accepted.append(self.now)

    def apply(self, place: tuple[str, int]) -> None:
        for event in self.logs[place][self.applied[place] :]:
            self.marked += 1
            self.marks[self.marked] = event
        self.applied[place] = len(self.logs[place])

    def fold(self, customer: str) -> None:
        for mark, (event, whose) in list(self.marks.items()):
            if whose == customer:
                del self.marks[mark]
                self.folded[customer].add(event)
                self.versions[customer] += 1

    def publish(self, customer: str) -> None:
        self.sent_versions[customer] = self.versions[customer]
        self.sent |= self.folded[customer]

    def standing(self) -> Standing:
        return Standing(
            offsets=dict(self.applied),
            oldest_mark=min(self.marks, default=None),
            newest_mark=max(self.marks, default=None),
            unpublished={
                customer: (version, self.sent_versions[customer])
                for customer, version in self.versions.items()
                if version > self.sent_versions[customer]
            },
        )


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("accept"), st.sampled_from(PLACES), st.sampled_from(CUSTOMERS)),
        st.tuples(st.just("apply"), st.sampled_from(PLACES)),
        st.tuples(st.sampled_from(["fold", "publish"]), st.sampled_from(CUSTOMERS)),
        st.tuples(st.just("look")),
    ),
    min_size=10,
    max_size=80,
)


@given(STEPS)
def test_what_was_accepted_before_a_moment_that_is_said_is_published(steps: list[tuple[str, ...]]) -> None:
    model, followed = Model(), list[Followed]()
    for name, *arguments in steps:
        model.now += timedelta(seconds=1)
        if name != "look":
            getattr(model, name)(*arguments)
            continue
        ends = {place: len(log) for place, log in model.logs.items()}
        followed = list(follow([*followed, Followed(at=model.now, ends=ends)], model.standing()))
        said = newest_complete(followed)
        if said is not None:
            assert {number for number, at in enumerate(model.accepted) if at < said} <= model.sent
    for place in PLACES:
        model.apply(place)
    for customer in CUSTOMERS:
        model.fold(customer)
        model.publish(customer)
    followed = list(follow([Followed(at=model.now, ends=dict(model.applied))], model.standing()))
    assert newest_complete(followed) == model.now, "with nothing left to do all is complete"


def a_standing(**changes: object) -> Standing:
    plain: dict[str, object] = {"offsets": {PLACES[0]: 5}, "oldest_mark": None, "newest_mark": None, "unpublished": {}}
    return Standing(**{**plain, **changes})  # type: ignore[arg-type]  # names of Standing


def test_nothing_is_said_while_waiting_views_are_too_many_to_follow() -> None:
    moment = Followed(at=START, ends={PLACES[0]: 5})
    waiting = follow([moment], a_standing(unpublished=None))
    assert newest_complete(waiting) is None
    assert newest_complete(follow(waiting, a_standing())) == START


def test_a_moment_that_knows_no_end_of_a_partition_that_is_read_is_given_up() -> None:
    moment = Followed(at=START, ends={PLACES[0]: 5})
    assert not follow([moment], a_standing(offsets={PLACES[0]: 5, PLACES[1]: 0}))
    assert follow([moment], a_standing(offsets={PLACES[0]: 5, ("another topic", 1): 0}))
