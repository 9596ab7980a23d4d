"""Read a training config into typed settings: the only place that checks them.

A config is a YAML file. `read_config` returns it as a Config, or raises one ValueError that names the file
and, for every setting that is wrong, its path, its value and what is allowed. Nothing is loaded before
that.

The checks follow the dataclasses' annotations, see training.settings. Names that only a built network knows
(`model.hidden`, `train.frozen`, `train.rates`) are checked where it is built.
"""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml

from mtvif_ros.classes import LEAST, MOST
from mtvif_ros.names import with_ending
from training.settings import Rule, Settings, read_settings


def _is_colour(text: str | None) -> bool:
    return text is None or re.fullmatch("#[0-9a-fA-F]{6}", text) is not None


AT_LEAST_ONE = Rule("a list of at least one", bool)
_Count = Annotated[int, Rule("a whole number from 1 on", lambda value: value >= 1)]
_WholeNumber = Annotated[int, Rule("a whole number from 0 on", lambda value: value >= 0)]
_CropSide = Annotated[int, Rule("a multiple of 32", lambda value: value > 0 and value % 32 == 0)]
_Positive = Annotated[float, Rule("a number above 0", lambda value: value > 0)]
_NotNegative = Annotated[float, Rule("a number from 0 on", lambda value: value >= 0)]
_Share = Annotated[float, Rule("a number from 0 to 1", lambda value: 0 <= value <= 1)]
_Decay = Annotated[float, Rule("a number from 0 to below 1", lambda value: 0 <= value < 1)]
_Classes = Annotated[
    Mapping[str, str | None],
    Rule(
        f"{LEAST} to {MOST} different names, each perhaps with a colour such as '#ff4040'",
        lambda value: not value or (LEAST <= len(value) <= MOST and all(map(_is_colour, value.values()))),
    ),
]
_Range = Annotated[
    tuple[int, int], Rule("[first, last] with first <= last", lambda value: value[0] <= value[1])
]

EncoderName = Literal["lite0", "patch", "plain"]
TIMM = "timm/"  # before the name of a model of the library timm
DecoderName = Literal["multitask", "fusion", "cascade"]
# Terms of the loss without an answer to judge.
_UNHEARD: Mapping[DecoderName, tuple[str, ...]] = {
    "multitask": (),
    "fusion": ("likelihood", "dice", "auxiliary", "distillation"),
    "cascade": ("features",),
}
_FIDELITY_CROP = 64  # px, of which its windows and halvings leave something
LayoutName = Literal["pairs", "msrs", "fmb", "pst900", "mfnet"]
TimeOfDay = Literal["day", "dusk", "night"]
_Encoder = Annotated[
    str,
    Rule(
        f"one of {', '.join(get_args(EncoderName))}, {TIMM}NAME",
        lambda value: value in get_args(EncoderName) or (value.startswith(TIMM) and value != TIMM),
    ),
]
ALL_TIMES: tuple[TimeOfDay, ...] = get_args(TimeOfDay)


@dataclass(frozen=True)
class ModelSettings:
    """Describe a network.

    encoder, decoder: names in training.model.encoders.ENCODERS and training.model.network.DECODERS; or
    timm/NAME, an encoder of the library timm.
    pretrained: start the encoder from ImageNet's weights, which timm downloads. checkpoint: from this file of
    timm's weights instead.
    hidden: channels inside the encoder's blocks, by the names of its `hidden_channels`; default as published.
    """

    encoder: _Encoder
    decoder: DecoderName = "multitask"
    pretrained: bool = True
    hidden: Mapping[str, _Count] = field(default_factory=dict)
    checkpoint: Path | None = None

    def without_weights(self) -> ModelSettings:
        """Return the settings of the same network, whose encoder starts from random weights."""
        return replace(self, pretrained=False, checkpoint=None)


