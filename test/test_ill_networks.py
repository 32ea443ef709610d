"""Networks that answer with what is no number: nothing of it is shown, and what can works on."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
from broken_files import network, refused
from engine_fakes import GPU, CudaDriver, fake_tensorrt
from hypothesis import given
from hypothesis import strategies as st

from extreme3d_ros.camera import Camera
from extreme3d_ros.engines import EngineError, OnnxEngine
from extreme3d_ros.engines.cuda import Stream
from extreme3d_ros.engines.switching import SwitchingEngine
from extreme3d_ros.engines.tensorrt_engine import TensorRTEngine
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.input.images import demo_image
from extreme3d_ros.live import LivePath
from extreme3d_ros.pipeline import FastPath
from extreme3d_ros.records import Frame

MODEL = load_face_model()


class TestAnswersThatAreNoNumbers:
    @pytest.fixture
    def logarithm(self, tmp_path):
        path = tmp_path / "log.onnx"
        path.write_bytes(network("Log"))
        return OnnxEngine(path)

    @given(st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3))
    def test_are_refused_and_named_and_others_given(self, tmp_path_factory, values):
        path = tmp_path_factory.mktemp("n") / "log.onnx"
        path.write_bytes(network("Log"))
        engine, x = OnnxEngine(path), np.float32(values)
        if (x > 0).all():
            np.testing.assert_allclose(engine(x=x)["y"], np.log(x), rtol=1e-4, atol=1e-6)
        else:
            assert "gives a y that is not finite" in refused(lambda: engine(x=x), path)

    def test_are_not_the_network_s_fault_where_it_is_shown_such(self, logarithm):
        with pytest.raises(ValueError, match="some are not finite") as caught:
            logarithm(x=np.float32([1, np.nan, 1]))
        assert not isinstance(caught.value, EngineError)

    def test_of_a_gpu_are_left_to_the_cpu(self, logarithm):
        """Half precision overflows where single precision does not."""
        said, driver = [], CudaDriver()
        on_gpu = TensorRTEngine(fake_tensorrt(), b"double", GPU, stream=Stream(0, driver))
        engine = SwitchingEngine(on_gpu, Halved, said.append)
        assert (engine(x=np.full((2, 3), 3e38, np.float32))["y"] == np.float32(1.5e38)).all()
        assert len(said) == 1 and "gives a y that is not finite" in said[0] and "Halved" in said[0]
        assert driver.held == {}


class Halved:
    about = "Halved"

    def __call__(self, x):
        return {"y": x / 2}


class Sick(OnnxEngine):
    """ill: the network, by its file's stem, whose first output is not a number."""

    ill = ""

    def __init__(self, path):
        super().__init__(path)
        session = self._session

        def run(names, inputs):
            first, *others = session.run(names, inputs)
            return [first * np.nan if self.ill == path.stem else first, *others]

        self._session = SimpleNamespace(run=run, get_modelmeta=session.get_modelmeta)


@pytest.fixture(scope="module")
def photograph():
    image = demo_image()
    return Frame(image, Camera.assumed(*image.shape[1::-1]))


@pytest.fixture
def live(monkeypatch):
    monkeypatch.setattr(Sick, "ill", "")
    path = LivePath(FastPath(MODEL, engines=Sick))
    yield path
    path.close()


def all_finite(seen):
    arrays = (seen.foundation.vertices, seen.layers.bump, seen.coefficients.shape, seen.coefficients.expression)
    return all(np.isfinite(array).all() for array in arrays)


class TestWhileRunning:
    @pytest.mark.parametrize("name", ["foundation", "bump"])
    def test_a_network_that_falls_ill_spoils_its_own_frames_only(self, live, photograph, name, monkeypatch):
        before = [live(photograph, n / 15)[0] for n in range(2)]
        monkeypatch.setattr(Sick, "ill", name)
        for n in (2, 3):
            assert "not finite" in refused(lambda n=n: live(photograph, n / 15), f"{name}.onnx")
        monkeypatch.setattr(Sick, "ill", "")
        after = [live(photograph, n / 15)[0] for n in (4, 5)]
        assert all(map(all_finite, before + after)) and after[1].id == before[0].id
        assert np.abs(after[1].foundation.vertices - before[1].foundation.vertices).max() < 1e-2

    def test_a_node_says_so_once_publishes_nothing_of_it_and_works_on(self, photograph, monkeypatch, capfd):
        rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed (extra: ros)")
        from rclpy.serialization import serialize_message
        from sensor_msgs.msg import Image

        from extreme3d_ros.nodes.face_node import FaceNode

        rclpy.init()
        node = FaceNode(lambda *_: LivePath(FastPath(MODEL, engines=Sick)))
        taken = []

        class Handover:
            def wants(self, face, chosen):
                return True

            def __call__(self, received, chosen):
                taken.append(received)

        def show():
            skipped = node.statistics["skipped"]
            node._take(data, time.monotonic())
            wait_for(lambda: node.statistics["skipped"] > skipped or len(taken) > before)

        try:
            node.trigger_configure()
            node.trigger_activate()
            node.handover = Handover()
            image = photograph.image
            data = serialize_message(
                Image(
                    height=len(image),
                    width=len(image[0]),
                    encoding="bgr8",
                    step=3 * len(image[0]),
                    data=image.tobytes(),
                )
            )
            for ill in ("", "bump", "bump", "bump", ""):
                before = len(taken)
                monkeypatch.setattr(Sick, "ill", ill)
                show()
                assert len(taken) - before == (not ill)
            assert node.statistics["skipped"] == 3
        finally:
            node.close()
            node.destroy_node()
            rclpy.try_shutdown()
        assert all(np.isfinite(each.layers.bump).all() for each in taken)
        lines = [line for line in capfd.readouterr().err.splitlines() if "bump.onnx" in line]
        assert len(lines) == 1 and "skipped: " in lines[0] and "import or install the network again" in lines[0]


def wait_for(condition):
    end = time.monotonic() + 30
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()
