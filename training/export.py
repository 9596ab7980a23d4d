"""Write a trained network as a model file that obeys the contract, checked against the network.

python -m training.export --run RUN [--best] --out models/mtvif.onnx
python -m training.export --config CONFIG --out models/mtvif.onnx

--best takes the weights of the best validation instead of the last ones. The second command exports the
weights that a config starts from, without any training.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mtvif_ros
from mtvif_ros.command_line import command_parser, frame_size, told_plainly
from mtvif_ros.engines.tensorrt.build import build_engine
from mtvif_ros.engines.tensorrt.flavour import load_flavour
from mtvif_ros.model_file import read_model_file
from mtvif_ros.names import with_ending
from mtvif_ros.size import USUAL, Size, shown
from training.config import read_config
from training.data.classes import classes_of
from training.model import Network, build_model
from training.model.checkpoint import (
    BEST,
    CHECKPOINT,
    load_checkpoint,
    load_network,
    load_weights,
    save_weights,
)
from training.model.cost import count_macs, count_parameters
from training.model.onnx_file import PRECISIONS, write_onnx


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.export", __doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", type=Path, help="folder that training.train wrote")
    source.add_argument("--config", type=Path, help="export the weights that this config starts from")
    parser.add_argument(
        "--best", action="store_true", help="the run's weights of its best validation, not its last ones"
    )
    parser.add_argument("--out", type=Path, required=True, help="model file to write")
    parser.add_argument(
        "--weights", type=Path, help="also write a .safetensors file to start other runs from"
    )
    parser.add_argument(
        "--size", type=frame_size, help="fix the frames' HEIGHTxWIDTH; by default the file takes every size"
    )
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32", help="default fp32")
    parser.add_argument(
        "--compute-capability", help="also build a TensorRT engine for --size and GPUs such as 8.6"
    )
    parser.add_argument(
        "--model-version",
        help="for the metadata; default VERSION+STEPS of a run, VERSION+NAME of a config's weights",
    )
    parser.add_argument("--trained-on", default="unknown", help="data sets, for the metadata")
    parser.add_argument("--licence", default="unknown", help="licence of the weights, for the metadata")
    options = parser.parse_args(arguments)
    if options.best and not options.run:
        parser.error("--best applies to --run")
    with told_plainly(parser):
        network, made_by = _of_run(options.run, options.best) if options.run else _of_config(options.config)
        properties = {
            "model_version": options.model_version or f"{mtvif_ros.__version__}+{made_by}",
            "trained_on": options.trained_on,
            "licence": options.licence,
        }
        write_onnx(network, options.out, properties, options.precision, options.size)
        if options.weights:
            save_weights(network, options.weights)
        if options.compute_capability:
            _write_engine(options.out, options.compute_capability)
        print(_cost(network, options.size or USUAL))


def _of_run(run: Path, best: bool) -> tuple[Network, str]:
    if best and (run / CHECKPOINT).exists() and not (run / BEST).exists():
        raise FileNotFoundError(
            f"{run / BEST} does not exist: the run has not validated; export without --best"
        )
    name = BEST if best else CHECKPOINT
    return load_network(run, name), str(load_checkpoint(run / name)["step"])


def _of_config(path: Path) -> tuple[Network, str]:
    """Return the network of a config with the weights that it starts from, and their name."""
    config = read_config(path)
    if config.initial is None:
        raise ValueError(f"{path}: has no `initial`, so there are no weights to export; train it first")
    network = build_model(config.model.without_weights(), classes_of(config))
    if load_weights(network, config.initial):
        raise ValueError(
            f"{path}: {config.initial} has weights for a part of the network only; train it first"
        )
    return network.eval(), with_ending(config.initial, "", (".safetensors",)).name


def _write_engine(model: Path, compute_capability: str) -> None:
    engine, file = with_ending(model, ".engine", (".onnx",)), read_model_file(model)
    size = file.size_for(None)
    engine.write_bytes(build_engine(load_flavour(), file, size, compute_capability))
    print(f"{engine}: {shown(size)}, for compute capability {compute_capability}")


def _cost(network: Network, size: Size) -> str:
    height, width = size
    stride = network.stride
    padded = (-(-height // stride) * stride, -(-width // stride) * stride)
    parameters, macs = count_parameters(network) / 1e6, count_macs(network, padded) / 1e9
    return f"{parameters:.3f} M parameters, {macs:.3f} GMACs at {shown(size)}"


if __name__ == "__main__":
    main()
