"""Small valid files of every kind that is read: what flaws are made in. A source is files' contents by their paths."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.face_model.full_layout import save_full

sys.path.append(str(Path(__file__).parent.parent / "test"))  # the tests' makers of such files
import importer_sources as makers  # noqa: E402
import pickle_pieces as pickles  # noqa: E402

Files = dict[str, bytes]


def write(files: Files, folder: Path) -> None:
    """A source as files."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def _written(write: Callable[[Path], object]) -> Files:
    """What a function leaves in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def bfm2009_mat() -> list[Files]:
    arrays = makers.bfm_arrays(makers.synthetic())
    return [_written(lambda folder, way=way: makers.write_mat(folder / "model", arrays, way)) for way in (False, True)]


def bfm2009_hdf5() -> list[Files]:
    arrays = makers.bfm_arrays(makers.synthetic())
    plain = [_written(lambda folder, way=way: makers.write_h5(folder / "model", arrays, way)) for way in (False, True)]
    return [*plain, _written(lambda folder: _chunked_hdf5(folder / "model", arrays))]


def _chunked_hdf5(path: Path, arrays: dict[str, np.ndarray]) -> None:
    import h5py

    with h5py.File(path, "w", libver="latest") as file:
        for key, array in arrays.items():
            file.create_dataset(key, data=array, chunks=True, compression="gzip", shuffle=True, fletcher32=True)


def deep3d() -> list[Files]:
    arrays = makers.deep3d_arrays(makers.synthetic())
    return [_written(lambda folder, way=way: makers.write_mat(folder / "model", arrays, way)) for way in (False, True)]


def ict_npz() -> list[Files]:
    return [
        _written(lambda folder: makers.write_npz(folder / "ict_facekit.npz", makers.ict_arrays(makers.synthetic())))
    ]


def ict_folder() -> list[Files]:
    return [_written(lambda folder: makers.write_ict_folder(folder / "kit", makers.synthetic(2, 1)))]


def face_model() -> list[Files]:
    """A half by hand, since a small one has no other maker, and the whole of it."""
    rng = np.random.default_rng(0)
    H, T, half = 40, 30, {}
    for name, count in (("shape", 3), ("expression", 2)):
        half |= {
            f"{name}_modes": rng.normal(size=(count, H, 3)).astype(np.float16),
            f"{name}_scale": np.ones(count, np.float32),
            f"{name}_sign": np.ones(count, np.int8),
        }
    for name, count in (("landmarks68", 68), ("landmarks468", 468)):
        half[f"{name}_triangles"] = rng.integers(0, 2 * T, count).astype(np.int32)
        half[f"{name}_barycentric"] = np.full((count, 3), 1 / 3, np.float32)
    half |= {"name": np.array("half"), "midline": np.array(6, np.int32), "mean": rng.normal(size=(H, 3)).astype("f4")}
    half |= {"faces": rng.integers(0, H, (T, 3)).astype(np.uint16), "uv": rng.random((H, 2)).astype("f4")}
    half |= {"regions": np.zeros(H, np.uint8), "landmark_noise": np.ones(468, np.float32)}
    files = _written(lambda folder: makers.write_npz(folder / "model.npz", half))
    with tempfile.TemporaryDirectory() as folder:
        write(files, Path(folder))
        full = io.BytesIO()
        save_full(full, load_face_model(Path(folder) / "model.npz"))
    return [files, {"model.npz": full.getvalue()}]


def pickled_modules() -> list[Files]:
    numbers = {"0": np.arange(6, dtype="<f4"), "1": np.array([7], "<i8")}
    inner = pickles.module("Layer", {"weight": pickles.tensor((2, 3), "0")}, stride=(2, 2), eps=1e-4)
    root = pickles.module(buffers={"count": pickles.tensor((), "1", storage="LongStorage")}, modules={"layer": inner})
    state = pickles.ordered({"Gnet.a.weight": pickles.tensor((2, 3), "0"), "Gnet.a.bias": pickles.tensor((2,), "0", 6)})
    files = []
    for top, storages in ((root, numbers), (state, {"0": numbers["0"]})):
        archive = _written(lambda folder, t=top, s=storages: pickles.write_archive(folder / "model.pth", t, s))
        files += [{"model.pth": pickles.stream(top, storages)}, archive]
    return files


def _saved(name: str, content: object) -> list[Files]:
    import torch

    def save(zipped: bool) -> bytes:
        file = io.BytesIO()
        torch.save(content, file, _use_new_zipfile_serialization=zipped)
        return file.getvalue()

    return [{name: save(zipped)} for zipped in (False, True)]


def small_shape() -> dict:
    """A network of shape2018's kind that is made in no time."""
    from extreme3d_ros.networks.resnet import Bottleneck

    return {"block": Bottleneck, "blocks": (1, 2, 1, 1), "width": 8}


def shape2018() -> list[Files]:
    import torch

    from extreme3d_ros.networks.shape import IdentityNetwork

    mean = np.random.default_rng(2).uniform(80, 140, (3, 224, 224)).astype(np.float32)
    network = IdentityNetwork(**small_shape(), mean=torch.from_numpy(mean)).eval()
    beside = _written(lambda folder: np.savez(folder / "shape_mean.npz", mean=mean))
    return [files | beside for files in _saved("shape_model.pth", network)]


def bump2018() -> list[Files]:
    from extreme3d_ros.networks.bump import EncoderDecoder

    state = EncoderDecoder(heads=2, width=1 / 8).state_dict()
    return _saved("ckpt_109_grad.pth.tar", {f"Gnet.{name}": tensor for name, tensor in state.items()})


def gallery() -> list[Files]:
    from extreme3d_ros.references.gallery_writer import GalleryWriter

    def write(folder: Path) -> None:
        with GalleryWriter(folder, "a model", "a feature", size=16) as writer:
            for axis in np.eye(3, dtype=np.float32):
                writer.add(np.full((16, 16), 1e-3), axis, axis)

    return [_written(write)]


def camera() -> list[Files]:
    text = """image_width: 640
image_height: 480
camera_name: front
camera_matrix: {rows: 3, cols: 3, data: [600.0, 0.0, 319.5, 0.0, 600.0, 239.5, 0.0, 0.0, 1.0]}
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [0.1, -0.2, 0.001, 0.002, 0.0]
"""
    return [{"camera.yaml": text.encode()}]


def networks() -> list[Files]:
    text = """mine:
  about: a network of mine
  file: mine.onnx
  preprocessing: none
  licence: mine
  origin: me
  inputs:
    image:
      shape: [1, 3, 224, 224]
      noise: [float32, 0, 255]
  limits:
    fp32: [1.0e-3, 1.0e-2]
    fp16: [0.1, 0.2]
"""
    return [{"networks.yaml": text.encode()}]


def images() -> list[Files]:
    return _pictures((".png", ".jpg", ".bmp", ".tiff", ".webp", ".jp2", ".ppm", ".hdr"))


def camera_images() -> list[Files]:
    return _pictures((".png", ".jpg"))


def _pictures(suffixes: tuple[str, ...]) -> list[Files]:
    """One of each format that OpenCV can write here."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (48, 64, 4), np.uint8)
    files = []
    for suffix in suffixes:
        pixels = picture if suffix in (".png", ".tiff") else picture[..., :3]
        good, data = cv2.imencode(suffix, np.float32(pixels) if suffix == ".hdr" else pixels)
        files += [{"picture": data.tobytes()}] if good else []
    return files
