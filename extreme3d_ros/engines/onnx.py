"""A network by ONNX Runtime, on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extreme3d_ros.errors import ModelFileError


class OnnxEngine:
    """An ONNX file as a callable: named arrays in, named arrays out."""

    def __init__(self, path: Path, threads: int = 2):
        """Raises ModelFileError where the file is missing or no network that ONNX Runtime can run."""
        try:
            import onnxruntime  # takes 0.1 s: only where a network is run
        except ModuleNotFoundError:
            raise ModelFileError(f"{path} is run by ONNX Runtime: pip install onnxruntime") from None

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that spin while they wait would take the cores from the other node.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelFileError(f"{path} cannot be read ({error.strerror}): import or install it again") from error
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors have no common base
            raise ModelFileError(
                f"{path} is no network that ONNX Runtime can run: import or install it again"
            ) from error
        self.shapes = {value.name: tuple(value.shape) for value in self._session.get_inputs()}
        self.outputs = tuple(value.name for value in self._session.get_outputs())

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """The outputs by name. Raises ValueError where inputs have not the shapes that the network wants."""
        try:
            return dict(zip(self.outputs, self._session.run(None, inputs), strict=True))
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"the network does not take such inputs: {reason}") from error

    @property
    def metadata(self) -> dict[str, str]:
        """What its maker wrote into the file."""
        return dict(self._session.get_modelmeta().custom_metadata_map)
