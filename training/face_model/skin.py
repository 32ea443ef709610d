"""The skin of the left half face, meshed: points on ICT's surface, evenly spaced, in a conformal plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from training.face_model import planar
from training.face_model.ict import SKIN_VERTICES, Ict, boundary_loops
from training.face_model.membranes import span

#: The outline in ICT's uv square between hair line and chin, in front of the ears: a superellipse, its upper half (with
#: the temples) squarer than its lower one.
_CENTRE, _RADII, _POWERS = np.array([0.5, 0.572]), np.array([0.377, 0.355]), (3.4, 2.9)
#: The inner lips' opening in ICT's uv square.
MOUTH_UV, MOUTH_REACH = np.array([0.5, 0.43068]), np.array([0.06, 0.0112])
#: Spacing of the vertices in metres: near eyes, nose and lips; at the outline; and where one becomes the other.
FINE, COARSE, FINE_REACH, COARSE_REACH = 1.5e-3, 3.2e-3, 5e-3, 36e-3
MEMBRANE_SPACING = 1.7e-3
SEED = 20180618


def within_outline(uv: np.ndarray) -> np.ndarray:
    """(P,): 0 at the outline's centre, 1 on it, of places (P, 2) of ICT's uv square."""
    power = np.where(uv[:, 1:] > _CENTRE[1], *_POWERS)
    return (np.abs((uv - _CENTRE) / _RADII) ** power).sum(1)


class HalfFace:
    """The left half of the face area: ICT's triangles, flattened, and points on them."""

    def __init__(self, ict: Ict):
        inside = within_outline(ict.uv) < 1.0
        triangles = ict.skin_triangles
        triangles = triangles[(ict.uv[triangles, 0] >= 0.5 - 1e-6).all(1)]
        near = np.zeros(SKIN_VERTICES, bool)
        near[triangles[inside[triangles].any(1)]] = True
        triangles = triangles[near[triangles].any(1)]  # one ring more, so that the outline lies within
        self.vertices, local = np.unique(triangles, return_inverse=True)
        self.triangles = local.reshape(-1, 3)
        self.surface = ict.neutral[self.vertices]
        self.uv = ict.uv[self.vertices]
        on_midline = np.flatnonzero(np.abs(self.uv[:, 0] - 0.5) < 1e-6)
        self.midline = on_midline[np.argsort(-self.uv[on_midline, 1])]
        self._find_openings()
        self.plane = self._flatten()

    def _find_openings(self):
        """eye_loop: the lid edge's vertices; lip_loop: the half inner lip's, from the upper lip to the lower."""
        self.eye_loop, rim = sorted(boundary_loops(self.triangles), key=len)
        self.eye_loop = self.eye_loop[::-1]  # counter-clockwise about the opening
        # The half's long boundary runs along outline, midline and inner lip; the lip is what lies near the mouth.
        lip = rim[(np.abs(self.uv[rim] - MOUTH_UV) < MOUTH_REACH).all(1)]
        around = np.arctan2(*(self.uv[lip] - MOUTH_UV).T[::-1])
        self.lip_loop = lip[np.argsort(-around)]

    def _flatten(self):
        """The conformal plane (P, 2). The openings take part, filled: else their edges would slide over one another."""
        rng = np.random.default_rng(SEED)
        surface, triangles, midline = self.surface, [self.triangles], self.midline
        for loop, half in ((self.eye_loop, False), (self.lip_loop[::-1], True)):
            fill = span(surface[loop][:, :2], MEMBRANE_SPACING, rng, open_ends=half)
            number = np.concatenate([loop, len(surface) + np.arange(fill.inner)])
            triangles.append(number[fill.triangles])
            midline = np.concatenate([midline[:-1], len(surface) + np.flatnonzero(fill.on_axis), midline[-1:]])
            twins = surface[loop] * [-1.0, 1.0, 1.0]
            surface = np.concatenate([surface, fill.weights @ surface[loop] + fill.twin_weights @ twins])
        triangles = np.concatenate(triangles)
        plane = planar.flatten(surface, triangles, midline)
        return planar.unfold(plane, triangles, midline)[: len(self.surface)]

    def from_uv(self, uv):
        """Points (P, 2) of ICT's uv square to the plane."""
        triangle, weights = planar.locate(np.ascontiguousarray(uv), self.uv, self.triangles)
        return (self.plane[self.triangles[triangle]] * weights[..., None]).sum(1)

    def lift(self, plane):
        """Points (P, 2) of the plane to the neutral surface (P, 3)."""
        triangle, weights = planar.locate(np.ascontiguousarray(plane), self.plane, self.triangles)
        return (self.surface[self.triangles[triangle]] * weights[..., None]).sum(1)

    def transfer(self, plane, count):
        """Points (P, 2) of the plane as weights over ICT's vertices: (P, count) sparse."""
        triangle, weights = planar.locate(np.ascontiguousarray(plane), self.plane, self.triangles)
        columns = self.vertices[self.triangles[triangle]]
        rows = np.repeat(np.arange(len(plane)), 3)
        return sp.csr_matrix((weights.ravel(), (rows, columns.ravel())), (len(plane), count))


class Spacing:
    """Wanted distance between neighbours, by the distance to eyes, nose and lips."""

    def __init__(self, ict: Ict):
        features = np.concatenate([ict.landmarks68[27:], *ict.lids])
        self.tree = cKDTree(ict.neutral[features])

    def __call__(self, surface):
        """(P,) metres for points (P, 3)."""
        t = np.clip((self.tree.query(surface)[0] - FINE_REACH) / (COARSE_REACH - FINE_REACH), 0.0, 1.0)
        return FINE + (COARSE - FINE) * t


