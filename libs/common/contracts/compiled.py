"""Contracts compiled for speed: the same checks as pydantic's in a fraction of its time; called where events come in.

A compiled contract only ever says yes. It knows the fields of its contract and the plain spelling of their values; whatever
else a body holds (a newer field, a number written as text, anything wrong) is for pydantic to judge and to explain. So a
compiled contract may be stricter than its contract, never more lenient: tests hold both against each other.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import cache, lru_cache
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, cast, get_args, get_origin

import msgspec
from pydantic import BaseModel, ConfigDict, TypeAdapter

from libs.common.contracts.constraints import NotCompilable, flat, pattern_of, said_by
from libs.common.contracts.personal import Personal, Sealable
from libs.common.contracts.plain_decimals import plain_decimals

Body = TypeVar("Body", bound=BaseModel)

_REMEMBERED_VALUES = 16_384
_GREATEST_REMEMBERED_BYTES = 40
_NO_CONTROLS = {r"^[^\x00-\x1f\x7f]+$": 1, r"^[^\x00-\x1f\x7f]*$": 0}
"""No control character, which is what a clean document holds anyway, and how many characters at least."""
_CONFIG = {"frozen", "extra", "allow_inf_nan", "ser_json_inf_nan", "json_schema_extra"}
_NATIVE = (str, int, bool, date)
_LITERALS = ({str}, {int})


class Spelling(Enum):
    """What a compiled form may take for granted of the documents that it reads."""

    ANY = "any"
    CLEAN = "clean"
    """No text holds a control character."""
    PLAIN = "plain"
    """Clean, and every decimal is one of those that come all day (plain_decimals.py); others it does not read."""


class _Terms(NamedTuple):
    """What a contract says of all its values, and what may be taken for granted of its documents."""

    config: ConfigDict
    spelling: Spelling

    @property
    def clean(self) -> bool:
        return self.spelling is not Spelling.ANY


def read_body(model: type[Body], raw: bytes | msgspec.Raw, *, clean: bool | None = None) -> Body:
    """The body of an event, checked against its contract; raises pydantic's ValidationError with place and rule.

    What comes back has the fields and properties of the contract; it is the contract's own class only where pydantic had
    to judge. `clean` is what `is_clean` said of it, or of a document that it is part of; None: not asked yet.
    """
    plain = plain_body(model, raw, clean=clean)
    return plain if plain is not None else model.model_validate_json(bytes(raw))


def plain_body(model: type[Body], raw: bytes | msgspec.Raw, *, clean: bool | None = None) -> Body | None:
    """The same where a compiled form says yes; None where pydantic is to decide, and to say why."""
    for spelling in _AS_CLEAN if (is_clean(raw) if clean is None else clean) else _AS_ANY:
        decoder = compiled(model, spelling)
        if decoder is not None:
            try:
                return cast("Body", decoder.decode(raw))
            except (msgspec.DecodeError, AssertionError, RecursionError, UnicodeDecodeError):
                continue  # not so plain: the next one decides
    return None


def prepare(models: Iterable[type[BaseModel]]) -> None:
    """Compile before the first event comes: it takes some tenths of a second."""
    for model in models:
        for spelling in Spelling:
            compiled(model, spelling)


def is_clean(raw: bytes | msgspec.Raw) -> bool:
    """Whether no text of a JSON document holds a control character: they come escaped only, but for one."""
    body = bytes(raw)
    return b"\\" not in body and b"\x7f" not in body


_AS_CLEAN, _AS_ANY = (Spelling.PLAIN, Spelling.CLEAN), (Spelling.ANY,)


@cache
def compiled(model: type[BaseModel], spelling: Spelling = Spelling.ANY) -> "msgspec.json.Decoder[Any] | None":
    """What decodes and checks bodies of `model` in one pass, None where no compiled form exists.

    The more it takes for granted the less time it takes: clean documents half of any, plain ones a third.
    """
    try:
        return msgspec.json.Decoder(_struct_of(model, spelling), dec_hook=_judged)
    except NotCompilable:
        return None


@cache
def _struct_of(model: type[BaseModel], spelling: Spelling) -> type[msgspec.Struct]:
    """A struct with the model's fields and checks, its properties, and its `after` validators run once it is made."""
    validators, terms = _after_validators(model), _Terms(model.model_config, spelling)
    namespace: dict[str, Any] = {
        name: found
        for base in reversed(model.__mro__[: model.__mro__.index(BaseModel)])
        for name, found in vars(base).items()
        if isinstance(found, property)
    }
    if validators:

        def check(self: Any) -> None:
            for validator in validators:
                validator(self)

        namespace["__post_init__"] = check
    return msgspec.defstruct(
        model.__name__,
        [_field(model, name, terms) for name in model.model_fields],
        namespace=namespace,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
    )


