"""Where MediaPipe's 468 points lie on our surface, and how far they stray: measured on rendered heads."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from mediapipe.python.solutions.face_mesh_connections import FACEMESH_TESSELATION
from scipy.optimize import linear_sum_assignment

from extreme3d_ros.face_model.model import Embedding
from extreme3d_ros.geometry.normals import vertex_normals
from training.face_model.build import Build
from training.face_model.embedding import at_uv, nearest, symmetric
from training.face_model.ict import NOSTRIL_RADIUS, SKIN_VERTICES, nostril_distance
from training.face_model.sightings import Sighting, under

POINTS = 468
#: Surface seen at a lower cosine than this says little about where a point lies.
GRAZING = 0.3
#: A point needs this many sightings on our own area, and this share of those in which it should be seen; else it lies
#: beyond the rim.
ENOUGH, WITHIN = 25, 0.8
#: Views turned by less than this many degrees give the first answer.
FRONTAL = 12.0
#: A place this far (in the layout's units) from the last answer is another part of the face.
FAR = 0.1
#: A point this far (outer eye corners' distances) from another's mirror image weighs against one common neighbour when
#: pairs are made.
TWIN_DISTANCE = 0.1
#: A point this much (metres) behind the visible surface is hidden.
SELF_HIDING = 10e-3


def embed468(build: Build, seen: list[Sighting]) -> tuple[Embedding, np.ndarray, np.ndarray]:
    """The embedding, MediaPipe's mirror pairs (468,), and whether a point lies within our area (468,) bool.

    A detected point is carried back to the surface through the raster, to a place in the symmetric uv layout. The
    detector also guesses points that the head itself hides, and there the ray meets some other part of the face; so a
    first answer comes from nearly frontal views of the whole head, and the next ones from all the views in which the
    last answer faces the camera. A point beyond our area goes to the nearest place of the rim.
    """
    faces, uv = build.model.faces, build.model.uv.astype(np.float64)
    nostrils = _nostrils(build)
    answer, twins = _first_answer(build, [s for s in seen if abs(s.yaw) < FRONTAL], nostrils)
    trend = _trend(build.model)
    places, hits, clear = map(np.stack, zip(*(_back_project(s, faces, uv, nostrils) for s in seen)))
    rests = np.stack([s.rest for s in seen]) - build.origin
    on_head = np.isfinite(rests[..., 0])
    for _ in range(3):
        embedding = at_uv(answer, uv, faces)
        expected = np.stack([_visible(s, embedding, faces, trend) for s in seen])
        expected = np.where(expected > GRAZING, expected, 0.0)
        near = (np.linalg.norm(places - answer, axis=2) < FAR) & (expected > 0)
        counts = (part.sum(0) for part in (near & hits, near & clear, expected > 0))
        ours, usable, chances = (count + count[twins] for count in counts)
        # A point that often falls beyond our outline would be drawn inwards by the sightings within it.
        inside = (ours >= WITHIN * chances) & (usable >= ENOUGH)
        within = _combine(places, np.where(near & clear, expected, 0.0), twins, _mirrored)
        beyond = _nearest_places(build, _combine(rests, np.where(on_head, expected, 0.0), twins, _flip), nostrils)
        answer = _out_of(nostrils, np.where(inside[:, None], within, beyond), faces, uv)
        if not np.isfinite(answer).all():
            raise ValueError("a point was never seen: too few renders")
    answer[twins == np.arange(POINTS), 0] = 0.5
    embedding = at_uv(answer, uv, faces)
    return symmetric(embedding, twins, faces, build.model.mirror_faces, build.topology.midline), twins, inside


def _first_answer(build: Build, frontal: list[Sighting], nostrils):
    """Symmetric places (468, 2) nearest to where the points lie on the neutral head, and the mirror pairs (468,)."""
    middle = np.nanmedian(np.stack([s.rest for s in frontal]), axis=0) - build.origin
    twins = _twins(np.median(np.stack([_upright(s.points) for s in frontal]), axis=0))
    return _nearest_places(build, 0.5 * (middle + _flip(middle[twins])), nostrils), twins


def _upright(points):
    """Detected points (468, 2), the outer eye corners at -0.5 and 0.5 on the x axis."""
    right, left = points[33], points[263]
    across = (left - right) / ((left - right) @ (left - right))
    offset = points - 0.5 * (left + right)
    return np.column_stack([offset @ across, offset @ [-across[1], across[0]]])


def _nearest_places(build: Build, points, nostrils):
    """Places in our layout of the surface points nearest to points (468, 3), not in a nostril; nan where they are."""
    known = np.isfinite(points[:, 0])
    faces = build.model.faces[~nostrils[build.model.faces].any(1)]
    result = np.full((len(points), 2), np.nan)
    embedding, _ = nearest(points[known], build.model.mean.astype(np.float64), faces)
    result[known] = embedding.on(faces, build.model.uv.astype(np.float64))
    return result


def _nostrils(build: Build):
    """(V,) bool: vertices inside the nostrils. A ray that enters a nostril says nothing of the point's place."""
    return nostril_distance(build.topology.transfer[:, :SKIN_VERTICES] @ build.ict.uv) < NOSTRIL_RADIUS


