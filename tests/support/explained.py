"""Reads a command's words as a doubter does: takes the figures out of the sentences and calculates along, from nothing else."""

import re
from collections.abc import Mapping
from decimal import Decimal
from math import ceil

_N = r"-?\d+(?:\.\d+)?"


def _number(name: str) -> str:
    return rf"(?P<{name}>{_N})"


def _time(name: str) -> str:
    return rf"(?P<{name}>(?:\d+ days?)?(?: and )?(?:\d+ hours?)?)"


def _covered(side: str) -> str:
    return (
        rf"{_number(f'{side}has')} (?:is|are) there(?:, {_number(f'{side}arriving')} of it still to come| after other moves)?"
        rf"(?:, and {_number(f'{side}more')} more comes? on [^,]*, until when {_number(f'{side}sooner')} are asked for)?"
    )


ORDER = re.compile(
    rf"Order {_number('asked')} of (?P<item>.+?) for store (?P<store>\S+), from \S+(?: \(delivery lane \S+\))?: "
    rf"(?:the {_number('before')} of version \d+, which this replaces, and )?{_number('asked_packs')} "
    rf"(?:pieces?|packs? of {_number('asked_pack')})(?: more)?\. "
    rf"Policy: .*? Inputs: {_number('here')} here.*?(?:, {_number('promised')} of it promised to other stores)?, "
    rf"{_number('coming')} on its way: {_number('position')} in all\. "
    rf"Forecast: {_number('rate')} a day here, judged by about \d+ recent days? in this store.*?: "
    rf"{_number('expected')} in the next {_time('days')}, give or take {_number('spread')}"
    rf"(?: \((?:{_number('vouchers')} of it on vouchers that customers hold)?(?:, )?"
    rf"(?:{_number('promotions')} of it more than usual by promotions)?\))?\. "
    rf"Result: {_number('expected_again')} expected (?:and a safety stock of {_number('safety')}(?:, which fills up to whole pieces,)? make|less {_number('dared')} .*? leave) "
    rf"{_number('trigger')}, the reorder point; {_number('below')} is below it\. "
    rf"Filling up to {_number('up_to')} takes {_number('missing')}, so {_number('packs')} (?:pieces?|packs? of {_number('pack')})"
    rf"(?P<cuts>(?:; changed .*?)?)\. It can be here on \w+ \d+ \w+ \d+\..*? "
    rf"Without it, (?:fewer than 0\.1|about {_number('soon')}) sales are probably missed until the goods of the order after this one are here; "
    rf"without that order too, "
    rf"(?:about {_number('wanted')} are asked for in {_time('horizon')} and {_number('there')} (?:is|are) there: "
    rf"{_number('missed')} sales are missed(?:, {_number('worth')} \S+ of margin \(about {_number('each')} \S+ each\))?\.|.* just enough .*)"
)
MOVE = re.compile(
    rf"Move {_number('asked')} of (?P<item>.+?) from store (?P<giver>\S+) to store (?P<store>\S+)\. "
    rf"Policy: move only where that gains at least {_number('hurdle')} times what moving costs; .*?\. "
    rf"Inputs: {_number('here')} in store \S+ and {_number('coming')} on the way to it; {_number('there')} in store \S+?"
    rf"(?:, of which {_number('stays')} must stay)?\. "
    rf"Forecast: {_number('rate')} a day in store [^\s;]+?(?:; what is moved is there {_time('ahead')} ahead of its next supply, and "
    rf"{_number('gap')} are asked for (?:in store \S+ )?in that time"
    rf"|\. What is moved counts until \w+ \d+ \w+, when [^:]*: in these {_time('until')}, today counted, "
    rf"{_number('wanted')} are asked for in store \S+)"
    rf"(?:, give or take {_number('spread')}; {_covered('')}\. (?:The first of {_number('pieces')} pieces|The piece) is asked for in "
    rf"{_number('first')}% of cases(?:, the last in {_number('last')}%)?; one that is missed costs {_number('each')} \S+?"
    rf"(?:, and each further piece \({_number('further')} \S+ to move\) was moved only where that gained more than it cost)?\. "
    rf"(?:In|Within) the {_time('giving')} until [^,]*, {_number('kept_for')} are asked for in store \S+, "
    rf"give or take {_number('strays')}; {_covered('giver_')})?\. "
    rf"Result: {_number('units')} pieces? save sales worth {_number('saved')} in store \S+?(?:, | and )put {_number('lost')} at risk in store \S+?"
    rf"(?: and (?:cost {_number('kept')}|spare {_number('spared')}) of stock-keeping)?: a gain of {_number('gain')} \S+; "
    rf"moving costs {_number('cost')} \S+, so at least {_number('least')} \S+ is wanted(?P<cuts>(?:; changed .*?)?)\..*? "
    rf"Without it, sales in store \S+ that bring {_number('missed')} \S+ of margin would probably be missed\.$"
)


