"""Say what a training will do before it starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mtvif_ros.recordings.pair_folder import PairFiles
from mtvif_ros.size import USUAL, shown
from training.config import AnySource, Config, RenderedSource, TrainSettings, VideoSource
from training.data.selection import select_pairs, source_title
from training.data.videos import count_frames
from training.loop.state import State
from training.model.checkpoint import CHECKPOINT
from training.model.cost import count_macs, count_parameters

_NAMED = 12  # classes


def announcement(
    config: Config, state: State, pairs: Sequence[PairFiles], data: Path, run: Path, ended: bool = False
) -> str:
    """Return lines on data, classes, network and steps of a training.

    `pairs` are those to validate on; `ended` says that the run has ended early.
    """
    train, network = config.train, state.average
    names = [one.name for one in network.classes]
    where = "GPU" if next(network.parameters()).is_cuda else "CPU"
    left = f", from step {state.step:,} on" if state.step else ""
    lines = [
        f"{run}: {train.steps:,} steps{left}, each of {train.batch} samples of {shown(train.crop)}, on the "
        f"{where}"
    ]
    total = sum(source.share for source in train.sources)
    for source in train.sources:
        told = f"{source_title(source)}: {_frames_of(source, data, names)}"
        share = f"; {100 * source.share / total:.0f} % of the samples" if len(train.sources) > 1 else ""
        lines.append(_row("source", told + share))
    if train.teacher is not None:
        lines.append(_row("teacher", f"{train.teacher}, on {train.canvases:,} canvases"))
    lines.append(_row("validation", _validation(train, pairs)))
    more = f", … {names[-1]}" if len(names) > _NAMED else ""
    lines.append(_row("classes", f"{len(names)}: {', '.join(names[:_NAMED])}{more}"))
    size = f"{count_parameters(network) / 1e6:.2f} M parameters"
    macs = f"{count_macs(network, USUAL) / 1e9:.2f} GMACs at {shown(USUAL)}"
    decoder = f"{config.model.encoder} encoder, {config.model.decoder} decoder"
    lines.append(_row("network", f"{decoder}: {size}, {macs}"))
    lines.append(_row("start", _start(config, state, run, ended)))
    return "\n".join(lines)


def pace(seconds: float, left: int) -> str:
    """Return the line on how long `left` steps of so many `seconds` take."""
    told = f"1,000 steps take {_duration(1000 * seconds)} here"
    return _row("pace", f"{told}; the {left:,} to go {_duration(left * seconds)}, without validation")


def _row(title: str, text: str) -> str:
    return f"  {title:12}{text}"


def _frames_of(source: AnySource, data: Path, names: Sequence[str]) -> str:
    if isinstance(source, RenderedSource):
        return f"{_counted(source.rendered)}, all with masks"
    try:
        if isinstance(source, VideoSource):
            return f"{_counted(count_frames(data / source.video, source.every))} without labels"
        return labels_of(select_pairs(source, data, names))
    except (FileNotFoundError, ValueError) as error:
        return f"cannot be read: {error}"  # canvases that are made already do without it


def labels_of(pairs: Sequence[PairFiles]) -> str:
    """Say how many pairs there are and which labels they have."""
    counts = {
        "with masks": sum(one.mask is not None for one in pairs),
        "with boxes alone": sum(one.mask is None and one.boxes is not None for one in pairs),
        "without labels": sum(one.mask is None and one.boxes is None for one in pairs),
    }
    found = {what: count for what, count in counts.items() if count}
    if len(found) == 1:
        return f"{_counted(len(pairs))}, all {next(iter(found))}"
    return f"{_counted(len(pairs))}, {_listed(f'{count:,} {what}' for what, count in found.items())}"


def _counted(frames: int) -> str:
    return f"{frames:,} frame{'s' if frames != 1 else ''}"


def _listed(parts: Iterable[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}"


def _validation(train: TrainSettings, pairs: Sequence[PairFiles]) -> str:
    if not pairs:
        return "none: the config's `validate` is empty"
    told = f"{labels_of(pairs)}; every {train.validate_every:,} steps"
    return f"{told}; ends after {train.patience} without a better score" if train.patience else told


def _start(config: Config, state: State, run: Path, ended: bool) -> str:
    if ended:
        return f"none: {run} ended early, at step {state.step:,}; raise train.patience to go on"
    if state.step:
        return f"resumes {run / CHECKPOINT} at step {state.step:,}"
    if config.initial is not None:
        return f"from {config.initial}"
    return "from ImageNet's weights" if config.model.pretrained else "from random weights"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