def _after_validators(model: type[BaseModel]) -> Sequence[Callable[[Any], Any]]:
    """The checks of the model as a whole. Raises NotCompilable for anything that sees a body before its fields."""
    decorators = model.__pydantic_decorators__
    others = (decorators.validators, decorators.field_validators, decorators.root_validators)
    found = decorators.model_validators.values()
    if any(others) or any(one.info.mode != "after" for one in found) or set(model.model_config) - _CONFIG:
        raise NotCompilable(f"{model.__name__} has validators or a configuration of its own")
    return [one.func for one in found]


def _field(model: type[BaseModel], name: str, terms: _Terms) -> tuple[Any, ...]:
    field = model.model_fields[name]
    if field.validation_alias is not None or field.alias is not None:
        raise NotCompilable(f"{model.__name__}.{name} goes by another name in JSON")
    form = _form(field.annotation, tuple(field.metadata), terms)
    if field.is_required():
        return name, form
    default = (
        msgspec.field(default=field.default)
        if field.default_factory is None
        else msgspec.field(default_factory=cast("Callable[[], Any]", field.default_factory))
    )
    return name, form, default


def _form(annotation: Any, metadata: Sequence[Any], terms: _Terms) -> Any:
    """The type by which msgspec decodes what pydantic calls `annotation`; raises NotCompilable."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _form(arguments[0], (*arguments[1:], *metadata), terms)
    if origin in {Union, UnionType}:
        # What stands at a union holds for its only member beside null: null has no length and no size.
        present = [one for one in arguments if one is not type(None)]
        if len(present) != 1 or len(arguments) != len(present) + 1:
            raise NotCompilable(f"a union of several types: {annotation}")
        return _form(present[0], metadata, terms) | None
    if origin is tuple and len(arguments) == len((Any, Ellipsis)) and arguments[1] is Ellipsis:
        return _limited(tuple[_form(arguments[0], (), terms), ...], _limits(metadata, terms))  # type: ignore[misc]  # made here
    if origin is Literal and {type(one) for one in arguments} in _LITERALS:
        return _limited(annotation, _limits(metadata, terms))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _limited(_struct_of(annotation, terms.spelling), _limits(metadata, terms))
    return _leaf(annotation, metadata, terms)


def _leaf(annotation: Any, metadata: Sequence[Any], terms: _Terms) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _limited(annotation, _limits(metadata, terms))
    if annotation in _NATIVE:
        try:
            return _limited(annotation, _limits(metadata, terms))
        except NotCompilable:
            # What is personal is not remembered, so it is not judged below either.
            if annotation is not str or any(isinstance(mark, Personal | Sealable) for mark in flat(metadata)):
                raise
    if annotation is Decimal and terms.spelling is Spelling.PLAIN:
        known = plain_decimals(*metadata)
        if known is not None:
            return known
    if annotation in {str, Decimal}:
        return _judge(annotation, tuple(metadata), terms)
    raise NotCompilable(f"no compiled form of {annotation}")


def _limited(form: Any, limits: Mapping[str, Any]) -> Any:
    return Annotated[form, msgspec.Meta(**limits)] if limits else form


def _limits(metadata: Sequence[Any], terms: _Terms) -> dict[str, Any]:
    """Pydantic's constraints in msgspec's words; raises NotCompilable for one that has none.

    Of a text that may travel sealed they are those of an open one.
    """
    limits: dict[str, Any] = {}
    for mark in flat(metadata):
        if isinstance(mark, Personal):
            continue
        said = {name: found for name, found in said_by(mark).items() if found is not None}
        if terms.clean and said.get("pattern") in _NO_CONTROLS:
            least = max(_NO_CONTROLS[said["pattern"]], said.get("min_length", 0))
            said = {name: limit for name, limit in said.items() if name != "pattern"} | {"min_length": least}
        if "pattern" in said:
            said["pattern"] = pattern_of(said["pattern"], mark)
        if unknown := said.keys() - {"ge", "gt", "le", "lt", "min_length", "max_length", "pattern"}:
            raise NotCompilable(f"no compiled form of {sorted(unknown)}")
        limits |= said
    return limits


def _judge(base: type, metadata: tuple[Any, ...], terms: _Terms) -> type:
    """A type for values that msgspec has no constraints for: pydantic judges them, see `_judged`."""
    annotation: Any = Annotated[(base, *metadata)] if metadata else base
    adapter: TypeAdapter[Any] = TypeAdapter(annotation, config=terms.config)
    return type(base.__name__, (base,), {"__slots__": (), "accept": staticmethod(adapter.validate_json)})


@lru_cache(_REMEMBERED_VALUES, typed=True)
def _judged(judge: Any, value: str | int) -> Any:
    """`value` as `judge` accepts it; each is judged once, as the same few quantities and goods numbers come all day.

    Raises ValueError for what it refuses, and for what is too long to be remembered.
    """
    if not isinstance(value, str | int):
        raise TypeError("not plain")
    spelled = msgspec.json.encode(value)
    if len(spelled) > _GREATEST_REMEMBERED_BYTES:
        raise ValueError("too long to be remembered")
    return judge(judge.accept(spelled))
