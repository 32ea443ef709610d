"""Whether a shape is the person's: photographs of one person against others', and against their own mirror images.

    .venv/bin/python -m benchmarks.identity FOLDER

FOLDER holds a folder of photographs for every person, as *Labeled Faces in the Wild* does.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from benchmarks.command import parser_of
from extreme3d_ros.errors import InputError
from extreme3d_ros.face_model import FaceModel, load_face_model
from extreme3d_ros.face_model.mirror_image import MirrorImage
from extreme3d_ros.input.frames import frame_of
from extreme3d_ros.input.images import read_image
from extreme3d_ros.stages.crop import FaceCrop
from extreme3d_ros.stages.detection import Detection
from extreme3d_ros.stages.foundation import FoundationFit

#: Photographs are shrunk to this longer side.
_LONGEST = 1280


class Shapes:
    """The shape coefficients (99,) of the largest face of a photograph, None where there is none."""

    def __init__(self, model: FaceModel):
        self._detection, self._crop = Detection(), FaceCrop(model)
        self._foundation = FoundationFit(model)

    def __call__(self, image: np.ndarray) -> np.ndarray | None:
        faces = self._detection(image)
        if not faces:
            return None
        frame = frame_of(image)
        return self._foundation(frame, faces[0], self._crop(frame, faces[0]))[1].shape


def measure(folder: Path) -> dict:
    """Photographs and persons seen; mean cosine between shapes of the same person, of two persons, and between a shape
    and the mirrored shape of the mirrored photograph; and how often a pair of one person is more alike than a pair of
    two (the area under the ROC curve; 0.5 is chance)."""
    model = load_face_model()
    count = len(model.shape_modes)
    shapes, flip = Shapes(model), MirrorImage(model).coefficients[:count, :count]
    persons, found, back = [], [], []
    for path in sorted(folder.glob("*/*")):
        image = _shrunk(read_image(path))
        shape, other = shapes(image), shapes(np.ascontiguousarray(image[:, ::-1]))
        if shape is not None and other is not None:
            persons.append(path.parent.name)
            found.append(shape)
            back.append(flip @ other)
    if len(set(persons)) < 2:
        raise InputError(f"{folder} shows fewer than two persons: it must hold a folder of photographs for each")
    alike = _cosines(np.stack(found))
    one, two = np.triu_indices(len(persons), 1)
    same = np.array(persons)[one] == np.array(persons)[two]
    pairs = alike[one, two]
    greater = (pairs[same][:, None] > pairs[~same]).mean()
    mirror = [float(_cosines(np.stack(pair))[0, 1]) for pair in zip(found, back)]
    return {
        "photographs": len(persons),
        "persons": len(set(persons)),
        "same_person": float(pairs[same].mean()),
        "two_persons": float(pairs[~same].mean()),
        "roc_area": float(greater),
        "mirrored": float(np.mean(mirror)),
    }


def _cosines(shapes):
    unit = shapes / np.linalg.norm(shapes, axis=1, keepdims=True)
    return unit @ unit.T


def _shrunk(image):
    scale = _LONGEST / max(image.shape[:2])
    return image if scale >= 1 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def main() -> None:
    """Prints the figures."""
    parser = parser_of("identity", __doc__)
    parser.add_argument("folder", type=Path)
    print(json.dumps(measure(parser.parse_args().folder), indent=1))


if __name__ == "__main__":
    main()
