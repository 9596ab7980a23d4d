"""Show a training as one HTML page that needs no network."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import yaml

from mtvif_ros.classes import STREET_NAMES
from mtvif_ros.image import AnyImage
from mtvif_ros.machine import this_machine
from mtvif_ros.metrics.fusion import METRICS
from mtvif_ros.pages import plots
from mtvif_ros.pages.page import as_jpeg, page_template
from training.config import Config, PairSelection, TrainSettings, plain
from training.data.rendered import shares_rendered_classes
from training.history.best import Best, has_iou, has_lost_patience, score_name
from training.history.records import History, Validation
from training.model import Network
from training.model.cost import count_parameters

PAGE = "index.html"
_MEANS = 200  # of a curve: one for as many steps as fit
_CLASSES = 11  # whose IoU gets a curve: those with the most labelled pixels
_FUSION = {"kept of the sources": ("VIF", "Qabf", "SSIM", "SCD"), "detail": ("SF", "AG", "EN", "MI")}
_UNNAMED = "FOLDER_OF_PAIRS"
_PANELS = ("visible", "infrared", "fused", "segmentation")

Curves = dict[str, tuple[list[float], list[float]]]


class _Command(NamedTuple):
    why: str
    text: str


def write_page(
    out: Path, config: Config, data: Path, network: Network, history: History, best: Best | None
) -> None:
    """Write the page of the run in the folder `out`, which learns from the folder `data`.

    Raises OSError when it cannot be written.
    """
    last = history.validations[-1] if history.validations else None
    kept = next((one for one in history.validations if best is not None and one.step == best.step), None)
    step = max([0, *history.losses, *(one.step for one in history.validations)])
    labelled = last is not None and has_iou(network, last.miou)
    page = page_template("training.history", "index.html.j2").render(
        run=str(out),
        headline=_headline(config.train, history, step, best),
        step=step,
        steps=config.train.steps,
        last=last,
        best=kept,
        score_name=None if last is None else score_name(network, last.miou),
        metrics=list(METRICS),
        classes=_classes(network, last, kept) if last is not None and labelled else [],
        parameters=count_parameters(network) / 1e6,
        model=config.model,
        train=config.train,
        count=len(network.classes),
        plots=_curves(history, labelled)
        | (_confusion(network, last) if last is not None and labelled else {}),
        panels=_PANELS,
        samples=[] if last is None else last.pictures,
        pictures={} if last is None else _pictures(out / "pictures", last.pictures),
        settings=yaml.safe_dump(plain(config), sort_keys=False, default_flow_style=None, width=96),
        commands=_commands(out, config, data, [one.name for one in network.classes]),
        folder=str(Path.cwd()),
        machine=this_machine(),
    )
    partial = (out / PAGE).with_suffix(".partial")
    partial.write_text(page)
    partial.replace(out / PAGE)


def _headline(settings: TrainSettings, history: History, step: int, best: Best | None) -> str:
    if step >= settings.steps:
        return f"Trained for {step:,} steps"
    ended = has_lost_patience(settings, history, best)
    return f"{'Ended early, at step' if ended else 'Training: step'} {step:,} of {settings.steps:,}"


def _classes(network: Network, last: Validation, best: Validation | None) -> list[dict[str, Any]]:
    """Return by class what the table shows."""
    labelled = np.array(last.confusion).sum(1)
    return [
        {
            "name": one.name,
            "colour": "#{:02x}{:02x}{:02x}".format(*one.rgb),
            "share": labelled[index] / labelled.sum(),
            "last": last.iou[one.name],
            "best": None if best is None else best.iou.get(one.name),
        }
        for index, one in enumerate(network.classes)
    ]


def _confusion(network: Network, last: Validation) -> dict[str, str]:
    matrix = np.array(last.confusion, float)
    matrix /= np.maximum(1, matrix.sum(1, keepdims=True))
    return {"confusion": plots.confusion_matrix(matrix, [one.name for one in network.classes])}


def _curves(history: History, labelled: bool) -> dict[str, str]:
    """Return the page's curves as SVG by name; those without data are left out."""
    found = {}
    losses, validations = _loss_curves(history.losses), history.validations
    if losses:
        total = {"all terms": _summed(history.losses)}
        found["loss"] = plots.over_steps(_thinned(total), "loss, weighted sum")
        found["terms"] = plots.over_steps(_thinned(losses), "loss by term", logarithmic=True)
    if len(validations) > 1:
        steps = [float(one.step) for one in validations]
        for name, metrics in _FUSION.items():
            curves = {one: (steps, [of.fusion[one] for of in validations]) for one in metrics}
            found[name] = plots.over_steps(curves, name)
        if labelled:
            found["IoU"] = plots.over_steps(_iou_curves(validations, steps), "IoU")
    return found


