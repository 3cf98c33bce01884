"""Bodies that a contract accepts, drawn from the contract itself: hypothesis strategies for laws about all contracts."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import msgspec
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, StringConstraints, ValidationError
from pydantic.fields import FieldInfo

from libs.common.contracts.values import Gtin

_KEY = r"^[^\x00-\x1f\x7f]+$"
_GTINS = st.sampled_from(["96385074", "036000291452", "4006381333931"])


@cache
def bodies_of(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects that `model` accepts, its optional members there or not."""
    return _objects(model).map(_consistent).filter(lambda body: _accepts(model, body))


def plain(found: Any) -> Any:
    """Fields and their values, whichever class holds them: a contract or its compiled form."""
    if isinstance(found, BaseModel):
        return {name: plain(getattr(found, name)) for name in type(found).model_fields}
    if isinstance(found, msgspec.Struct):
        return {name: plain(getattr(found, name)) for name in found.__struct_fields__}
    return [plain(one) for one in found] if isinstance(found, tuple) else found


def _objects(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in model.model_fields.items():
        (required if field.is_required() else optional)[name] = _values(field.annotation, field.metadata)
    return st.fixed_dictionaries(required, optional=optional)


def _consistent(body: dict[str, Any]) -> dict[str, Any]:
    """What has lines and a total adds up."""
    amounts = [line.get("amount_cents") for line in body.get("lines", ())]
    return {**body, "total_cents": sum(amounts)} if amounts and None not in amounts else body


def _accepts(model: type[BaseModel], body: dict[str, Any]) -> bool:
    try:
        model.model_validate(body)
    except ValidationError:
        return False
    return True


def _values(annotation: Any, metadata: Sequence[Any] = ()) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one way per kind of type
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is AwareDatetime:
        return st.just(datetime(2026, 3, 1, tzinfo=UTC).isoformat())
    if origin is Annotated:
        return _GTINS if annotation == Gtin else _values(arguments[0], [*arguments[1:], *metadata])
    if origin in {Union, UnionType}:
        return st.one_of(*(_values(one, metadata) for one in arguments))
    if origin is tuple:
        limits = _limits(metadata)
        return st.lists(_values(arguments[0]), min_size=limits.get("min_length", 0), max_size=2)
    if origin is Literal:
        return st.sampled_from(arguments)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _objects(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from([one.value for one in annotation])
    return _leaves(annotation, metadata)


def _leaves(annotation: Any, metadata: Sequence[Any]) -> st.SearchStrategy[Any]:
    limits = _limits(metadata)
    if annotation is str:
        if limits.get("pattern") is None:
            return st.text(max_size=12)
        return _texts(limits["pattern"])
    if annotation is int:
        return st.integers(limits.get("ge", -(10**6)), limits.get("le", 10**6))
    if annotation is Decimal:
        places = st.integers(-(10**6), 10**6).map(lambda count: Decimal(count) / 1000)
        return st.sampled_from(["0", "1", "0.07", 1, 2]) | places.map(str) | places.map(float)
    if annotation is date:
        return st.dates(date(2026, 1, 1), date(2027, 12, 31)).map(date.isoformat)
    known = {bool: st.booleans(), NoneType: st.none(), time: st.just("08:00:00")}
    return known[annotation]


@cache
def _texts(pattern: str) -> st.SearchStrategy[str]:
    if pattern == _KEY:  # an expression for a class of characters draws slowly
        return st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
    if r"\d{8}" in pattern:
        return _GTINS
    return st.from_regex(pattern.replace("$", r"\Z"), fullmatch=True).map(lambda text: text[:60])


def _limits(metadata: Sequence[Any]) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    for mark in metadata:
        if isinstance(mark, FieldInfo):
            limits |= _limits(mark.metadata)
        elif isinstance(mark, StringConstraints):
            limits |= {name: found for name, found in vars(mark).items() if found is not None}
        elif isinstance(mark, annotated_types.GroupedMetadata):
            limits |= _limits(list(mark))
        else:
            said = {name: getattr(mark, name) for name in getattr(type(mark), "__slots__", ())}
            limits |= {**said, **getattr(mark, "__dict__", {})}
    return limits
