"""Face models of others, read from their own files and made ours; none of them comes with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extreme3d_ros.face_model.importers.bfm2009 import read_bfm2009
from extreme3d_ros.face_model.importers.convert import convert
from extreme3d_ros.face_model.importers.deep3d import read_deep3d
from extreme3d_ros.face_model.importers.ict import read_ict
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.untrusted.broken import importing

#: What can be imported: the reader, and what it wants, for messages and help.
KINDS = {
    "bfm2009": (read_bfm2009, "BaselFaceModel_mod.h5 or .mat of the CVPR 2018 release"),
    "deep3d": (read_deep3d, "BFM_model_front.mat of Deep3DFaceRecon"),
    "ict": (read_ict, "ICT-FaceKit's folder of OBJ files, or ict_facekit.npz"),
}


def import_model(kind: str, path: Path | str) -> FaceModel:
    """Read a model of one of KINDS and convert it; raises ModelFileError, whose line says what to do."""
    read, wanted = KINDS[kind]
    # Numbers beyond belief are refused by name.
    with importing(kind, path, wanted), np.errstate(over="ignore", invalid="ignore"):
        return convert(read(Path(path)))
