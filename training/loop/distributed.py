"""Train with several processes, which torchrun starts: each takes its share of every batch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO

import torch
from torch import distributed

_MOST_LOADERS = 8
# The others wait while the leading process makes canvases, times steps and validates. That may take longer
# than torch's ten minutes; when a process dies, torchrun ends the others at once.
_PATIENCE = timedelta(days=1)


@dataclass(frozen=True)
class Process:
    """Describe this process: its `rank` among `count`, and the device it computes on."""

    rank: int
    count: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    @property
    def loaders(self) -> int:
        """How many processes load samples for this one: one beside a CPU, which is busy with the steps, up to
        eight beside a GPU, which waits for samples.
        """
        if self.device.type == "cpu":
            return 1
        beside = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
        return max(1, min(_MOST_LOADERS, len(os.sched_getaffinity(0)) // beside - 1))

    def wait_for_others(self) -> None:
        """Return once every process has called this."""
        if self.count > 1:
            distributed.barrier()

    def hear(self, said: bool) -> bool:
        """Return what the leading process has `said`; every process must call this."""
        if self.count == 1:
            return said
        word = torch.tensor(int(said), device=self.device)
        distributed.broadcast(word, 0)
        return bool(word)

    def require_one_step(self, step: int) -> None:
        """Raise ValueError unless every process begins at the same step; every process must call this."""
        if self.count == 1:
            return
        own = torch.tensor(step, device=self.device)
        gathered = [torch.zeros_like(own) for _ in range(self.count)]
        distributed.all_gather(gathered, own)
        first, *others = (int(one) for one in gathered)
        for rank, other in enumerate(others, 1):
            if other != first:
                raise ValueError(
                    f"process {rank} begins at step {other}, process 0 at {first}: --out must be a folder "
                    "that all machines share"
                )

    def share_of(self, batch: int, step: int) -> range:
        """Return the numbers of this process's samples in the batch of `step`, which has `batch` samples."""
        return range(step * batch + self.rank, (step + 1) * batch, self.count)


@contextmanager
def joined_processes() -> Iterator[Process]:
    """Join the other processes if torchrun started this one; otherwise stay alone.

    Of several only the leading one prints. Several GPUs talk over NCCL, several CPUs over gloo. Raises
    ValueError as require_gpus does.
    """
    use_cuda = torch.cuda.is_available()
    if not distributed.is_torchelastic_launched():
        yield Process(0, 1, torch.device("cuda" if use_cuda else "cpu"))
        return
    if use_cuda:
        require_gpus(int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count())
    distributed.init_process_group("nccl" if use_cuda else "gloo", timeout=_PATIENCE)
    try:
        rank = distributed.get_rank()
        device = torch.device("cuda", rank % torch.cuda.device_count()) if use_cuda else torch.device("cpu")
        if use_cuda:
            torch.cuda.set_device(device)
        with nullcontext() if rank == 0 else redirect_stdout(StringIO()):
            yield Process(rank, distributed.get_world_size(), device)
    finally:
        distributed.destroy_process_group()


def require_gpus(processes: int, gpus: int) -> None:
    """Raise ValueError when a machine has fewer GPUs than processes."""
    if processes > gpus:
        raise ValueError(
            f"torchrun --nproc-per-node {processes}: this machine has {gpus} GPUs, and each process needs "
            "its own; start fewer, or set CUDA_VISIBLE_DEVICES= to train on the processor"
        )
