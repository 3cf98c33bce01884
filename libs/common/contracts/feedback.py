"""What customers say: published by ingest on `ingest.feedback.v1`."""

from typing import Annotated, Literal

from pydantic import Field

from libs.common.contracts.values import Comment, Contract, Identifier, Key


class SurveyAnswered(Contract):
    """`usual.feedback.survey_answered.v1`: one answer; `score` is on the scale 0 to 10 whatever the survey showed."""

    customer: Identifier
    survey_id: Key
    question: Literal["satisfaction", "recommendation", "understanding", "closeness", "value"]
    score: Annotated[int, Field(ge=0, le=10)]
    store_id: Key | None = None
    comment: Comment | None = None

    @property
    def partition_key(self) -> str:
        """The customer's identifier."""
        return self.customer.key
