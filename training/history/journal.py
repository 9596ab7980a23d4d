"""Record a training in its folder: checkpoints, curves, sample pictures and a page."""

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
from training.history.best import Best, has_lost_patience, is_better, read_best, score_name, score_of
from training.history.page import write_page
from training.history.records import HISTORY, Validation, cut_history
from training.loop.state import State
from training.loop.validate import is_due, validate
from training.model.checkpoint import BEST, CHECKPOINT
from training.scoring.pairs import Scores


class Journal:
    """Record every step of `state` in the folder `out`, and validate on `pairs`, as `config` says.

    The folder gets a checkpoint, before the first step too; the averaged weights of the best validation;
    `events` and history.jsonl with the curves; `pictures` with samples of the last validation; and
    index.html, a page of all this, with commands that use the folder `data`. The terminal shows the losses
    beside the last validation's VIF and mIoU. Of several processes only one keeps a journal.
    """

    def __init__(self, config: Config, state: State, pairs: Sequence[PairFiles], data: Path, out: Path):
        self._config, self._state, self._pairs, self._data, self._out = config, state, pairs, data, out
        if state.step == 0:
            (out / BEST).unlink(missing_ok=True)  # of an older run in this folder
        self._history, self._best = cut_history(out / HISTORY, state.step), read_best(out)
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

    @property
    def ended_early(self) -> bool:
        """Whether train.patience is lost."""
        return has_lost_patience(self._config.train, self._history, self._best)

    def note(self, terms: dict[str, Tensor]) -> None:
        """Record the step that gave these loss terms; save, validate and write the page when it is time."""
        settings, step = self._config.train, self._state.step
        self._draw_losses(dict(zip(terms, torch.stack(list(terms.values())).tolist())))
        judged = len(self._pairs) > 0 and is_due(step, settings)
        if judged:
            self._judge(*validate(self._state.average, self._pairs))
        last = step == settings.steps or (judged and self.ended_early)
        # Not before the validation: a run that is killed in between would go on without it.
        if step % settings.checkpoint_every == 0 or last:
            self._save()
        if judged or last:
            write_page(self._out, self._config, self._data, self._state.average, self._history, self._best)

    def _save(self) -> None:
        self._state.save(self._out / CHECKPOINT, self._config)

    def _draw_losses(self, terms: dict[str, float]) -> None:
        self._history.add_losses(self._state.step, terms)
        self._progress.update()
        self._progress.note(**{name[:6]: f"{value:.3f}" for name, value in terms.items()}, **self._last)
        for name, value in terms.items():
            self._curves.add_scalar(f"loss/{name}", value, self._state.step)

    def _judge(self, scores: Scores, pictures: dict[str, Image]) -> None:
        step, score = self._state.step, score_of(self._state.network, scores)
        self._draw_scores(scores, pictures)
        self._history.add_validation(
            Validation(
                step,
                score,
                scores.fusion["model"],
                scores.iou,
                scores.miou,
                scores.confusion,
                list(pictures),
            )
        )
        if self._best is None or is_better(self._state.network, scores, self._best, self._history):
            self._best = Best(step, score)
            self._state.save_average(self._out / BEST, self._config, score)
        elif self.ended_early and step < self._config.train.steps:
            name = score_name(self._state.network, scores.miou)
            self._progress.write(
                f"step {step}: ends early, since {self._config.train.patience} validations did not beat the "
                f"{name} of step {self._best.step}, {self._best.score:.3f}, which {self._out / BEST} keeps"
            )

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