@dataclass(frozen=True)
class Skin:
    """The meshed skin of the left half: points in the plane, triangles, and index chains.

    upper, lower: midline from the outline to the inner lips, and back; eye, lip: the lid edge's closed loop and the
    inner lip's half loop from the upper to the lower lip.
    """

    points: np.ndarray
    triangles: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    eye: np.ndarray
    lip: np.ndarray


def mesh_skin(half: HalfFace, spacing, rng) -> Skin:
    """Boundary points evenly in 3D, inner ones by relaxation, Delaunay in the plane, flips on the surface."""
    outline, upper, lower, eye, lip = _chains(half, spacing)
    loop = [outline, lower[1:], lip[-2:0:-1], upper[:0:-1]]
    sizes = np.cumsum([len(chain) for chain in loop])
    fixed = np.concatenate([*loop, eye])
    ring, hole = np.arange(sizes[-1]), sizes[-1] + np.arange(len(eye))
    samples, weights, wanted = _samples(half, spacing, fixed[ring], fixed[hole], rng)
    # A boundary vertex owns about half a cell.
    free = planar.relax(fixed, samples, weights, int(wanted - 0.5 * len(fixed)), rng)
    points = np.concatenate([fixed, free])
    triangles = planar.triangulate(points, ring, [hole])
    triangles = planar.flip_edges(triangles, half.lift(points), points)
    o, lo, li = sizes[0], sizes[1], sizes[2]
    upper_index = np.concatenate([[0], np.arange(sizes[3] - 1, li - 1, -1)])
    lower_index = np.arange(o - 1, lo)
    lip_index = np.concatenate([[upper_index[-1]], np.arange(li - 1, lo - 1, -1), [lower_index[-1]]])
    return Skin(points, triangles, upper_index, lower_index, hole, lip_index)


def _chains(half: HalfFace, spacing):
    """Chains of fixed points (P, 2) in the plane: outline (top to bottom), midline above and below, eye, inner lip."""
    angle = np.linspace(np.pi / 2, -np.pi / 2, 2001)
    unit = np.column_stack([np.cos(angle), np.sin(angle)])
    unit = np.sign(unit) * np.abs(unit) ** (2.0 / np.where(angle[:, None] > 0, *_POWERS))
    outline = half.from_uv(_CENTRE + np.maximum(unit, [0.0, -1.0]) * _RADII)
    outline[[0, -1], 0] = 0.0
    eye, lip = half.plane[half.eye_loop], half.plane[half.lip_loop]
    middle = half.plane[half.midline]
    upper = middle[(middle[:, 1] < outline[0, 1]) & (middle[:, 1] > lip[0, 1])]
    lower = middle[(middle[:, 1] > outline[-1, 1]) & (middle[:, 1] < lip[-1, 1])]
    upper = np.concatenate([outline[:1], upper, lip[:1]])
    lower = np.concatenate([outline[-1:], lower[::-1], lip[-1:]])
    ends = np.argmax(eye[:, 0]), np.argmin(eye[:, 0])
    arcs = [_arc(eye, *ends), _arc(eye, *ends[::-1])]
    eye = np.concatenate([_resample(half, spacing, arc)[:-1] for arc in arcs])
    return *(_resample(half, spacing, chain) for chain in (outline, upper, lower)), eye, _resample(half, spacing, lip)


def _arc(loop, start, end):
    """The part of a closed loop (P, 2) from start to end."""
    rolled = np.roll(loop, -start, axis=0)
    return np.concatenate([rolled, rolled[:1]])[: (end - start) % len(loop) + 1]


def _resample(half: HalfFace, spacing, chain):
    """A polyline (P, 2) in the plane to points at the wanted spacing along the surface; the ends stay."""
    t = np.linspace(0.0, len(chain) - 1, 40 * (len(chain) - 1) + 1)
    dense = np.column_stack([np.interp(t, np.arange(len(chain)), chain[:, c]) for c in (0, 1)])
    surface = half.lift(dense)
    step = np.linalg.norm(np.diff(surface, axis=0), axis=1) / spacing((surface[1:] + surface[:-1]) / 2)
    length = np.concatenate([[0.0], np.cumsum(step)])
    at = np.linspace(0.0, length[-1], max(int(round(length[-1])), 2) + 1)
    return np.column_stack([np.interp(at, length, dense[:, c]) for c in (0, 1)])


def _samples(half: HalfFace, spacing, ring, hole, rng, count=400_000):
    """Sample points (S, 2) of the domain as dense as the vertices shall lie, their weights, and the vertices wanted."""
    corners = half.surface[half.triangles]
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    density = area / spacing(corners.mean(1)) ** 2
    owner = np.sort(rng.choice(len(area), count, p=density / density.sum()))
    weights = rng.dirichlet((1.0, 1.0, 1.0), count)
    samples = (half.plane[half.triangles[owner]] * weights[..., None]).sum(1)
    flat = planar.signed_areas(half.plane, half.triangles)
    inside = planar.inside_polygon(samples, ring) & ~planar.inside_polygon(samples, hole)
    # Hexagonal cells of neighbours at distance h have the area sqrt(3)/2 h^2.
    wanted = density.sum() * inside.mean() / (np.sqrt(3.0) / 2.0)
    return samples[inside], (density / flat)[owner][inside], wanted
