"""Both nodes in one process: observations go over as they are, and each node keeps a life of its own."""

import os
import threading

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("skimage.data")

import ros_helpers  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402
from visualization_msgs.msg import Marker  # noqa: E402

from extreme3d_ros.nodes.qos import MESH, OBSERVATION  # noqa: E402


@pytest.fixture(scope="module")
def road(tmp_path_factory):
    """A source, a container whose nodes have namespaces of their own, and a listener."""
    folder = tmp_path_factory.mktemp("container")
    listener = ros_helpers.Listener("container_listener")
    names = ["-r", "face_node:__ns:=/front", "-r", "completion_node:__ns:=/back"]
    container = ros_helpers.NodeProcess(
        "face_container",
        folder / "container.log",
        *names,
        *ros_helpers.CAMERA,
        reliability="reliable",
        ply_dir=folder / "meshes",
    )
    source = ros_helpers.NodeProcess("image_source", folder / "source.log", *ros_helpers.CAMERA, rate=5)
    yield listener, container
    statuses = [process.end() for process in (source, container)]
    listener.close()
    assert statuses == [0, 0] and "Traceback" not in container.output, container.output


def test_save_ply_of_an_idle_container_waits_for_a_mesh(road):
    listener, container = road
    assert listener.wait(lambda: "waiting for observations of /front/face_node" in container.output, 40)
    answer = listener.call(Trigger, "/back/save_ply", Trigger.Request(), 90)
    assert answer.success and os.path.exists(answer.message), answer.message


def test_the_mesh_comes_without_a_message_between_the_nodes(road):
    listener, container = road
    meshes = listener.listen(Marker, "/back/mesh", MESH, raw=True)
    assert listener.wait(lambda: len(meshes) > 2, 60), container.output
    for topic in ("bump_map", "crop/image", "foundation"):
        assert listener.node.count_subscribers(f"/front/{topic}") == 0
    bumps = listener.listen(Image, "/front/bump_map", OBSERVATION, raw=True)
    assert listener.wait(lambda: bumps, 20), "topics are still published for others"


@pytest.mark.parametrize("node", ["/front/face_node", "/back/completion_node"])
def test_either_node_may_rest_and_come_back(road, node):
    listener, container = road
    meshes = listener.listen(Marker, "/back/mesh", MESH)
    assert listener.wait(lambda: meshes and meshes[-1].action == Marker.ADD, 30), container.output
    assert listener.change(node, "deactivate")
    assert listener.wait(lambda: meshes[-1].action == Marker.DELETE, 10)
    assert listener.change(node, "cleanup")
    assert listener.change(node, "configure")
    assert listener.change(node, "activate")
    assert listener.wait(lambda: meshes[-1].action == Marker.ADD, 30), container.output


def test_neither_completion_nor_the_next_frame_changes_an_observation():
    """Its arrays are shared."""
    from extreme3d_ros.cli.bench import vga
    from extreme3d_ros.face_model import load_face_model
    from extreme3d_ros.input.frames import frame_of
    from extreme3d_ros.input.images import demo_image
    from extreme3d_ros.pipeline import Completion, FastPath

    model = load_face_model()
    image, fast = vga(demo_image()), FastPath(model)
    seen = fast(frame_of(image))[0]
    arrays = [seen.crop.image, seen.foundation.vertices, *vars(seen.layers).values()]
    before = [array.copy() for array in arrays]
    other = threading.Thread(target=lambda: fast(frame_of(image[:, ::-1].copy())))
    other.start()
    Completion(model)(seen.crop, seen.foundation, seen.layers)
    other.join()
    assert all((array == copy).all() for array, copy in zip(arrays, before))
