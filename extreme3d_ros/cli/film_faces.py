"""The faces of one film: each is finished with what was seen of its person, and written."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model import FaceModel
from extreme3d_ros.output.atomic import write_bytes
from extreme3d_ros.output.document import face_entry
from extreme3d_ros.output.face_track import FaceTrack
from extreme3d_ros.output.film_figure import Posed
from extreme3d_ros.output.moving_faces import moving_faces
from extreme3d_ros.output.ply import write_ply
from extreme3d_ros.pipeline import Completion, Intermediates
from extreme3d_ros.records import FaceMesh, Frame, Observation
from extreme3d_ros.references.person import Person

#: How true the GLB's form is to the meshes, metres rms, if so many shapes suffice.
_TOLERANCE, _MOST_SHAPES = 5e-5, 32


@dataclass(frozen=True)
class FilmOptions:
    """seconds: of a film, no more; ply: a PLY file a frame instead of a GLB; every_face: not the chosen one alone;
    quiet: nothing is said."""

    seconds: float | None = None
    ply: bool = False
    every_face: bool = False
    quiet: bool = False


class FilmFaces:
    """Takes a film's observations, frame by frame. completion: None: the meshes are the foundation's."""

    def __init__(self, out: Path, stem: str, model: FaceModel, completion: Completion | None, options: FilmOptions):
        self._out, self._stem, self._model, self._completion = out, stem, model, completion
        self._ply, self._every_face = options.ply, options.every_face
        self._intermediates = Intermediates(model)
        self._persons: dict[str, Person] = {}
        self._tracks: dict[str, FaceTrack] = {}
        self._files = 0
        #: How many frames showed a face.
        self.found = 0

    def __call__(self, number: int, frame: Frame, seen: list[Observation]) -> tuple[dict[str, dict], list[Posed]]:
        """What the film's JSON says of a frame's faces by id, and their meshes."""
        said, meshes = {}, []
        for observation in seen:
            steady, said[observation.id] = self._face(number, frame, observation)
            meshes.append((steady, observation.foundation))
        self.found += bool(seen)
        return said, meshes

    def forget_all_but(self, known: Collection[str]) -> None:
        """The skins of those remain who may come back under their ids."""
        self._persons = {who: person for who, person in self._persons.items() if who in known}

    def write(self, times: np.ndarray, camera: Camera) -> str:
        """Writes what had to wait for the film's end, and says what there is. times: of all frames, seconds."""
        if self._ply:
            return f"{self._files} PLY files"
        path = self._out / f"{self._stem}.glb"
        faces = [track.moving_face(_TOLERANCE, _MOST_SHAPES) for track in self._tracks.values()]
        write_bytes(path, moving_faces(faces, times, camera))
        about = [f"{len(face.shapes.targets)} shapes, {face.shapes.error * 1e3:.3f} mm rms off" for face in faces]
        return f"{path.name}: " + "; ".join(about)

    def _face(self, number: int, frame: Frame, seen: Observation) -> tuple[FaceMesh, dict]:
        if self._completion is None:
            completed, mesh = None, self._intermediates.foundation(seen)
            steady = mesh
        else:
            person = self._persons.setdefault(seen.id, Person())
            completed = self._completion(seen.crop, seen.foundation, seen.layers, person)
            mesh, steady = completed.mesh, completed.steady
        if self._ply:
            who = f"_{seen.id}" if self._every_face else ""
            write_ply(mesh, self._out / f"{self._stem}{who}_{number:06d}.ply")
            self._files += 1
        else:
            self._tracks.setdefault(seen.id, FaceTrack(seen.id)).add(number, steady, seen.foundation)
        return steady, face_entry(self._model, frame, seen, completed)
