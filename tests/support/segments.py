"""Segments for tests: those that the service ships, and builders of rules and documents."""

import json
from importlib.resources import files
from typing import Any

from pydantic import TypeAdapter

from services.profile.domain.segment_rules import Rule
from services.profile.domain.segments import Segment, SegmentDocument

RULE: TypeAdapter[Rule] = TypeAdapter(Rule)


def a_rule(**told: Any) -> Rule:
    return RULE.validate_python(told)


def visits_at_least(count: int) -> dict[str, Any]:
    return {"kind": "figure", "figure": "visits_count", "comparison": "at_least", "value": count}


def a_segment(segment_id: str, rule: dict[str, Any], *, version: int = 1, **told: Any) -> Segment:
    return Segment(
        segment_id=segment_id, version=version, document=SegmentDocument.model_validate(a_document(rule, **told))
    )


def a_document(rule: dict[str, Any], **told: Any) -> dict[str, Any]:
    return {"name": "a segment", "owner": "marketing", "rule": rule, **told}


def shipped_segments() -> list[Segment]:
    """What the migration brings."""
    migration = files("services.profile.migrations").joinpath("0030_pre_segments.sql").read_text(encoding="utf-8")
    return [
        Segment(segment_id=one["segment_id"], version=1, document=SegmentDocument.model_validate(one["document"]))
        for one in json.loads(migration.split("$shipped$")[1])
    ]
