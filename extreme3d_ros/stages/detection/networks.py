"""MediaPipe's network files, run by LiteRT, each as a callable on arrays.

Only the files of the MediaPipe wheel are used: importing MediaPipe itself takes seconds, and its packaged graph asks
one detector once, where an extreme view needs several questions.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.native_stderr import native_stderr_silenced


class Network:
    """A network. model: the contents of a TensorFlow Lite file."""

    def __init__(self, model: bytes):
        from ai_edge_litert.interpreter import Interpreter

        with native_stderr_silenced():
            # One thread: the networks take a millisecond each, and a second thread mostly waits for the first.
            self._interpreter = Interpreter(model_content=model, num_threads=1)
            self._interpreter.allocate_tensors()
        self._inputs = [d["index"] for d in self._interpreter.get_input_details()]
        self._outputs = [d["index"] for d in self._interpreter.get_output_details()]

    def __call__(self, *inputs: np.ndarray) -> list[np.ndarray]:
        """Float32 arrays of the inputs' shapes in, the outputs (copies) out."""
        for index, value in zip(self._inputs, inputs):
            self._interpreter.set_tensor(index, value)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


def network_file(name: str) -> bytes:
    """A network file of the MediaPipe wheel, such as `face_landmark/face_landmark.tflite`, without importing it."""
    spec = find_spec("mediapipe")
    if spec is None or not spec.submodule_search_locations:
        raise ModelFileError("MediaPipe's network files are missing: pip install mediapipe==0.10.21")
    path = Path(spec.submodule_search_locations[0]) / "modules" / name
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read; pip install --force-reinstall mediapipe==0.10.21") from error
