"""Encoders: features of both frames at strides 4, 8, 16 and 32, joined across the cameras."""

from collections.abc import Callable

from training.config import TIMM, ModelSettings
from training.model.encoders.backbone import TimmEncoder
from training.model.encoders.base import Encoder
from training.model.encoders.lite0 import Lite0Encoder
from training.model.encoders.patch import PatchEncoder
from training.model.encoders.plain import PlainEncoder

ENCODERS: dict[str, Callable[..., Encoder]] = {
    "lite0": Lite0Encoder,
    "patch": PatchEncoder,
    "plain": PlainEncoder,
}


def new_encoder(settings: ModelSettings) -> Encoder:
    """Return a new encoder of a config's `model` section.

    Raises ValueError for widths that it does not have, and what TimmEncoder raises.
    """
    if settings.encoder.startswith(TIMM):
        name = settings.encoder.removeprefix(TIMM)
        return TimmEncoder(name, settings.pretrained, settings.checkpoint, settings.hidden)
    return ENCODERS[settings.encoder](pretrained=settings.pretrained, hidden=settings.hidden)


__all__ = ["ENCODERS", "Encoder", "new_encoder"]
