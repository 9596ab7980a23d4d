"""Choose the pairs that a config's entry names."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from mtvif_ros.recordings.pair_folder import PairFiles
from training.data.layouts import LAYOUTS

_ONLY = {
    "all": lambda files: True,
    "labelled": lambda files: files.mask is not None,
    "boxed": lambda files: files.mask is None and files.boxes is not None,
    "unlabelled": lambda files: files.mask is None and files.boxes is None,
}
_KEYS = ("path", "layout", "split", "only", "numbers", "skip_numbers", "masks", "absent", "root", "share")


def select_pairs(entry: dict[str, Any], data: Path) -> list[PairFiles]:
    """List the pairs of one entry of `sources` or `validate`.

    `path` is relative to `data`. Optional: `layout` (see LAYOUTS, default pairs) with `split`; `only`
    (all, labelled, boxed, unlabelled); `numbers` and `skip_numbers`, lists of [first, last] that the
    number in a frame's name must or must not lie in, because neighbouring frames are near-duplicates;
    `masks`, a folder of masks that go before the pairs' own and their boxes, which
    training.labelling.pseudo_label has made use of; `root`, the folder that `path` is relative to instead
    of `data`.
    Raises ValueError for unknown keys and values and when nothing is left, FileNotFoundError when `masks`
    has none of the pairs', and what the layout raises.
    """
    unknown = sorted(entry.keys() - set(_KEYS))
    layout, only = entry.get("layout", "pairs"), entry.get("only", "all")
    if "path" not in entry or unknown or layout not in LAYOUTS or only not in _ONLY:
        raise ValueError(
            f"entry {entry}: needs `path`; may have {list(_KEYS)}, `layout` one of {sorted(LAYOUTS)}, "
            f"`only` one of {sorted(_ONLY)}"
        )
    root = Path(entry.get("root", data)) / entry["path"]
    pairs = [
        files
        for files in LAYOUTS[layout](root, entry.get("split", "train"))
        if _ONLY[only](files)
        and ("numbers" not in entry or _lies_in(files.name, entry["numbers"]))
        and not _lies_in(files.name, entry.get("skip_numbers", []))
    ]
    if not pairs:
        raise ValueError(f"entry {entry}: {root} holds no such pairs")
    return _with_masks(pairs, Path(entry["masks"])) if "masks" in entry else pairs


def _lies_in(name: str, ranges: list[list[int]]) -> bool:
    found = re.search(r"\d+", name)
    return found is not None and any(first <= int(found.group()) <= last for first, last in ranges)


def _with_masks(pairs: list[PairFiles], folder: Path) -> list[PairFiles]:
    """Return the pairs with the folder's masks; a pair may have none there, but not all of them."""
    paths = {path.stem: path for path in folder.glob("*.png")}
    if not paths.keys() & {files.name for files in pairs}:
        raise FileNotFoundError(
            f"masks {folder}: has no NAME.png of these pairs; training.labelling.pseudo_label makes them"
        )
    return [
        replace(files, mask=paths[files.name], mask_values=None, boxes=None) if files.name in paths else files
        for files in pairs
    ]
