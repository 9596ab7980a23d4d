"""Let a teacher answer augmented frames once, and train on views of them as often as one likes.

A canvas is an augmented pair of 480x640 with the classes that its pixels may have and a teacher's answers.
All canvases lie in one folder as memory-mapped arrays. They are made once, and making them resumes where it
stopped.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from os.path import relpath
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidProtobuf
from torch import Tensor
from torch.utils.data import Dataset

from mtvif_ros.classes import STREET_NAMES
from mtvif_ros.progress import Progress
from training.config import AnySource, Config, PairSource, VideoSource, plain
from training.data.allowed import ClassSets
from training.data.classes import names_of
from training.data.mixture import Mixture, load_sources
from training.data.selection import select_pairs
from training.data.videos import video_paths
from training.losses.teacher import Taught
from training.model.learner import TAUGHT

SIZE = (480, 640)
_STRIDE = 32  # of the coarsest features: views begin at its multiples
_LOST_EVERY = 8  # of so many samples one lacks a camera, in turn the infrared and the visible one
_MANIFEST = "canvases.json"
_KEPT_EVERY = 50


Example = tuple[Tensor, Tensor, Tensor, Taught]


def make_canvases(config: Config, data: Path, folder: Path) -> None:
    """Fill `folder` with the canvases that `config` wants, unless it holds them already.

    Only one process may call it at a time. Raises FileNotFoundError for a teacher that does not exist,
    OSError for a disk that cannot hold them, and ValueError for a crop larger than a canvas, a folder of
    another config or data, as load_sources does, and for a teacher that does not answer as Taught says, or of
    other classes where its probabilities teach.
    """
    teacher, count, crop = config.train.teacher, config.train.canvases, config.train.crop
    assert teacher is not None
    if any(part > full for part, full in zip(crop, SIZE)):
        raise ValueError(f"train.crop is {list(crop)}, expected at most {list(SIZE)}, the size of a canvas")
    key = canvases_key(config)
    sets = ClassSets(names_of(config))
    session = _load(teacher)
    shapes = _shapes(session)
    answered, known = shapes["probabilities"][1][0], _classes(session)
    if config.loss.distillation and (answered != len(known) or known != sets.names):
        raise ValueError(
            f"train.teacher: {teacher} knows {answered} classes ({', '.join(known)}), this training has "
            f"{len(sets.names)} ({', '.join(sets.names)}); set loss.distillation to 0"
        )
    done = _done(folder, key, config, data)
    if done == count:
        return
    sources = load_sources(config.train.sources, data, sets)
    mixture = Mixture(sources, sets, SIZE, config.seed, count, config.train.paste)
    kept: dict[str, Any] = {"key": key, "data": _digests(config, data), "classes": sets.names}
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{name}.npy" for name in shapes}
    if not done:
        reserve({paths[name]: (kind, (count, *shape)) for name, (kind, shape) in shapes.items()})
    arrays = {name: np.lib.format.open_memmap(path, "r+") for name, path in paths.items()}
    progress = Progress("canvases", count, unit="canvas")
    progress.update(done)
    for number in range(done, count):
        rgb, ir, allowed = mixture.view(number)
        pixels = {"rgb": _bytes(rgb), "ir": _bytes(ir)[0]}
        names = [output.name for output in session.get_outputs()]
        frames = {"rgb": pixels["rgb"].transpose(1, 2, 0)[None], "ir": pixels["ir"][None]}
        said = dict(zip(names, session.run(names, frames)))
        said["probabilities"] = np.rint(said["probabilities"] * 255)
        for name, one in {**pixels, "allowed": allowed, **{n: s[0] for n, s in said.items()}}.items():
            arrays[name][number] = one
        progress.update()
        if (number + 1) % _KEPT_EVERY == 0 or number + 1 == count:
            for array in arrays.values():
                array.flush()
            kept |= {"done": number + 1, "sets": sets.lists()}
            partial = (folder / _MANIFEST).with_suffix(".partial")
            partial.write_text(json.dumps(kept))
            partial.replace(folder / _MANIFEST)
    progress.close()


def reserve(arrays: Mapping[Path, tuple[type[np.generic], tuple[int, ...]]]) -> None:
    """Make arrays in files, and take their space now: later, a full disk would kill the process (SIGBUS).

    Raises OSError when there is not enough.
    """
    try:
        for path, (kind, shape) in arrays.items():
            np.lib.format.open_memmap(path, "w+", kind, shape)
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        for path in arrays:
            path.unlink(missing_ok=True)
        size = sum(np.dtype(kind).itemsize * math.prod(shape) for kind, shape in arrays.values())
        raise OSError(
            f"{path.parent}: the canvases need {size / 1e9:.2f} GB, {error.strerror}; make space, or lower "
            "train.canvases"
        ) from error


class Canvases(Dataset[Example]):
    """Return sample number i, as Mixture does, and what the teacher says: a view of `crop` of a canvas.

    `folder` holds the canvases, `crop` is height and width.

    Number i is the same in every run with the same seed, so a training resumes exactly where it stopped. Of
    eight samples one lacks a camera: its frame is black, and the teacher's change is what the other camera
    shows.
    """

    def __init__(self, folder: Path, crop: tuple[int, int], seed: int, length: int):
        self._arrays = {path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy")}
        kept = json.loads((folder / _MANIFEST).read_text())
        self._sets = ClassSets(kept["classes"], kept["sets"])
        self._crop, self._seed, self._length = crop, seed, length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Example:
        rng = np.random.default_rng((self._seed, index))
        canvas = rng.integers(len(self._arrays["rgb"]))
        top, left = (
            int(rng.integers((full - part) // _STRIDE + 1)) * _STRIDE for full, part in zip(SIZE, self._crop)
        )
        mirrored = rng.random() < 0.5

        def view(name: str, stride: int = 1, kind: type[np.generic] = np.float32) -> npt.NDArray[Any]:
            rows, columns = (
                slice(first // stride, (first + part) // stride)
                for first, part in zip((top, left), self._crop)
            )
            array = self._arrays[name][canvas]
            cut = array[rows, columns] if array.ndim == 2 else array[..., rows, columns]
            return np.ascontiguousarray(cut[..., ::-1] if mirrored else cut, kind)

        level = np.float32(1 / 255)
        rgb, ir, change = view("rgb") * level, view("ir") * level, view("change")
        if index % _LOST_EVERY == _LOST_EVERY - 1:
            if index % (2 * _LOST_EVERY) < _LOST_EVERY:
                ir, change = np.zeros_like(ir), np.zeros_like(change)
            else:
                rgb, change = np.zeros_like(rgb), ir[None]
        return (
            torch.from_numpy(rgb),
            torch.from_numpy(ir[None]),
            torch.from_numpy(self._sets.halved(view("allowed", kind=np.uint16))),
            Taught(
                torch.from_numpy(change),
                torch.from_numpy(view("probabilities", 2) * level),
                tuple(torch.from_numpy(view(f"stride{stride}", stride)) for stride in TAUGHT),
            ),
        )


def canvases_key(config: Config) -> str:
    """Return text that is equal for configs with the same canvases.

    Raises FileNotFoundError for a teacher that does not exist.
    """
    teacher = config.train.teacher
    if teacher is None or not teacher.is_file():
        raise FileNotFoundError(f"train.teacher: {teacher} does not exist")
    wanted = {
        "classes": names_of(config),
        "sources": [plain(source) for source in config.train.sources],
        "paste": config.train.paste,
        "canvases": config.train.canvases,
        "seed": config.seed,
        "teacher": hashlib.sha256(teacher.read_bytes()).hexdigest(),
    }
    return json.dumps(wanted, sort_keys=True)


def _load(teacher: Path) -> onnxruntime.InferenceSession:
    try:
        return onnxruntime.InferenceSession(str(teacher), providers=["CPUExecutionProvider"])
    except (Fail, InvalidArgument, InvalidProtobuf) as error:
        raise ValueError(f"train.teacher: {teacher} is no ONNX file: {error}") from error


def _classes(session: onnxruntime.InferenceSession) -> tuple[str, ...]:
    """Return the names of the teacher's classes; a file that lists none knows those of the street."""
    listed = session.get_modelmeta().custom_metadata_map.get("classes")
    return tuple(json.loads(listed)) if listed else STREET_NAMES


