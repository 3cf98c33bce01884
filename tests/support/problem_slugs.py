"""Every problem slug that the code can say, read from its source: where it is raised, and with which status it is answered."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import libs.common
import services
from libs.common.errors import Kind, UsualError
from libs.common.http.problems import STATUS

ROOT = Path(__file__).parents[2]
_FOLDERS = ("libs/common", "services")
_PACKAGES = ("libs.common.", "services.")
_BY_POSITION = {"problem": 1, "_refusal": 1, "Refused": 2, "broken": 0}
"""Calls that take a slug by position."""
_BROKEN_POSLOG = 422


def said() -> dict[str, set[int]]:
    """Each slug with the statuses that it comes with; none where the code leaves that to its caller."""
    _import_all()
    kinds = {error.__name__: error for error in _errors(UsualError) if error.__module__.startswith(_PACKAGES)}
    found: dict[str, set[int]] = {error.slug: {STATUS[error.kind]} for error in kinds.values()}
    for tree in _trees():
        constants = _constants(tree)
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            error = kinds.get(_name(call))
            statuses = {STATUS[error.kind]} if error else _stated_statuses(call)
            for slug in _slugs(call, constants):
                found.setdefault(slug, set()).update(statuses)
    return found


def _errors(kind: type[UsualError]) -> Iterator[type[UsualError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _errors(below)


def _import_all() -> None:
    for package in (libs.common, services):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def _trees() -> Iterator[ast.Module]:
    for folder in _FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield ast.parse(path.read_text())


def _constants(tree: ast.Module) -> Mapping[str, str]:
    """The texts that a module gives a name."""
    named = [node for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)]
    return {
        target.id: node.value.value
        for node in named
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _slugs(call: ast.Call, constants: Mapping[str, str]) -> Iterator[str]:
    place = _BY_POSITION.get(_name(call))
    given = [keyword.value for keyword in call.keywords if keyword.arg == "slug"]
    given += call.args[place : place + 1] if place is not None else []
    for value in given:
        yield from _texts(value, constants)
    if _name(call) == "HTTPException" and call.args and isinstance(call.args[0], ast.Constant):
        yield f"http-{call.args[0].value!r}"


def _texts(value: ast.expr, constants: Mapping[str, str]) -> Iterator[str]:
    """A literal, a name for one, or both sides of a choice between two."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.Name) and value.id in constants:
        yield constants[value.id]
    elif isinstance(value, ast.IfExp):
        yield from _texts(value.body, constants)
        yield from _texts(value.orelse, constants)


def _stated_statuses(call: ast.Call) -> set[int]:
    """The status, or the kind of error, that the call names itself."""
    if _name(call) == "broken":
        return {_BROKEN_POSLOG}
    numbers = {arg.value for arg in call.args[:1] if isinstance(arg, ast.Constant) and isinstance(arg.value, int)}
    kinds = [arg.attr for arg in call.args if isinstance(arg, ast.Attribute) and arg.attr in Kind.__members__]
    return numbers | {STATUS[Kind[name]] for name in kinds}
