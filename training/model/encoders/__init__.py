"""Encoders: features of both frames at strides 4, 8 and 16, fused across the cameras."""

from collections.abc import Callable

from training.model.encoders.base import Encoder
from training.model.encoders.lite0 import Lite0Encoder
from training.model.encoders.plain import PlainEncoder

ENCODERS: dict[str, Callable[..., Encoder]] = {"lite0": Lite0Encoder, "plain": PlainEncoder}

__all__ = ["ENCODERS", "Encoder"]