def _out_of(nostrils, places, faces, uv):
    """Places (468, 2) in our layout, those in a nostril moved to the nearest place of its rim."""
    inside = nostrils[faces[at_uv(places, uv, faces).triangles]].any(1)
    if not inside.any():
        return places
    flat, outer = np.column_stack([uv, np.zeros(len(uv))]), faces[~nostrils[faces].any(1)]
    moved, _ = nearest(np.column_stack([places[inside], np.zeros(inside.sum())]), flat, outer)
    places[inside] = moved.on(outer, uv)
    return places


def _combine(places, weights, twins, mirrored):
    """Symmetric places (468, D) from places (S, 468, D) with weights (S, 468): a point's and, mirrored, its twin's."""
    both = np.concatenate([places, mirrored(places[:, twins])])
    weights = np.concatenate([weights, weights[:, twins]])
    result = np.stack([_median(both[:, n], weights[:, n]) for n in range(POINTS)])
    return 0.5 * (result + mirrored(result[twins]))


def _mirrored(places):
    return places * [-1.0, 1.0] + [1.0, 0.0]


def _flip(points):
    return points * [-1.0, 1.0, 1.0]


def _visible(sighting: Sighting, embedding: Embedding, faces, trend):
    """(468,) cosine between the surface's trend (V, 3) at a point and the view; 0 where the face hides the point."""
    camera = sighting.view.camera
    place = embedding.on(faces, sighting.placed)
    normal = embedding.on(faces, trend) @ sighting.view.R.T
    cosine = -(normal * place).sum(1) / (np.linalg.norm(normal, axis=1) * np.linalg.norm(place, axis=1) + 1e-12)
    column, row = np.clip(np.round(camera.project(place)).astype(int), 0, camera.width - 1).T
    hidden = place[:, 2] > sighting.raster(faces).depth[row, column] + SELF_HIDING
    return np.where(hidden, 0.0, np.maximum(cosine, 0.0))


def _trend(model, passes: int = 40):
    """Normals (V, 3) of the mean, smoothed over about a centimetre: a lid's edge faces the way the eye does."""
    pairs = np.concatenate([model.faces[:, [i, j]] for i, j in ((0, 1), (1, 2), (2, 0))])
    count = len(model.mean)
    adjacency = sp.csr_matrix((np.ones(len(pairs)), pairs.T), (count, count))
    adjacency = adjacency + adjacency.T + sp.eye(count)
    average = sp.diags(1.0 / np.asarray(adjacency.sum(1)).ravel()) @ adjacency
    normals = vertex_normals(model.mean, model.faces).astype(np.float64)
    for _ in range(passes):
        normals = average @ normals
    return normals


