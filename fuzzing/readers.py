"""The readers of files, each with its sources, the flaws that suit them, and what it may cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from extreme3d_ros.errors import ModelFileError, one_line
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.face_model.importers import KINDS, import_model
from extreme3d_ros.untrusted.broken import importing
from fuzzing import sources
from fuzzing.archives import of_archive, of_npy
from fuzzing.flaws import Flaw, choice, of_bytes
from fuzzing.matlab import of_hdf5, of_mat5
from fuzzing.pickles import of_pickle
from fuzzing.texts import of_text

_BY_SIGNATURE = {
    b"PK\3\4": of_archive,
    b"\x93NUM": of_npy,
    b"MATL": of_mat5,
    b"\x89HDF": of_hdf5,
    b"\x80\x02\x8a\n": of_pickle,
}
_BY_SUFFIX = {".obj": of_text, ".yaml": of_text, ".json": of_text}


@dataclass(frozen=True)
class Reader:
    """make: its valid sources; read: of the folder that holds a case; confined: whether it reads in a process of
    limited memory, which may be used up."""

    name: str
    make: Callable[[], list[sources.Files]]
    read: Callable[[Path], object]
    confined: bool = False

    def made(self) -> list[sources.Files]:
        """Made once."""
        return _made(self.make)

    def case(self, seed: int, folder: Path) -> None:
        """Leaves the case of a seed in a folder: a source with a flaw."""
        rng = np.random.default_rng([seed, *self.name.encode()])
        files = dict(choice(rng, self.made()))
        path = choice(rng, sorted(files))
        sources.write(files | {path: _flaw_for(path, files[path])(rng, files[path])}, folder)


@cache
def _made(make: Callable[[], list[sources.Files]]) -> list[sources.Files]:
    return make()


def _flaw_for(path: str, data: bytes) -> Flaw:
    by_signature = of_hdf5 if data[512:516] == b"\x89HDF" else _BY_SIGNATURE.get(data[:4], of_bytes)
    return _BY_SUFFIX.get(Path(path).suffix, by_signature)


def _source(kind: str, path: Path) -> object:
    """A face model's file, without the conversion, which takes longer."""
    read, wanted = KINDS[kind]
    with importing(kind, path, wanted), np.errstate(over="ignore", invalid="ignore"):
        return read(path)


def _shape2018(folder: Path) -> object:
    from extreme3d_ros.networks.importers.shape2018 import import_shape2018
    from extreme3d_ros.networks.shape import IdentityNetwork

    return import_shape2018(folder, lambda mean: IdentityNetwork(**sources.small_shape(), mean=mean))


def _bump2018(folder: Path) -> object:
    from extreme3d_ros.networks.bump import EncoderDecoder
    from extreme3d_ros.networks.importers.bump2018 import import_bump2018

    return import_bump2018(folder, lambda: EncoderDecoder(heads=2, width=1 / 8))


def _unpickled(folder: Path) -> object:
    """What the importers' process does: any exception is a line of it."""
    from extreme3d_ros.networks.importers.checkpoint import numbers_of

    try:
        with open(folder / "model.pth", "rb") as file:
            return numbers_of(file)
    except Exception as error:
        raise ModelFileError(one_line(f"{type(error).__name__}: {error}")) from None


def _gallery(folder: Path) -> object:
    from extreme3d_ros.references.gallery import Gallery

    gallery = Gallery(folder)
    seen = [gallery.skin(index) for index in range(len(gallery))]
    return seen, list(gallery.pieces())


def _camera(folder: Path) -> object:
    from extreme3d_ros.input.frames import frame_of, read_camera

    return frame_of(np.zeros((480, 640, 3), np.uint8), read_camera(folder / "camera.yaml"))


def _networks(folder: Path) -> object:
    from extreme3d_ros.engines import catalogue

    return catalogue._read(folder / "networks.yaml", catalogue._entered)


def _image(folder: Path) -> object:
    from extreme3d_ros.input.images import read_image

    return read_image(folder / "picture")


def _compressed_image(folder: Path) -> object:
    from extreme3d_ros.messages.decoding import decoded

    return decoded((folder / "picture").read_bytes())


READERS = {
    reader.name: reader
    for reader in (
        Reader("bfm2009 mat", sources.bfm2009_mat, lambda folder: _source("bfm2009", folder / "model"), confined=True),
        Reader(
            "bfm2009 hdf5", sources.bfm2009_hdf5, lambda folder: _source("bfm2009", folder / "model"), confined=True
        ),
        Reader("deep3d", sources.deep3d, lambda folder: _source("deep3d", folder / "model"), confined=True),
        Reader("ict npz", sources.ict_npz, lambda folder: import_model("ict", folder)),
        Reader("ict folder", sources.ict_folder, lambda folder: _source("ict", folder / "kit")),
        Reader("face model", sources.face_model, lambda folder: load_face_model(folder / "model.npz")),
        Reader("unpickling", sources.pickled_modules, _unpickled, confined=True),
        Reader("shape2018", sources.shape2018, _shape2018, confined=True),
        Reader("bump2018", sources.bump2018, _bump2018, confined=True),
        Reader("gallery", sources.gallery, _gallery),
        Reader("camera", sources.camera, _camera),
        Reader("networks", sources.networks, _networks),
        Reader("image", sources.images, _image),
        Reader("compressed image", sources.camera_images, _compressed_image),
    )
}
