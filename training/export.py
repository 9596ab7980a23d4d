"""Write a trained network as a model file that obeys the contract, checked against the network.

python -m training.export --run RUN --out models/mtvif.onnx
python -m training.export --config training/configs/finetune.yaml --height 384 --width 512 --out small.onnx

The second exports the weights that a config starts from, without any training: here the shipped ones, for
frames of another size.
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxslim
import torch

import mtvif_ros
from mtvif_ros.classes import CLASS_NAMES, palette
from mtvif_ros.command_line import command_parser, told_plainly, whole_number
from mtvif_ros.engines import load_engine
from mtvif_ros.engines.tensorrt.build import build_engine
from mtvif_ros.engines.tensorrt.flavour import load_flavour
from mtvif_ros.model_file import read_model_file
from training.config import read_config
from training.model import MultiTaskVIF, Network, build_model
from training.model.checkpoint import CHECKPOINT, load_checkpoint, load_network, load_weights, save_weights
from training.model.contract import INPUT_NAMES, OUTPUT_NAMES, ContractModel
from training.model.cost import count_macs, count_parameters
from training.model.decoders import FusionDecoder

# On a frame of noise, grey levels and the share of equal mask pixels.
_MOST_OFF = {"fp32": 1, "fp16": 4}
_LEAST_SAME = {"fp32": 0.999, "fp16": 0.97}
_OPSET = 17  # the newest that JetPack 6's TensorRT reads in full


def export(
    network: Network,
    path: Path,
    size: tuple[int, int],
    properties: dict[str, str],
    precision: str = "fp32",
) -> None:
    """Write `network` for frames of `size` (height, width) to `path` and compare both.

    `precision` is fp32 or fp16, which TensorRT then computes in; for int8 see training.quantise.

    Raises ValueError for a network without segmentation, which the contract demands, and RuntimeError
    when the file's outputs differ from the network's on a test frame.
    """
    if isinstance(network, MultiTaskVIF) and isinstance(network.decoder, FusionDecoder):
        raise ValueError("model.decoder fusion gives no segmentation: export multitask or cascade")
    exported = copy.deepcopy(network).half() if precision == "fp16" else network
    contract = ContractModel(exported, *size).eval()
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (1, *size, 3), np.uint8)
    ir = rng.integers(0, 256, (1, *size), np.uint8)
    frames = (torch.from_numpy(rgb), torch.from_numpy(ir))
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls itself deprecated, and folds constants where it can
        torch.onnx.export(
            contract,
            frames,
            str(path),
            input_names=list(INPUT_NAMES),
            output_names=list(OUTPUT_NAMES),
            opset_version=_OPSET,
            dynamo=False,  # the other exporter cannot write opset 17
        )
    model = onnxslim.slim(onnx.load(str(path)))
    described = {
        "classes": json.dumps(CLASS_NAMES),
        "palette": json.dumps(palette().tolist()),
        "precision": precision,
        **properties,
    }
    del model.metadata_props[:]
    for key, value in described.items():
        model.metadata_props.add(key=key, value=value)
    _fix_output_shapes(model, size)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))
    _compare(ContractModel(network, *size).eval(), path, frames, precision)


def _fix_output_shapes(model: onnx.ModelProto, size: tuple[int, int]) -> None:
    for output in model.graph.output:
        shape = (1, *size, 3) if output.name == "fused" else (1, *size)
        for dimension, value in zip(output.type.tensor_type.shape.dim, shape):
            dimension.dim_value = value


def _compare(
    contract: ContractModel, path: Path, frames: tuple[torch.Tensor, torch.Tensor], precision: str
) -> None:
    with torch.no_grad():
        expected = [output.numpy()[0] for output in contract(*frames)]
    engine = load_engine(path, "onnxruntime")
    fused, mask = engine.infer(frames[0].numpy()[0], frames[1].numpy()[0])
    off = np.abs(fused.astype(np.int16) - expected[0]).max()
    same = (mask == expected[1]).mean()
    print(f"{path}: fused within {off} grey levels of the network, mask equal on {same:.2%}")
    if off > _MOST_OFF[precision] or same < _LEAST_SAME[precision]:
        raise RuntimeError(f"{path}: the exported file does not compute what the network does")


def _of_run(run: Path) -> tuple[Network, str]:
    return load_network(run), str(load_checkpoint(run / CHECKPOINT)["step"])


def _of_config(path: Path) -> tuple[Network, str]:
    """Return the network of a config with the weights that it starts from, and their name."""
    config = read_config(path)
    if "initial" not in config:
        raise ValueError(f"{path}: has no `initial`, so there are no weights to export; train it first")
    network = build_model({**config["model"], "pretrained": False})
    weights = Path(config["initial"])
    if load_weights(network, weights):
        raise ValueError(f"{path}: {weights} has weights for a part of the network only; train it first")
    return network.eval(), weights.stem


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.export", __doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", type=Path, help="folder that training.train wrote")
    source.add_argument("--config", type=Path, help="take the weights that this config starts from")
    parser.add_argument("--out", type=Path, required=True, help="model file to write")
    parser.add_argument("--weights", type=Path, help="a .safetensors file to start other runs from")
    parser.add_argument("--height", type=whole_number(1), default=480)
    parser.add_argument("--width", type=whole_number(1), default=640)
    parser.add_argument("--precision", choices=list(_MOST_OFF), default="fp32")
    parser.add_argument(
        "--compute-capability", help="also build a TensorRT engine for such a GPU, for example 8.6"
    )
    parser.add_argument(
        "--model-version",
        help="for the metadata; default CODE+STEPS of the run, CODE+NAME of a config's weights",
    )
    parser.add_argument("--trained-on", default="unknown", help="data sets, for the metadata")
    parser.add_argument("--licence", default="unknown", help="licence of the weights")
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        network, made_by = _of_run(options.run) if options.run else _of_config(options.config)
        properties = {
            "model_version": options.model_version or f"{mtvif_ros.__version__}+{made_by}",
            "trained_on": options.trained_on,
            "licence": options.licence,
        }
        size = (options.height, options.width)
        export(network, options.out, size, properties, options.precision)
        if options.weights:
            save_weights(network, options.weights)
        if options.compute_capability:
            engine = options.out.with_suffix(".engine")
            model = read_model_file(options.out)
            engine.write_bytes(build_engine(load_flavour(), model, options.compute_capability))
            print(f"{engine}: for compute capability {options.compute_capability}")
        stride = network.stride
        padded = (-(-size[0] // stride) * stride, -(-size[1] // stride) * stride)
        print(
            f"{count_parameters(network) / 1e6:.3f} M parameters, "
            f"{count_macs(network, padded) / 1e9:.3f} GMACs at {size[0]}x{size[1]}"
        )


if __name__ == "__main__":
    main()
