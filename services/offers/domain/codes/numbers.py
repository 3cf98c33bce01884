"""Numbers for scanners that read digits only: EAN-13 of restricted circulation, and GS1 coupon numbers (GCN) with a serial."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, Self

import biip
from biip.gs1_element_strings import GS1ElementString
from biip.gs1_messages import GS1Message
from biip.gtin import Gtin
from biip.rcn import Rcn
from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator
from stdnum import ean

from services.offers.domain.codes.code import CodeKey

_GCN_DIGITS = 13
_EAN_DIGITS = 13
_RESTRICTED = {"02", "04", *map(str, range(20, 30))}
_PREFIX_DIGITS = {"ean13": 2, "gcn": 12}
_SERIAL_DIGITS = {"ean13": 10, "gcn": 12}


class NumberKind(StrEnum):
    """What a number is printed as."""

    EAN13 = "ean13"
    """13 digits: 33 bits of our own, so that only authorised tills may present them."""
    GCN = "gcn"
    """25 digits, application identifier 255: 40 bits of our own under a coupon's number."""


@dataclass(frozen=True, slots=True)
class Number:
    """A voucher's number with what it is printed as."""

    kind: NumberKind
    digits: str

    @property
    def element_string(self) -> str:
        """As a GS1 symbol holds it, behind its application identifier; an EAN-13 has none."""
        return f"255{self.digits}" if self.kind is NumberKind.GCN else self.digits

    @property
    def shown(self) -> str:
        """As a person reads it below the bars."""
        return f"(255){self.digits}" if self.kind is NumberKind.GCN else self.digits


class Numbered(BaseModel):
    """What a campaign's vouchers are numbered by, beside their code."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["ean13", "gcn"]
    prefix: Annotated[str, StringConstraints(pattern=r"^\d+$")]
    """ean13: 02, 04 or 20 to 29. gcn: GS1 company prefix and coupon reference, twelve digits together."""

    @model_validator(mode="after")
    def _is_a_prefix(self) -> Self:
        if len(self.prefix) != _PREFIX_DIGITS[self.kind]:
            raise ValueError(f"the prefix of {self.kind} has {_PREFIX_DIGITS[self.kind]} digits")
        if self.kind == "ean13" and self.prefix not in _RESTRICTED:
            raise ValueError("an EAN-13 of our own begins with 02, 04 or 20 to 29")
        return self

    @property
    def head(self) -> str:
        """What all of its numbers begin with: of a GCN, the coupon's number with its check digit."""
        return self.prefix if self.kind == "ean13" else self.prefix + ean.calc_check_digit(self.prefix)

    def number_of(self, voucher_id: str, codes: CodeKey) -> str:
        """The number of a voucher: always the same; two vouchers may share one, which is found when it is presented."""
        serial = f"{codes.derived(f'number:{self.kind}:{voucher_id}') % 10 ** _SERIAL_DIGITS[self.kind]:0{_SERIAL_DIGITS[self.kind]}d}"
        body = self.head + serial
        return body + ean.calc_check_digit(body) if self.kind == "ean13" else body


def number_in(presented: str) -> tuple[NumberKind, str] | None:
    """The number in what was scanned: an EAN-13, a GS1 element string (255), with brackets or without, or a Digital Link.

    Further application identifiers beside it are left alone: what a voucher is worth and when it ends, the database says.
    None for what is neither, or has a wrong check digit.
    """
    try:
        elements, rcn = _scanned(presented)
    except (biip.BiipException, ValueError):
        return None
    if isinstance(rcn, Rcn) and len(rcn.value) == _EAN_DIGITS:
        return NumberKind.EAN13, rcn.value
    for element in elements:
        coupon, serial = element.value[:_GCN_DIGITS], element.value[_GCN_DIGITS:]
        if element.ai.ai == "255" and serial and ean.is_valid(coupon):
            return NumberKind.GCN, coupon + serial
    return None


def _scanned(presented: str) -> tuple[Sequence[GS1ElementString], Gtin | None]:
    if presented.startswith("("):
        return GS1Message.parse_hri(presented).element_strings, None
    parsed = biip.parse(presented)
    found = parsed.gs1_message or parsed.gs1_digital_link_uri
    return found.element_strings if found else (), parsed.gtin