def _summed(losses: Mapping[int, Mapping[str, float]]) -> tuple[list[float], list[float]]:
    return [float(step) for step in losses], [sum(terms.values()) for terms in losses.values()]


def _loss_curves(losses: Mapping[int, Mapping[str, float]]) -> Curves:
    names = dict.fromkeys(name for terms in losses.values() for name in terms)
    curves: Curves = {}
    for name in names:
        having = [(float(step), terms[name]) for step, terms in losses.items() if name in terms]
        curves[name] = ([step for step, _ in having], [value for _, value in having])
    return curves


def _thinned(curves: Curves) -> Curves:
    """Return curves of means over steps next to each other, so that a page stays small."""

    def means(values: Sequence[float]) -> list[float]:
        parts = np.array_split(np.array(values), min(_MEANS, len(values)))
        return [float(part.mean()) for part in parts]

    return {name: (means(steps), means(values)) for name, (steps, values) in curves.items()}


def _iou_curves(validations: Sequence[Validation], steps: list[float]) -> Curves:
    """Return the mean and the classes with the most labelled pixels."""
    labelled = np.array(validations[-1].confusion).sum(1)
    names = list(validations[-1].iou)
    most = [index for index in np.argsort(-labelled)[:_CLASSES] if labelled[index]]
    curves: Curves = {"mean": (steps, [_number(one.miou) for one in validations])}
    for name in (names[index] for index in sorted(most)):
        curves[name] = (steps, [_number(one.iou.get(name)) for one in validations])
    return curves


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _pictures(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the panels of the sample pictures as JPEG, by the numbers of sample and panel."""
    found: dict[str, str] = {}
    for sample, name in enumerate(names):
        bgr: AnyImage | None = cv2.imread(str(folder / f"{name}.jpg"), cv2.IMREAD_COLOR)
        if bgr is None:
            continue
        panels = np.split(np.asarray(bgr[..., ::-1], np.uint8), len(_PANELS), axis=1)
        found |= {f"{sample}-{number}": as_jpeg(panel) for number, panel in enumerate(panels)}
    return found


def _commands(out: Path, config: Config, data: Path, names: Sequence[str]) -> list[_Command]:
    """Return what to type to export, quantise, judge and run what the run has learnt, of classes `names`."""
    python = f"{shlex.quote(_here(Path(sys.executable)))} -m training"
    run, name = shlex.quote(str(out)), out.name or "run"
    full, small = (shlex.quote(str(out / f"{name}{suffix}.onnx")) for suffix in ("", "_int8"))
    best = " --best" if config.validate else ""
    learnt = _folder(config.train.sources, data)
    # The commands take a folder's masks and boxes for what they say themselves.
    usable = [one for one in config.validate if not (one.names or one.map or one.boxes or one.masks)]
    judged = _folder(usable, data)
    renders = judged is None and shares_rendered_classes(names)
    on = "--rendered 48" if renders else f"--data {judged or _UNNAMED}"
    shipped = _Command(
        "Judge the shipped model alike", f"{python}.evaluate --model models/mtvif_int8.onnx {on}"
    )
    absolute = shlex.quote(str((out / f"{name}_int8.onnx").resolve()))
    commands = [
        _Command("Export, for every size of frames", f"{python}.export --run {run}{best} --out {full}"),
        _Command(
            "Quantise to int8, for CPUs",
            f"{python}.quantise --model {full} --data {learnt or _UNNAMED} --out {small}",
        ),
        _Command("Judge beside simple fusions", f"{python}.evaluate --model {small} {on}"),
        *([shipped] if renders or tuple(names) == STREET_NAMES else []),
        _Command("Run the node on two cameras", f"ros2 launch mtvif_ros fusion.launch.py model:={absolute}"),
        _Command("Replay a recording through it", f"mtvif_replay --bag BAG --model {small} --out results"),
        _Command("Fuse two videos without ROS", f"mtvif_fuse vi.mp4 ir.mp4 --model {small} --out fused.mp4"),
    ]
    return commands


def _here(path: Path) -> str:
    """Return a path below the working directory as a relative one."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _folder(selections: Sequence[Any], data: Path) -> str | None:
    """Return the first selected folder that the commands can read."""
    for one in selections:
        if isinstance(one, PairSelection) and one.layout == "pairs":
            return shlex.quote(str((one.root or data) / one.path))
    return None