@dataclass(frozen=True, kw_only=True)
class PairSelection:
    """Select pairs below a folder.

    path: relative to `root`, which is the data folder unless given. layout, split: see training.data.layouts.
    only: by what is known of a pair: its mask, its boxes but no mask, neither.
    numbers, skip_numbers: ranges that the first number in a frame's name must or must not lie in.
    masks: a folder whose NAME.png replaces a pair's own mask and boxes.
    names: of the masks' values in order, by default those that the folder lists, or the layout's. map: the
    model's class, or `ignore`, for names that differ. boxes: names of the boxes' numbers in order, by default
    those that the folder lists, or MSRS's.
    """

    path: str
    layout: LayoutName = "pairs"
    split: str = "train"
    only: Literal["all", "labelled", "boxed", "unlabelled"] = "all"
    numbers: tuple[_Range, ...] | None = None
    skip_numbers: tuple[_Range, ...] = ()
    masks: Path | None = None
    root: Path | None = None
    names: tuple[str, ...] = ()
    map: Mapping[str, str] = field(default_factory=dict)
    boxes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PairSource(PairSelection):
    """Train on selected pairs: `share` of all samples. `absent`: classes that no frame shows."""

    share: _Positive
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RenderedSource:
    """Train on `rendered` frames of synthetic scenes: `share` of all samples. `smoke`: its density.

    map: as a PairSelection has it.
    """

    rendered: _Count
    share: _Positive
    seed: _WholeNumber = 0
    smoke: _Share = 0.0
    times: Annotated[tuple[TimeOfDay, ...], AT_LEAST_ONE] = ALL_TIMES
    map: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class VideoSource:
    """Train on every `every`-th frame of the videos VIDEO_vi.mp4 and VIDEO_ir.mp4, which have no labels.

    video: relative to the data folder. absent: as a PairSource has it.
    """

    video: str
    share: _Positive
    every: _Count = 8
    absent: tuple[str, ...] = ()


AnySource = RenderedSource | VideoSource | PairSource


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Say what a training learns from, for how long and how fast.

    crop: height and width of the samples. paste: share of them that get things of another one.
    ema_decay: of the averaged weights. frozen: parts of the network that do not learn.
    keep_statistics: keep those of all batch norms. rates: parts of the network and their share of the rate.
    teacher: a file that answers `canvases` frames once, from views of which the network learns; without one,
    every sample is new. training.data.canvases has more.
    patience: end after so many validations without a better score; 0: never.
    bf16: use bfloat16 where the device is fast at it. graphs: replay CUDA graphs on a single GPU.
    workers: processes that load samples, for each process that trains; default by the machine.
    """

    sources: Annotated[tuple[AnySource, ...], AT_LEAST_ONE]
    steps: _WholeNumber
    batch: _Count
    crop: tuple[_CropSide, _CropSide]
    learning_rate: _NotNegative
    weight_decay: _NotNegative
    warmup_steps: _WholeNumber
    ema_decay: _Decay
    clip_gradients: _Positive
    checkpoint_every: _Count
    validate_every: _Count
    paste: _Share = 0.0
    frozen: tuple[str, ...] = ()
    keep_statistics: bool = False
    rates: Mapping[str, _NotNegative] = field(default_factory=dict)
    teacher: Path | None = None
    canvases: _WholeNumber = 0
    patience: _WholeNumber = 0
    bf16: bool = True
    graphs: bool = True
    workers: _WholeNumber | None = None


@dataclass(frozen=True)
class LossWeights:
    """Weigh the terms of training.losses.joint_loss; a term of weight 0 is not computed.

    `distillation`, `features`, `imitation` and `revealing` compare with a teacher; for `steadiness` see
    training.losses.video.
    """

    likelihood: _NotNegative = 0.0
    dice: _NotNegative = 0.0
    auxiliary: _NotNegative = 0.0
    distillation: _NotNegative = 0.0
    features: _NotNegative = 0.0
    imitation: _NotNegative = 0.0
    revealing: _NotNegative = 0.0
    steadiness: _NotNegative = 0.0
    intensity: _NotNegative = 0.0
    gradient: _NotNegative = 0.0
    structure: _NotNegative = 0.0
    difference: _NotNegative = 0.0
    fidelity: _NotNegative = 0.0
    edge: _NotNegative = 0.0
    colour: _NotNegative = 0.0


@dataclass(frozen=True)
class Config:
    """Hold all settings of a training.

    initial: the run or .safetensors file that it starts from. classes: names and colours by mask value;
    without any, the classes of the sources.
    """

    seed: _WholeNumber
    model: ModelSettings
    train: TrainSettings
    validate: tuple[PairSelection, ...]
    loss: LossWeights
    initial: Path | None = None
    classes: _Classes = field(default_factory=dict)


def add_config_arguments(
    parser: ArgumentParser, config: str = "YAML file, such as those in training/configs"
) -> None:
    """Add `--config`, explained as `config`, and `--data`: the options of a command that reads a config."""
    parser.add_argument("--config", type=Path, required=True, help=config)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder that the config's paths are relative to"
    )


def read_config(path: Path) -> Config:
    """Return the checked settings of a YAML file.

    Raises FileNotFoundError for a file that does not exist and ValueError, see `check`.
    """
    return check(Config, read_plain(path), str(path))


def read_stages(path: Path) -> dict[str, Config]:
    """Return the stages of a recipe by name: each is the file's settings with its own changes.

    A file without `stages` is one stage, named after the file. Raises what read_config raises.
    """
    shared = read_plain(path)
    stages = shared.pop("stages", {with_ending(path, "", (".yaml", ".yml")).name: {}})
    is_mapping = isinstance(stages, Mapping) and len(stages) > 0
    if not is_mapping or not all(isinstance(own, Mapping) for own in stages.values()):
        raise ValueError(f"{path}: stages is {stages!r}, expected a mapping of names to changed settings")
    return {
        str(name): check(Config, _merge(shared, dict(own)), f"{path}: stage {name}")
        for name, own in stages.items()
    }


def read_plain(path: Path, extended: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return a YAML file as plain data; `extends: OTHER.yaml` fills in the settings of a file beside it.

    Mappings are merged key by key, everything else is replaced. `extended` are files that extend this one.
    Raises FileNotFoundError for a file that does not exist and ValueError for one that is not a mapping or
    extends itself.
    """
    try:
        config = yaml.load(path.read_text(), _Loader)
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path}: expected a mapping of settings such as model and train")
    if "extends" not in config:
        return config
    name, known = config.pop("extends"), (*extended, path.resolve())
    if not isinstance(name, str) or (path.parent / name).resolve() in known:
        raise ValueError(f"{path}: extends is {name!r}, expected the name of another file beside it")
    return _merge(read_plain(path.parent / name, known), config)


