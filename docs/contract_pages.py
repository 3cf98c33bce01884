"""The pages that the contracts alone say: a JSON Schema per event type, the catalogue of topics. Used by generate.py."""

import json
from collections.abc import Mapping

from libs.common.contracts import CONTRACTS, TOPICS, Topic, newest_type


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
        "binary mode: attributes in `ce_` headers, the body is the JSON of the linked schema. `asyncapi.json` says the same for",
        "machines, and who sends and who receives what.",
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
            older = (
                "" if newest_type(event_type) == event_type else f" Consumers see it as `{newest_type(event_type)}`."
            )
            lines.append(f"- [`{event_type}`](schemas/{event_type}.json): {promise}{older}")
        lines.append("")
    return {"events.md": "\n".join(lines).rstrip() + "\n"}


def _topic_row(topic: Topic) -> str:
    kept = "newest per key" if topic.compacted else f"{topic.retention.days} days" if topic.retention else "for ever"
    kinds = ", ".join(f"`{event_type}`" for event_type in topic.types)
    return f"| `{topic.name}` ({topic.partitions}) | {topic.owner} | {topic.key} | {kept} | {kinds} |"
