"""The finished mesh, on a posed foundation with a known bump."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from face_scenes import MODEL, scene

from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.face_model.topology import dense_topology
from extreme3d_ros.pipeline import Completion
from extreme3d_ros.records import HIDDEN, VISIBLE, Layers


def test_colours_come_from_the_image_where_it_is_skin_and_from_the_twin_elsewhere():
    crop, foundation, surface, layers = scene(0)
    crop.image[:, 262:] = (0, 0, 250)  # a red card before the person's left half
    left = np.zeros((512, 512), bool)
    left[:, 262:] = layers.occlusion[:, 262:] == VISIBLE
    occlusion = np.where(left, HIDDEN, layers.occlusion).astype(np.uint8)
    mesh = Completion(MODEL)(crop, foundation, Layers(layers.bump, occlusion)).mesh
    np.testing.assert_allclose(np.median(mesh.colors, axis=0), [180, 120, 90], atol=1)
    assert (mesh.colors[:, 0] < 200).mean() > 0.97


def test_the_finished_mesh_has_the_same_triangles_for_every_face():
    completion = Completion(MODEL)
    meshes = [completion(*[s for s in scene(yaw) if not hasattr(s, "raster")]).mesh for yaw in (0, 40)]
    assert meshes[0].faces is meshes[1].faces
    assert len(meshes[0].faces) == 4 * len(MODEL.faces)


def test_a_zippered_mesh_keeps_the_steady_one_beside_it():
    crop, foundation, _, layers = scene(20)
    completed, steady = (Completion(MODEL, zipped=zipped)(crop, foundation, layers) for zipped in (True, False))
    assert len(completed.mesh.faces) > 1.3 * len(steady.mesh.faces)
    np.testing.assert_array_equal(completed.steady.vertices, steady.mesh.vertices)
    assert steady.steady is steady.mesh


def test_a_face_model_whose_uv_folds_over_is_refused_by_name():
    folded = replace(MODEL, uv=np.abs(MODEL.uv - 0.5))
    with pytest.raises(ModelFileError, match=f"{MODEL.name}.*uv"):
        Completion(folded, zipped=True)


def test_the_dense_topology_has_no_slivers():
    topology = dense_topology(MODEL)
    mean = trimesh.Trimesh(topology.from_foundation @ MODEL.mean, topology.faces, process=False)
    assert np.degrees(mean.face_angles.min()) > 12


def test_mirror_of_the_dense_topology():
    topology = dense_topology(MODEL)
    fine = topology.from_foundation @ MODEL.mean
    np.testing.assert_allclose(fine[topology.mirror], fine * [-1, 1, 1], atol=1e-7)
    np.testing.assert_array_equal(topology.mirror[topology.mirror], np.arange(len(fine)))
