"""What the importers of networks have in common: the checkpoint announced, the ONNX file made and compared."""

from __future__ import annotations

import hashlib
import io
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from extreme3d_ros.engines import OnnxEngine
from extreme3d_ros.errors import ModelFileError, reason
from extreme3d_ros.networks.importers.process import BrokenCheckpoint
from extreme3d_ros.untrusted.npz import LARGEST
from extreme3d_ros.untrusted.regular_file import read_regular

if TYPE_CHECKING:
    from torch import Tensor, nn

_OPSET = 17


@contextmanager
def telling(name: str, weights: Path, wanted: str) -> Iterator[None]:
    """Makes what goes wrong while a network is imported a ModelFileError. wanted: the files that it is made from."""
    try:
        yield
    except FileNotFoundError as error:
        raise ModelFileError(f"no {error.filename}: give {wanted}") from None
    except OSError as error:
        raise ModelFileError(f"{error.filename or weights} cannot be read ({reason(error)}): give {wanted}") from None
    except BrokenCheckpoint as error:
        raise ModelFileError(f"{weights} cannot be imported as {name} ({reason(error)}): give {wanted}") from None


def announce(path: Path) -> str:
    """Says on stderr what is about to be read; gives its SHA-256. Raises OSError."""
    data = read_regular(path, LARGEST)
    digest = hashlib.sha256(data).hexdigest()
    print(
        f"reading {path} ({len(data) / 1e6:.1f} MB, SHA-256 {digest}): a pickle, read in a process of its own which "
        "runs nothing of it",
        file=sys.stderr,
    )
    return digest


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
            raise BrokenCheckpoint(f"its layers do not fit together: {reason(error)}") from None
    model = onnx.load_from_string(data.getvalue())
    onnx.helper.set_model_props(model, metadata)
    return model.SerializeToString()


def origin(name: str, weights: Path, digest: str, given: str, answer: str) -> dict[str, str]:
    """Metadata of a network: what it was made of, and in words what it takes and gives."""
    return {
        "name": name,
        "origin": f"{weights.name} of Tran et al., CVPR 2018, converted by extreme3d_ros",
        "source_sha256": digest,
        "input": given,
        "output": answer,
    }


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
