"""Find the temperature that makes a model file's confidence come true, and write it into the file.

Guo et al., On Calibration of Modern Neural Networks, ICML 2017: logits divided by one number, chosen by the
likelihood of labels that the network has not learned from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from mtvif_ros.classes import IGNORE
from mtvif_ros.image import Image
from mtvif_ros.imaging.resize import scaled
from mtvif_ros.metrics.calibration import calibration_error, count_by_confidence
from mtvif_ros.model_file import ModelFile, read_model_file
from mtvif_ros.progress import tracked
from mtvif_ros.recordings.pair_folder import PairFiles, load_pair
from training.data.pairs import load_labels
from training.model.onnx_file import set_temperature

Logits = npt.NDArray[np.float32]

_PIXELS = 500_000  # of all pairs, evenly spread: neighbours say the same
_RANGE = (0.05, 20.0)


class Fitted(NamedTuple):
    """Hold a temperature, on how many pixels it was found, and their calibration errors at 1 and at it."""

    temperature: float
    pixels: int
    error_before: float
    error_after: float


def fit_temperature(path: Path, pairs: Sequence[PairFiles]) -> Fitted:
    """Find the temperature for a model file on labelled pairs, and write it into the file.

    Raises ValueError for a file without such a constant and for pairs without labels, and what
    read_model_file and load_pair raise.
    """
    model, graph = read_model_file(path), onnx.load(str(path))
    try:
        set_temperature(graph, 1.0)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    samples = list(_samples(model, pairs))
    if not any(len(classes) for _, classes in samples):
        raise ValueError(f"{path}: the pairs have no labels to find its temperature on")
    logits, classes = (np.concatenate(parts) for parts in zip(*samples))
    temperature = best_temperature(logits, classes)
    set_temperature(graph, temperature)
    onnx.save(graph, str(path))
    errors = (_error(logits, classes, each) for each in (1.0, temperature))
    return Fitted(temperature, len(classes), *errors)


def best_temperature(logits: Logits, classes: Image) -> float:
    """Return the temperature, 0.05 to 20, at which `classes` (N,) are likeliest by `logits` (N, C).

    The likelihood has one peak over 1 / temperature: there, the expected logit is the mean one of `classes`.
    """
    reached = logits[np.arange(len(classes)), classes].mean()
    low, high = (1 / bound for bound in reversed(_RANGE))
    for _ in range(40):
        middle = (low + high) / 2
        expected = (_softmax(logits, 1 / middle) * logits).sum(1).mean()
        low, high = (low, middle) if expected > reached else (middle, high)
    return 2 / (low + high)


def _samples(model: ModelFile, pairs: Sequence[PairFiles]) -> Iterator[tuple[Logits, Image]]:
    """Yield logits (N, C) and labels (N,) of pixels of each pair that has labels."""
    graph = onnx.load(str(model.path))
    (name,) = (node.input[0] for node in graph.graph.node if node.op_type == "ArgMax")
    graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    for files in tracked(pairs, "fit", len(pairs), unit="pair"):
        rgb, ir = load_pair(files)
        labels = load_labels(files, ir, model.classes)
        if labels is None:
            continue
        if model.size:
            size = model.size[::-1]
            rgb, ir = scaled(rgb, size), scaled(ir, size)
            labels = np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
        (cells,) = session.run([name], {"rgb": rgb[None], "ir": ir[None]})
        rows, columns = np.nonzero(labels != IGNORE)
        step = max(1, len(rows) * len(pairs) // _PIXELS)
        rows, columns = rows[::step], columns[::step]
        # ArgMax looks at the logits (1, H/4, W/4, C, 4) of each cell's quarters, see SegmentationHead.
        quarters = rows // 2 % 2 * 2 + columns // 2 % 2
        yield cells[0][rows // 4, columns // 4, :, quarters].astype(np.float32), labels[rows, columns]


def _softmax(logits: Logits, temperature: float) -> Logits:
    powers = np.exp((logits - logits.max(1, keepdims=True)) / np.float32(temperature))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)


def _error(logits: Logits, classes: Image, temperature: float) -> float:
    certain = np.rint(_softmax(logits, temperature).max(1) * 255).astype(np.uint8)
    return calibration_error(count_by_confidence(classes, logits.argmax(1).astype(np.uint8), certain))
