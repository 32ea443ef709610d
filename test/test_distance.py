import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.distance import MeshDistance

TRIANGLE = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 3.0, 0.0]])


@pytest.mark.parametrize(
    ("point", "distance", "nearest"),
    [
        ([1.0, 1.0, 2.0], 2.0, [1, 1, 0]),  # above the face
        ([-3.0, -4.0, 0.0], 5.0, [0, 0, 0]),  # beyond a corner
        ([2.0, -2.0, 0.0], 2.0, [2, 0, 0]),  # beyond a side
        ([4.6, 5.8, 0.0], 5.0, [1.6, 1.8, 0]),  # beyond the hypotenuse, x / 4 + y / 3 = 1
        ([4.0, 0.0, 0.0], 0.0, [4, 0, 0]),
    ],
)
def test_known_distances_to_a_triangle(point, distance, nearest):
    found, place = MeshDistance(TRIANGLE, np.array([[0, 1, 2]]))(np.array([point]))
    assert found[0] == pytest.approx(distance)
    np.testing.assert_allclose(place[0], nearest, atol=1e-12)


@given(st.integers(0, 10_000))
def test_nothing_on_the_mesh_is_nearer(seed):
    random = np.random.default_rng(seed)
    vertices, faces = random.normal(size=(12, 3)), random.integers(0, 12, (20, 3))
    faces = faces[[len(set(face)) == 3 for face in faces.tolist()]]
    points = random.normal(size=(15, 3)) * 2
    distance, nearest = MeshDistance(vertices, faces)(points)
    weights = random.dirichlet(np.ones(3) * 0.7, 400)
    samples = np.einsum("sk,tkc->tsc", weights, vertices[faces]).reshape(-1, 3)
    sampled = np.linalg.norm(points[:, None] - samples, axis=2).min(1)
    assert (distance <= sampled + 1e-12).all()
    np.testing.assert_allclose(np.linalg.norm(points - nearest, axis=1), distance)
