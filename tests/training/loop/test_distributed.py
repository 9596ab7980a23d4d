import os
from datetime import timedelta

import pytest
import torch
from torch import distributed

from training.loop.distributed import Process, joined_processes, require_gpus


def test_every_process_needs_a_gpu_of_its_own() -> None:
    require_gpus(2, 2)
    with pytest.raises(ValueError, match=r"nproc-per-node 2: this machine has 1 GPUs.* start fewer"):
        require_gpus(2, 1)


@pytest.mark.parametrize(("cores", "gpus", "loaders"), [(16, 1, 8), (16, 4, 3), (4, 1, 3), (2, 2, 1)])
def test_beside_gpus_the_cores_that_no_step_runs_on_load_samples(
    cores: int, gpus: int, loaders: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(gpus))
    on_two_machines = 2 * gpus
    assert Process(0, on_two_machines, torch.device("cuda")).loaders == loaders
    assert Process(0, on_two_machines, torch.device("cpu")).loaders == 1


@pytest.mark.usefixtures("torchrun_alone")
def test_processes_wait_for_a_validation_of_hours() -> None:
    with joined_processes() as process:
        assert distributed.group.WORLD is not None
        options = distributed.group.WORLD._get_backend(process.device).options
    assert options._timeout >= timedelta(hours=12)
