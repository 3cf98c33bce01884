"""`POST /v1/persons/open`: what is sealed, readable, for profile's export; nobody else needs it."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from libs.common.contracts.personal import GREATEST_SEALED_CHARACTERS
from libs.common.contracts.values import Key
from libs.common.http.credentials import require
from services.ingest.api.events import API_KEY
from services.ingest.handlers.opening import SealedTexts, opened
from services.ingest.ports import PersonSealer

READ = "privacy:read"
GREATEST_TEXTS = 200
"""Of one person in one request."""
GREATEST_PERSONS = 20

SealedText = Annotated[str, Field(max_length=GREATEST_SEALED_CHARACTERS)]


class PersonTexts(BaseModel):
    """Texts as they lie in topics, and under whose key: the first identifier of their event, as it is on topics."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: Key
    texts: Annotated[tuple[SealedText, ...], Field(max_length=GREATEST_TEXTS)]


class OpenRequest(BaseModel):
    """What to open."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    persons: Annotated[tuple[PersonTexts, ...], Field(max_length=GREATEST_PERSONS)]


class OpenAnswer(BaseModel):
    """The texts in the same places; null for what nobody can read any more."""

    model_config = ConfigDict(frozen=True)

    texts: tuple[tuple[str | None, ...], ...]


def persons_router(sealer: PersonSealer) -> APIRouter:
    """For keys with the scope `privacy:read`."""
    router = APIRouter(prefix="/v1/persons", tags=["privacy"], dependencies=[API_KEY, Depends(require(READ))])

    @router.post("/open", summary="Open sealed texts of persons")
    async def open_texts(request: OpenRequest) -> OpenAnswer:
        """All or nothing: 503 while the keys are out of reach."""
        asked = [SealedTexts(person=one.person, texts=one.texts) for one in request.persons]
        return OpenAnswer(texts=tuple(map(tuple, await opened(sealer, asked))))

    return router
