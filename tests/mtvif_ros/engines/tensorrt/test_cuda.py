import pytest

from mtvif_ros.engines import EngineError
from mtvif_ros.engines.tensorrt.cuda import call


def test_a_driver_that_cannot_be_loaded_is_told_as_an_engine_error() -> None:
    """cuda-python 12.6 raises this where there is none; later ones return a status."""

    def count_devices() -> None:
        raise RuntimeError("Failed to dlopen libcuda.so.1")

    with pytest.raises(EngineError, match="CUDA: Failed to dlopen libcuda"):
        call(count_devices)
