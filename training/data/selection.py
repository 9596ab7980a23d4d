"""Select the pairs that a config names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mtvif_ros.imaging.masks import read_mask
from mtvif_ros.recordings.pair_folder import BOX_NAMES, PairFiles, by_name
from training.config import AnySource, PairSelection, RenderedSource, VideoSource
from training.data.classes import box_names, mask_values
from training.data.layouts import LAYOUTS

_ONLY = {
    "all": lambda files: True,
    "labelled": lambda files: files.mask is not None,
    "boxed": lambda files: files.mask is None and files.boxes is not None,
    "unlabelled": lambda files: files.mask is None and files.boxes is None,
}


def select_pairs(selection: PairSelection, data: Path, names: Sequence[str]) -> list[PairFiles]:
    """List the pairs that a config selects below the folder `data`, for a model of the classes `names`.

    Raises ValueError when nothing is left, FileNotFoundError when `masks` holds no mask of these pairs, and
    what the layout, mask_values and box_names raise.
    """
    root = (selection.root or data) / selection.path
    listed = LAYOUTS[selection.layout].list(root, selection.split)
    values = mask_values(selection, names, next((one.mask_names for one in listed if one.mask_names), ()))
    of_boxes = box_names(selection, names, next((one.box_names for one in listed), BOX_NAMES))
    pairs = [
        replace(files, mask_values=values, mask_names=(), box_names=of_boxes)
        for files in listed
        if _ONLY[selection.only](files)
        and (selection.numbers is None or _lies_in(files.name, selection.numbers))
        and not _lies_in(files.name, selection.skip_numbers)
    ]
    if not pairs:
        raise ValueError(f"{root}: no pair is left of those that the config selects ({_criteria(selection)})")
    return pairs if selection.masks is None else _with_masks(pairs, selection.masks)


def pairs_below(folder: Path, names: Sequence[str]) -> list[PairFiles]:
    """List the pairs of a data-set folder, for a model of the classes `names`; raises as select_pairs."""
    return select_pairs(PairSelection(path=str(folder)), Path(), names)


def source_title(source: AnySource | PairSelection) -> str:
    """Return a source in a few words: its path, and what is selected of it; its video; or `rendered`."""
    if isinstance(source, VideoSource):
        return source.video
    if isinstance(source, RenderedSource):
        return "rendered"
    return source.path if source.only == "all" else f"{source.path} ({source.only})"


def _criteria(selection: PairSelection) -> str:
    return f"only: {selection.only}, numbers: {selection.numbers}, skip_numbers: {selection.skip_numbers}"


def _lies_in(name: str, ranges: Sequence[tuple[int, int]]) -> bool:
    found = re.search(r"\d+", name)
    return found is not None and any(first <= int(found.group()) <= last for first, last in ranges)


def _with_masks(pairs: list[PairFiles], folder: Path) -> list[PairFiles]:
    """Return the pairs with the folder's masks, which some of them must have there."""
    problems: list[str] = []
    paths = by_name(folder, {".png"}, problems) if folder.is_dir() else {}
    if problems:
        raise FileNotFoundError("\n  ".join(problems))
    if not paths.keys() & {files.name for files in pairs}:
        raise FileNotFoundError(
            f"masks {folder}: has no NAME.png of these pairs; make them with training.labelling.pseudo_label"
        )
    return [
        replace(files, mask=paths[files.name], mask_values=None, read=read_mask, boxes=None)
        if files.name in paths
        else files
        for files in pairs
    ]
