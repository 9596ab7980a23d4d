"""Read plain data, such as that of a YAML file, into dataclasses by their annotations."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

Settings = TypeVar("Settings")


class Rule(NamedTuple):
    """Say in words which values are allowed, and decide whether one is."""

    words: str
    allows: Callable[[Any], bool]


def read_settings(kind: type[Settings], given: Any, at: str, problems: list[str]) -> Any:
    """Return the settings `kind`, a dataclass, that `given` holds; add what is wrong to `problems`.

    `at` is its path in the file, for messages. A field's annotation is a type, and perhaps a Rule in
    `Annotated`.
    """
    if not isinstance(given, Mapping):
        return _refuse(given, at, "a mapping", problems)
    hints = get_type_hints(kind, include_extras=True)
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    inside = f"{at}." if at else ""
    for name in given:
        if name not in known:
            problems.append(f"{inside}{name} is unknown, expected one of {', '.join(sorted(known))}")
    values = {}
    for name, one in known.items():
        if name in given:
            values[name] = _read(hints[name], given[name], f"{inside}{name}", problems)
        elif one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING:
            problems.append(f"{inside}{name} is missing, expected {_words(hints[name])}")
    return None if problems else kind(**values)


def _read(kind: Any, given: Any, at: str, problems: list[str]) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return given
    if is_dataclass(kind):
        return read_settings(kind, given, at, problems)  # type: ignore[arg-type]
    if origin is Annotated:
        mistyped: list[str] = []
        value = _read(inner[0], given, at, mistyped)
        if mistyped and get_origin(inner[0]) is tuple:
            problems += mistyped
            return None
        if mistyped or not inner[1].allows(value):
            return _refuse(given, at, inner[1].words, problems)
        return value
    if origin in (Union, types.UnionType):
        return _read_union(inner, given, at, problems)
    if origin is tuple:
        return _read_tuple(kind, given, at, problems)
    if origin is Literal:
        return given if given in inner else _refuse(given, at, _words(kind), problems)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if isinstance(given, (list, tuple)) and type(None) in get_args(inner[1]):
            names = [str(one) for one in given if isinstance(one, (str, int))]
            if len({*names}) < len(given):
                return _refuse(given, at, "different names", problems)
            given = dict.fromkeys(names)
        if not isinstance(given, Mapping):
            return _refuse(given, at, _words(kind), problems)
        return {str(name): _read(inner[1], one, f"{at}.{name}", problems) for name, one in given.items()}
    return _read_scalar(kind, given, at, problems)


def _read_union(kinds: tuple[Any, ...], given: Any, at: str, problems: list[str]) -> Any:
    """Read None where it is allowed; of several dataclasses take the one whose first field is given."""
    if given is None and types.NoneType in kinds:
        return None
    *others, last = [kind for kind in kinds if kind is not types.NoneType]
    for kind in others:
        if isinstance(given, Mapping) and fields(kind)[0].name in given:
            return _read(kind, given, at, problems)
    return _read(last, given, at, problems)


def _read_tuple(kind: Any, given: Any, at: str, problems: list[str]) -> Any:
    inner = get_args(kind)
    if not isinstance(given, (list, tuple)):
        return _refuse(given, at, _words(kind), problems)
    if inner[-1] is Ellipsis:
        inner = (inner[0],) * len(given)
    elif len(inner) != len(given):
        return _refuse(given, at, _words(kind), problems)
    return tuple(
        _read(one, value, f"{at}[{n}]", problems) for n, (one, value) in enumerate(zip(inner, given))
    )


def _read_scalar(kind: Any, given: Any, at: str, problems: list[str]) -> Any:
    if kind is float and isinstance(given, (int, float)) and not isinstance(given, bool):
        if math.isfinite(given):
            return float(given)
    elif kind is Path and isinstance(given, (str, Path)):
        return Path(given)
    elif isinstance(given, kind) and isinstance(given, bool) == (kind is bool):
        return given
    return _refuse(given, at, _words(kind), problems)


def _refuse(given: Any, at: str, allowed: str, problems: list[str]) -> None:
    hint = ""
    if isinstance(given, str) and "number" in allowed and _is_number(given):
        hint = " (YAML takes this for text: write 1.0e-3, not 1e-3, and no quotes)"
    problems.append(f"{at or 'the file'} is {given!r}, expected {allowed}{hint}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_SCALARS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path"}


def _words(kind: Any) -> str:
    """Say what an annotation allows."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return str(inner[1].words)
    if origin is Literal:
        return f"one of {', '.join(inner)}"
    if origin in (Union, types.UnionType):
        return _words(next(one for one in inner if one is not types.NoneType))
    if origin is tuple and inner[-1] is Ellipsis:
        return "a list, each " + _words(inner[0])
    if origin is tuple:
        return f"a list of {len(inner)}, each {_words(inner[0])}"
    return _SCALARS.get(kind, "a mapping")
