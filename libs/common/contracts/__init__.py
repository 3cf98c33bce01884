"""Every event and topic of the system, and nowhere else: pure data that any layer may import."""

from libs.common.contracts.envelope import Event, StructuredEvent, format_moment, parse_moment
from libs.common.contracts.personal import Personal, Sealable, is_sealed
from libs.common.contracts.places import Place, identifier_fields, personal_fields
from libs.common.contracts.registry import (
    CONTRACTS,
    TYPES,
    UnknownType,
    UnsupportedVersion,
    contract_of,
    decode,
    decode_with,
    describe,
    in_newest_form,
    new_event,
    partition_key_of,
)
from libs.common.contracts.topics import TOPIC_OF_TYPE, TOPICS, Topic
from libs.common.contracts.upcasting import newest_type
from libs.common.contracts.values import Contract

__all__ = [
    "CONTRACTS",
    "TOPICS",
    "TOPIC_OF_TYPE",
    "TYPES",
    "Contract",
    "Event",
    "Personal",
    "Place",
    "Sealable",
    "StructuredEvent",
    "Topic",
    "UnknownType",
    "UnsupportedVersion",
    "contract_of",
    "decode",
    "decode_with",
    "describe",
    "format_moment",
    "identifier_fields",
    "in_newest_form",
    "is_sealed",
    "new_event",
    "newest_type",
    "parse_moment",
    "partition_key_of",
    "personal_fields",
]
