"""`extreme3d reconstruct`: images in, meshes, maps, figure and numbers out (CONTRACT.md); films: `cli/film.py`."""

from __future__ import annotations

import io
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from extreme3d_ros.calibration import Calibration
from extreme3d_ros.cli.files import output_folder, png
from extreme3d_ros.cli.film import FilmReconstruction, is_film, stem_of
from extreme3d_ros.cli.film_faces import FilmOptions
from extreme3d_ros.cli.options import engines_of
from extreme3d_ros.errors import Extreme3DError, InputError, ModelFileError, NoFaceError
from extreme3d_ros.face_model.identity_filter import IdentityFilter
from extreme3d_ros.input.frames import frame_of, read_camera
from extreme3d_ros.input.images import read_image
from extreme3d_ros.output.atomic import write_bytes
from extreme3d_ros.output.document import document, face_entry
from extreme3d_ros.output.figure import figure
from extreme3d_ros.output.ply import write_ply
from extreme3d_ros.pipeline import Completion, FastPath, Intermediates
from extreme3d_ros.profiles import face_model_of, fast_path_of
from extreme3d_ros.records import Completed, FaceMesh, Foundation, Frame, Observation
from extreme3d_ros.references.default import references_of
from extreme3d_ros.stages.bump import encode
from extreme3d_ros.stages.foundation import Refine
from extreme3d_ros.timing import timed


def reconstruct(arguments) -> int:
    """Runs the command; the exit status is that of the worst image."""
    _refuse_what_does_not_fit(arguments)
    out = output_folder(arguments.out)
    calibration = read_camera(arguments.camera_info) if arguments.camera_info else None
    model = face_model_of(arguments.profile, arguments.face_model)
    completion = None
    if not arguments.no_complete:
        completion = Completion(model, references_of(arguments.references, model.name), arguments.zipped)
    fast = fast_path_of(arguments.profile, model, engines_of(arguments))
    every_face = arguments.faces == "all"
    person = one_person(arguments.sources, calibration, fast) if arguments.same_person else None
    job = Reconstruction(out, fast, completion, every_face, person)
    options = FilmOptions(arguments.seconds, arguments.ply, every_face, arguments.quiet)
    films = FilmReconstruction(out, fast, completion, calibration, options)
    worst = 0
    several = len(arguments.sources) > 1 and not arguments.quiet and sys.stderr.isatty()
    for path in tqdm(arguments.sources, disable=not several, unit="file"):
        try:
            if is_film(path):
                films(path)
            else:
                job(Path(path).stem, frame_of(read_image(path), calibration), path)
        except Extreme3DError as error:
            tqdm.write(f"extreme3d: {error}", file=sys.stderr)
            worst = max(worst, error.exit_status, key=_severity)
    return worst


class Reconstruction:
    """Turns frames into a folder of files. completion: None to stop before it; person: of who knows whose face the
    largest one of every frame is, None: each frame stands alone."""

    def __init__(
        self, out: Path, fast: FastPath, completion: Completion | None, every_face: bool, person: Refine | None
    ):
        self._out, self._fast, self._completion = out, fast, completion
        self._most, self._person = None if every_face else 1, person
        self._intermediates = Intermediates(fast.model)

    def __call__(self, stem: str, frame: Frame, source: str) -> None:
        """Writes all files of one image. Raises NoFaceError where it shows no face."""
        observations = self._fast(frame, self._most, self._person)
        if not observations:
            raise NoFaceError(f"{source}: no face found; use an image in which a face is upright and not tiny")
        names = [f"{stem}_face{number}" if number else stem for number in range(len(observations))]
        entries = [self._face(name, frame, seen) for name, seen in zip(names, observations, strict=True)]
        write_bytes(self._out / f"{stem}.json", document(frame, entries))

    def _face(self, name: str, frame: Frame, seen: Observation) -> dict:
        """Writes one face's files and returns what the image's JSON says of it."""
        completed = self._completion(seen.crop, seen.foundation, seen.layers) if self._completion else None
        entry = face_entry(self._fast.model, frame, seen, completed)
        with timed(entry["timings_ms"], "output"):
            self._meshes(name, seen, completed)
            self._maps(name, seen, completed)
        return entry

    def _meshes(self, name: str, seen: Observation, completed: Completed | None) -> None:
        self._both_frames(name, "foundation", seen.foundation, self._intermediates.foundation(seen))
        write_ply(self._intermediates.with_bump(seen), self._out / f"{name}_withBump_aligned.ply")
        if completed is not None:
            sparse = frontal(self._intermediates.sparse(seen, completed.bump), seen.foundation)
            write_ply(sparse, self._out / f"{name}_sparse_full_frontal.ply")
            self._both_frames(name, "final", seen.foundation, completed.mesh)

    def _both_frames(self, name: str, kind: str, foundation: Foundation, mesh: FaceMesh) -> None:
        write_ply(mesh, self._out / f"{name}_{kind}_aligned.ply")
        write_ply(frontal(mesh, foundation), self._out / f"{name}_{kind}_frontal.ply")

    def _maps(self, name: str, seen: Observation, completed: Completed | None) -> None:
        layers = seen.layers
        bump = completed.bump if completed else layers.bump
        final = completed.mesh if completed else None
        mesh = (final.vertices, final.faces, final.colors) if final else None
        panels = figure(seen.crop, seen.foundation, replace(layers, bump=bump), mesh, self._fast.model.faces)
        arrays = {"bump": bump, "bump_raw": layers.bump, "mask": layers.mask, "occlusion": layers.occlusion}
        data = io.BytesIO()
        np.savez_compressed(data, **arrays, crop_to_image=seen.crop.crop_to_image)
        write_bytes(self._out / f"{name}_layers.npz", data.getvalue())
        write_bytes(self._out / f"{name}_bump.png", png(encode(bump)))
        write_bytes(self._out / f"{name}_figure.png", png(panels))


def one_person(images: list[str], calibration: Calibration | None, fast: FastPath) -> Refine:
    """What the largest faces of all images tell of one person's shape; of images without one there is nothing to hear,
    and their own turn says why."""
    person = IdentityFilter(len(fast.model.shape_modes))
    for path in images:
        with suppress(Extreme3DError):
            fast.hear(frame_of(read_image(path), calibration), person.refine)
    return lambda known, fit, trust: fit.given(person.mean)


def frontal(mesh: FaceMesh, foundation: Foundation) -> FaceMesh:
    """A mesh of the camera's frame in the model's frame."""
    return replace(mesh, vertices=foundation.to_model(mesh.vertices))


def _refuse_what_does_not_fit(arguments) -> None:
    stem, count = Counter(map(stem_of, arguments.sources)).most_common(1)[0]
    if count > 1:
        raise InputError(f"{count} images are named {stem}: their files would overwrite each other; rename them")
    films = [source for source in arguments.sources if is_film(source)]
    if films and arguments.same_person:
        raise InputError(f"--same-person is for images: {films[0]} is a film, whose frames show the same person anyway")
    if films and arguments.zipped and not arguments.ply:
        raise InputError(f"--zipped gives {films[0]} other triangles in every frame, which no GLB has: add --ply")
    if not films and (arguments.ply or arguments.seconds is not None):
        raise InputError("--ply and --seconds are for films: name a video or a camera's number")
    if arguments.seconds is not None and not arguments.seconds > 0:
        raise InputError(f"--seconds must be more than 0, not {arguments.seconds}")


def _severity(status: int) -> int:
    """A broken installation weighs more than unreadable input, and that more than an image without a face."""
    return [0, NoFaceError.exit_status, InputError.exit_status, ModelFileError.exit_status].index(status)
