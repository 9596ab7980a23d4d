"""Find the classes of a training, and what the masks of a source mean in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mtvif_ros.classes import IGNORE, LEAST, MOST, STREET_NAMES, Colour, SegmentationClass, with_colours
from mtvif_ros.recordings.pair_folder import BOX_NAMES
from training.config import AnySource, Config, PairSelection, PairSource, RenderedSource, VideoSource
from training.data.boxes import IGNORED
from training.data.layouts import LAYOUTS
from training.data.own import own_classes


def with_own_classes(config: Config, data: Path) -> Config:
    """Return a config that lists the classes of its sources' folders below `data`, unless it lists its own.

    Raises ValueError naming every list that cannot be read, and as classes_of does.
    """
    if config.classes:
        return config
    sources: list[AnySource] = []
    colours: dict[str, str] = {}
    problems: list[str] = []
    for source in config.train.sources:
        if isinstance(source, PairSource) and source.layout == "pairs" and not source.names:
            try:
                listed = own_classes((source.root or data) / source.path)
            except (OSError, ValueError) as error:
                problems.append(str(error))
                continue
            given = {source.map.get(name, name): rgb for name, rgb in listed.items() if rgb is not None}
            colours = {name: f"#{bytes(rgb).hex()}" for name, rgb in given.items()} | colours
            source = replace(source, names=tuple(listed))
        sources.append(source)
    if problems:
        raise ValueError("\n  ".join(problems))
    if tuple(sources) == config.train.sources:
        return config
    found = classes_of(replace(config, train=replace(config.train, sources=tuple(sources))))
    return replace(config, classes={one.name: colours.get(one.name) for one in found})


def classes_of(config: Config) -> tuple[SegmentationClass, ...]:
    """Return a config's classes: its own, or those that its sources have in common.

    Raises ValueError for a class called `ignore`, and if sources without `classes` in the config differ.
    """
    if IGNORED in config.classes:
        raise ValueError(
            f"classes: {IGNORED} is no class that a network learns; leave it out, and unless the labels list "
            f"their classes, say what masks hold in each source: names: [{', '.join(config.classes)}]"
        )
    if config.classes:
        given = {name: _colour(text) for name, text in config.classes.items() if text is not None}
        return with_colours(tuple(config.classes), given)
    lists = {
        tuple(dict.fromkeys(name for name in _named(source) if name != IGNORED))
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


def mask_values(
    source: PairSelection | RenderedSource, names: Sequence[str], listed: tuple[str, ...] = ()
) -> Mapping[int, int] | None:
    """Return the model's class for every value of a source's masks; None if they are the same.

    `names` are the model's classes, `listed` those that the folder lists. Raises ValueError for a class of
    the source that the model lacks, and for `names` of the source that differ from `listed`.
    """
    if isinstance(source, PairSelection) and listed:
        if source.names and source.names != listed:
            raise ValueError(
                f"{source.path}: names is {', '.join(source.names)}, but its labels list "
                f"{', '.join(listed)}; remove names, and rename with map"
            )
        source = replace(source, names=listed)
    named = _named(source)
    if named == tuple(names) or not named:
        return None
    if len(named) > MOST:
        raise ValueError(
            f"{_title(source)}: its masks have {len(named)} values, expected at most {MOST}; merge classes "
            "where they are listed"
        )
    _refuse_unknown(_title(source), named, names)
    table = {value: names.index(name) if name != IGNORED else IGNORE for value, name in enumerate(named)}
    return table | {IGNORE: IGNORE}


def box_names(source: PairSelection, names: Sequence[str], listed: tuple[str, ...]) -> tuple[str, ...]:
    """Return the model's class for every number of a source's boxes, where `listed` are those of the folder.

    Raises ValueError for classes that the model lacks; boxes of MSRS, which do not say, are left out instead.
    """
    given = source.boxes or listed
    mapped = tuple(source.map.get(name, name) for name in given)
    if given != BOX_NAMES:
        _refuse_unknown(f"{source.path}: boxes", mapped, names)
    return mapped


def _refuse_unknown(title: str, named: Sequence[str], names: Sequence[str]) -> None:
    unknown = [name for name in dict.fromkeys(named) if name not in (*names, IGNORED)]
    if unknown:
        raise ValueError(
            f"{title}: its classes {', '.join(unknown)} are not among the model's "
            f"({', '.join(names)}); rename each to one of them or to {IGNORED} where the labels list it, or "
            f"in a config's source, as in map: {{{unknown[0]}: {names[0]}}}"
        )


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
