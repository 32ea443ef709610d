"""Face models of others, read from their own files and made ours; none of them comes with the package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from extreme3d_ros.errors import ModelFileError, reason
from extreme3d_ros.face_model.importers.bfm2009 import read_bfm2009
from extreme3d_ros.face_model.importers.convert import convert
from extreme3d_ros.face_model.importers.deep3d import read_deep3d
from extreme3d_ros.face_model.importers.ict import read_ict
from extreme3d_ros.face_model.importers.source import BrokenSource, Source
from extreme3d_ros.face_model.model import FaceModel

#: What can be imported: the reader, and what it wants, for messages and help.
KINDS = {
    "bfm2009": (read_bfm2009, "BaselFaceModel_mod.h5 or .mat of the CVPR 2018 release"),
    "deep3d": (read_deep3d, "BFM_model_front.mat of Deep3DFaceRecon"),
    "ict": (read_ict, "ICT-FaceKit's folder of OBJ files, or ict_facekit.npz"),
}


def import_model(kind: str, path: Path | str) -> FaceModel:
    """Read a model of one of KINDS and convert it; raises ModelFileError, whose line says what to do."""
    with _telling(kind, path):
        return convert(KINDS[kind][0](Path(path)))


def read_source(kind: str, path: Path | str) -> Source:
    """The first half of `import_model`: what the file holds, checked."""
    with _telling(kind, path):
        return KINDS[kind][0](Path(path))


@contextmanager
def _telling(kind: str, path: Path | str) -> Iterator[None]:
    """Makes what goes wrong a ModelFileError."""
    wanted = KINDS[kind][1]
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # numbers beyond belief are refused by name
            yield
    except FileNotFoundError as error:
        raise ModelFileError(f"no {error.filename or path}: give {wanted}") from None
    except OSError as error:
        raise ModelFileError(f"{error.filename or path} cannot be read ({reason(error)}): give {wanted}") from None
    except (BrokenSource, np.linalg.LinAlgError) as error:
        raise ModelFileError(f"{path} cannot be imported as {kind} ({reason(error)}): give {wanted}") from None
