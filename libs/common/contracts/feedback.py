"""What customers say, and how they are served when they ask: published by ingest on `ingest.feedback.v1`."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from libs.common.contracts.values import Comment, Contract, Identifier, Key, Part, Remark, Seconds

Question = Literal["satisfaction", "recommendation", "understanding", "closeness", "value"]
OnTen = Annotated[int, Field(ge=0, le=10)]


class Feedback(Contract):
    """What all of it has in common; one key per customer, so that a complaint and its resolution stay in order."""

    customer: Identifier
    store_id: Key | None = None
    comment: Comment | None = None

    @property
    def partition_key(self) -> str:
        """The customer's identifier."""
        return self.customer.key


class SurveyAnsweredV1(Feedback):
    """`usual.feedback.survey_answered.v1`: the older form of an answer; `score` is already on the scale 0 to 10."""

    survey_id: Key
    question: Question
    score: OnTen


class Scale(Part):
    """The least and the greatest answer that the survey allowed, both included: five stars are 1 to 5."""

    lowest: Annotated[int, Field(ge=-100, le=100)]
    highest: Annotated[int, Field(ge=-100, le=100)]


class SurveyAnswered(Feedback):
    """`usual.feedback.survey_answered.v2`: one answer, as it was given, and the scale that was shown."""

    survey_id: Key
    question: Question
    answer: Annotated[int, Field(ge=-100, le=100)]
    scale: Scale

    @model_validator(mode="after")
    def _the_answer_is_on_the_scale(self) -> Self:
        if self.scale.lowest >= self.scale.highest:
            raise ValueError("a scale needs a highest answer above the lowest")
        if not self.scale.lowest <= self.answer <= self.scale.highest:
            raise ValueError("the answer is not on the scale that was shown")
        return self

    @property
    def score(self) -> int:
        """The answer on the scale 0 to 10, so that answers of different surveys compare; halves are rounded up."""
        width = self.scale.highest - self.scale.lowest
        return (20 * (self.answer - self.scale.lowest) + width) // (2 * width)


class NpsAnswered(Feedback):
    """`usual.feedback.nps_answered.v1`: how likely the customer is to recommend us, 0 (never) to 10 (certainly)."""

    survey_id: Key | None = None
    score: OnTen

    @property
    def standing(self) -> Literal["promoter", "passive", "detractor"]:
        """The three groups of the Net Promoter Score: 9 and 10, 7 and 8, the rest."""
        return "promoter" if self.score > 8 else "passive" if self.score > 6 else "detractor"  # noqa: PLR2004 - the score's own definition


class ComplaintSubject(StrEnum):
    """What a complaint is about."""

    PRODUCT = "product"
    PRICE = "price"
    STAFF = "staff"
    WAITING = "waiting"
    AVAILABILITY = "availability"
    VOUCHER = "voucher"
    WEBSITE = "website"
    OTHER = "other"


class ComplaintMade(Feedback):
    """`usual.feedback.complaint_made.v1`: something went wrong; the complaint is open until it is resolved."""

    complaint_id: Key
    subject: ComplaintSubject = ComplaintSubject.OTHER
    receipt_id: Key | None = None
    item_id: Key | None = None


class ComplaintResolved(Feedback):
    """`usual.feedback.complaint_resolved.v1`: what became of a complaint; it may come before the complaint does."""

    complaint_id: Key
    outcome: Literal["refunded", "replaced", "explained", "rejected", "other"]
    satisfied: bool | None = None
    """What the customer said of the outcome; None when nobody asked."""


class ComplimentMade(Feedback):
    """`usual.feedback.compliment_made.v1`: something went well."""

    subject: Literal["product", "price", "staff", "store", "service", "website", "other"] = "other"
    item_id: Key | None = None


class ServiceChannel(StrEnum):
    """Where a customer asked for help."""

    PHONE = "phone"
    CHAT = "chat"
    EMAIL = "email"
    STORE = "store"
    APP = "app"
    SOCIAL = "social"
    OTHER = "other"


class ServiceOpened(Feedback):
    """`usual.feedback.service_opened.v1`: a customer asked for help; the case is open until it is closed."""

    case_id: Key
    channel: ServiceChannel
    topic: Remark
    """What it is about, in the chain's own words: `delivery`, `loyalty card`."""
    receipt_id: Key | None = None


class ServiceClosed(Feedback):
    """`usual.feedback.service_closed.v1`: how a case ended; it may come before its opening does."""

    case_id: Key
    outcome: Literal["solved", "not_solved", "abandoned", "passed_on"]
    waited_seconds: Seconds | None = None
    """From asking to the first answer of a human or a machine."""
    handled_seconds: Seconds | None = None
    """Time spent on it, without waiting."""
