import pytest

from training.distributed import require_gpus


def test_every_process_needs_a_gpu_of_its_own() -> None:
    require_gpus(2, 2)
    with pytest.raises(ValueError, match=r"nproc-per-node 2: this machine has 1 GPUs.* start fewer"):
        require_gpus(2, 1)
