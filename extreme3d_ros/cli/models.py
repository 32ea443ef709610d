"""`extreme3d models`: face models and networks of others made usable, listed and checked."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from extreme3d_ros.cli.files import write_import
from extreme3d_ros.cli.networks import (
    IMPORTED,
    SUFFIX,
    import_network,
    known_networks,
    network_notes,
    network_rows,
    verify_network,
)
from extreme3d_ros.cli.tables import print_table
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.face_model import FaceModel, load_face_model
from extreme3d_ros.face_model.full_layout import save_full
from extreme3d_ros.face_model.model import DEFAULT_MODEL
from extreme3d_ros.face_model.soundness import faults, load_sound
from extreme3d_ros.folders import models_folder


def models(arguments) -> int:
    """Runs the command."""
    return {"import": _import, "list": _list, "verify": _verify}[arguments.action](arguments)


def _import(arguments) -> int:
    """`models import KIND PATH [--out FILE]`."""
    if arguments.kind in IMPORTED:
        return import_network(arguments.kind, arguments.path, arguments.out)
    from extreme3d_ros.face_model.importers import import_model

    model = import_model(arguments.kind, arguments.path)
    if wrong := faults(model):
        raise ModelFileError(f"{arguments.path} gives no usable model ({wrong[0]}): is it really {arguments.kind}?")
    data = io.BytesIO()
    save_full(data, model)
    path = write_import(data.getvalue(), arguments.out, models_folder() / f"{arguments.kind}.npz")
    print(f"{path}: {_summary(model)}")
    print(f"use it with --face-model {path}, or as the parameter face_model of both nodes")
    return 0


def _list(arguments) -> int:
    """`models list`."""
    rows: list[tuple[str, ...]] = [("name", "vertices", "triangles", "modes", "file")]
    for path in _known():
        try:
            model = load_face_model(path)
        except ModelFileError:
            rows.append(("(broken)", "-", "-", "-", str(path)))
        else:
            sizes = (len(model.mean), len(model.faces))
            modes = f"{len(model.shape_modes)} + {len(model.expression_modes)}"
            rows.append((model.name, *map(str, sizes), modes, str(path)))
    print_table(rows)
    print_table(network_rows())
    print("\n".join(network_notes()))
    return 0


def _verify(arguments) -> int:
    """`models verify [FILE]`: without a file, all that `list` shows and that is there.

    Every one is checked before it fails.
    """
    status = 0
    for path in [Path(arguments.file)] if arguments.file else [*_known(), *known_networks()]:
        try:
            text = verify_network(path) if path.suffix == SUFFIX else _summary(load_sound(path))
            print(f"{path}: sound; {text}")
        except ModelFileError as error:
            print(f"extreme3d: {error}", file=sys.stderr)
            status = error.exit_status
    return status


def _known() -> list[Path]:
    return [DEFAULT_MODEL, *sorted(models_folder().glob("*.npz"))]


def _summary(model: FaceModel) -> str:
    share = float((model.mirror_faces >= 0).mean())
    symmetry = "exactly symmetric triangles" if share == 1 else f"{share:.1%} of the triangles have an exact twin"
    modes = f"{len(model.shape_modes)} shape and {len(model.expression_modes)} expression modes"
    return f"{model.name}, {len(model.mean)} vertices, {len(model.faces)} triangles, {modes}, {symmetry}"
