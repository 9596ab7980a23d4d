"""Quantise an fp32 model file to int8, calibrated on real pairs, and compare the two.

python -m training.quantise --model models/mtvif.onnx --data DATA/msrs/train --out models/mtvif_int8.onnx
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nncf
import numpy as np
import onnx
from onnx import numpy_helper

from mtvif_ros.command_line import command_parser, told_plainly, whole_number, writable_file
from mtvif_ros.imaging.fuse import Fuser
from mtvif_ros.imaging.resize import scaled
from mtvif_ros.model_file import read_model_file
from mtvif_ros.recordings.pair_folder import PairFiles, find_pairs, load_pair
from training.scoring.parity import compare_outputs, outputs_of

# These stay in float: the contract's own arithmetic; the class indices, which no scale may touch; what the
# fusion head makes of its convolutions, because it decides single grey levels; of lite0 the excess of
# infrared and the first block, whose pretrained kernels amplify the stem's small errors tens of times; and of
# timm's transformers the convolutions between stages, which OpenVINO rounds otherwise than onnxruntime.
_FLOAT = (
    r".*/encoder/excess/.*",
    r".*/encoder/blocks\.0/.*",
    r".*/encoder/backbone/.*(patch_embed|downsample)/proj/.*",
    r".*/fusion/(Relu|Mul|Add|Cast|DepthToSpace).*",
    r"^/(DepthToSpace|Resize|ArgMax|Div|Sub|Add|Mul|Min|Clip|Exp|Cast|Transpose|Slice|Pad|Reduce|Gather|Reci).*",
)
_EXCESS = re.compile(r".*/fusion/Conv$")


def quantise(model: Path, out: Path, pairs: Sequence[PairFiles], signed: bool = False) -> None:
    """Write `out`: the model with int8 weights and activations as QDQ, its scales calibrated on `pairs`.

    All scales are symmetric. Activations that cannot be negative use all of uint8, which is fastest on CPUs;
    `signed` makes them int8, the only type that TensorRT reads. A file of fixed size sees frames of
    other sizes scaled. Raises ValueError for a model of another precision than fp32, and what read_model_file
    and load_pair raise.
    """
    file = read_model_file(model)
    if file.precision != "fp32":
        raise ValueError(
            f"{model}: is {file.precision} already; quantise the fp32 file that it was made from"
        )
    size = file.size

    def to_inputs(files: PairFiles) -> dict[str, Any]:
        frames = dict(zip(("rgb", "ir"), load_pair(files)))
        return {name: (scaled(frame, size[::-1]) if size else frame)[None] for name, frame in frames.items()}

    full = onnx.load(str(model))
    quantised = nncf.quantize(
        full,
        nncf.Dataset(list(pairs), to_inputs),
        preset=nncf.QuantizationPreset.PERFORMANCE,
        subset_size=len(pairs),
        ignored_scope=nncf.IgnoredScope(patterns=list(_FLOAT), validate=False),
    )
    _keep_bytes(full, quantised)
    _share_scales(quantised)
    if signed:
        _make_signed(quantised)
    for entry in quantised.metadata_props:
        if entry.key == "precision":
            entry.value = "int8"
    onnx.checker.check_model(quantised, full_check=True)
    onnx.save(quantised, str(out))


def _keep_bytes(full: onnx.ModelProto, quantised: onnx.ModelProto) -> None:
    """Make the excess of infrared exact: bytes times whole weights.

    The quantiser halves weights, lest processors without VNNI overflow; these cannot, as only infrared's is
    positive.
    """
    weights, tensors = (
        {tensor.name: tensor for tensor in one.graph.initializer} for one in (full, quantised)
    )
    makers = {output: node for node in quantised.graph.node for output in node.output}
    whole = {node.name: weights[node.input[1]] for node in full.graph.node if _EXCESS.match(node.name)}
    for node in quantised.graph.node:
        if node.name not in whole:
            continue
        kernel, scale, _ = makers[node.input[1]].input
        exact = np.rint(numpy_helper.to_array(whole[node.name]) * 127).astype(np.int8)
        tensors[kernel].CopyFrom(numpy_helper.from_array(exact, kernel))
        steps = np.full(len(exact), 1 / 127, np.float32)
        tensors[scale].CopyFrom(numpy_helper.from_array(steps, scale))
        for plane in makers[node.input[0]].input:
            step = makers[plane].input[1]
            tensors[step].CopyFrom(numpy_helper.from_array(np.array(1 / 255, np.float32), step))


def _share_scales(model: onnx.ModelProto) -> None:
    """Give one scale to every map that something else than a convolution reads.

    Each channel that a depthwise convolution reads has its own scale. In transformers the quantiser takes for
    channels what lies in their place before a transposition: positions, whose number depends on the size.
    """
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    for node in model.graph.node:
        if node.op_type != "QuantizeLinear" or not tensors[node.input[1]].dims:
            continue
        for restored in readers[node.output[0]]:
            if all(reader.op_type == "Conv" for reader in readers[restored.output[0]]):
                continue
            scale, zero = (numpy_helper.to_array(tensors[name]) for name in node.input[1:])
            tensors[node.input[1]].CopyFrom(numpy_helper.from_array(scale.max(), node.input[1]))
            tensors[node.input[2]].CopyFrom(numpy_helper.from_array(zero[0], node.input[2]))
            del model.graph.value_info[:]  # says their shapes
            break


def _make_signed(model: onnx.ModelProto) -> None:
    """Turn uint8 activations with zero point 0 into int8 of the same range."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    for scale_name, zero_name in {(node.input[1], node.input[2]) for node in nodes}:
        zero, scale = (numpy_helper.to_array(tensors[name]) for name in (zero_name, scale_name))
        if zero.any():
            raise RuntimeError(f"{zero_name}: zero point {zero.max()}, expected symmetric quantisation")
        if zero.dtype == np.uint8:
            wider = (scale * (255 / 127)).astype(np.float32)
            tensors[zero_name].CopyFrom(numpy_helper.from_array(zero.astype(np.int8), zero_name))
            tensors[scale_name].CopyFrom(numpy_helper.from_array(wider, scale_name))
    # The inferred types are wrong now; whoever loads the file infers them again.
    del model.graph.value_info[:]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.quantise", __doc__)
    parser.add_argument("--model", type=Path, required=True, help="fp32 model file")
    parser.add_argument("--data", type=Path, required=True, help="folder with vi/ and ir/ to calibrate on")
    parser.add_argument("--out", type=writable_file, required=True, help="int8 model file to write")
    parser.add_argument(
        "--every", type=whole_number(1), default=5, help="calibrate on every Nth pair; default 5", metavar="N"
    )
    parser.add_argument("--signed", action="store_true", help="int8 activations only, for TensorRT")
    options = parser.parse_args(arguments)
    nncf.set_log_level(logging.WARNING)  # otherwise it lists every layer
    with told_plainly(parser):
        pairs = find_pairs(options.data)[:: options.every]
        quantise(options.model, options.out, pairs, options.signed)
        full, small = (outputs_of(Fuser(path, "onnxruntime"), pairs) for path in (options.model, options.out))
    parity = compare_outputs(full, small)
    print(
        f"{options.out}: mask equal to fp32 on {parity.mask_equal:.3%} of pixels, "
        f"fused PSNR {parity.psnr:.1f} dB"
    )


if __name__ == "__main__":
    main()
