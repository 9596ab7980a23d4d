"""Declare every parameter of the node once: its type, default, description and range.

`python -m mtvif_ros.node.parameters` prints the tables of docs/reference/parameters.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mtvif_ros.engines.load import BACKENDS
from mtvif_ros.imaging.registration import IDENTITY
from mtvif_ros.node.parameter_declaration import declared, markdown_tables, parameter
from mtvif_ros.node.rate_limit import period
from mtvif_ros.size import read_size_or_auto


@dataclass(frozen=True)
class Sizing:
    """Say at which size a model file of open size computes: the parameters `model.…`."""

    size: str = parameter(
        "auto",
        "HEIGHTxWIDTH for a file of open size; `auto` fits camera and `model.rate`.",
        read=read_size_or_auto,
    )
    rate: float = parameter(30.0, "Rate that `model.size: auto` keeps, in Hz.", (0.1, 1000.0))


@dataclass(frozen=True)
class Camera:
    """Say how a camera sends its images: the parameters `rgb.…` and `ir.…`."""

    transport: str = parameter(
        "raw",
        "`compressed` subscribes to TOPIC/compressed.",
        choices=("raw", "compressed"),
    )


@dataclass(frozen=True)
class Sync:
    """Say which frames make a pair: the parameters `sync.…`."""

    policy: str = parameter(
        "nearest",
        "`approximate` and `exact` need message_filters and never count `late`.",
        choices=("nearest", "approximate", "exact"),
    )
    by: str = parameter(
        "stamp",
        "`arrival` where the clocks cannot be compared.",
        choices=("stamp", "arrival"),
    )
    slop: float = parameter(0.02, "Largest distance of a pair's stamps, in s.", (0.0001, 10.0), live=True)
    queue_size: int = parameter(10, "Frames of each camera that may wait for a partner.", (1, 1000))
    max_wait: float = parameter(0.2, "Longest wait of a frame for a partner, in s.", (0.001, 60.0))
    offset: float = parameter(0.0, "Clock offset, infrared minus visible stamp, in s.", (-4e9, 4e9))


@dataclass(frozen=True)
class Fallback:
    """Say when one camera is enough: the parameters `fallback.…`."""

    mode: str = parameter(
        "any",
        "Camera that may go on alone; with `none` each waits for the other.",
        choices=("any", "visible", "infrared", "none"),
        live=True,
    )
    after: float = parameter(
        0.5,
        "Time of silence, or of one picture, after which a camera is lost, in s.",
        (0.05, 60.0),
        live=True,
    )


@dataclass(frozen=True)
class Rate:
    """Say how often the node answers: the parameters `rate.…`."""

    maximum: float = parameter(
        0.0, "Most answers a second; 0 answers every pair.", (0.0, 1000.0), live=True, read=period
    )


@dataclass(frozen=True)
class Thermal:
    """Say how 16-bit infrared becomes 8-bit: the parameters `thermal.…`."""

    low: float = parameter(0.5, "Percentile of 16-bit infrared shown black.", (0.0, 100.0), live=True)
    high: float = parameter(99.5, "Percentile of 16-bit infrared shown white.", (0.0, 100.0), live=True)
    follow: float = parameter(
        0.1, "Share of each frame's change that the percentile range follows.", (0.001, 1.0), live=True
    )
    fixed_low: float = parameter(0.0, "Value shown black in a fixed range.", (-1000.0, 65535.0), live=True)
    fixed_high: float = parameter(
        0.0,
        "Value shown white; equal values mean percentiles.",
        (-1000.0, 65535.0),
        live=True,
    )
    gain: float = parameter(
        1.0,
        "Value of one raw count, such as 0.01 for TLinear.",
        (1e-6, 1e3),
        live=True,
    )
    offset: float = parameter(0.0, "Value of raw count 0, such as -273.15 for °C.", (-1e5, 1e5), live=True)
    invert: bool = parameter(False, "Invert, for white-cold cameras.", live=True)


@dataclass(frozen=True)
class Calibration:
    """Say how infrared lies on the visible frame: the parameters `registration.…`."""

    file: str = parameter("", "File from mtvif_calibrate; empty: the homography.", live=True)
    homography: tuple[float, ...] = parameter(
        IDENTITY,
        "Nine numbers, row by row: infrared pixels, scaled to the visible size, to visible pixels.",
        live=True,
    )
    distance: float = parameter(
        0.0,
        "Distance in m for which both lenses are matched; 0: the homography.",
        (0.0, 10000.0),
        live=True,
    )


@dataclass(frozen=True)
class Confidence:
    """Say how certain the mask has to be: the parameters `confidence.…`."""

    minimum: float = parameter(
        0.0,
        "Less certain pixels have 255 in the mask.",
        (0.0, 1.0),
        live=True,
    )


@dataclass(frozen=True)
class Detections:
    """Say which regions of the mask are detections: the parameters `detections.…`."""

    # ROS cannot tell what an empty list is a list of.
    classes: tuple[str, ...] = parameter(("",), "Classes to detect; by default all but the first.", live=True)
    min_area: int = parameter(100, "Fewest pixels of a detection.", (1, 1_000_000_000), live=True)
    max_area: int = parameter(0, "Most pixels of a detection; 0: any.", (0, 1_000_000_000), live=True)


@dataclass(frozen=True)
class Overlay:
    """Say how the overlay looks: the parameters `overlay.…`."""

    opacity: float = parameter(0.5, "Opacity of the class colours.", (0.0, 1.0), live=True)
    boxes: bool = parameter(True, "Draw the detections, too.", live=True)


@dataclass(frozen=True)
class Parameters:
    """Hold all values; `parameters.sync.slop` is the ROS parameter `sync.slop`."""

    autostart: bool = parameter(True, "Activate at start; false leaves that to a lifecycle manager.")
    model: str = parameter("", "Model file; empty: the shipped one for the backend.")
    # ROS has `model` beside `model.size`; a class cannot have both under one name.
    sizing: Sizing = field(default=Sizing(), metadata={"name": "model"})
    backend: str = parameter(
        "auto",
        "Engine; `auto` takes the first that works here.",
        choices=("auto", *BACKENDS),
    )
    device: str = parameter("", "openvino: CPU, GPU or NPU; onnxruntime: CPU, CUDA or TensorRT; empty: CPU.")
    threads: int = parameter(0, "CPU threads; 0: the backend decides.", (0, 1024))
    rgb: Camera = Camera()
    ir: Camera = Camera()
    sync: Sync = Sync()
    fallback: Fallback = Fallback()
    lazy: bool = parameter(True, "Unsubscribe from the cameras while nobody listens.", live=True)
    rate: Rate = Rate()
    thermal: Thermal = Thermal()
    registration: Calibration = Calibration()
    confidence: Confidence = Confidence()
    detections: Detections = Detections()
    overlay: Overlay = Overlay()


PARAMETERS = declared(Parameters())

if __name__ == "__main__":
    print(markdown_tables(PARAMETERS))
