"""Build a TensorRT engine ahead of time, so that the node's first start does not wait for it.

mtvif_build_engine                                      for this machine's GPU, into the engine cache
mtvif_build_engine --compute-capability 8.6 --out X.engine      for another, with TensorRT for RTX
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from mtvif_ros.command_line import command_parser
from mtvif_ros.engines import BACKENDS, EngineError
from mtvif_ros.engines.cache import cache_directory, cached_engine, engine_path
from mtvif_ros.engines.tensorrt.build import build_engine
from mtvif_ros.engines.tensorrt.flavour import load_flavour
from mtvif_ros.model_file import read_model_file
from mtvif_ros.resources import model_directory


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 with a message when the engine cannot be built."""
    parser = command_parser("mtvif_build_engine", __doc__)
    parser.add_argument("model", type=Path, nargs="?", help="model file, default the shipped fp16 one")
    parser.add_argument("--compute-capability", help="of the GPU to build for, such as 8.6; needs --out")
    parser.add_argument("--out", type=Path, help="write the bare engine here instead of the cache")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if options.compute_capability and not options.out:
        parser.error("--compute-capability needs --out: the cache serves this machine's GPU")
    try:
        flavour = load_flavour()
        model = read_model_file(options.model or model_directory() / BACKENDS["tensorrt"].shipped)
        if options.out:
            options.out.write_bytes(build_engine(flavour, model, options.compute_capability))
            print(options.out)
            return 0
        # Imported here: it needs the CUDA runtime, which building for another GPU does not.
        from mtvif_ros.engines.tensorrt import cuda
        from mtvif_ros.engines.tensorrt.engine import engine_key

        device = cuda.first_device()
        key = engine_key(flavour, model, device.name, device.compute_capability)
        cached_engine(cache_directory(), key, lambda: build_engine(flavour, model))
        print(engine_path(cache_directory(), key))
    except ImportError as error:
        needed = BACKENDS["tensorrt"].package
        print(f"mtvif_build_engine: {error}; install with: pip install {needed}", file=sys.stderr)
        return 1
    except (OSError, ValueError, EngineError) as error:
        print(f"mtvif_build_engine: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
