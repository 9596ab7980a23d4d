"""Encoders: features of both frames at strides 4, 8, 16 and 32, joined across the cameras."""

from collections.abc import Callable

from training.config import EncoderName
from training.model.encoders.base import Encoder
from training.model.encoders.lite0 import Lite0Encoder
from training.model.encoders.patch import PatchEncoder
from training.model.encoders.plain import PlainEncoder

ENCODERS: dict[EncoderName, Callable[..., Encoder]] = {
    "lite0": Lite0Encoder,
    "patch": PatchEncoder,
    "plain": PlainEncoder,
}

__all__ = ["ENCODERS", "Encoder"]
