"""Make from the node's parameter values what they describe. No ROS import."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from mtvif_ros.imaging.registration import Registration, read_registration
from mtvif_ros.imaging.thermal import ThermalScaler
from mtvif_ros.pairing.message_filters_policy import MessageFiltersSynchronizer
from mtvif_ros.pairing.stamps import in_ns
from mtvif_ros.pairing.synchronizer import Synchronizer

Values = dict[str, Any]
Frame = TypeVar("Frame")
AnySynchronizer: TypeAlias = Synchronizer[Frame] | MessageFiltersSynchronizer[Frame]


def make_synchronizer(values: Values) -> AnySynchronizer[Any]:
    """Return what pairs the streams. Raises ModuleNotFoundError for a policy that is not installed."""
    slop, offset = in_ns(values["sync.slop"]), in_ns(values["sync.offset"])
    queue_size = values["sync.queue_size"]
    if values["sync.policy"] != "nearest":
        return MessageFiltersSynchronizer(values["sync.policy"], slop, queue_size, offset)
    return Synchronizer(slop, queue_size, in_ns(values["sync.max_wait"]), offset)


def make_thermal(values: Values) -> ThermalScaler:
    """Return what makes 16-bit infrared 8-bit. Raises ValueError for values that contradict each other."""
    fixed = (values["thermal.fixed_low"], values["thermal.fixed_high"])
    return ThermalScaler(
        percentiles=(values["thermal.low"], values["thermal.high"]),
        follow=values["thermal.follow"],
        fixed=fixed if fixed[0] != fixed[1] else None,
        invert=values["thermal.invert"],
        gain=values["thermal.gain"],
        offset=values["thermal.offset"],
    )


def make_registration(values: Values) -> Registration:
    """Return how infrared lies on the visible frame. Raises RegistrationError."""
    if values["registration.file"]:
        return read_registration(Path(values["registration.file"]))
    return Registration(tuple(values["registration.homography"]))
