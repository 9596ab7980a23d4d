from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import PointCloud2, PointField

from mtvif_ros.imaging.clouds import CloudFormatError, read_points, with_colours

KINDS = {"f4": PointField.FLOAT32, "f8": PointField.FLOAT64, "u2": PointField.UINT16, "u4": PointField.UINT32}
NAMES = {PointField.UINT8: "u1", **{datatype: kind for kind, datatype in KINDS.items()}}


def cloud_of(
    points: Any, kind: str = "f4", big: bool = False, rows: int = 1, padding: int = 0, extra: str = "ring"
) -> PointCloud2:
    """A cloud of points (N, 3) with a field `extra` before x, and a gap behind it, in `rows` rows."""
    order = ">" if big else "<"
    size = int(kind[1])
    offsets = [0, 5, 5 + size, 5 + 2 * size]
    layout = np.dtype(
        {
            "names": [extra, "x", "y", "z"],
            "formats": [f"{order}u2", *[f"{order}{kind}"] * 3],
            "offsets": offsets,
            "itemsize": 5 + 3 * size,
        }
    )
    values = np.zeros(len(points), layout)
    values[extra] = np.arange(len(points))
    for name, column in zip("xyz", np.asarray(points).T):
        values[name] = column
    width = len(points) // rows
    packed = values.view(np.uint8).reshape(rows, width * layout.itemsize)
    data = np.pad(packed, ((0, 0), (0, padding)), constant_values=7)
    cloud = PointCloud2(height=rows, width=width, point_step=layout.itemsize, row_step=data.shape[1])
    cloud.is_bigendian, cloud.data = big, data.tobytes()
    kinds = [PointField.UINT16, *[KINDS[kind]] * 3]
    cloud.fields = [
        PointField(name=name, offset=offset, datatype=datatype, count=1)
        for name, offset, datatype in zip(layout.names or (), offsets, kinds)
    ]
    return cloud


def rows_of(cloud: PointCloud2) -> Any:
    """The points of a cloud without padding, as its fields describe them."""
    order = ">" if cloud.is_bigendian else "<"
    layout = np.dtype(
        {
            "names": [one.name for one in cloud.fields],
            "formats": [f"{order}{NAMES[one.datatype]}" for one in cloud.fields],
            "offsets": [one.offset for one in cloud.fields],
            "itemsize": cloud.point_step,
        }
    )
    assert cloud.row_step == cloud.width * cloud.point_step
    return np.frombuffer(cloud.data, layout)


@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_every_layout_is_read_and_keeps_its_fields(
    kind: str, big: bool, rows: int, padding: int, rng: np.random.Generator
) -> None:
    points = rng.normal(size=(12, 3)).astype(np.float32)
    cloud = cloud_of(points, kind, big, rows, padding)
    np.testing.assert_array_equal(read_points(cloud), points)
    colours, labels = rng.integers(0, 256, (12, 3), np.uint8), np.arange(12, dtype=np.uint8)
    painted = with_colours(cloud, colours, labels)
    assert (painted.height, painted.width) == (rows, 12 // rows)
    np.testing.assert_array_equal(read_points(painted), points)
    found = rows_of(painted)
    assert found.dtype.names == ("ring", "x", "y", "z", "rgb", "label")
    np.testing.assert_array_equal(found["ring"], np.arange(12))
    np.testing.assert_array_equal(found["label"], labels)
    bits = found["rgb"].astype(found["rgb"].dtype.newbyteorder("=")).view(np.uint32)
    np.testing.assert_array_equal(bits, colours.astype(np.uint32) @ (65536, 256, 1))


def test_a_field_of_the_same_name_is_replaced() -> None:
    painted = with_colours(
        cloud_of(np.zeros((2, 3)), extra="label"), np.zeros((2, 3), np.uint8), np.array([3, 4], np.uint8)
    )
    assert rows_of(painted)["label"].tolist() == [3, 4]


def test_an_empty_cloud_stays_empty() -> None:
    cloud = cloud_of(np.zeros((0, 3)))
    assert len(read_points(cloud)) == 0
    assert with_colours(cloud, np.zeros((0, 3), np.uint8), np.zeros(0, np.uint8)).width == 0


def test_a_cloud_without_places_or_with_too_few_bytes_is_refused() -> None:
    cloud = cloud_of(np.zeros((4, 3)))
    cloud.data = cloud.data[:-1]
    with pytest.raises(CloudFormatError, match="67 bytes; 1 rows of 4 points of 17 bytes"):
        read_points(cloud)
    cloud = cloud_of(np.zeros((4, 3)))
    cloud.point_step = cloud.row_step = 12
    with pytest.raises(CloudFormatError, match="point_step 12"):
        read_points(cloud)
    cloud.fields = cloud.fields[:2]
    with pytest.raises(CloudFormatError, match="no fields x, y and z, only ring, x"):
        read_points(cloud)
