"""A network by ONNX Runtime, on the CPU or on an NVIDIA GPU."""

from __future__ import annotations

import contextlib
import hashlib
import io
from pathlib import Path
from types import ModuleType

import numpy as np

from extreme3d_ros.engines.engine import GPU_FULL, EngineError, finite
from extreme3d_ros.errors import ModelFileError, reason
from extreme3d_ros.untrusted.regular_file import read_regular

CUDA_PROVIDER = "CUDAExecutionProvider"
#: No file of a network is longer: protobuf counts its bytes with 31 bits.
_LARGEST = (1 << 31) - 1
INSTALL_CUDA = "pip uninstall onnxruntime && pip install 'onnxruntime-gpu[cuda,cudnn]'"


class OnnxEngine:
    """An ONNX file as a callable: named arrays in, named arrays out."""

    def __init__(self, path: Path, device: str = "cpu", threads: int = 2):
        """device: `cpu` or `cuda:N`.

        Raises ModelFileError where the file is missing or no network that ONNX Runtime can run, EngineError where ONNX
        Runtime cannot use the GPU, which it hides by itself.
        """
        try:
            import onnxruntime  # takes 0.1 s: only where a network is run
        except ModuleNotFoundError:
            raise ModelFileError(f"{path} is run by ONNX Runtime: pip install onnxruntime") from None

        data, self._path, self._on_gpu = read_network(path), path, device != "cpu"
        providers = _providers(onnxruntime, device)
        try:
            self._session = onnxruntime.InferenceSession(data, _options(onnxruntime, threads), providers=providers)
        except Exception as error:  # ONNX Runtime's errors have no common base
            self._raise_if_of_gpu(error)
            raise ModelFileError(
                f"{path} is no network that ONNX Runtime can run: import or install it again"
            ) from error
        if self._on_gpu and CUDA_PROVIDER not in self._session.get_providers():
            raise EngineError(f"ONNX Runtime cannot load its CUDA provider: {INSTALL_CUDA}")
        self.about = (
            f"ONNX Runtime {onnxruntime.__version__} on {device if self._on_gpu else f'cpu, {threads} threads'}"
        )
        self.shapes = {value.name: tuple(value.shape) for value in self._session.get_inputs()}
        self.outputs = tuple(value.name for value in self._session.get_outputs())

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """The outputs by name. Raises ValueError where inputs have not the shapes that the network wants, EngineError
        where the GPU fails or an output is not finite."""
        try:
            answer = dict(zip(self.outputs, self._session.run(None, inputs), strict=True))
        except Exception as error:
            self._raise_if_of_gpu(error)
            raise ValueError(f"the network does not take such inputs: {reason(error)}") from error
        return finite(answer, inputs, str(self._path))

    @property
    def metadata(self) -> dict[str, str]:
        """What its maker wrote into the file."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def close(self) -> None:
        """Nothing to do: ONNX Runtime frees its memory with the session."""

    def _raise_if_of_gpu(self, error: Exception) -> None:
        """Tells what is the GPU's fault from what is the file's or the inputs'; only ONNX Runtime's words do."""
        said = str(error)
        if not self._on_gpu:
            return
        if "out of memory" in said.lower() or "Failed to allocate memory" in said:
            raise EngineError(GPU_FULL) from error
        if any(part in said.upper() for part in ("CUDA", "CUBLAS", "CUDNN")):
            raise EngineError(f"ONNX Runtime failed on the GPU: {reason(error)}") from error


def read_network(path: Path) -> bytes:
    """A network file's bytes. Raises ModelFileError."""
    try:
        return read_regular(Path(path), _LARGEST)
    except (OSError, ValueError) as error:  # a NUL in the path
        raise ModelFileError(f"{path} cannot be read ({reason(error)}): import or install it again") from error


def digest(path: Path) -> str:
    """A network file's SHA-256, hexadecimal. Raises ModelFileError."""
    return hashlib.sha256(read_network(path)).hexdigest()


def has_cuda_provider() -> bool:
    """Whether the installed ONNX Runtime is the one for GPUs; its libraries may still not load."""
    try:
        import onnxruntime
    except ModuleNotFoundError:
        return False
    return CUDA_PROVIDER in onnxruntime.get_available_providers()


def _options(onnxruntime: ModuleType, threads: int):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads that spin while they wait would take the cores from the other node.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    return options


def _providers(onnxruntime: ModuleType, device: str) -> list:
    """For a session."""
    cpu = ["CPUExecutionProvider"]
    if device == "cpu":
        return cpu
    if hasattr(onnxruntime, "preload_dlls"):
        # CUDA's libraries may be pip's; those it doesn't find it prints, and the session tells better.
        with contextlib.redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls()
    return [(CUDA_PROVIDER, {"device_id": int(device.partition(":")[2] or 0)}), *cpu]
