"""Read the metadata of a model file and check the file against the contract.

The contract is in docs/reference/files.md: uint8 frames in, uint8 images out, class names and colours inside.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx.external_data_helper import uses_external_data

from mtvif_ros.classes import LEAST, MOST, colour_table
from mtvif_ros.image import Image
from mtvif_ros.size import USUAL, Size, shown

_UINT8 = int(onnx.TensorProto.UINT8)
CONFIDENCE = "confidence"  # the output that a file may lack
_RANKS = {"rgb": 4, "ir": 3, "fused": 4, "segmentation": 3, CONFIDENCE: 3}
_CHANNELS = {"rgb": 3, "fused": 3}


class ModelFileError(ValueError):
    """Say which model file breaks the contract, how, and what is expected."""


@dataclass(frozen=True)
class ModelFile:
    """Hold the metadata of a checked model file; colours are R G B in 0..255."""

    path: Path
    size: Size | None
    """Height and width of the frames; None for a file that takes every size."""
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    properties: dict[str, str]
    sha256: str
    has_confidence: bool = False

    @property
    def version(self) -> str:
        """The version of the model, `unknown` if the file has none."""
        return self.properties.get("model_version", "unknown")

    @property
    def colours(self) -> Image:
        """The palette as a colour_table."""
        return colour_table(self.palette)

    @property
    def precision(self) -> str:
        """The precision of the file's weights: fp32, fp16 or int8."""
        return self.properties.get("precision", "fp32")

    def size_for(self, wanted: Size | None) -> Size:
        """Return the size to compute: `wanted`, or by default the file's own, or 480x640 for an open file.

        Raises ModelFileError if the file has another size than `wanted`.
        """
        if wanted and self.size and wanted != self.size:
            raise ModelFileError(
                f"model file {self.path} computes {shown(self.size)} only, not {shown(wanted)}; "
                "leave the size out, or export the file without --size"
            )
        return wanted or self.size or USUAL

    def content(self, size: Size, confidence: bool = True) -> bytes:
        """Return the file's bytes, those of an open file with H and W fixed to `size`.

        Without `confidence` the file loses that output and whatever only it needs.
        """
        is_cut = self.has_confidence and not confidence
        if self.size and not is_cut:
            return self.path.read_bytes()
        model = onnx.load(str(self.path))
        if is_cut:
            _cut(model.graph, CONFIDENCE)
        if self.size:
            return bytes(model.SerializeToString())
        for tensor in (*model.graph.input, *model.graph.output):
            for dimension, side in zip(tensor.type.tensor_type.shape.dim[1:3], size):
                dimension.dim_value = side
        del model.graph.value_info[:]  # sizes in between follow
        return bytes(model.SerializeToString())


