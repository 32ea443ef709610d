"""Meshing of a planar domain with a wanted spacing: flattening, relaxation, triangulation, edge flips."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numba import njit
from scipy.sparse.linalg import spsolve
from scipy.spatial import Delaunay, cKDTree

from extreme3d_ros.geometry.subdivision import half_edges
from training.face_model.ict import boundary_loops


def flatten(vertices: np.ndarray, triangles: np.ndarray, midline: np.ndarray) -> np.ndarray:
    """Least-squares conformal map (Levy et al. 2002) of a half face to the plane, (V, 2) in metres.

    midline: vertices that go to the line u = 0; the first and the last of them keep their y. With u fixed on the
    midline the half's map is the half of the whole face's symmetric map.
    """
    count = len(vertices)
    p = vertices[triangles]
    a, b = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]
    length = np.linalg.norm(a, axis=1)
    x = (a * b).sum(1) / length
    y = np.linalg.norm(np.cross(a, b), axis=1) / length
    # Corner weights (edge opposite the corner, as a complex number) over the square root of twice the area.
    real = np.column_stack([x - length, -x, length]) / np.sqrt(length * y)[:, None]
    imag = np.column_stack([y, -y, np.zeros_like(y)]) / np.sqrt(length * y)[:, None]
    rows = np.repeat(np.arange(len(triangles)), 3)
    real = sp.csr_matrix((real.ravel(), (rows, triangles.ravel())), (len(triangles), count))
    imag = sp.csr_matrix((imag.ravel(), (rows, triangles.ravel())), (len(triangles), count))
    system = sp.bmat([[real, -imag], [imag, real]]).tocsc()
    ends = midline[[0, -1]]
    fixed = np.concatenate([midline, count + ends])
    values = np.concatenate([np.zeros(len(midline)), vertices[ends, 1]])
    free = np.setdiff1d(np.arange(2 * count), fixed)
    A = system[:, free]
    solution = np.zeros(2 * count)
    solution[fixed] = values
    solution[free] = spsolve((A.T @ A).tocsc(), -(A.T @ (system[:, fixed] @ values)))
    return solution.reshape(2, count).T


def unfold(points: np.ndarray, triangles: np.ndarray, midline: np.ndarray, rings: int = 8) -> np.ndarray:
    """Replace a planar map (V, 2) around its folded slivers, where a conformal map has some, by Tutte's embedding.

    midline: vertices that only move along u = 0; the other boundary vertices stay. The patch replaced has as few rings
    of triangles as will do.
    """
    pairs = half_edges(triangles)
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    adjacency = (sp.csr_matrix((np.ones(len(pairs)), pairs.T), (len(points), len(points))) > 0).astype(float)
    laplacian = (sp.diags(np.asarray(adjacency.sum(1)).ravel()) - adjacency).tocsr()
    folded = signed_areas(points, triangles) <= 0.0
    boundary = np.concatenate(boundary_loops(triangles))
    stays = (np.union1d(boundary, midline), np.setdiff1d(boundary, midline[1:-1]))  # in u, in v
    for _ in range(rings):
        if not (signed_areas(points, triangles) <= 0.0).any():
            return points
        points = points.copy()
        for axis, stay in enumerate(stays):
            moved = np.setdiff1d(triangles[folded], stay)
            rest = np.setdiff1d(np.arange(len(points)), moved)
            pull = laplacian[moved][:, rest] @ points[rest, axis]
            points[moved, axis] = spsolve(laplacian[moved][:, moved].tocsc(), -pull)
        folded = np.isin(triangles, triangles[folded]).any(1)
    raise ValueError(f"the flattened half face folds over in {(signed_areas(points, triangles) <= 0).sum()} triangles")


def signed_areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Signed areas (T,) of planar triangles, positive where counter-clockwise."""
    a, b, c = points[triangles].transpose(1, 0, 2)
    return 0.5 * ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])


@njit(cache=True)
def locate(queries, points, triangles):
    """Triangle (Q,) and barycentric weights (Q, 3) of queries (Q, 2) in a planar mesh.

    A query outside gets the triangle it misses by least, with its weights clipped.
    """
    found = np.zeros(len(queries), np.int64)
    weights = np.zeros((len(queries), 3))
    for q in range(len(queries)):
        best = -1e30
        for t in range(len(triangles)):
            i, j, k = triangles[t]
            ax, ay = points[i]
            bx, by = points[j, 0] - ax, points[j, 1] - ay
            cx, cy = points[k, 0] - ax, points[k, 1] - ay
            px, py = queries[q, 0] - ax, queries[q, 1] - ay
            det = bx * cy - by * cx
            if det == 0.0:
                continue
            v, w = (px * cy - py * cx) / det, (bx * py - by * px) / det
            inside = min(1.0 - v - w, v, w)
            if inside > best:
                best = inside
                found[q] = t
                weights[q, 0], weights[q, 1], weights[q, 2] = 1.0 - v - w, v, w
                if inside >= 0.0:
                    break
    weights = np.maximum(weights, 0.0)
    return found, weights / weights.sum(1).reshape(-1, 1)


