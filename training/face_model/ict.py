"""ICT-FaceKit light (MIT): its arrays, in metres, and what follows from its mirror symmetry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from extreme3d_ros.geometry.subdivision import half_edges

ICT_FOLDER = Path(__file__).parents[2] / "../shared/data/ict_facekit"
#: ICT's first vertices are the skin of the head; the rest is neck, mouth, teeth, eyes (shared/data/README.md).
SKIN_VERTICES = 9409
#: First vertex and end of the two eyeballs, and where within one eyeball the iris begins.
EYEBALLS, EYEBALL_SIZE, IRIS_START = (21451, 24591), 1570, 770
TEETH, MOUTH_SOCKET = (17039, 21451), (11248, 13294)
#: The nostrils in the uv square: centres at u = 0.5 +- the first number, v the second; radius of the opening's rim.
NOSTRIL_UV, NOSTRIL_RADIUS = np.array([0.0415, 0.558]), 0.011


@dataclass(frozen=True)
class Ict:
    """ICT-FaceKit light, N vertices.

    neutral: (N, 3) metres, x to the person's left, y up, z out of the face; identity: (100, N, 3) metres per standard
    deviation; expressions: (53, N, 3) metres at full activation; names: of the expressions; triangles: (T, 3), the
    quads split; uv: (9409, 2) of the head's skin, u = 0.5 on the midline; mirror: (9409,) each skin vertex's twin;
    landmarks68: (68,) vertices.
    """

    neutral: np.ndarray
    identity: np.ndarray
    expressions: np.ndarray
    names: tuple[str, ...]
    triangles: np.ndarray
    uv: np.ndarray
    mirror: np.ndarray
    landmarks68: np.ndarray

    @property
    def skin_triangles(self) -> np.ndarray:
        """(S, 3) triangles of the head's skin."""
        return self.triangles[(self.triangles < SKIN_VERTICES).all(1)]

    @property
    def lids(self) -> list[np.ndarray]:
        """The edges of the two eyes' lids, loops of vertices."""
        return [loop for loop in boundary_loops(self.skin_triangles) if len(loop) == 42]

    def part(self, first: int, end: int) -> np.ndarray:
        """Triangles (P, 3) whose corners all lie in the vertex range first .. end - 1."""
        return self.triangles[((self.triangles >= first) & (self.triangles < end)).all(1)]


def load_ict(folder: Path) -> Ict:
    """Read `ict_facekit.npz` of the folder."""
    with np.load(Path(folder) / "ict_facekit.npz", allow_pickle=False) as data:
        neutral = data["neutral"].astype(np.float64) / 100.0
        uv = np.zeros((SKIN_VERTICES, 2))
        skin = (data["faces"] >= 0).all(1) & (data["faces"] < SKIN_VERTICES).all(1)
        # A vertex on a uv seam has several places (the last is taken); the seams lie far from the face.
        places = np.unique(np.column_stack([data["faces"][skin].ravel(), data["face_uv"][skin].ravel()]), axis=0)
        uv[places[:, 0]] = data["uv"][places[:, 1]]
        return Ict(
            neutral=neutral,
            identity=data["identity"].astype(np.float32) / 100.0,
            expressions=data["expressions"].astype(np.float32) / 100.0,
            names=tuple(str(name) for name in data["expression_names"]),
            triangles=_split_quads(data["faces"], neutral),
            uv=uv,
            mirror=_mirror_pairs(uv),
            landmarks68=data["landmarks68"].astype(np.int64),
        )


def _split_quads(faces, vertices):
    """Quads (Q, 4) with -1 in the place of a missing corner to triangles, along the shorter diagonal."""
    quads, triangles = faces[faces[:, 3] >= 0], faces[faces[:, 3] < 0][:, :3]
    lengths = [np.linalg.norm(vertices[quads[:, i]] - vertices[quads[:, i + 2]], axis=1) for i in (0, 1)]
    first = (lengths[0] <= lengths[1])[:, None, None]
    halves = np.where(first, quads[:, [[0, 1, 2], [0, 2, 3]]], quads[:, [[0, 1, 3], [1, 2, 3]]])
    return np.concatenate([halves.reshape(-1, 3), triangles]).astype(np.int64)


def _mirror_pairs(uv):
    """The involution that reflects u about 0.5."""
    distance, twin = cKDTree(uv).query(np.column_stack([1.0 - uv[:, 0], uv[:, 1]]))
    if distance.max() > 1e-4 or not (twin[twin] == np.arange(len(uv))).all():
        raise ValueError("ICT-FaceKit's uv layout is not mirror-symmetric: another version of the data?")
    return twin


def nostril_distance(uv: np.ndarray) -> np.ndarray:
    """(P,) distance in the uv square of places (P, 2) from the nearer nostril's middle."""
    return np.hypot(np.abs(uv[:, 0] - 0.5) - NOSTRIL_UV[0], uv[:, 1] - NOSTRIL_UV[1])


def boundary_loops(triangles: np.ndarray) -> list[np.ndarray]:
    """Boundary loops of a manifold mesh (T, 3): vertices in the direction of the triangles' own edges."""
    directed = set(map(tuple, half_edges(triangles).tolist()))
    follow = {i: j for i, j in directed if (j, i) not in directed}
    loops = []
    while follow:
        loop = [min(follow)]
        while loop[-1] in follow:
            loop.append(follow.pop(loop[-1]))
        loops.append(np.array(loop[:-1]))
    return loops
