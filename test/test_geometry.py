import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from extreme3d_ros.camera import Camera
from extreme3d_ros.geometry import screened
from extreme3d_ros.geometry.alignment import similarity
from extreme3d_ros.geometry.box import box_of
from extreme3d_ros.geometry.depth_mesh import depth_mesh
from extreme3d_ros.geometry.feather import feathered
from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.geometry.sampling import bilinear
from extreme3d_ros.geometry.subdivision import loop, unique_edges

SPHERE = trimesh.creation.icosphere(3)


def test_normals_of_a_sphere_point_outwards():
    normals = vertex_normals(SPHERE.vertices, SPHERE.faces)
    assert (np.sum(normals * SPHERE.vertices, axis=1) > 0.999).all()


def test_a_vertex_of_no_triangle_has_no_normal():
    normals = vertex_normals(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]]), np.array([[0, 1, 2]]))
    np.testing.assert_array_equal(normals, [[0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 0]])


@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_similarity_recovers_the_map(seed, scale):
    random = np.random.default_rng(seed)
    points, R, t = random.normal(size=(20, 3)), Rotation.random(random_state=seed).as_matrix(), random.normal(size=3)
    s, found, shift = similarity(points, scale * points @ R.T + t)
    assert s == pytest.approx(scale)
    np.testing.assert_allclose(found, R, atol=1e-9)
    np.testing.assert_allclose(shift, t, atol=1e-9)


def test_similarity_does_not_reflect():
    points = np.random.default_rng(0).normal(size=(20, 3))
    _, R, _ = similarity(points, points * [-1, 1, 1])
    assert np.linalg.det(R) == pytest.approx(1)


def test_rigid_alignment_keeps_the_scale_and_ignores_weightless_points():
    points = np.random.default_rng(0).normal(size=(20, 3))
    target = points + [1, 2, 3]
    target[0] += 100
    s, R, t = similarity(points, target, np.r_[0, np.ones(19)], scale=False)
    assert s == 1
    np.testing.assert_allclose(R, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(t, [1, 2, 3], atol=1e-9)


def test_similarity_of_one_repeated_point_is_refused():
    with pytest.raises(ValueError, match="coincide"):
        similarity(np.ones((5, 3)), np.ones((5, 3)))


def test_subdivision_of_a_closed_mesh_stays_closed_and_near():
    matrix, faces, edges = loop(SPHERE.faces, len(SPHERE.vertices))
    fine = trimesh.Trimesh(matrix @ SPHERE.vertices, faces, process=False)
    assert fine.is_watertight and fine.is_winding_consistent and fine.volume > 0
    assert len(faces) == 4 * len(SPHERE.faces) and len(edges) == len(SPHERE.edges_unique)
    assert np.linalg.norm(fine.vertices, axis=1) == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(np.asarray(matrix.sum(1)).ravel(), 1, atol=1e-6)


def test_subdivision_matches_trimeshs():
    matrix, faces, _ = loop(SPHERE.faces, len(SPHERE.vertices))
    ours = (matrix @ SPHERE.vertices)[faces].mean(1)
    theirs = SPHERE.subdivide_loop(1).triangles_center
    assert len(ours) == len(theirs)
    assert cKDTree(ours).query(theirs)[0].max() < 1e-6


def test_subdivision_keeps_a_plane_and_its_straight_rim():
    x, y = np.meshgrid(np.arange(4.0), np.arange(4.0))
    vertices = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], 1)
    a = np.arange(16).reshape(4, 4)
    quads = np.stack([a[:-1, :-1], a[:-1, 1:], a[1:, 1:], a[1:, :-1]], -1).reshape(-1, 4)
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    matrix, fine, _ = loop(faces, 16)
    mesh = trimesh.Trimesh(matrix @ vertices, fine, process=False)
    assert (mesh.vertices[:, 2] == 0).all() and mesh.vertices.min() == 0 and mesh.vertices.max() == 3
    assert mesh.body_count == 1 and len(mesh.edges) - len(mesh.edges_unique) * 2 == -24  # 24 rim edges, seen once


def test_subdivision_leaves_what_is_sharp_where_it_is():
    sharp = SPHERE.vertices[:, 2] > 0.5
    matrix, faces, edges = loop(SPHERE.faces, len(SPHERE.vertices), sharp)
    smooth = loop(SPHERE.faces, len(SPHERE.vertices))[0] @ SPHERE.vertices
    fine, count = matrix @ SPHERE.vertices, len(SPHERE.vertices)
    np.testing.assert_allclose(fine[:count][sharp], SPHERE.vertices[sharp], atol=1e-6)
    straight = sharp[edges].all(1)
    np.testing.assert_allclose(fine[count:][straight], SPHERE.vertices[edges[straight]].mean(1), atol=1e-6)
    others = ~np.concatenate([sharp, straight])
    np.testing.assert_array_equal(fine[others], smooth[others])


def test_subdivision_refuses_three_triangles_on_an_edge():
    with pytest.raises(ValueError, match="manifold"):
        loop(np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4]]), 5)


@given(st.integers(0, 10_000), st.floats(0.01, 1))
def test_feathered_weights_are_gentle_and_the_largest_that_are(seed, step):
    edges = unique_edges(SPHERE.faces)
    weights = np.random.default_rng(seed).integers(0, 2, len(SPHERE.vertices)).astype(np.float32)
    soft = feathered(weights, edges, step)
    assert (soft <= weights).all() and np.abs(soft[edges[:, 0]] - soft[edges[:, 1]]).max() <= step + 1e-6
    limits = np.full(len(soft), np.inf)
    np.minimum.at(limits, edges.ravel(), soft[edges[:, ::-1]].ravel() + step)
    np.testing.assert_allclose(soft, np.minimum(weights, limits), atol=1e-6)  # each is held by itself or a neighbour


