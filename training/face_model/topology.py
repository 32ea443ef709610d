"""Our own topology: a symmetric disc over the face area, each vertex a linear function of ICT's vertices.

The left half's skin is meshed, the openings of eyes and mouth are closed by membranes, and the half is mirrored:
vertices run midline, left half, right twins; triangles run left half, right twins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from training.face_model.ict import SKIN_VERTICES, Ict
from training.face_model.membranes import Membrane, eyeball_depth, span
from training.face_model.skin import MEMBRANE_SPACING, SEED, HalfFace, Skin, Spacing, mesh_skin

#: Kinds of vertices while the half is put together.
_SKIN, _EYE, _MOUTH = 0, 1, 2


@dataclass(frozen=True)
class Topology:
    """V vertices (M on the midline, L left, L right), T triangles (left half, then its twins).

    transfer: (V, N) sparse, ICT's N vertices to ours; bulge: (V, 3) metres to add, the eye membranes' offset onto the
    eyeballs; faces: (T, 3); mirror: (V,); midline: M; eye, mouth: (V,) bool, the membranes' inner vertices;
    eye_loops: two arrays of vertices, the lid edges (left, right).
    """

    transfer: sp.csr_matrix
    bulge: np.ndarray
    faces: np.ndarray
    mirror: np.ndarray
    midline: int
    eye: np.ndarray
    mouth: np.ndarray
    eye_loops: tuple[np.ndarray, np.ndarray]

    def carry(self, values: np.ndarray) -> np.ndarray:
        """ICT positions or offsets (N, 3) to ours (V, 3), the bulge left out."""
        return self.transfer @ values


@dataclass(frozen=True)
class _LeftHalf:
    """Skin and membranes of the left half in one numbering, H vertices.

    rows: (H, N) sparse, ICT's vertices to ours; triangles; kinds: (H,); midline: vertices from top to bottom; eye: the
    lid edge's loop; place: (H, 3) the neutral face's vertices, without the bulge.
    """

    rows: sp.csr_matrix
    triangles: np.ndarray
    kinds: np.ndarray
    midline: np.ndarray
    eye: np.ndarray
    place: np.ndarray


def build_topology(ict: Ict) -> Topology:
    """The whole construction, deterministic."""
    rng = np.random.default_rng(SEED)
    face = HalfFace(ict)
    skin = mesh_skin(face, Spacing(ict), rng)
    rows = face.transfer(skin.points, len(ict.neutral))
    surface = rows @ ict.neutral
    eye = span(surface[skin.eye][:, :2], MEMBRANE_SPACING, rng)
    mouth = span(surface[skin.lip[::-1]][:, :2], MEMBRANE_SPACING, rng, open_ends=True)
    swap = _swap_columns(ict)
    return _mirrored(ict, _join(ict, skin, rows, eye, mouth, swap), swap)


def _join(ict: Ict, skin: Skin, rows, eye: Membrane, mouth: Membrane, swap) -> _LeftHalf:
    """Put skin and membranes together."""
    lip = skin.lip[::-1]
    first_eye = len(skin.points)
    first_mouth = first_eye + eye.inner
    eye_map = np.concatenate([skin.eye, first_eye + np.arange(eye.inner)])
    mouth_map = np.concatenate([lip, first_mouth + np.arange(mouth.inner)])
    # The mouth's membrane hangs on the whole lip loop: the left half's chain and its mirror image.
    mouth_rows = sp.csr_matrix(mouth.weights) @ rows[lip] + sp.csr_matrix(mouth.twin_weights) @ (rows[lip] @ swap)
    rows = sp.vstack([rows, sp.csr_matrix(eye.weights) @ rows[skin.eye], mouth_rows]).tocsr()
    place = rows @ ict.neutral
    inside = first_mouth + np.flatnonzero(mouth.on_axis)
    inside = inside[np.argsort(-place[inside, 1])]
    return _LeftHalf(
        rows=rows,
        triangles=np.concatenate([skin.triangles, eye_map[eye.triangles], mouth_map[mouth.triangles]]),
        kinds=np.repeat([_SKIN, _EYE, _MOUTH], [len(skin.points), eye.inner, mouth.inner]),
        midline=np.concatenate([skin.upper, inside, skin.lower[::-1]]),
        eye=skin.eye,
        place=place,
    )


def _mirrored(ict: Ict, half: _LeftHalf, swap) -> Topology:
    """Mirror the half, with its vertices in the order midline (top to bottom), left, right."""
    left = np.setdiff1d(np.arange(len(half.kinds)), half.midline)
    # Rows of 4 mm from top to bottom: neighbours lie near each other in memory.
    left = left[np.lexsort((half.place[left, 0], -np.round(half.place[left, 1] / 0.004)))]
    order = np.concatenate([half.midline, left])
    number = np.argsort(order)
    faces = number[half.triangles]
    faces = faces[np.argsort(faces.min(1), kind="stable")]
    M, L = len(half.midline), len(left)
    mirror = np.concatenate([np.arange(M), M + L + np.arange(L), M + np.arange(L)])
    rows, bulge = half.rows[order], _bulge(ict, half)
    # A midline vertex is the mean of both sides, so that its own asymmetry in ICT's data falls away.
    centre = 0.5 * (rows[:M] + rows[:M] @ swap)
    whole = np.concatenate([order, left])
    eye_loop = number[half.eye]
    return Topology(
        transfer=sp.vstack([centre, rows[M:], rows[M:] @ swap]).tocsr(),
        bulge=np.concatenate([bulge[order], bulge[left] * [-1.0, 1.0, 1.0]]),
        faces=np.concatenate([faces, mirror[faces][:, [0, 2, 1]]]),
        mirror=mirror,
        midline=M,
        eye=half.kinds[whole] == _EYE,
        mouth=half.kinds[whole] == _MOUTH,
        eye_loops=(eye_loop, mirror[eye_loop]),
    )


def _bulge(ict: Ict, half: _LeftHalf):
    """(H, 3) from the eye's membrane to the eyeball's front."""
    eye = half.kinds == _EYE
    bulge = np.zeros_like(half.place)
    bulge[eye, 2] = eyeball_depth(half.place[eye][:, :2], ict) - half.place[eye, 2]
    return bulge


def _swap_columns(ict: Ict):
    """(N, N) permutation that sends weights on ICT's skin vertices to the twins."""
    count = len(ict.neutral)
    twin = np.arange(count)
    twin[:SKIN_VERTICES] = ict.mirror
    return sp.csr_matrix((np.ones(count), (np.arange(count), twin)), (count, count))
