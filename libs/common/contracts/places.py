"""Where in a contract's body something stands: its personal data, its identifiers; asked by the doors."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from enum import Enum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel

from libs.common.contracts.personal import Personal
from libs.common.contracts.values import Identifier

_TEXTLESS = (int, float, Decimal, datetime, time, Enum, BaseModel)
_MOMENTS = {AwareDatetime}
Place = tuple[str, ...]
"""Member names from a body's root; `*` stands for every item of a list."""


@cache
def personal_fields(model: type[BaseModel]) -> tuple[tuple[Place, Personal], ...]:
    """Where a body of this contract holds personal data, and of which sort; in the order of its members."""
    return tuple(
        (node.place, mark) for node in _members(model, ()) for mark in node.metadata if isinstance(mark, Personal)
    )


@cache
def identifier_fields(model: type[BaseModel]) -> tuple[Place, ...]:
    """Where a body of this contract holds an `Identifier` (or null, where it may); in the order of its members."""
    return tuple(node.place for node in _members(model, ()) if node.annotation is Identifier)


@cache
def text_fields(model: type[BaseModel]) -> tuple[tuple[Place, Any, tuple[Any, ...]], ...]:
    """Where a body of this contract may hold a text that is no word of a list: place, type, and the type's metadata."""
    return tuple(
        (node.place, Annotated[(node.annotation, *node.metadata)] if node.metadata else node.annotation, node.metadata)
        for node in _members(model, ())
        if not _is_textless(node.annotation)
    )


def _is_textless(annotation: Any) -> bool:
    """Numbers, moments, words of a list, and what is looked into by itself."""
    if isinstance(annotation, type):
        return issubclass(annotation, _TEXTLESS) or annotation in _MOMENTS
    return get_origin(annotation) in {tuple, Literal}


@dataclass(frozen=True, slots=True)
class _Node:
    place: Place
    annotation: Any
    metadata: tuple[Any, ...]


def _members(model: type[BaseModel], place: Place) -> Iterator[_Node]:
    for name, field in model.model_fields.items():
        yield from _nodes(field.annotation, (*place, name), tuple(field.metadata))


def _nodes(annotation: Any, place: Place, metadata: tuple[Any, ...]) -> Iterator[_Node]:
    """The place itself and every place below it. A mark on a union is one on each of its members."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _nodes(arguments[0], place, (*metadata, *arguments[1:]))
    elif origin in {Union, UnionType}:
        for one in arguments:
            if one is not type(None):
                yield from _nodes(one, place, metadata)
    else:
        yield _Node(place, annotation, metadata)
        yield from _below(annotation, place)


def _below(annotation: Any, place: Place) -> Iterator[_Node]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from _members(annotation, place)
    elif isinstance(origin, type):
        for one in arguments[1:] if issubclass(origin, Mapping) else arguments:
            if one is not Ellipsis:
                yield from _nodes(one, (*place, "*"), ())
