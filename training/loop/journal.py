"""Record a training in its folder: checkpoints, TensorBoard curves and sample pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import cv2
import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from mtvif_ros.image import Image
from mtvif_ros.progress import Progress
from mtvif_ros.recordings.pair_folder import PairFiles
from training.config import Config
from training.loop.state import State
from training.loop.validate import validate
from training.model.checkpoint import CHECKPOINT
from training.scoring.pairs import Scores


class Journal:
    """Record every step of `state` in the folder `out`, and validate on `pairs`, as `config` says.

    The folder gets a checkpoint, before the first step too; `events` with the curves; `pictures` with samples
    of the last validation. The terminal shows the losses beside the last validation's VIF and mIoU. Of
    several processes only one keeps a journal.
    """

    def __init__(self, config: Config, state: State, pairs: Sequence[PairFiles], out: Path):
        self._config, self._state, self._pairs, self._out = config, state, pairs, out
        self._progress = Progress("train", config.train.steps, unit="step")
        self._progress.update(state.step)
        self._curves = SummaryWriter(str(out / "events"), purge_step=state.step)
        self._last: dict[str, str] = {}

    def __enter__(self) -> Journal:
        if not (self._out / CHECKPOINT).exists():
            self._save()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.close()
        self._curves.close()

    def note(self, terms: dict[str, Tensor]) -> None:
        """Record the step that gave these loss terms; save and validate when it is time."""
        settings, step = self._config.train, self._state.step
        self._draw_losses(dict(zip(terms, torch.stack(list(terms.values())).tolist())))
        last = step == settings.steps
        if step % settings.checkpoint_every == 0 or last:
            self._save()
        if self._pairs and (step % settings.validate_every == 0 or last):
            self._draw_scores(*validate(self._state.average, self._pairs))

    def _save(self) -> None:
        self._state.save(self._out / CHECKPOINT, self._config)

    def _draw_losses(self, terms: dict[str, float]) -> None:
        self._progress.update()
        self._progress.note(**{name[:6]: f"{value:.3f}" for name, value in terms.items()}, **self._last)
        for name, value in terms.items():
            self._curves.add_scalar(f"loss/{name}", value, self._state.step)

    def _draw_scores(self, scores: Scores, pictures: dict[str, Image]) -> None:
        step = self._state.step
        fusion = scores.fusion["model"]
        iou = {name: value for name, value in scores.iou.items() if value is not None}
        for group, values in (("fusion", fusion), ("iou", iou)):
            for name, value in values.items():
                self._curves.add_scalar(f"{group}/{name}", value, step)
        folder = self._out / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures.items():
            self._curves.add_image(name, picture, step, dataformats="HWC")
            cv2.imwrite(str(folder / f"{name}.jpg"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        self._last = {"VIF": f"{fusion['VIF']:.3f}"}
        if scores.miou is not None:
            self._last["mIoU"] = f"{scores.miou:.3f}"
        report = " ".join(f"{name} {value:.3f}" for name, value in (fusion | iou).items())
        self._progress.write(f"step {step}: {report}")
