"""Build a TensorRT engine ahead of time, so that the node does not build it on its first start.

mtvif_build_engine                                              for this machine's GPU, into the engine cache
mtvif_build_engine --compute-capability 8.6 --out X.engine      for another GPU, with TensorRT for RTX
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from mtvif_ros.command_line import command_parser, frame_size, told_plainly
from mtvif_ros.engines import BACKENDS, EngineError
from mtvif_ros.engines.cache import cache_directory, cached_engine, engine_path
from mtvif_ros.engines.tensorrt.build import build_engine
from mtvif_ros.engines.tensorrt.flavour import load_flavour
from mtvif_ros.model_file import read_model_file
from mtvif_ros.resources import model_directory
from mtvif_ros.size import Size


def build(
    model: Path, out: Path | None = None, compute_capability: str | None = None, size: Size | None = None
) -> Path:
    """Build the engine of a model file and return where it is: `out`, or else its place in the engine cache.

    `size` is for a file of open size, 480x640 by default. Raises EngineError if TensorRT or the GPU is
    missing or the build fails, and what read_model_file raises.
    """
    checked = read_model_file(model)
    size = checked.size_for(size)
    try:
        flavour = load_flavour()
        if out:
            out.write_bytes(build_engine(flavour, checked, size, compute_capability))
            return out
        # This needs the CUDA runtime, which a build for another GPU does not.
        from mtvif_ros.engines.tensorrt.engine import engine_key

        key = engine_key(checked, size)
    except ImportError as error:
        raise EngineError(
            f"TensorRT is missing: {error}; install it with: pip install {BACKENDS['tensorrt'].package}"
        ) from error
    folder = cache_directory()
    cached_engine(folder, key, lambda: build_engine(flavour, checked, size))
    if folder is None or not engine_path(folder, key).exists():
        raise EngineError(
            f"engine cache {folder or 'of a user without home'}: cannot keep the engine; set "
            "MTVIF_ENGINE_CACHE to a folder that you may write, or use --out"
        )
    return engine_path(folder, key)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("mtvif_build_engine", __doc__)
    parser.add_argument("model", type=Path, nargs="?", help="model file; default: the shipped fp16 file")
    parser.add_argument("--compute-capability", help="build for this kind of GPU, such as 8.6; needs --out")
    parser.add_argument(
        "--size", type=frame_size, help="HEIGHTxWIDTH, for a file of open size; default 480x640"
    )
    parser.add_argument("--out", type=Path, help="write the bare engine to this file, not into the cache")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if options.compute_capability and not options.out:
        parser.error("--compute-capability needs --out: the cache is for this machine's GPU")
    with told_plainly(parser):
        model = options.model or model_directory() / BACKENDS["tensorrt"].shipped
        print(build(model, options.out, options.compute_capability, options.size))


if __name__ == "__main__":
    main()
