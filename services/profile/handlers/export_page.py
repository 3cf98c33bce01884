"""An export as a page that a person can read: every value of the JSON, under headings, nothing left out."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from services.profile.handlers.export_shapes import Export

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:.5rem 0}td,th{border:1px solid #ccc;padding:.2rem .5rem;text-align:left;"
    "vertical-align:top}th{font-weight:600}summary{cursor:pointer}"
)
_PARTS: Mapping[str, str] = {
    "identifiers": "How you are known",
    "profile": "Your profile",
    "consents": "What you allowed and denied",
    "events": "What happened",
    "events_held": "How far back that goes",
    "decisions": "What was decided for you, and why",
    "vouchers": "Your vouchers",
    "facets": "All that is remembered, identifier by identifier",
}


def page_of(export: Export) -> str:
    """HTML of the whole export; every text in it is escaped."""
    content = export.model_dump(mode="json")
    parts = "".join(f"<h2>{title}</h2>{_value(content[name])}" for name, title in _PARTS.items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Your data</title><style>{_STYLE}</style>'
        f"</head><body><h1>Your data</h1><p>Customer {escape(export.customer_id)}, "
        f"as of {escape(content['made_at'])}.</p>{parts}</body></html>"
    )


def _value(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return "<table>" + "".join(_rows(value)) + "</table>" if value else "none"
        case str():
            return escape(value)
        case Sequence():
            return _list(value)
        case _:
            return escape(str(value))


def _rows(value: Mapping[str, Any]) -> Iterator[str]:
    for name, member in value.items():
        yield f"<tr><th>{escape(name.replace('_', ' '))}</th><td>{_value(member)}</td></tr>"


def _list(values: Sequence[Any]) -> str:
    if not values:
        return "none"
    if not any(isinstance(value, (Mapping, list)) for value in values):
        return ", ".join(map(_value, values))
    return "".join(_value(value) for value in values)
