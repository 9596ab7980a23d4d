"""Train fusion and segmentation jointly, in one stage.

    python -m training.train --config training/configs/mtvif.yaml --data DATA --out RUN

The same command again resumes where the last one stopped.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from mtvif_ros.command_line import command_parser
from mtvif_ros.pair_folder import find_pairs
from training import losses
from training.checkpoint import load_checkpoint, save_checkpoint
from training.data.mixture import Mixture, load_sources
from training.model import MultiTaskVIF, build_model
from training.model.heads import spread_cells
from training.model.network import luma_of
from training.validate import validate

CHECKPOINT = "checkpoint.pt"


def joint_loss(
    change: Tensor,
    cells: Tensor,
    rgb: Tensor,
    ir: Tensor,
    allowed: Tensor,
    weights: dict[str, float],
) -> dict[str, Tensor]:
    """Return every weighted term by name; their sum is what training lowers."""
    luma = luma_of(rgb)
    fused = luma + change.float()
    logits = spread_cells(cells)
    seen = allowed[:, ::2, ::2]  # the logits' size
    terms = {
        "segmentation": losses.partial_label_loss(logits, seen),
        "dice": losses.class_dice_loss(logits, seen),
        "intensity": losses.intensity_loss(fused, luma, ir),
        "gradient": losses.gradient_loss(fused, luma, ir),
        "structure": losses.structure_loss(fused, luma, ir),
    }
    return {name: weights[name] * term for name, term in terms.items()}


def learning_rate(step: int, config: dict[str, Any]) -> float:
    """Return the rate at `step`: linear warm-up, then half a cosine down to one hundredth."""
    warmup, steps = config["warmup_steps"], config["steps"]
    if step < warmup:
        return float(config["learning_rate"]) * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return float(config["learning_rate"]) * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)


def train(config: dict[str, Any], data: Path, out: Path) -> MultiTaskVIF:
    """Train as `config` says, resume from `out` where it holds a checkpoint, return the EMA network."""
    out.mkdir(parents=True, exist_ok=True)
    settings = config["train"]
    torch.manual_seed(config["seed"])
    network = build_model(config["model"])
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(
        _without_decay_on_vectors(network, settings["weight_decay"]), lr=settings["learning_rate"]
    )
    first = 0
    if (out / CHECKPOINT).exists():
        state = load_checkpoint(out / CHECKPOINT)
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["step"]
        print(f"resuming {out / CHECKPOINT} at step {first}")

    mixture = Mixture(
        load_sources(settings["sources"], data),
        tuple(settings["crop"]),
        config["seed"],
        settings["steps"] * settings["batch"],
    )
    batches = DataLoader(
        mixture,
        settings["batch"],
        sampler=range(first * settings["batch"], len(mixture)),
        num_workers=settings.get("workers", 1),
    )
    pairs = find_pairs(data / config["validate"]["path"])
    with tqdm(total=settings["steps"], initial=first, unit="step") as bar:
        for step, (rgb, ir, allowed) in enumerate(batches, first):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(step, settings)
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.get("bf16", True)):
                change, cells = network(
                    rgb.contiguous(memory_format=torch.channels_last),
                    ir.contiguous(memory_format=torch.channels_last),
                )
            terms = joint_loss(change, cells, rgb, ir, allowed, config["loss"])
            optimiser.zero_grad(set_to_none=True)
            torch.stack(list(terms.values())).sum().backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), settings["clip_gradients"])
            optimiser.step()
            _follow(average, network, min(settings["ema_decay"], (1 + step) / (10 + step)))
            bar.update()
            bar.set_postfix({name: f"{term.item():.3f}" for name, term in terms.items()})
            done = step + 1
            last = done == settings["steps"]
            if done % settings["checkpoint_every"] == 0 or last:
                state = {
                    "step": done,
                    "network": network.state_dict(),
                    "average": average.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "config": config,
                }
                save_checkpoint(out / CHECKPOINT, state)
            if done % settings["validate_every"] == 0 or last:
                scores = validate(average, pairs, out / "pictures")
                report = " ".join(f"{name} {value:.3f}" for name, value in scores.items())
                tqdm.write(f"step {done}: IoU on {config['validate']['path']}: {report}")
    return average


def _without_decay_on_vectors(network: torch.nn.Module, decay: float) -> list[dict[str, Any]]:
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]


@torch.no_grad()
def _follow(average: torch.nn.Module, network: torch.nn.Module, decay: float) -> None:
    theirs = network.state_dict()
    for name, mine in average.state_dict().items():
        if mine.is_floating_point():
            mine.lerp_(theirs[name], 1 - decay)
        else:
            mine.copy_(theirs[name])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.train", __doc__)
    parser.add_argument("--config", type=Path, required=True, help="a file of training/configs")
    parser.add_argument("--data", type=Path, required=True, help="folder that the config's paths start at")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint and pictures")
    options = parser.parse_args(arguments)
    train(yaml.safe_load(options.config.read_text()), options.data, options.out)


if __name__ == "__main__":
    main()
