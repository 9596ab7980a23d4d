"""Train fusion and segmentation jointly, in one stage.

    python -m training.train --config training/configs/mtvif.yaml --data DATA --out RUN
    torchrun --nproc-per-node 4 -m training.train ...       the same on several GPUs or machines

The same command again resumes where the last one stopped.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from tqdm import tqdm

from mtvif_ros.command_line import command_parser
from training.average import follow
from training.checkpoint import CHECKPOINT, load_checkpoint, load_weights, save_checkpoint
from training.config import read_config
from training.data.mixture import Mixture, load_sources
from training.data.selection import select_pairs
from training.distributed import Process, joined_processes
from training.graphs import Teach, graph_fusion_terms, graph_learner, graph_teachers
from training.journal import Journal
from training.losses import FusionJudge, joint_loss
from training.model import Network, build_model
from training.model.deep_supervision import DeepSupervision
from training.model.freeze import freeze
from training.optimiser import parameter_groups
from training.precision import fast_autocast
from training.teachers import load_teachers, taught_probabilities
from training.validate import validate


def learning_rate(step: int, config: dict[str, Any]) -> float:
    """Return the rate at `step`: linear warm-up, then half a cosine down to one hundredth."""
    warmup, steps = config["warmup_steps"], config["steps"]
    if step < warmup:
        return float(config["learning_rate"]) * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return float(config["learning_rate"]) * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)


def train(config: dict[str, Any], data: Path, out: Path) -> Network:
    """Train as `config` says, resume from `out` where it holds a checkpoint, return the EMA network.

    Raises ValueError, before any step, for settings and files that cannot be used.
    """
    with joined_processes() as process:
        return _train(config, data, out, process)


@dataclass
class _State:
    """Hold everything that a checkpoint keeps."""

    learner: DeepSupervision
    average: Network
    optimiser: torch.optim.Optimizer
    step: int = 0

    @property
    def network(self) -> Network:
        return self.learner.network

    def save(self, path: Path, config: dict[str, Any]) -> None:
        modules = {
            "network": self.network,
            "judges": self.learner.judges,
            "average": self.average,
            "optimiser": self.optimiser,
        }
        tensors = {name: module.state_dict() for name, module in modules.items()}
        save_checkpoint(path, tensors | {"step": self.step, "config": config})

    def restore(self, path: Path) -> None:
        kept = load_checkpoint(path)
        self.network.load_state_dict(kept["network"])
        self.learner.judges.load_state_dict(kept.get("judges", {}))
        self.average.load_state_dict(kept["average"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.step = kept["step"]
        print(f"resuming {path} at step {self.step}")


def _train(config: dict[str, Any], data: Path, out: Path, process: Process) -> Network:
    settings, device = config["train"], process.device
    batch, steps = settings["batch"], settings["steps"]
    if batch % process.count:
        raise ValueError(f"train.batch: {batch} cannot be shared by {process.count} processes")
    teachers = load_teachers(config, device)
    # Leave the cores to the network: OpenCV would start a thread for each in every loading process. It
    # must be told before they fork, or they wait for threads that no longer exist.
    cv2.setNumThreads(1)
    pairs = [files for entry in config["validate"] for files in select_pairs(entry, data)]
    mixture = Mixture(
        load_sources(settings["sources"], data),
        tuple(settings["crop"]),
        config["seed"],
        steps * batch,
        settings.get("paste", 0.0),
    )
    state = _start(config, device)
    if (out / CHECKPOINT).exists():
        state.restore(out / CHECKPOINT)
    freeze(state.network, settings)
    batches = DataLoader(
        mixture,
        batch_sampler=[list(process.share_of(batch, step)) for step in range(state.step, steps)],
        num_workers=settings.get("workers", process.loaders),
        pin_memory=device.type == "cuda",
    )
    step = _Step(config, state, teachers, shared=process.count > 1)
    with Journal(out, state.step, steps, process.leads) as journal:
        for frames in batches:
            rgb, ir, allowed = (one.to(device, non_blocking=True) for one in frames)
            terms = step(rgb, ir, allowed)
            state.step += 1
            last = state.step == steps
            journal.losses(state.step, dict(zip(terms, torch.stack(list(terms.values())).tolist())))
            if process.leads and (state.step % settings["checkpoint_every"] == 0 or last):
                state.save(out / CHECKPOINT, config)
            if pairs and process.leads and (state.step % settings["validate_every"] == 0 or last):
                journal.scores(state.step, *validate(state.average, pairs))
    if process.leads and not steps:
        state.save(out / CHECKPOINT, config)  # what the network starts from, for training.prune
    return state.average


def _start(config: dict[str, Any], device: torch.device) -> _State:
    torch.manual_seed(config["seed"])
    network = build_model(config["model"])
    if "initial" in config:
        load_weights(network, Path(config["initial"]))
    learner = DeepSupervision(network, deep=bool(config["loss"].get("auxiliary", 0)))
    learner.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    settings = config["train"]
    groups = parameter_groups(learner, settings["weight_decay"], settings.get("rates", {}))
    optimiser = torch.optim.AdamW(groups, lr=settings["learning_rate"])
    return _State(learner, copy.deepcopy(network).eval(), optimiser)


class _Step:
    """Take one step: what it calls is, on a GPU of its own, made of CUDA graphs once frames are there."""

    def __init__(
        self, config: dict[str, Any], state: _State, teachers: Sequence[Network], shared: bool
    ) -> None:
        self._config, self._state, self._teachers = config, state, teachers
        self._model: nn.Module = DistributedDataParallel(state.learner) if shared else state.learner
        self._teach: Teach = partial(taught_probabilities, teachers)
        self._judge_fusion: FusionJudge | None = None
        self._bf16 = bool(config["train"].get("bf16", True))
        self._to_graph = not shared and config["train"].get("graphs", True)

    def __call__(self, rgb: Tensor, ir: Tensor, allowed: Tensor) -> dict[str, Tensor]:
        state, settings, weights = self._state, self._config["train"], self._config["loss"]
        for group in state.optimiser.param_groups:
            group["lr"] = learning_rate(state.step, settings) * group.get("share", 1.0)
        frames = [frame.contiguous(memory_format=torch.channels_last) for frame in (rgb, ir)]
        if self._to_graph and rgb.device.type == "cuda":
            self._graph(*frames)
        with fast_autocast(rgb.device, self._bf16):
            change, cells, inner = self._model(*frames)
            taught = self._teach(*frames) if self._teachers else None
        terms = joint_loss(change, cells, rgb, ir, allowed, weights, inner, taught, self._judge_fusion)
        state.optimiser.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        nn.utils.clip_grad_norm_(state.learner.parameters(), settings["clip_gradients"])
        state.optimiser.step()
        follow(state.average, state.network, state.step, settings["ema_decay"])
        return terms

    def _graph(self, rgb: Tensor, ir: Tensor) -> None:
        self._to_graph = False
        if self._state.network.decoder.segmentation_pyramid is not None:  # None cannot leave a graph
            self._model = graph_learner(self._state.learner, rgb, ir, self._bf16)
        if self._teachers:
            self._teach = graph_teachers(self._teachers, rgb, ir, self._bf16)
        self._judge_fusion = graph_fusion_terms(self._config["loss"], rgb, ir)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.train", __doc__)
    parser.add_argument("--config", type=Path, required=True, help="a file of training/configs")
    parser.add_argument("--data", type=Path, required=True, help="folder that the config's paths start at")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint and pictures")
    parser.add_argument("--seed", type=int, help="another than the config's, for trainings side by side")
    options = parser.parse_args(arguments)
    try:
        config = read_config(options.config)
        if options.seed is not None:
            config["seed"] = options.seed
        train(config, options.data, options.out)
    except (FileNotFoundError, ValueError) as error:
        tqdm.write(f"training.train: {error}")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