@given(st.floats(0, 8), st.floats(0, 5))
def test_bilinear_is_exact_on_planes(x, y):
    rows, columns = np.mgrid[0:6, 0:9].astype(np.float32)
    image = np.stack([columns, rows, 2 * columns - rows], -1)
    np.testing.assert_allclose(bilinear(image, np.array([[x, y]]))[0], [x, y, 2 * x - y], atol=1e-4)


def test_bilinear_outside_and_not_finite():
    image = np.arange(6, dtype=np.float32).reshape(2, 3, 1)
    np.testing.assert_array_equal(bilinear(image, np.array([[-5, -5], [99, 99], [np.nan, 0]]))[:, 0], [0, 5, 0])


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_height_field_solves_its_normal_equations(seed):
    """Against a dense solve of the same least squares."""
    random = np.random.default_rng(seed)
    shape = (6, 7)
    a, b, r = random.normal(size=(3, *shape))
    w = random.uniform(0, 1, shape)
    domain = np.zeros(shape, bool)
    domain[1:5, 1:6] = True
    found = screened.solve(a, b, r, w, 0.3, np.full(shape, 0.1), domain, tolerance=1e-7, iterations=500)

    count = shape[0] * shape[1]
    index = np.arange(count).reshape(shape)
    rows, goal = [], []
    for y, x in zip(*np.nonzero(domain)):
        here = np.zeros(count)
        here[index[y, x]] = 1
        hx, hy = -here, -here
        hx, hy = hx.copy(), hy.copy()
        hx[index[y, x + 1]] += 1
        hy[index[y + 1, x]] += 1
        rows += [np.sqrt(w[y, x]) * (a[y, x] * hx + b[y, x] * hy), np.sqrt(0.3) * hx, np.sqrt(0.3) * hy]
        rows += [np.sqrt(0.1) * here]
        goal += [np.sqrt(w[y, x]) * r[y, x], 0, 0, 0]
    free = index[domain]
    expected = np.linalg.lstsq(np.array(rows)[:, free], np.array(goal), rcond=None)[0]
    np.testing.assert_allclose(found[domain], expected, atol=2e-4)
    assert not found[~domain].any()


def test_depth_mesh_of_a_plane_lies_on_it_and_faces_the_camera():
    camera = Camera.assumed(20, 20)
    depth = np.full((20, 20), 0.5)
    vertices, faces, pixels = depth_mesh(depth, np.ones((20, 20), bool), camera)
    np.testing.assert_allclose(vertices[:, 2], 0.5, rtol=1e-6)
    np.testing.assert_allclose(camera.project(vertices.astype(float)), pixels, atol=1e-4)
    assert len(faces) == 2 * 19 * 19
    assert (vertex_normals(vertices, faces)[:, 2] < -0.99).all()


def test_depth_mesh_tears_at_jumps_and_drops_lonely_pixels():
    camera = Camera.assumed(20, 20)
    depth = np.full((20, 20), 0.5)
    depth[:, 10:] = 0.6
    mask = np.ones((20, 20), bool)
    mask[:, 15:] = False
    mask[5, 18] = True
    vertices, faces, pixels = depth_mesh(depth, mask, camera)
    assert np.ptp(vertices[faces][..., 2], axis=1).max() == 0
    assert pixels[:, 0].max() == 14
    assert np.array_equal(np.unique(faces), np.arange(len(vertices)))


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 12))
def test_depth_mesh_joins_each_three_of_four_neighbours_that_are_seen_and_near(seed, height, width):
    random = np.random.default_rng(seed)
    depth = 0.5 + random.normal(size=(height, width)) * 0.002
    depth[random.random(depth.shape) < 0.1] = np.inf
    mask = random.random(depth.shape) < 0.8
    vertices, faces, pixels = depth_mesh(depth, mask, Camera.assumed(20, 20))
    expected = set()
    for y, x in np.ndindex(height - 1, width - 1):
        for three in (((y, x), (y + 1, x), (y, x + 1)), ((y, x + 1), (y + 1, x), (y + 1, x + 1))):
            depths = np.array([depth[p] for p in three])
            if all(mask[p] for p in three) and np.isfinite(depths).all() and np.ptp(depths) <= 0.004:
                expected.add(three)
    assert {tuple((y, x) for x, y in pixels[face].tolist()) for face in faces} == expected
    assert len(faces) == len(expected)
    np.testing.assert_allclose(vertices[:, 2], depth[pixels[:, 1], pixels[:, 0]], rtol=1e-6)
    assert pixels.tolist() == sorted(pixels.tolist(), key=lambda p: p[::-1])
    assert np.array_equal(np.unique(faces), np.arange(len(vertices)))


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 8)), max_size=5))
def test_a_box_holds_a_mask_and_a_margin_but_no_more(pixels):
    mask = np.zeros((12, 9), bool)
    mask[tuple(np.array(pixels, int).reshape(-1, 2).T)] = True
    inside = np.zeros_like(mask)
    inside[box_of(mask)] = True
    grown = np.zeros((14, 11), bool)
    for dy, dx in np.ndindex(3, 3):
        grown[dy : dy + 12, dx : dx + 9] |= mask
    grown = grown[1:-1, 1:-1]
    assert np.array_equal(inside, _between(grown))


def _between(mask):
    """The pixels between the first and the last row and column of a mask."""
    rows, columns = (
        np.maximum.accumulate(a) & np.maximum.accumulate(a[::-1])[::-1] for a in (mask.any(1), mask.any(0))
    )
    return np.outer(rows, columns)
