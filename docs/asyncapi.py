"""The AsyncAPI 3.0 document, made from contracts, topics and the consumers that services really build. Used by generate.py."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from docs.described import subscriptions
from docs.examples import AT, EXAMPLES
from libs.common.contracts import CONTRACTS, TOPICS, Event, Topic, newest_type, parse_moment, partition_key_of
from libs.common.contracts.envelope import SCHEMA_BASE
from libs.common.contracts.personal import GREATEST_SEALED_CHARACTERS, SEALED_PREFIX

Json = dict[str, Any]
KAFKA_BINDING = "0.5.0"
SEALED = "Sealed"
HEADERS = "CloudEventsHeaders"
DESCRIPTION = """What travels between the services of The Usual, on Apache Kafka.

Every message is a CloudEvent 1.0 in binary mode: its attributes are headers that begin with `ce_`, its data is the value.
`(ce_source, ce_id)` names it for ever; it may come more than once and has its effect once.
On topics, the `value` of an identifier is a pseudonym. What a schema marks `x-personal` may be sealed with its person's key.
Members that a schema does not name are kept; a consumer must tolerate them.
Operations named `<service>.receives.<topic>` and `<service>.sends.<topic>` say who does what.
"""


def asyncapi_page() -> Mapping[str, str]:
    """The document, by path below `docs/`."""
    return {"asyncapi.json": json.dumps(asyncapi_document(), indent=1, sort_keys=True) + "\n"}


def asyncapi_document() -> Json:
    """The document as JSON values."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "The Usual", "version": _version(), "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{brokers}",
                "protocol": "kafka",
                "description": "Any broker that speaks Kafka's protocol.",
                "variables": {"brokers": {"default": "localhost:9092", "description": "Host and port to start from."}},
            }
        },
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": _operations(),
        "components": {"messages": {name: _message(name) for name in CONTRACTS}, "schemas": _schemas()},
    }


def _version() -> str:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def _channel(topic: Topic) -> Json:
    kept: Json = {"cleanup.policy": ["compact" if topic.compacted else "delete"]}
    if topic.retention is not None:
        kept["retention.ms"] = int(topic.retention.total_seconds() * 1000)
    tombstones = " A message without a value takes its key away." if topic.compacted else ""
    return {
        "address": topic.name,
        "description": f"{topic.description} Keyed by {topic.key}.{tombstones}",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in topic.types},
        "tags": [{"name": topic.owner}],
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": kept,
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _operations() -> Json:
    sent = {f"{one}.sends.{t.name}": _operation("send", t, one) for t in TOPICS for one in t.writers}
    received = {
        f"{service}.receives.{topic.name}": _operation("receive", topic, service, subscription.group)
        for service, read in subscriptions().items()
        for subscription in read
        for topic in subscription.topics
    }
    return {**sent, **received}


def _operation(action: str, topic: Topic, service: str, group: str | None = None) -> Json:
    binding = {"groupId": {"type": "string", "const": group}} if group else {}
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{name}"} for name in topic.types],
        "summary": f"{service} {action}s {topic.name}",
        "tags": [{"name": service}],
        "bindings": {"kafka": {**binding, "bindingVersion": KAFKA_BINDING}},
    }


def _message(name: str) -> Json:
    event = _example(name)
    key = {"type": "string", "description": "`ce_partitionkey` in bytes: what the channel is keyed by."}
    message = {
        "name": name,
        "summary": (CONTRACTS[name].__doc__ or "").strip().partition("\n")[0].partition(": ")[2],
        "contentType": "application/json",
        "headers": {
            "allOf": [{"$ref": f"#/components/schemas/{HEADERS}"}],
            "properties": {"ce_type": {"const": name}, "ce_dataschema": {"const": SCHEMA_BASE + name}},
        },
        "payload": {"$ref": f"#/components/schemas/{CONTRACTS[name].__name__}"},
        "bindings": {"kafka": {"key": key, "bindingVersion": KAFKA_BINDING}},
        "examples": [
            {"headers": {header: text.decode() for header, text in event.headers()}, "payload": dict(EXAMPLES[name])}
        ],
    }
    return message if newest_type(name) == name else {**message, "x-newest": newest_type(name)}


def _example(name: str) -> Event:
    body = CONTRACTS[name].model_validate(EXAMPLES[name])
    return Event(
        id="e-1",
        source="till-3",
        type=name,
        occurred_at=parse_moment(AT),
        received_at=parse_moment(AT),
        partition_key=partition_key_of(body),
        data=body,
    )


def _schemas() -> Json:
    """Every model once, and below it the parts that several share; a personal text is itself or sealed."""
    _, together = models_json_schema(
        [(model, "validation") for model in CONTRACTS.values()], ref_template="#/components/schemas/{model}"
    )
    return {
        HEADERS: _headers(),
        SEALED: {
            "type": "string",
            "pattern": f"^{SEALED_PREFIX}[A-Za-z0-9_-]+={{0,2}}$",
            "maxLength": GREATEST_SEALED_CHARACTERS,
            "description": "A text that only the holder of its person's key can read: base64url of nonce and ciphertext.",
        },
        **_sealable(together["$defs"]),
    }


def _sealable(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_sealable(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(mark := schema.get("x-personal"), str):
        text = {name: said for name, said in schema.items() if name != "x-personal"}
        return {"anyOf": [text, {"$ref": f"#/components/schemas/{SEALED}"}], "x-personal": mark}
    return {name: _sealable(said) for name, said in schema.items()}


def _headers() -> Json:
    required: Sequence[str] = ("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time")
    moment = {
        "type": "string",
        "format": "date-time",
        "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$",
    }
    return {
        "type": "object",
        "description": "The attributes of a CloudEvent in binary mode; each is UTF-8 text.",
        "required": [*required, "ce_dataschema", "ce_partitionkey", "content-type"],
        "properties": {
            "ce_specversion": {"const": "1.0"},
            "ce_id": {"type": "string", "minLength": 1, "description": "With `ce_source` its name for ever."},
            "ce_source": {"type": "string", "minLength": 1},
            "ce_type": {"type": "string", "enum": sorted(CONTRACTS)},
            "ce_time": {**moment, "description": "When it happened, in UTC."},
            "ce_dataschema": {"type": "string", "format": "uri"},
            "ce_partitionkey": {"type": "string", "minLength": 1},
            "ce_subject": {"type": "string"},
            "ce_receivedat": {**moment, "description": "When the front door accepted it, in UTC."},
            "ce_claimedtime": {
                **moment,
                "description": "What the sender's clock said, where it was too far ahead to be believed.",
            },
            "traceparent": {"type": "string", "description": "W3C trace context."},
            "content-type": {"const": "application/json"},
        },
    }
