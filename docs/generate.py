"""Writes the pages that are generated from the code; `make schemas` and `make docs` call it, a test compares."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from docs.described import metrics_page, openapi_pages
from libs.common.contracts import CONTRACTS, TOPICS, Topic

DOCS = Path(__file__).parent


def schema_pages() -> Mapping[str, str]:
    """The JSON Schema of every event type, by path below `docs/`."""
    pages = {}
    for event_type, model in CONTRACTS.items():
        schema = {"$id": f"urn:the-usual:schema:{event_type}", **model.model_json_schema(mode="validation")}
        pages[f"schemas/{event_type}.json"] = json.dumps(schema, indent=1, sort_keys=True) + "\n"
    return pages


def event_page() -> Mapping[str, str]:
    """The catalogue of topics and what travels on them."""
    lines = [
        "# Topics and events",
        "",
        "Generated from `libs/common/contracts/topics.py` by `make docs`; do not edit. The envelope is CloudEvents 1.0 in",
        "binary mode: attributes in `ce_` headers, the body is the JSON of the linked schema.",
        "",
        "| Topic | Owner | Key | Kept | Events |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [_topic_row(topic) for topic in TOPICS]
    lines += ["", "## Events", ""]
    for topic in TOPICS:
        lines += [f"### `{topic.name}`", "", topic.description, ""]
        for event_type in topic.types:
            promise = (CONTRACTS[event_type].__doc__ or "").strip().split("\n")[0].partition(": ")[2]
            lines.append(f"- [`{event_type}`](schemas/{event_type}.json): {promise}")
        lines.append("")
    return {"events.md": "\n".join(lines).rstrip() + "\n"}


def _topic_row(topic: Topic) -> str:
    kept = "newest per key" if topic.compacted else f"{topic.retention.days} days" if topic.retention else "for ever"
    kinds = ", ".join(f"`{event_type}`" for event_type in topic.types)
    return f"| `{topic.name}` ({topic.partitions}) | {topic.owner} | {topic.key} | {kept} | {kinds} |"


GENERATORS: Mapping[str, tuple[Callable[[], Mapping[str, str]], ...]] = {
    "schemas": (schema_pages,),
    "all": (schema_pages, event_page, openapi_pages, metrics_page),
}


def stale_pages() -> list[str]:
    """The generated pages that differ from what the code says now, and files that nothing generates any more."""
    wanted = {path: text for generate in GENERATORS["all"] for path, text in generate().items()}
    differing = [
        path for path, text in wanted.items() if not (DOCS / path).exists() or (DOCS / path).read_text() != text
    ]
    orphans = [
        f"schemas/{path.name}" for path in (DOCS / "schemas").glob("*.json") if f"schemas/{path.name}" not in wanted
    ]
    return sorted(differing + orphans)


def main() -> None:
    """Write the pages of the kind that the command line names."""
    for generate in GENERATORS[sys.argv[1] if len(sys.argv) > 1 else "all"]:
        for path, text in generate().items():
            target = DOCS / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)


if __name__ == "__main__":
    main()
