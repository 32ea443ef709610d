import pytest
from hypothesis import settings

# The first call of a Numba function compiles it: no example has a deadline.
settings.register_profile("default", deadline=None)
settings.load_profile("default")


@pytest.fixture(scope="module")
def detection():
    """The real detector."""
    from extreme3d_ros.stages.detection import Detection

    return Detection()


@pytest.fixture(scope="module")
def photograph():
    """A face, plain to see: (512, 512, 3) uint8 BGR."""
    pytest.importorskip("skimage", reason="the photograph is scikit-image's: pip install -e '.[demo]'")
    from extreme3d_ros.input.images import demo_image

    return demo_image()


@pytest.fixture(scope="module")
def live():
    """The road of a camera."""
    from extreme3d_ros.face_model import load_face_model
    from extreme3d_ros.live import LivePath
    from extreme3d_ros.pipeline import FastPath

    path = LivePath(FastPath(load_face_model()))
    yield path
    path.close()


@pytest.fixture
def listener():
    """A node that records what it subscribes to."""
    import ros_helpers

    listener = ros_helpers.Listener()
    yield listener
    listener.close()


@pytest.fixture
def make_bench():
    """Makes a bench, for nodes in this process; each with ROS's arguments and parameters."""
    import ros_helpers

    benches = []

    def make(*arguments, **parameters):
        benches.append(ros_helpers.Bench(*arguments, **parameters))
        return benches[-1]

    yield make
    for each in benches:
        each.close()


@pytest.fixture
def start(tmp_path):
    """Starts nodes that end with the test, and well, those that it left running."""
    import ros_helpers

    processes = []

    def start(name, *arguments, **parameters):
        log = tmp_path / f"{len(processes)}.log"
        processes.append(ros_helpers.NodeProcess(name, log, *arguments, **parameters))
        return processes[-1]

    yield start
    running = [process for process in reversed(processes) if process.alive]  # who listens first, as work goes on
    assert all([process.end() == 0 for process in running])  # a list: all are ended, whatever one returns
    assert not [process.output for process in processes if "Traceback" in process.output]
