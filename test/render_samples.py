"""Small sets of samples as renders' files hold them, for tests of what is trained on them."""

import numpy as np
from scipy.spatial.transform import Rotation

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model import load_face_model
from training.foundation.batches import Samples

MODEL = load_face_model()


def samples(count=4, seed=0):
    """Windows of noise with faces' points on them, and a white spot about each first true point."""
    rng = np.random.default_rng(seed)
    windows = rng.integers(0, 60, (count, 160, 160, 3), np.uint8)
    K = np.array([[400.0, 0, 80], [0, 400.0, 80], [0, 0, 1]])
    coefficients = rng.normal(size=(count, 128)).astype(np.float32)
    turns = Rotation.from_euler("yx", rng.uniform(-30, 30, (count, 2)), degrees=True).as_matrix()
    R, t = np.diag([1.0, -1.0, -1.0]) @ turns, np.tile([0.0, 0.0, 0.8], (count, 1))
    true = []
    for window, *pose, c in zip(windows, R, t, coefficients):
        points = Camera(K, 160, 160).project(placed(c, *pose))
        x, y = np.rint(points[0]).astype(int)
        window[y - 2 : y + 3, x - 2 : x + 3] = 255
        true.append(points)
    detected = np.stack(true) + rng.normal(0, 0.5, (count, 468, 2))
    share = np.resize(np.float32([0.0, 0.5]), count)
    return Samples(windows, detected, np.stack(true), np.tile(K, (count, 1, 1)), R, t, coefficients, share)


def placed(coefficients, R, t):
    """(468, 3): MediaPipe's points on a head, in the camera's frame."""
    vertices = MODEL.vertices(coefficients[:99], 0.3 * coefficients[99:])
    return MODEL.landmarks468.on(MODEL.faces, vertices) @ R.T + t


def write(folder, made, count):
    """`count` files of renders that hold the samples."""
    to_image = np.tile(np.float64([[160, 0, 0], [0, 160, 0]]), (len(made), 1, 1))
    rays = np.concatenate([(made.true - 80) / 400, np.ones((len(made), 468, 1))], axis=2)
    rows = {"window": made.windows, "to_image": to_image, "points": made.detected, "truth": rays, "K": made.K}
    files = [folder / f"{n:08d}.npz" for n in range(count)]
    for file in files:
        np.savez(file, R=made.R, t=made.t, coefficients=made.coefficients, share=made.share, **rows)
    return files
