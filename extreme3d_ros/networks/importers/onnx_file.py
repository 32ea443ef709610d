"""What the importers of networks have in common: the checkpoint announced, the ONNX file made and compared."""

from __future__ import annotations

import hashlib
import io
import stat
import sys
import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from extreme3d_ros.engines import OnnxEngine
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.networks.importers.process import BrokenCheckpoint
from extreme3d_ros.untrusted.npz import LARGEST

if TYPE_CHECKING:
    from torch import Tensor, nn

_OPSET = 17


def announce(path: Path) -> str:
    """Says on stderr what is about to be read; gives its SHA-256."""
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):  # to open a pipe would block
        raise BrokenCheckpoint("it is no file")
    if (size := about.st_size) > LARGEST:
        raise BrokenCheckpoint(f"it has more than {LARGEST >> 20} MB")
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    print(
        f"reading {path} ({size / 1e6:.1f} MB, SHA-256 {digest.hexdigest()}): a pickle, read in a process of its own "
        "which runs nothing of it",
        file=sys.stderr,
    )
    return digest.hexdigest()


def require_packages() -> None:
    """Raises ModelFileError where a package is missing that importing takes."""
    missing = [name for name in ("torch", "onnx", "onnxruntime") if not find_spec(name)]
    if missing:
        remedy = "pip install 'extreme3d_ros[importers]'"
        raise ModelFileError(f"importing a network needs {', '.join(missing)}: {remedy}")


def few(names: list[str]) -> str:
    """The first of a file's names, for a message; a hostile file's may hold anything, line ends too."""
    shown = ", ".join(ascii(name[:60])[1:-1] for name in names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def export(network: nn.Module, image: Tensor, outputs: list[str], metadata: dict[str, str]) -> bytes:
    """A network as an ONNX file. image: one like its only input, `image`; outputs: their names.

    Its weights are in single precision: halves would take half the disk, and hide a wrong export behind their rounding.
    """
    import onnx
    import torch

    data: Any = io.BytesIO()  # PyTorch's types know paths alone; the exporter that is taken writes into files too
    with warnings.catch_warnings(), torch.no_grad():
        # The exporter that PyTorch would rather have used needs another package, and gives no other file.
        warnings.simplefilter("ignore", DeprecationWarning)
        settings: dict[str, Any] = {"input_names": ["image"], "output_names": outputs, "dynamo": False}
        try:
            torch.onnx.export(network, (image,), data, opset_version=_OPSET, **settings)
        except RuntimeError as error:
            raise BrokenCheckpoint(f"its layers do not fit together: {str(error).splitlines()[0]}") from None
    model = onnx.load_from_string(data.getvalue())
    onnx.helper.set_model_props(model, metadata)
    return model.SerializeToString()


def run(data: bytes, image: np.ndarray) -> dict[str, np.ndarray]:
    """What ONNX Runtime gives for an ONNX file's bytes."""
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(data)
        file.flush()
        return OnnxEngine(Path(file.name))(image=image)


def require_close(got: np.ndarray, want: np.ndarray, tolerance: float) -> None:
    """Raises BrokenCheckpoint where ONNX Runtime's numbers are off PyTorch's."""
    off = np.abs(got - want).max()
    if not off <= tolerance:
        raise BrokenCheckpoint(f"ONNX Runtime's result is off PyTorch's by {off:.2g}")
