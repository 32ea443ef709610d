"""FaceMesh -> TRIANGLE_LIST Marker, as serialized bytes.

A Marker has no fast path in Python: each of its 300,000 corners would be an object. Written as CDR the message takes
milliseconds, and publishers take bytes.
"""

from __future__ import annotations

import numpy as np
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from extreme3d_ros.errors import InputError
from extreme3d_ros.messages.cdr import CdrWriter
from extreme3d_ros.records import FaceMesh

NAMESPACE = "face"

#: Grey-ish skin, linear RGBA 0..1.
SKIN = (0.82, 0.72, 0.66, 1.0)

#: Where the baked light comes from, in the optical frame: above, from the left, and from the camera's side.
_LIGHT = np.array([-0.42, -0.5, -0.76], np.float32)
_AMBIENT = 0.25

_IDENTITY_POSE = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)


class MarkerWriter:
    """Makes serialized Markers of meshes in the camera's frame.

    Keeps its two large arrays from mesh to mesh: to have the system give and take back their pages each time would take
    longer than to fill them. One thread at a time.
    """

    def __init__(self):
        self._points = np.empty((0, 3), np.float64)
        self._colors = np.empty((0, 4), np.float32)

    def __call__(self, mesh: FaceMesh, header: Header, coloring: str = "shaded", number: int = 0) -> bytes:
        """The Marker of that number that shows the mesh. Raises InputError where a vertex is not finite.

        coloring: one of COLORINGS. 'shaded': skin with light baked in, because RViz switches its own light off wherever
        a marker has colours, and wrinkles would vanish; 'texture': the mesh's own colours; 'plain': no colours, RViz's
        light.
        """
        if not np.isfinite(mesh.vertices).all():
            raise InputError("the mesh has points that are not finite; RViz would refuse all of it, so it is not sent")
        corners = mesh.faces.ravel().astype(np.intp)
        self._points = _gathered(mesh.vertices.astype(np.float64), corners, self._points)
        colors = COLORINGS[coloring](mesh)
        if colors is None:
            return write_marker(header, self._points, self._colors[:0], number)
        self._colors = _gathered(colors, corners, self._colors)
        return write_marker(header, self._points, self._colors, number)


def _gathered(rows: np.ndarray, indices: np.ndarray, out: np.ndarray) -> np.ndarray:
    """rows[indices], in `out` if it has the size."""
    if len(out) != len(indices):
        out = np.empty((len(indices), rows.shape[1]), rows.dtype)
    return rows.take(indices, axis=0, out=out, mode="clip")  # the default mode would fill a copy of `out` first


def delete_marker(header: Header, number: int = 0) -> Marker:
    """The Marker that takes the mesh of that number off the screen."""
    return Marker(header=header, ns=NAMESPACE, id=number, type=Marker.TRIANGLE_LIST, action=Marker.DELETE)


def write_marker(header: Header, points: np.ndarray, colors: np.ndarray, number: int = 0) -> bytes:
    """A serialized TRIANGLE_LIST. points: (3 T, 3) float64, colors: (3 T, 4) float32 RGBA or (0, 4); number: its id."""
    cdr = CdrWriter()
    cdr.put("i", header.stamp.sec)
    cdr.put("I", header.stamp.nanosec)
    cdr.string(header.frame_id)
    cdr.string(NAMESPACE)
    cdr.put("i", number, Marker.TRIANGLE_LIST, Marker.ADD)
    cdr.put("d", *_IDENTITY_POSE)
    cdr.put("d", 1.0, 1.0, 1.0)  # scale
    cdr.put("f", *SKIN)
    cdr.put("i", 0, 0)  # lifetime: until deleted
    cdr.put("?", True)  # frame_locked: a late mesh is put where its frame is now
    cdr.sequence(points)
    cdr.sequence(colors)
    cdr.string("")  # texture_resource
    cdr.put("i", 0, 0)  # texture.header.stamp
    for _ in ("texture.header.frame_id", "texture.format"):
        cdr.string("")
    cdr.put("I", 0, 0)  # texture.data, uv_coordinates
    for _ in ("text", "mesh_resource", "mesh_file.filename"):
        cdr.string("")
    cdr.put("I", 0)  # mesh_file.data
    cdr.put("?", False)  # mesh_use_embedded_materials
    return cdr.message()


def shaded_colors(mesh: FaceMesh) -> np.ndarray:
    """(N, 4) float32 RGBA of the vertices: Lambertian skin."""
    light = _AMBIENT + (1 - _AMBIENT) * np.clip(mesh.normals @ (_LIGHT / np.linalg.norm(_LIGHT)), 0, 1)
    colors = light[:, None].astype(np.float32) * np.array(SKIN, np.float32)
    colors[:, 3] = 1.0
    return np.nan_to_num(colors)


def texture_colors(mesh: FaceMesh) -> np.ndarray:
    """(N, 4) float32 RGBA of the vertices: the image's."""
    colors = np.ones((len(mesh.colors), 4), np.float32)
    colors[:, :3] = mesh.colors / np.float32(255)
    return colors


#: How a mesh can be coloured.
COLORINGS = {"shaded": shaded_colors, "texture": texture_colors, "plain": lambda mesh: None}
