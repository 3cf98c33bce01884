"""Text of a POSLog as exact values: money, quantities, days and times; a value that cannot be exact is refused."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal

from libs.common.errors import InvalidMessage
from libs.common.money import minor_units
from services.ingest.domain.poslog.tree import Node

_DECIMAL = re.compile(r"[+-]?(\d{1,15}(\.\d{0,9})?|\.\d{1,9})", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_OFFSET = re.compile(r"([+-]?)(\d\d):(\d\d)(:00)?", re.ASCII)
MISSING_CURRENCY = "no currency is said; name the deployment's or send `?currency=`"
_MILLIONTH = Decimal("0.000001")


def broken(slug: str, detail: str, path: str) -> InvalidMessage:
    """The error of a transaction that is broken at `path`."""
    return InvalidMessage(detail, slug=slug, context={"pointer": path})


def missing(path: str) -> InvalidMessage:
    """The error of a transaction without an element that it must have."""
    return broken("missing-element", "this element is missing or empty", path)


def needed(text: str | None, path: str) -> str:
    """The text of an element that a transaction must have; raises InvalidMessage."""
    if not text:
        raise missing(path)
    return text


def decimal_of(text: str, path: str) -> Decimal:
    """An XML Schema decimal; raises InvalidMessage for exponents, signs of currency, commas and what is too long."""
    if not _DECIMAL.fullmatch(text):
        raise broken("invalid-amount", "not a decimal number", path)
    return Decimal(text)


def quantity_of(text: str, factor: Decimal, path: str) -> Decimal:
    """A quantity without its sign, in our unit, to a millionth."""
    return abs(decimal_of(text, path) * factor).quantize(_MILLIONTH).normalize() + 0


@dataclass(slots=True)
class Purse:
    """The one currency of a transaction, as far as it was said yet."""

    currency: str | None

    def name(self, currency: str | None, path: str) -> None:
        """`currency` was said at `path`; raises InvalidMessage when another one was said before."""
        if currency is None:
            return
        if not _CURRENCY.fullmatch(currency):
            raise broken("invalid-amount", "not a currency of ISO 4217", path)
        if self.currency not in {None, currency}:
            raise broken("mixed-currency", f"{currency} beside {self.currency}", path)
        self.currency = currency

    def cents(self, amount: Node, path: str) -> int:
        """An amount element as minor units of the transaction's currency, exactly; raises InvalidMessage."""
        self.name(amount.attribute("Currency", "CurrencyCode"), path)
        number = decimal_of(amount.text.strip(), path)
        if self.currency is None:
            raise broken("missing-currency", MISSING_CURRENCY, path)
        try:
            return minor_units(number, self.currency)
        except ValueError as error:
            raise broken("invalid-amount", str(error), path) from error


def day_of(text: str, path: str) -> date:
    """A date of the calendar, a time behind it left away; raises InvalidMessage."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError as error:
        raise broken("invalid-time", "not a date", path) from error


def moment_of(element: Node, zone: tzinfo | None, path: str) -> tuple[datetime, bool]:
    """When it was, in UTC, and whether `zone` had to be assumed; raises InvalidMessage.

    A time without a zone is the store's wall clock: its own offset attribute, else `zone`, places it; with neither it
    is refused, for an hour's guess would be wrong without a trace. The hour that a clock shows twice in autumn is its first.
    """
    try:
        at = datetime.fromisoformat(element.text.strip())
        own = _offset(element)
        if at.tzinfo is not None or own is not None:
            return at.replace(tzinfo=at.tzinfo or own).astimezone(UTC), False
        if zone is not None:
            return at.replace(tzinfo=zone).astimezone(UTC), True
    except (ValueError, OverflowError) as error:
        raise broken("invalid-time", "not a time", path) from error
    raise broken("missing-time-zone", "a time without a zone; name the deployment's or send `?time_zone=`", path)


def _offset(element: Node) -> timezone | None:
    """The offset from UTC that some makers put beside the time."""
    named = [name for name in element.attributes if name.rpartition("}")[2] == "Offset"]
    found = _OFFSET.fullmatch(element.attribute(*named) or "")
    if found is None:
        return None
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-offset if found[1] == "-" else offset)
