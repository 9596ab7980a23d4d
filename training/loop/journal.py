"""Show how a training goes: a progress bar, TensorBoard curves and sample pictures."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from mtvif_ros.image import Image


class Journal:
    """Write what happens to the screen and, for TensorBoard and eyes, to the folder `out`.

    Losses stand on the bar together with the last validation's mIoU and VIF; `out/pictures` holds
    sample pictures of the last validation and `out/events` the curves. A journal that is not `active`
    writes nothing: with several processes only one does.
    """

    def __init__(self, out: Path, first: int, steps: int, active: bool):
        self._out = out
        self._bar = tqdm(total=steps, initial=first, unit="step", disable=not active)
        self._curves = SummaryWriter(str(out / "events"), purge_step=first) if active else None
        self._last: dict[str, str] = {}

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
        if self._curves is not None:
            self._curves.close()

    def losses(self, step: int, terms: dict[str, float]) -> None:
        """Note the weighted loss terms of one step."""
        self._bar.update()
        self._bar.set_postfix({name[:6]: f"{value:.3f}" for name, value in terms.items()} | self._last)
        if self._curves is not None:
            for name, value in terms.items():
                self._curves.add_scalar(f"loss/{name}", value, step)

    def scores(self, step: int, scores: dict[str, Any], pictures: dict[str, Image]) -> None:
        """Note a validation's scores, see score_pairs, and its sample pictures by name."""
        if self._curves is None:
            return
        values = {f"fusion/{name}": value for name, value in scores["fusion"]["model"].items()}
        values |= {f"iou/{name}": value for name, value in scores["iou"].items() if value is not None}
        for name, value in values.items():
            self._curves.add_scalar(name, value, step)
        folder = self._out / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures.items():
            self._curves.add_image(name, picture, step, dataformats="HWC")
            cv2.imwrite(str(folder / f"{name}.jpg"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        self._last = {"VIF": f"{scores['fusion']['model']['VIF']:.3f}"}
        if scores["miou"] is not None:
            self._last["mIoU"] = f"{scores['miou']:.3f}"
        report = " ".join(f"{name.split('/')[1]} {value:.3f}" for name, value in values.items())
        tqdm.write(f"step {step}: {report}")
