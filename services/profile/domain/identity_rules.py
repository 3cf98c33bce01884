"""What keeps persons apart who share a device, a card reader's fault or a family's card: limits per kind of identifier, as data.

Persons are a function of the set of link facts that count; in which order they were heard of changes nothing. In steps:
1. An identifier that was linked with more partners of a kind, within a time, than one person has, is shared: it belongs to nobody else.
2. Of an identifier's links with a kind, the first few count.
3. The links that are left join persons one by one, the strongest kinds and then the oldest first; a link that would give a
   person more identifiers of a kind than one person has, joins nobody.
A link that does not count is kept: when another is taken back, it may count again. A link is as old as the first word of it since it
was taken back last: signing in again moves nobody.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from libs.ranking.state import DAY_SECONDS
from services.profile.domain.identity import Link, LinkFact, since

Person = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedWhen:
    """An identifier of `kind` is shared when more than `partners` of kind `partner_kind` were linked with it within `days`."""

    kind: str
    partner_kind: str
    partners: int
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerLimit:
    """Of the links of an identifier of `kind` with those of `partner_kind`, the first `partners` count."""

    kind: str
    partner_kind: str
    partners: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KindLimit:
    """How many identifiers of a kind one person may have, and how strong the kind is: stronger ones are joined first."""

    kind: str
    strength: int
    per_person: int


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """All limits; a kind that none names is the weakest and has no limit."""

    kinds: Sequence[KindLimit] = ()
    partners: Sequence[PartnerLimit] = ()
    shared: Sequence[SharedWhen] = ()


RULES = IdentityRules(
    kinds=(
        KindLimit(kind="account", strength=60, per_person=3),
        KindLimit(kind="loyalty_card", strength=50, per_person=6),
        KindLimit(kind="email_hash", strength=40, per_person=6),
        KindLimit(kind="app", strength=30, per_person=12),
        KindLimit(kind="payment_token", strength=20, per_person=20),
        KindLimit(kind="web_visitor", strength=10, per_person=100),
    ),
    partners=(
        PartnerLimit(kind="web_visitor", partner_kind="account", partners=1),
        PartnerLimit(kind="app", partner_kind="account", partners=1),
    ),
    shared=(
        SharedWhen(kind="web_visitor", partner_kind="account", partners=3, days=30),
        SharedWhen(kind="web_visitor", partner_kind="loyalty_card", partners=3, days=30),
        SharedWhen(kind="web_visitor", partner_kind="email_hash", partners=5, days=30),
        SharedWhen(kind="app", partner_kind="account", partners=3, days=30),
        SharedWhen(kind="app", partner_kind="loyalty_card", partners=3, days=30),
        SharedWhen(kind="payment_token", partner_kind="loyalty_card", partners=4, days=365),
        SharedWhen(kind="payment_token", partner_kind="account", partners=4, days=365),
        SharedWhen(kind="email_hash", partner_kind="account", partners=6, days=365),
        SharedWhen(kind="email_hash", partner_kind="loyalty_card", partners=8, days=365),
    ),
)
"""What one person has at most. Changing it needs every person found anew (docs/adr/0031)."""


def persons(kinds: Mapping[str, str], facts: Collection[LinkFact], rules: IdentityRules = RULES) -> frozenset[Person]:
    """The persons behind these identifiers (each with its kind), given every fact about any of them.

    Total: facts about identifiers that `kinds` lacks are of no account.
    """
    standing = _in_order(
        fact for fact in since(facts).values() if fact.link.first in kinds and fact.link.second in kinds
    )
    apart = shared(kinds, standing, rules)
    counting = [fact for fact in standing if fact.link.first not in apart and fact.link.second not in apart]
    return _joined(kinds, _first_of_each(kinds, counting, rules), rules)


def beyond(
    known: Collection[str], kinds: Mapping[str, str], facts: Collection[LinkFact], rules: IdentityRules = RULES
) -> set[str]:
    """Whose facts are needed too before persons among `known` can be told, given every fact about those: none, and it is enough.

    Nothing is looked for behind a shared identifier: it joins nobody.
    """
    standing = since(facts).values()
    apart = shared(kinds, standing, rules)
    return {
        other
        for fact in standing
        for one, other in _ends(fact.link)
        if one in known and one not in apart and other not in known
    }


def shared(kinds: Mapping[str, str], facts: Iterable[LinkFact], rules: IdentityRules = RULES) -> frozenset[str]:
    """The identifiers that several persons use, given the standing facts about them."""
    limits: defaultdict[str, list[SharedWhen]] = defaultdict(list)
    for rule in rules.shared:
        limits[rule.kind].append(rule)
    times: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for fact in facts:
        for one, other in _ends(fact.link):
            if kinds[one] in limits:
                times[one, kinds[other]].append(fact.occurred_at_seconds)
    return frozenset(
        one
        for (one, partner_kind), at in times.items()
        for rule in limits[kinds[one]]
        if rule.partner_kind == partner_kind and _crowded(at, rule)
    )


def _crowded(times: Sequence[float], rule: SharedWhen) -> bool:
    """Whether more than so many fall within so many days. Each partner is there once: with when the pair was linked."""
    ordered = sorted(times)
    window = rule.days * DAY_SECONDS
    return any(later - earlier <= window for earlier, later in zip(ordered, ordered[rule.partners :], strict=False))


def _first_of_each(kinds: Mapping[str, str], facts: Iterable[LinkFact], rules: IdentityRules) -> list[LinkFact]:
    """Without what goes beyond the limits on partners; a link counts when it does for both ends."""
    limits = {(rule.kind, rule.partner_kind): rule.partners for rule in rules.partners}
    met: Counter[tuple[str, str]] = Counter()
    kept = []
    for fact in facts:
        counts = True
        for one, other in _ends(fact.link):
            limit = limits.get((kinds[one], kinds[other]))
            if limit is not None:
                met[one, kinds[other]] += 1
                counts = counts and met[one, kinds[other]] <= limit
        if counts:
            kept.append(fact)
    return kept


def _joined(kinds: Mapping[str, str], facts: Iterable[LinkFact], rules: IdentityRules) -> frozenset[Person]:
    limits = {rule.kind: rule.per_person for rule in rules.kinds}
    strengths = {rule.kind: rule.strength for rule in rules.kinds}
    person_of: dict[str, set[str]] = {one: {one} for one in kinds}
    ordered = sorted(facts, key=lambda fact: -sum(strengths.get(kinds[one], 0) for one, _ in _ends(fact.link)))
    for fact in ordered:  # sorting keeps the order of time among equals
        mine, other = person_of[fact.link.first], person_of[fact.link.second]
        if mine is not other and _is_one_person(kinds, (mine, other), limits):
            mine |= other
            person_of.update(dict.fromkeys(other, mine))
    return frozenset(frozenset(person) for person in person_of.values())


def _is_one_person(kinds: Mapping[str, str], parts: Iterable[Collection[str]], limits: Mapping[str, int]) -> bool:
    has = Counter(kinds[one] for part in parts for one in part)
    return all(count <= limits.get(kind, count) for kind, count in has.items())


def _in_order(facts: Iterable[LinkFact]) -> list[LinkFact]:
    """The oldest first; of the same moment by event id, then by the pair."""
    return sorted(facts, key=lambda fact: (fact.occurred_at_seconds, fact.event_id, fact.link))


def _ends(link: Link) -> tuple[tuple[str, str], tuple[str, str]]:
    return (link.first, link.second), (link.second, link.first)
