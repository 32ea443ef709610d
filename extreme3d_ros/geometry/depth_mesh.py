"""A depth map as a mesh: one vertex a pixel."""

from __future__ import annotations

import numpy as np

from extreme3d_ros.camera import Camera


def depth_mesh(depth: np.ndarray, mask: np.ndarray, camera: Camera, *, jump: float = 0.004):
    """Mesh of the masked pixels of a depth map.

    depth: (H, W) metres along z; mask: (H, W) bool; jump: neighbours whose depths differ by more (metres) are not
    joined. Returns vertices (N, 3) float32 in the camera's frame, faces (T, 3) int32 that turn their front to the
    camera, and pixels (N, 2) int (x, y) of the vertices. Pixels of no triangle are left out.
    """
    mask = mask & np.isfinite(depth)
    index = np.arange(mask.size).reshape(mask.shape)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    # Counter-clockwise seen from the camera, whose y points down: first down, then right.
    faces = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
    corners = np.where(mask, depth, np.nan).ravel()[faces]
    with np.errstate(invalid="ignore"):
        faces = faces[np.ptp(corners, axis=1) <= jump]  # NaN, outside the mask, compares false
    used, faces = np.unique(faces, return_inverse=True)
    pixels = np.stack([used % mask.shape[1], used // mask.shape[1]], axis=1)
    vertices = camera.rays(pixels.astype(np.float64)) * depth.ravel()[used][:, None]
    return vertices.astype(np.float32), faces.reshape(-1, 3).astype(np.int32), pixels