class _Loader(yaml.SafeLoader):
    """Refuse a mapping that has a key twice: YAML would drop the first without a word."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        first: dict[str, yaml.Node] = {}
        for key, _ in node.value:
            if first.setdefault(str(key.value), key) is not key:
                raise yaml.MarkedYAMLError(problem=f"{key.value} is given twice", problem_mark=key.start_mark)
        return node


def check(kind: type[Settings], plain: Mapping[str, Any], origin: str) -> Settings:
    """Turn plain data into the settings `kind`, a dataclass.

    Raises one ValueError that names `origin` and all settings that are unknown, missing, of the wrong type,
    out of range or contradict each other.
    """
    problems: list[str] = []
    settings = read_settings(kind, plain, "", problems)
    if not problems and isinstance(settings, Config):
        problems = _contradictions(settings)
    if problems:
        raise ValueError(f"{origin}: {'; '.join(problems)}")
    return settings


def plain(settings: Any) -> dict[str, Any]:
    """Return settings as plain data, which a checkpoint stores and `check` reads."""
    return {one.name: _plain(getattr(settings, one.name)) for one in fields(settings)}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return plain(value)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(base.get(name), dict)
        merged[name] = _merge(base[name], value) if both else value
    return merged


def _contradictions(config: Config) -> list[str]:
    found = []
    loss, train, model = config.loss, config.train, config.model
    if model.checkpoint is not None and not model.encoder.startswith(TIMM):
        found.append(
            f"model.checkpoint is for encoders {TIMM}NAME, and model.encoder is {model.encoder}: start from "
            "a trained network with `initial`"
        )
    teaches = loss.distillation or loss.features or loss.imitation or loss.revealing
    if bool(train.teacher) != bool(train.canvases) or (teaches and not train.teacher):
        found.append(
            "train.teacher, train.canvases and a weight of loss.distillation, features, imitation or "
            "revealing belong together: give all or none"
        )
    if train.patience and not config.validate:
        found.append("train.patience counts validations, but validate is empty: name pairs or set it to 0")
    if not any(getattr(loss, one.name) for one in fields(loss) if one.name not in _UNHEARD[model.decoder]):
        found.append(f"loss weighs nothing that model.decoder {model.decoder} answers: give a term a weight")
    if loss.fidelity and min(train.crop) < _FIDELITY_CROP:
        found.append(
            f"train.crop is {list(train.crop)}, too small for loss.fidelity: expected at least "
            f"{_FIDELITY_CROP} each way"
        )
    if loss.auxiliary and not (loss.likelihood or loss.dice):
        found.append("loss.auxiliary judges by loss.likelihood and loss.dice: give one of them a weight")
    return found
