"""Vertices <-> PointCloud2."""

from __future__ import annotations

import sys
from array import array

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from extreme3d_ros.errors import InputError

_POINT_BYTES = 12


def vertices_to_cloud(vertices: np.ndarray, header: Header) -> PointCloud2:
    """Vertices (V, 3), metres, as an unordered cloud of x, y, z."""
    return PointCloud2(
        header=header,
        height=1,
        width=len(vertices),
        fields=[
            PointField(name=name, offset=4 * axis, datatype=PointField.FLOAT32, count=1)
            for axis, name in enumerate("xyz")
        ],
        is_bigendian=sys.byteorder == "big",
        point_step=_POINT_BYTES,
        row_step=_POINT_BYTES * len(vertices),
        data=array("B", np.asarray(vertices, np.float32).tobytes()),
        is_dense=True,
    )


def cloud_to_vertices(message: PointCloud2) -> np.ndarray:
    """The x, y, z of a cloud as (V, 3) float32, whatever else its points hold. Raises InputError where it has none."""
    offsets = {field.name: field.offset for field in message.fields if field.datatype == PointField.FLOAT32}
    if not {"x", "y", "z"} <= offsets.keys():
        raise InputError("point cloud has no float32 fields x, y, z")
    height, width, step, row = message.height, message.width, message.point_step, message.row_step
    if any(offsets[axis] + 4 > step for axis in "xyz") or row < step * width or len(message.data) < row * height:
        raise InputError(
            f"point cloud of {width} x {height} points of {step} bytes has rows of {row} and {len(message.data)} bytes"
        )
    order = ">f4" if message.is_bigendian else "<f4"
    rows = np.frombuffer(message.data, np.uint8, row * height).reshape(height, row)[:, : step * width]
    points = np.ascontiguousarray(rows).reshape(-1, step)
    axes = [np.ascontiguousarray(points[:, offsets[axis] : offsets[axis] + 4]).view(order)[:, 0] for axis in "xyz"]
    return np.stack(axes, axis=1).astype(np.float32, copy=False)
