"""The same customer from the rules alone: shuffled, repeated, split over two handles and linked at any place, or parted again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.profile.domain.contact import Compliment, Contact
from services.profile.domain.delta import Delta, effects_of
from services.profile.domain.facet import EMPTY, fold
from services.profile.domain.facet_codec import digest, encode, facet_of_rows, read_rows
from services.profile.domain.facet_of import apply_all
from services.profile.domain.identity import LinkFact, customer_id_of, link_of
from services.profile.domain.identity_rules import persons
from services.profile.domain.return_chance import ReturnChance
from services.profile.domain.segments import RulesInForce
from services.profile.handlers.snapshots import FacetInView, Judgement, view_of
from services.profile.ports import ConsentRow
from tests.support.compact_contacts import histories
from tests.support.segments import shipped_segments
from tests.unit.profile.laws import grown_bytes, parted, shuffled

CARD, VISITOR = "loyalty_card:1", "web_visitor:1"
LINK = link_of(CARD, VISITOR)
JUDGEMENT = Judgement(ReturnChance(), RulesInForce(1, shipped_segments()))
LAST_SECOND = 4_000_000_000
seeds = st.integers(0, 2**32 - 1)


@dataclass(frozen=True, slots=True)
class Heard:
    """One arrival: who it is about, and what was said."""

    event_id: str
    who: str
    said: Contact | ConsentRow | LinkFact


def a_word(number: int, who: str, random: Random) -> ConsentRow:
    return ConsentRow(
        identifier=who,
        purpose=random.choice(("personal_offers", "marketing_messages")),
        channel="till",
        granted=random.random() < 0.5,
        occurred_at=datetime.fromtimestamp(1_700_000_000 + 3_600 * random.randrange(5), UTC),
        event_id=f"word{number}",
        accepted_at=None,
    )


def heard_of(history: Sequence[Contact], whose: Sequence[str], random: Random) -> list[Heard]:
    """Contacts and words of consent, each under one of these identifiers. The same words for the same history."""
    words = Random(len(history))
    told = [Heard(contact.event_id, random.choice(whose), contact) for contact in history]
    for number in range(3):
        who = random.choice(whose)
        told.append(Heard(f"word{number}", who, a_word(number, who, words)))
    return told


def a_link(number: int, at_seconds: int, *, linked: bool = True) -> Heard:
    return Heard(f"link{number}", CARD, LinkFact(LINK, at_seconds, f"link{number}", linked=linked))


def arriving(heard: Sequence[Heard], random: Random) -> list[Heard]:
    """In any order, some of it more than once."""
    return shuffled([*heard, *(one for one in heard if random.random() < 0.4)], random)


def told_once(arrivals: Iterable[Heard]) -> list[Heard]:
    """What the inbox lets through."""
    return list({one.event_id: one for one in arrivals}.values())


def views(arrivals: Sequence[Heard], random: Random) -> dict[str, dict[str, Any]]:
    """What is shown of each customer, and the digest of what is known, after folders came by at any time."""
    heard = told_once(arrivals)
    facts = [one.said for one in heard if isinstance(one.said, LinkFact)]
    ends = {end for fact in facts for end in (fact.link.first, fact.link.second)}
    kinds = {who: who.partition(":")[0] for who in ends | {one.who for one in heard}}
    found = [sorted(person) for person in persons(kinds, facts)]
    return {customer_id_of(person): _shown(person, heard, random) for person in found}


def _shown(person: Sequence[str], heard: Sequence[Heard], random: Random) -> dict[str, Any]:
    parts = [_part(who, [one.said for one in heard if one.who == who], random) for who in person]
    message = view_of(customer_id_of(person), 1, parts, JUDGEMENT).message
    assert message is not None
    assert message.value is not None
    body = msgspec.json.decode(message.value)
    assert {f"{one['kind']}:{one['value']}" for one in body["identifiers"]} == set(person)
    known = digest(fold(facet_of_rows(part.rows) for part in parts))
    return {name: body[name] for name in body if name not in {"customer_id", "identifiers"}} | {"known": known}


def _part(who: str, said: Sequence[Any], random: Random) -> FacetInView:
    contacts = [one for one in said if not isinstance(one, ConsentRow | LinkFact)]
    state = grown_bytes(encode(EMPTY), *parted(contacts, random))
    assert state == encode(apply_all(EMPTY, contacts))
    words = [one for one in said if isinstance(one, ConsentRow)]
    return FacetInView(
        identifier=who, rows=read_rows(state), effects=effects_of(Delta(tuple(contacts), "EUR")), consents=words
    )


@settings(max_examples=1_000)
@given(histories(), seeds)
def test_shuffled_repeated_and_split_over_two_linked_handles_is_the_same_customer(
    history: list[Contact], seed: int
) -> None:
    random = Random(seed)
    [orderly] = views(heard_of(history, [CARD], random), random).values()
    split = [*heard_of(history, [CARD, VISITOR], random), a_link(1, random.randrange(LAST_SECOND))]
    [found] = views(arriving(split, random), random).values()
    assert found == orderly


@settings(max_examples=1_000)
@given(histories(), seeds)
def test_merged_and_unmerged_in_whatever_order_it_is_heard_both_sides_are_as_they_were(
    history: list[Contact], seed: int
) -> None:
    random = Random(seed)
    apart = [
        *heard_of(history, [CARD, VISITOR], random),
        Heard("a", CARD, Compliment("a", 1)),
        Heard("b", VISITOR, Compliment("b", 2)),
    ]
    between = [a_link(number, number, linked=number % 2 == 0) for number in range(2 * random.randint(1, 3))]
    assert views(arriving([*apart, *between], random), random) == views(apart, random)
    assert len(views([*apart, *between[:-1]], random)) == 1
