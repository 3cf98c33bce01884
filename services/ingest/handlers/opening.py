"""Opening what is sealed, for an export of the person whom it is about."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.sealing import SealBroken
from services.ingest.handlers.sealing import PersonKeyGone
from services.ingest.ports import PersonSealer


@dataclass(frozen=True, slots=True)
class SealedTexts:
    """Texts that were sealed under one person's key (`kind:pseudonym`)."""

    person: str
    texts: Sequence[str]


async def opened(sealer: PersonSealer, asked: Sequence[SealedTexts]) -> Sequence[Sequence[str | None]]:
    """The texts in the order in which they were asked for; None for one that nobody can read any more.

    Raises PersonKeyUnavailable: then nothing is told.
    """
    return [[await _opened(sealer, each.person, text) for text in each.texts] for each in asked]


async def _opened(sealer: PersonSealer, person: str, text: str) -> str | None:
    try:
        return await sealer.open_text(person, text)
    except (PersonKeyGone, SealBroken):
        return None