def read_model_file(path: str | Path) -> ModelFile:
    """Read and check an ONNX file.

    Raises FileNotFoundError if it is missing and ModelFileError if it is damaged, keeps weights in other
    files or breaks the contract: names, dtypes, ranks, channels, one size for all tensors, fixed or open,
    class names and colours.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"model file {path}: no such file; set the parameter `model` to one")
    content = path.read_bytes()
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # the type of protobuf's exception depends on its version
        raise ModelFileError(
            f"model file {path}: not a readable ONNX file ({len(content)} bytes); "
            "it may be truncated, so copy or export it again"
        ) from error
    if others := sorted(set(_other_files(model))):
        raise ModelFileError(
            f"model file {path}: keeps weights in {', '.join(others)}, so that they could change unnoticed; "
            f'pack them into one file with: python3 -c "import onnx; onnx.save(onnx.load({str(path)!r}), '
            f'{str(path.with_name("packed_" + path.name))!r})"'
        )
    problems: list[str] = []
    inputs = _check_tensors(list(model.graph.input), ("rgb", "ir"), "input", problems)
    has_confidence = CONFIDENCE in [output.name for output in model.graph.output]
    expected = ("fused", "segmentation", *((CONFIDENCE,) if has_confidence else ()))
    outputs = _check_tensors(list(model.graph.output), expected, "output", problems)
    sizes = {tuple(shape[1:3]) for shape in (*inputs, *outputs)}
    if not problems and len(sizes) != 1:
        problems.append(f"height and width must be the same for all tensors, found {sorted(sizes, key=str)}")
    if not problems and len({type(side) for side in next(iter(sizes))}) != 1:
        problems.append(f"height and width must both be fixed or both be open, found {sizes.pop()}")
    properties = {entry.key: entry.value for entry in model.metadata_props}
    classes = _json_property(properties, "classes", problems)
    palette = _json_property(properties, "palette", problems)
    if classes is not None and not LEAST <= len(classes) <= MOST:
        problems.append(f"lists {len(classes)} classes, expected {LEAST} to {MOST}")
    if classes is not None and not (all(isinstance(one, str) for one in classes) and _differ(classes)):
        problems.append(f"lists the classes {classes}, expected names that differ")
    if palette is not None and not all(_is_colour(one) for one in palette):
        problems.append(f"has the palette {palette}, expected [R, G, B] in 0..255 for each class")
    if classes is not None and palette is not None and len(classes) != len(palette):
        problems.append(f"has {len(palette)} palette colours for {len(classes)} classes")
    if problems:
        raise ModelFileError(
            f"model file {path} breaks the contract: {'; '.join(problems)}. Export it with training.export"
        )
    height, width = sizes.pop()
    return ModelFile(
        path,
        (height, width) if isinstance(height, int) and isinstance(width, int) else None,
        tuple(classes or ()),
        tuple(tuple(colour) for colour in palette or ()),
        properties,
        hashlib.sha256(content).hexdigest(),
        has_confidence,
    )


def _cut(graph: onnx.GraphProto, name: str) -> None:
    """Remove an output, and the operations and constants that only it needs."""
    for index in reversed([at for at, output in enumerate(graph.output) if output.name == name]):
        del graph.output[index]
    needed = {output.name for output in graph.output}
    for index in reversed(range(len(graph.node))):
        node = graph.node[index]
        if needed.isdisjoint(node.output):
            del graph.node[index]
        else:
            needed.update(node.input)
    for index in reversed(range(len(graph.initializer))):
        if graph.initializer[index].name not in needed:
            del graph.initializer[index]


def _other_files(message: Any) -> Iterator[str]:
    """Name the files that hold weights of a part of a model, those of nodes and functions too."""
    if isinstance(message, onnx.TensorProto):
        if uses_external_data(message):
            yield from (entry.value for entry in message.external_data if entry.key == "location")
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if isinstance(value, Iterable) else (value,):
                yield from _other_files(part)


def _check_tensors(
    tensors: list[Any], expected: tuple[str, ...], what: str, problems: list[str]
) -> list[list[int | str]]:
    names = [str(tensor.name) for tensor in tensors]  # protobuf gives bytes where they are no UTF-8
    if sorted(names) != sorted(expected):
        problems.append(f"{what}s are {names}, expected {list(expected)}")
        return []
    shapes = []
    for tensor in tensors:
        kind = tensor.type.tensor_type
        shape = [dimension.dim_param or dimension.dim_value for dimension in kind.shape.dim]
        rank, channels = _RANKS[tensor.name], _CHANNELS.get(tensor.name)
        if kind.elem_type != _UINT8:
            name = onnx.TensorProto.DataType.Name(kind.elem_type)
            problems.append(f"{what} {tensor.name} is {name}, expected UINT8")
        if len(shape) != rank or shape[0] != 1 or 0 in shape or (channels and shape[-1] != channels):
            form = "(1, H, W, 3)" if channels else "(1, H, W)"
            problems.append(f"{what} {tensor.name} has shape {shape}, expected {form}")
        shapes.append(shape)
    return shapes


def _differ(names: list[Any]) -> bool:
    return len(set(names)) == len(names)


def _is_colour(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(isinstance(one, int) and 0 <= one <= 255 for one in value)
    )


def _json_property(properties: dict[str, str], name: str, problems: list[str]) -> list[Any] | None:
    try:
        value = json.loads(properties[name])
    except KeyError:
        problems.append(f"has no metadata property `{name}`")
        return None
    except (RecursionError, ValueError):
        value = None
    if not isinstance(value, list):
        problems.append(f"metadata property `{name}` is not a list in JSON")
        return None
    return value