def _back_project(sighting: Sighting, faces, uv, nostrils):
    """Places (468, 2) in our layout under the detected points; (468,) bool: there is one, and not in a nostril."""
    triangle, _ = under(sighting.points, sighting.raster(faces))
    hit = triangle >= 0
    corners = faces[np.where(hit, triangle, 0)]
    barycentric = _barycentric_at(sighting.points, sighting.placed[corners], sighting.view.camera)
    return (uv[corners] * barycentric[..., None]).sum(1), hit, hit & ~nostrils[corners].any(1)


def _barycentric_at(points, corners, camera):
    """Weights (N, 3) of triangles' corners (N, 3, 3) where the rays through subpixel points meet their planes."""
    ray = camera.rays(points)
    weights = np.linalg.solve(corners.transpose(0, 2, 1) + 1e-12 * np.eye(3), ray[..., None])[..., 0]
    weights = np.clip(weights / weights.sum(1, keepdims=True), -0.5, 1.5)
    return weights / weights.sum(1, keepdims=True)


def _median(places, weights, iterations: int = 50):
    """Weighted geometric median (D,) of places (S, D), by Weiszfeld's iteration; nan without any weight."""
    places, weights = places[weights > 0], weights[weights > 0]
    if not len(weights):
        return np.full(places.shape[1], np.nan)
    centre = np.median(places, axis=0)
    for _ in range(iterations):
        w = weights / np.maximum(np.linalg.norm(places - centre, axis=1), 1e-5)
        centre = (w @ places) / w.sum()
    return centre


def _twins(places, rounds: int = 20):
    """MediaPipe's mirror pairs (468,), from upright places (468, 2), symmetric about x = 0.

    Places alone mistake close neighbours; MediaPipe's own mesh settles it: twins have twins for neighbours.
    """
    edges = np.array(sorted(FACEMESH_TESSELATION))
    graph = np.zeros((POINTS, POINTS))
    graph[edges[:, 0], edges[:, 1]] = graph[edges[:, 1], edges[:, 0]] = 1.0
    distance = np.linalg.norm(places[:, None] - places * [-1.0, 1.0], axis=2)
    distance = distance + distance.T
    twins = linear_sum_assignment(distance)[1]
    for _ in range(rounds):
        # How many of i's neighbours have their twins around j.
        shared = graph[:, twins] @ graph
        twins = linear_sum_assignment(distance / TWIN_DISTANCE - shared)[1]
    kept = graph[np.ix_(twins, twins)][graph > 0].mean()
    if (twins[twins] != np.arange(POINTS)).any() or kept < 0.99:
        raise ValueError(f"MediaPipe's points do not pair up ({kept:.1%} of the edges): too few sightings?")
    return twins


def noise468(build: Build, embedding: Embedding, twins, seen: list[Sighting]) -> np.ndarray:
    """(468,) robust deviation per axis of a detected point about its embedding, over the outer eye corners' distance.

    Taken from the views in which the point is visible, edge on or not; the distance is the projected one. Twins share
    their noise.
    """
    model, errors, trend = build.model, [], _trend(build.model)
    for sighting in seen:
        camera = sighting.view.camera
        projected = camera.project(embedding.on(model.faces, sighting.placed))
        corners = camera.project(model.landmarks68.on(model.faces, sighting.placed)[[36, 45]])
        error = (sighting.points - projected) / np.linalg.norm(corners[0] - corners[1])
        error[_visible(sighting, embedding, model.faces, trend) <= 0.0] = np.nan
        errors.append(error)
    # The median of the distance of a 2D normal deviate is 1.1774 standard deviations of one axis.
    distance = np.linalg.norm(np.stack(errors), axis=2)
    return np.nanmedian(np.concatenate([distance, distance[:, twins]]), axis=0) / 1.1774
