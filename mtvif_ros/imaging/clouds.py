"""Read the places of the points of a sensor_msgs/PointCloud2, and add a colour and a label to each."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING

import numpy as np

from mtvif_ros.image import AnyImage, Image
from mtvif_ros.imaging.lenses import Points

if TYPE_CHECKING:
    from sensor_msgs.msg import PointCloud2

# numpy's names of PointField's datatypes
_KINDS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}


class CloudFormatError(ValueError):
    """Say what is wrong with a point cloud message."""


def read_points(cloud: PointCloud2) -> Points:
    """Return x, y and z of all points, (N, 3), row by row.

    Raises CloudFormatError for a cloud without them, or with contradictory sizes.
    """
    order, step = _order(cloud), cloud.point_step
    formats = {
        one.name: np.dtype(f"{order}{_KINDS[one.datatype]}") for one in cloud.fields if one.datatype in _KINDS
    }
    offsets = {one.name: one.offset for one in cloud.fields}
    if not {"x", "y", "z"} <= formats.keys():
        raise CloudFormatError(f"has no fields x, y and z, only {', '.join(offsets) or 'none'}")
    if any(offsets[name] + formats[name].itemsize > step for name in "xyz"):
        raise CloudFormatError(f"point_step {step} is less than its fields need")
    place = np.dtype(
        {
            "names": [*"xyz"],
            "formats": [formats[name] for name in "xyz"],
            "offsets": [offsets[name] for name in "xyz"],
            "itemsize": step,
        }
    )
    points = _bytes_of(cloud).view(place).ravel()
    return np.stack([points[name].astype(np.float64) for name in "xyz"], axis=1)


def with_colours(cloud: PointCloud2, colours: Image, labels: Image) -> PointCloud2:
    """Return the cloud with the fields `rgb` and `label` after the bytes of each point, no padding of rows.

    colours (N, 3) is R G B, labels (N,) uint8. `rgb` is a float of bytes 0x00RRGGBB, as PCL and RViz read it.
    They replace fields of the same names. Raises CloudFormatError for contradictory sizes.
    """
    from sensor_msgs.msg import PointCloud2, PointField

    step, order = cloud.point_step, _order(cloud)
    points = np.empty(len(labels), [("old", f"V{step}"), ("rgb", f"{order}u4"), ("label", "u1")])
    points["old"] = _bytes_of(cloud).view(f"V{step}").ravel()
    points["rgb"] = colours.astype(np.uint32) @ np.array((1 << 16, 1 << 8, 1), np.uint32)
    points["label"] = labels
    added = (("rgb", step, PointField.FLOAT32), ("label", step + 4, PointField.UINT8))
    message = PointCloud2(header=cloud.header, height=cloud.height, width=cloud.width)
    message.fields = [one for one in cloud.fields if one.name not in ("rgb", "label")]
    message.fields += [PointField(name=name, offset=at, datatype=kind, count=1) for name, at, kind in added]
    message.is_bigendian, message.is_dense = cloud.is_bigendian, cloud.is_dense
    message.point_step, message.row_step = points.itemsize, points.itemsize * cloud.width
    message.data = array.array("B", points.tobytes())
    return message


def _order(cloud: PointCloud2) -> str:
    return ">" if cloud.is_bigendian else "<"


def _bytes_of(cloud: PointCloud2) -> AnyImage:
    """Return the bytes of all points, (N, point_step), without padding."""
    height, length = cloud.height, cloud.width * cloud.point_step
    if cloud.row_step < length or len(cloud.data) < height * cloud.row_step or not cloud.point_step:
        raise CloudFormatError(
            f"has {len(cloud.data)} bytes; {height} rows of {cloud.width} points of {cloud.point_step} "
            f"bytes, with row_step {cloud.row_step}, do not fit"
        )
    rows = np.frombuffer(cloud.data, np.uint8, height * cloud.row_step).reshape(height, cloud.row_step)
    return np.ascontiguousarray(rows[:, :length]).reshape(height * cloud.width, cloud.point_step)
