"""Find the classes of a training, and what the masks of a source mean in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mtvif_ros.classes import IGNORE, LEAST, MOST, STREET_NAMES, Colour, SegmentationClass, with_colours
from training.config import AnySource, Config, PairSelection, RenderedSource, VideoSource
from training.data.layouts import LAYOUTS

_IGNORED = "ignore"  # what `map` calls pixels that count for nothing


def classes_of(config: Config) -> tuple[SegmentationClass, ...]:
    """Return a config's classes: its own, or those that its sources have in common.

    Raises ValueError for a class named twice, and if sources without `classes` in the config differ.
    """
    if config.classes:
        given = {name: _colour(text) for name, text in config.classes.items() if text is not None}
        return with_colours(tuple(config.classes), given)
    lists = {
        tuple(dict.fromkeys(name for name in _named(source) if name != _IGNORED))
        for source in config.train.sources
        if not isinstance(source, VideoSource)
    } - {()} or {STREET_NAMES}
    if len(lists) > 1:
        raise ValueError(
            "the sources have different classes; list those of the model as `classes`, and rename the others "
            f"with `map` in a source: {'; '.join(', '.join(one) for one in sorted(lists))}"
        )
    names = lists.pop()
    if not LEAST <= len(names) <= MOST:
        raise ValueError(f"the sources have {len(names)} classes, expected {LEAST} to {MOST}")
    return with_colours(names)


def names_of(config: Config) -> tuple[str, ...]:
    """Return the names of classes_of."""
    return tuple(name for name, _ in classes_of(config))


def mask_values(source: PairSelection | RenderedSource, names: Sequence[str]) -> Mapping[int, int] | None:
    """Return the model's class for every value of a source's masks; None if they are the same.

    `names` are the model's classes. Raises ValueError for a class of the source that the model lacks.
    """
    named = _named(source)
    if named == tuple(names) or not named:
        return None
    unknown = [name for name in dict.fromkeys(named) if name not in (*names, _IGNORED)]
    if unknown:
        raise ValueError(
            f"{_title(source)}: its classes {', '.join(unknown)} are not among the model's "
            f"({', '.join(names)}); map each to one of them or to {_IGNORED}, as in map: {{{unknown[0]}: "
            f"{names[0]}}}"
        )
    table = {value: names.index(name) if name != _IGNORED else IGNORE for value, name in enumerate(named)}
    return table | {IGNORE: IGNORE}


def _named(source: AnySource | PairSelection) -> tuple[str, ...]:
    """Return the name of every value of a source's masks, mapped; none if they are the model's own."""
    if isinstance(source, VideoSource):
        return ()
    if isinstance(source, RenderedSource):
        own: Sequence[str] = STREET_NAMES
    else:
        own = source.names or LAYOUTS[source.layout].names
    return tuple(source.map.get(name, name) for name in own)


def _title(source: PairSelection | RenderedSource) -> str:
    return "rendered frames" if isinstance(source, RenderedSource) else source.path


def _colour(text: str) -> Colour:
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue
