"""What the nodes make of neighbours that come, go and die: real processes over real DDS."""

import os
import signal
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("skimage.data")

import ros_helpers  # noqa: E402
from visualization_msgs.msg import Marker  # noqa: E402

from extreme3d_ros.messages.stamps import stamp_of  # noqa: E402
from extreme3d_ros.nodes.qos import MESH  # noqa: E402


class Road:
    """A source and both nodes in a namespace, each of which can be killed and started anew."""

    def __init__(self, folder, listener, namespace):
        self._folder, self._listener, self._namespace = folder, listener, namespace
        self._number = 0
        self.processes = {name: self._start(name) for name in ("image_source", "face_node", "completion_node")}

    def _start(self, name):
        self._number += 1
        log = self._folder / f"{self._namespace}_{name}_{self._number}.log"
        parameters = {
            "image_source": {"rate": 5, "frame_id": self._namespace},
            "face_node": {"reliability": "reliable"},
        }
        arguments = ["-r", f"__ns:=/{self._namespace}"]
        return ros_helpers.NodeProcess(name, log, *arguments, **parameters.get(name, {}))

    def kill(self, name):
        self.processes[name].end(signal.SIGKILL)

    def restart(self, name):
        self.processes[name] = self._start(name)

    def meshes(self):
        """The list that meshes will be added to."""
        return self._listener.listen(Marker, f"/{self._namespace}/mesh", MESH)

    def next(self, meshes, action, seconds=40):
        """Whether a mesh of the action comes from now on."""
        start = len(meshes)
        return self._listener.wait(lambda: any(mesh.action == action for mesh in meshes[start:]), seconds)

    def close(self):
        for process in self.processes.values():
            process.end()


@pytest.fixture
def start_road(tmp_path, listener):
    roads = []

    def start_road(namespace):
        roads.append(Road(tmp_path, listener, namespace))
        return roads[-1]

    yield start_road
    for road in roads:
        road.close()


def unwatched(listener, namespace):
    """Whether nobody subscribes to what face_node publishes."""
    return not any(listener.node.count_subscribers(f"/{namespace}/{topic}") for topic in ("bump_map", "crop/image"))


def test_completion_node_subscribes_while_someone_watches_and_late_viewers_see_the_last_mesh(start_road, listener):
    road = start_road("coming")
    assert listener.wait(lambda: "waiting for obs" in road.processes["completion_node"].output, 40)
    assert unwatched(listener, "coming")
    subscription = listener.node.create_subscription(Marker, "/coming/mesh", (received := []).append, MESH, raw=True)
    assert listener.wait(lambda: len(received) > 1, 60)
    listener.node.destroy_subscription(subscription)
    assert listener.wait(lambda: unwatched(listener, "coming"), 10)
    road.kill("image_source")
    listener.spin(1.5)
    late = listener.node.create_subscription(Marker, "/coming/mesh", (again := []).append, MESH, raw=True)
    assert listener.wait(lambda: again, 10)
    assert stamp_of(again[0]) >= stamp_of(received[-1]), "not deleted while nobody looked"
    listener.node.destroy_subscription(late)


def size_of(process):
    """File descriptors, threads and resident MB of a process."""
    place = Path(f"/proc/{process.process.pid}")
    pages = int((place / "statm").read_text().split()[1])
    threads = len(os.listdir(place / "task"))
    return len(os.listdir(place / "fd")), threads, pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["completion_node", "face_node", "image_source"])
def test_who_is_killed_and_restarted_is_found_again_and_nothing_leaks(start_road, listener, victim):
    road = start_road("killed")
    meshes = road.meshes()
    assert road.next(meshes, Marker.ADD, 90)
    sizes = []
    for _ in range(4):
        road.kill(victim)
        if victim != "completion_node":
            assert road.next(meshes, Marker.DELETE, 10)
        road.restart(victim)
        assert road.next(meshes, Marker.ADD)
        sizes.append([size_of(process) for name, process in road.processes.items() if name != victim])
    for first, last in zip(sizes[1], sizes[-1]):
        assert last[0] <= first[0] + 4 and last[1] <= first[1] + 2 and last[2] < first[2] + 40, sizes


@pytest.mark.slow
def test_viewers_that_come_and_go_leave_nothing_behind(start_road, listener):
    road = start_road("viewed")
    process, sizes = road.processes["completion_node"], []
    for _ in range(6):
        subscription = listener.node.create_subscription(Marker, "/viewed/mesh", (got := []).append, MESH, raw=True)
        assert listener.wait(lambda got=got: len(got) > 2, 60)
        sizes.append(size_of(process))
        listener.node.destroy_subscription(subscription)
        assert listener.wait(lambda: unwatched(listener, "viewed"), 10)
    assert sizes[-1][0] <= sizes[1][0] + 4 and sizes[-1][1] <= sizes[1][1] + 2, sizes
    assert sizes[-1][2] < sizes[1][2] + 40, sizes


@pytest.mark.slow
def test_two_namespaces_do_not_mix(start_road, listener):
    roads = {name: start_road(name) for name in ("left", "right")}
    meshes = {name: road.meshes() for name, road in roads.items()}
    assert listener.wait(lambda: all(len(received) > 2 for received in meshes.values()), 120)
    for name, received in meshes.items():
        assert {mesh.header.frame_id for mesh in received} == {name}
