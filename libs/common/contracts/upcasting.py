"""How bodies of older major versions are told in the newest one; called by the registry, so that consumers know one form.

A step is pure, takes a valid body of its version and keeps members that it does not know.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """From one version of a type to a newer one of it."""

    to: str
    tell: Callable[[Body], Body]


def newest_type(event_type: str) -> str:
    """The version of this type that consumers see; the type itself where nothing newer took its place."""
    while (step := STEPS.get(event_type)) is not None:
        event_type = step.to
    return event_type


def upcast(event_type: str, body: Body) -> tuple[str, Body]:
    """The newest version of the type and the body in its form, step by step; what is newest comes back as it is."""
    while (step := STEPS.get(event_type)) is not None:
        event_type, body = step.to, step.tell(body)
    return event_type, body


def _survey_answer_with_its_scale(body: Body) -> Body:
    """v1 had brought every answer to the scale 0 to 10 before it was sent."""
    kept = {name: content for name, content in body.items() if name != "score"}
    return {**kept, "answer": body["score"], "scale": {"lowest": 0, "highest": 10}}


STEPS: Mapping[str, Step] = {
    "usual.feedback.survey_answered.v1": Step("usual.feedback.survey_answered.v2", _survey_answer_with_its_scale),
}