def calculated(words: str) -> Mapping[str, Decimal]:
    """The figures of a command by name, when all its sums come out; raises AssertionError else."""
    found = ORDER.match(words) or MOVE.match(words)
    assert found is not None, words
    figures = {
        name: Decimal(text)
        for name, text in found.groupdict().items()
        if text and name not in {"item", "store", "giver", "days", "horizon", "ahead", "cuts", "until", "giving"}
    }
    if found.re is ORDER:
        _check_order(figures, found, words)
    else:
        _check_move(figures, found, words)
    return figures


def _check_order(said: dict[str, Decimal], found: "re.Match[str]", words: str) -> None:
    nothing = Decimal(0)
    pack = said.get("pack", Decimal(1))
    assert said["asked"] == said.get("before", nothing) + said["asked_packs"] * said.get("asked_pack", Decimal(1)), (
        words
    )
    assert said["position"] == max(said["here"], nothing) - said.get("promised", nothing) + said["coming"], words
    assert said["below"] == said["position"] < said["trigger"], words
    days = _days(found["days"])
    of_it = said["rate"] * days + said.get("vouchers", nothing)
    assert abs(of_it - said["expected"]) <= Decimal("0.11") + days * Decimal("0.005"), words
    assert said["expected"] == said["expected_again"], words
    assert said["expected"] + said.get("safety", nothing) - said.get("dared", nothing) == said["trigger"], words
    assert said["missing"] == said["up_to"] - said["position"], words
    soon = said.get("soon", nothing)
    least = said["expected"] - max(said["position"], nothing)
    assert least - Decimal("0.11") <= soon <= said["expected"] + Decimal("0.1"), words
    assert said["packs"] == ceil(said["missing"] / pack), words
    assert found["cuts"] or said["packs"] == said["asked_packs"], words
    if "wanted" in said:
        assert said["missed"] == said["wanted"] - said["there"], words
        assert said["there"] == max(said["position"], nothing), words
        coming = said["rate"] * _days(found["horizon"]) + said.get("vouchers", nothing)
        assert abs(coming - said["wanted"]) <= Decimal("0.11") + _days(found["horizon"]) * Decimal("0.005"), words
    if "worth" in said:
        rounding = Decimal("0.05") * said["each"] + Decimal("0.005") * (said["missed"] + 1)
        assert abs(said["missed"] * said["each"] - said["worth"]) <= rounding, words


def _check_move(said: dict[str, Decimal], found: "re.Match[str]", words: str) -> None:
    nothing = Decimal(0)
    assert said["gain"] == said["saved"] - said["lost"] - said.get("kept", nothing) + said.get("spared", nothing), words
    assert said["gain"] >= said["least"], words
    assert abs(said["cost"] * said["hurdle"] - said["least"]) <= Decimal("0.005") * (said["hurdle"] + 1), words
    assert said["missed"] == said["saved"], words
    assert said["asked"] <= said["there"] - said.get("stays", nothing), words
    assert found["cuts"] or said["asked"] == said["units"], words
    if "first" in said:
        _check_pieces(said, words)
    if found["until"]:
        _check_time(said, _days(found["until"]), words)


def _check_pieces(said: dict[str, Decimal], words: str) -> None:
    """What is saved lies between so many times the first piece's worth and so many times the last one's."""
    nothing, pieces, each = Decimal(0), said.get("pieces", Decimal(1)), said["each"]
    assert pieces == said["units"] <= said["giver_has"], words
    first = said["first"] / 100
    last = said.get("last", said["first"]) / 100
    rounding = pieces * (each * Decimal("0.0005") + Decimal("0.005")) + Decimal("0.005")
    assert pieces * last * each - rounding <= said["saved"] <= pieces * first * each + rounding, words
    if pieces > 1 and "spared" not in said:
        assert last * each + rounding / pieces + Decimal("0.005") >= said["further"] * said["hurdle"], words
    assert said["cost"] + Decimal("0.005") * (pieces + 1) >= said.get("further", nothing) * pieces, words


def _check_time(said: dict[str, Decimal], days: Decimal, words: str) -> None:
    """What is asked for is so many days of the rate, and what covers it is what is there and on its way."""
    nothing = Decimal(0)
    assert abs(said["rate"] * days - said["wanted"]) <= Decimal("0.051") + days * Decimal("0.005"), words
    more = said.get("more", nothing)
    assert said["has"] + more <= max(said["here"], nothing) + said["coming"], words
    assert said["has"] == max(said["here"], nothing) + said.get("arriving", nothing), words
    assert said.get("sooner", nothing) <= said["wanted"], words


def _days(words: str) -> Decimal:
    days, hours = (re.search(rf"(\d+) {unit}", words) for unit in ("day", "hour"))
    return Decimal(days[1] if days else 0) + Decimal(hours[1] if hours else 0) / 24