def _done(folder: Path, key: str, config: Config, data: Path) -> int:
    """Return how many canvases `folder` holds. Raises ValueError if they are of another config or data."""
    if not (folder / _MANIFEST).exists():
        return 0
    try:
        kept = json.loads((folder / _MANIFEST).read_text())
    except ValueError as error:
        raise ValueError(f"{folder / _MANIFEST}: is damaged; delete the folder") from error
    # Canvases do without data that are gone. Those of earlier code do not say what they were made of.
    if kept["key"] != key or any(
        now not in (None, then) for now, then in zip(_digests(config, data), kept.get("data", ()))
    ):
        raise ValueError(
            f"{folder}: holds canvases of other sources, teacher, seed or data; delete the folder"
        )
    return int(kept["done"])


def _digests(config: Config, data: Path) -> list[str | None]:
    """Return a digest of what each source is read from, None where no files are."""
    contents = [_content(source, data, names_of(config)) for source in config.train.sources]
    return [hashlib.sha256(repr(one).encode()).hexdigest() if one else None for one in contents]


def _content(source: AnySource, data: Path, names: Sequence[str]) -> list[Any]:
    """Return path, size and time of all files of a source, and what their values mean."""

    def told(*paths: Path | None) -> list[tuple[str, int, int]]:
        stats = [(path, path.stat()) for path in paths if path is not None]
        return [(relpath(path, data), stat.st_size, stat.st_mtime_ns) for path, stat in stats]

    if isinstance(source, VideoSource):
        paths = video_paths(data / source.video)
        return told(*paths) if all(path.exists() for path in paths) else []
    if not isinstance(source, PairSource) or not ((source.root or data) / source.path).exists():
        return []
    return [
        (told(one.visible, one.infrared, one.mask, one.boxes), one.mask_values, one.box_names)
        for one in select_pairs(source, data, names)
    ]


def _shapes(session: onnxruntime.InferenceSession) -> dict[str, tuple[type[np.generic], tuple[int, ...]]]:
    """Return dtype and shape of every array of a canvas. Raises ValueError if the teacher does not fit."""
    height, width = SIZE
    outputs = {output.name: tuple(output.shape[1:]) for output in session.get_outputs()}
    classes = outputs.get("probabilities", (0,))[0]
    said: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
        "change": (np.float16, (1, height, width)),
        "probabilities": (np.uint8, (classes, height // 2, width // 2)),
    }
    for stride, channels in TAUGHT.items():
        said[f"stride{stride}"] = (np.float16, (channels, height // stride, width // stride))
    for name, (_, shape) in said.items():
        if outputs.get(name) != shape:
            raise ValueError(
                f"train.teacher: output {name} is {outputs.get(name, 'missing')}, expected {shape}"
            )
    return {
        "rgb": (np.uint8, (3, height, width)),
        "ir": (np.uint8, SIZE),
        "allowed": (np.uint16, SIZE),
        **said,
    }


def _bytes(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    return np.rint(plane * 255).astype(np.uint8)
