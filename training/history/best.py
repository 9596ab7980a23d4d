"""Tell which validation was the best, and when to wait no longer for a better one."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from training.config import TrainSettings
from training.history.records import HISTORY, History, read_history
from training.model import Network
from training.model.checkpoint import BEST, load_checkpoint
from training.model.decoders import FusionDecoder
from training.scoring.pairs import Scores

# Of 0 to about 1, and what both sources show counts. Noise raises EN, SD, SF and AG, a copy of one source MI,
# and exaggerated contrast SCD.
_FUSION = ("VIF", "Qabf", "SSIM")


class Best(NamedTuple):
    """Name the step of the best validation and its score."""

    step: int
    score: float


def score_name(network: Network, miou: float | None) -> str:
    """Say what the best validation is chosen by: the mean IoU where there is one, else fusion."""
    by_fusion = f"mean of {', '.join(_FUSION[:-1])} and {_FUSION[-1]}"
    return "mean IoU" if has_iou(network, miou) else by_fusion


def score_of(network: Network, scores: Scores) -> float:
    """Return the number that score_name names; larger is better."""
    if scores.miou is not None and has_iou(network, scores.miou):
        return scores.miou
    return float(np.mean([scores.fusion["model"][name] for name in _FUSION]))


def has_iou(network: Network, miou: float | None) -> bool:
    """Return whether the mean IoU of a validation, None without masks, says something of the network."""
    return miou is not None and not isinstance(network.decoder, FusionDecoder)


def is_better(network: Network, scores: Scores, best: Best, history: History) -> bool:
    """Return whether a validation is better than the best one of `history`, or judged by something else.

    The pairs of a run that goes on may have got masks, or lost them.
    """
    now = score_name(network, scores.miou)
    before = {score_name(network, one.miou) for one in history.validations if one.step == best.step}
    return before - {now} != set() or score_of(network, scores) > best.score


def read_best(run: Path) -> Best | None:
    """Return the best validation of a run; None if it has none."""
    if not (run / BEST).exists():
        return None
    kept = load_checkpoint(run / BEST)
    return Best(kept["step"], kept["score"])


def has_lost_patience(settings: TrainSettings, history: History, best: Best | None) -> bool:
    """Return whether `patience` validations, if any, have passed since the best one."""
    if not settings.patience or best is None:
        return False
    return sum(one.step > best.step for one in history.validations) >= settings.patience


def has_ended_early(settings: TrainSettings, run: Path, step: int) -> bool:
    """Return whether the run, which has taken `step` steps, has already lost its patience."""
    return has_lost_patience(settings, read_history(run / HISTORY, step), read_best(run))