@njit(cache=True)
def inside_polygon(queries, polygon):
    """(Q,) bool: queries (Q, 2) inside the closed polygon (P, 2), even-odd rule."""
    result = np.zeros(len(queries), np.bool_)
    for q in range(len(queries)):
        x, y = queries[q]
        crossings = 0
        for i in range(len(polygon)):
            x0, y0 = polygon[i]
            x1, y1 = polygon[(i + 1) % len(polygon)]
            if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
                crossings += 1
        result[q] = crossings % 2 == 1
    return result


def relax(fixed, samples, weights, count: int, rng, iterations: int = 80) -> np.ndarray:
    """Lloyd relaxation: (count, 2) points that, with the fixed ones (F, 2), halve the plane fairly.

    samples: (S, 2), already as dense as the points shall lie; weights: (S,) the same density once more, since a
    centroidal Voronoi diagram spaces its sites as the fourth root of the density, not the square root.
    """
    free = samples[rng.choice(len(samples), count, replace=False)]
    for _ in range(iterations):
        owner = cKDTree(np.concatenate([free, fixed])).query(samples)[1]
        total = np.bincount(owner, weights, count + len(fixed))[:count]
        sums = [np.bincount(owner, weights * samples[:, c], count + len(fixed))[:count] for c in (0, 1)]
        free = np.where(total[:, None] > 0, np.column_stack(sums) / np.maximum(total, 1e-300)[:, None], free)
    return free


def triangulate(points, outline, holes=()) -> np.ndarray:
    """Delaunay triangles (T, 3), counter-clockwise, of the domain inside the outline (indices) and outside the holes.

    Raises ValueError where the triangulation misses an edge of the outline or of a hole.
    """
    triangles = Delaunay(points).simplices.astype(np.int64)
    centres = points[triangles].mean(1)
    keep = inside_polygon(centres, points[outline])
    for hole in holes:
        keep &= ~inside_polygon(centres, points[hole])
    triangles = triangles[keep]
    clockwise = signed_areas(points, triangles) < 0
    triangles[clockwise] = triangles[clockwise][:, [0, 2, 1]]
    edges = {tuple(sorted(e)) for t in triangles.tolist() for e in ((t[0], t[1]), (t[1], t[2]), (t[2], t[0]))}
    for loop in (outline, *holes):
        missing = [(i, j) for i, j in zip(loop, np.roll(loop, -1)) if tuple(sorted((int(i), int(j)))) not in edges]
        if missing:
            raise ValueError(f"the triangulation misses {len(missing)} boundary edges, e.g. at {points[missing[0][0]]}")
    return triangles


def corner_angles(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Corner angles (T, 3) in radians."""
    p = vertices[triangles]
    angles = []
    for i in range(3):
        a, b = p[:, (i + 1) % 3] - p[:, i], p[:, (i + 2) % 3] - p[:, i]
        cosine = (a * b).sum(1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-300)
        angles.append(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return np.column_stack(angles)


def _smallest(vertices, first, second):
    """(E,) the smallest angle of each pair of triangles (E, 3)."""
    return np.minimum(corner_angles(vertices, first).min(1), corner_angles(vertices, second).min(1))


def flip_edges(triangles, vertices, points, passes: int = 40) -> np.ndarray:
    """Flip inner edges as long as that widens the smallest angle on the surface (vertices (V, 3)).

    A flip is made only where the new triangles are also counter-clockwise in the plane (points (V, 2)).
    """
    triangles = triangles.copy()
    for _ in range(passes):
        edges = np.sort(half_edges(triangles), axis=1)
        order = np.lexsort((edges[:, 1], edges[:, 0]))
        same = (edges[order][1:] == edges[order][:-1]).all(1)
        first, second = order[:-1][same], order[1:][same]
        t0, t1 = first % len(triangles), second % len(triangles)
        # The first triangle's edge (a, b) with its third corner c; the second triangle's third corner d.
        corner0, corner1 = first // len(triangles), second // len(triangles)
        a, b = triangles[t0, corner0], triangles[t0, (corner0 + 1) % 3]
        c, d = triangles[t0, (corner0 + 2) % 3], triangles[t1, (corner1 + 2) % 3]
        new0, new1 = np.column_stack([a, d, c]), np.column_stack([d, b, c])
        gain = _smallest(vertices, new0, new1) - _smallest(vertices, triangles[t0], triangles[t1])
        valid = (signed_areas(points, new0) > 0) & (signed_areas(points, new1) > 0) & (gain > 1e-6)
        used = np.zeros(len(triangles), bool)
        flipped = 0
        for e in np.flatnonzero(valid)[np.argsort(-gain[valid], kind="stable")]:
            if not (used[t0[e]] or used[t1[e]]):
                used[t0[e]] = used[t1[e]] = True
                triangles[t0[e]], triangles[t1[e]] = new0[e], new1[e]
                flipped += 1
        if not flipped:
            break
    return triangles
