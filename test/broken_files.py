"""Ways for a model's file to be missing or broken, and what is then said."""

import contextlib
import os

import numpy as np
import pytest

from extreme3d_ros.cli.main import main
from extreme3d_ros.errors import ModelFileError

PAGE = b"<!DOCTYPE html><html><body>404 Not Found</body></html>"


class Trap:
    """Springs where its pickle is run."""

    sprung = False

    def __reduce__(self):
        return setattr, (Trap, "sprung", True)


def nothing(path, good):
    pass


def folder(path, good):
    path.mkdir()


def pipe(path, good):
    os.mkfifo(path)


def device(path, good):
    path.symlink_to("/dev/zero")


def loop(path, good):
    path.symlink_to(path)


def huge(path, good):
    """4 GB that take no room on the disk."""
    with path.open("wb") as file:
        file.write(good)
        file.truncate(1 << 32)


def content(data):
    return lambda path, good: path.write_bytes(data(good))


HARMS = {
    "missing": nothing,
    "empty": content(lambda good: b""),
    "cut": content(lambda good: good[: len(good) // 2]),
    "a page": content(lambda good: PAGE),
    "noise": content(lambda good: np.random.default_rng(0).bytes(5000)),
    "a folder": folder,
    "a pipe": pipe,
    "a device": device,
    "a loop": loop,
    "huge": huge,
}


def refused(call, path):
    """The error's one line, which names the file."""
    with pytest.raises(ModelFileError) as caught:
        call()
    line = str(caught.value)
    assert "\n" not in line and str(path) in line and caught.value.exit_status == 4
    return line


def told(arguments, path, capsys):
    """The same of a command."""
    capsys.readouterr()
    assert main(list(map(str, arguments))) == 4
    line = capsys.readouterr().err
    assert line.startswith("extreme3d: ") and line.count("\n") == 1 and str(path) in line
    return line


@contextlib.contextmanager
def nobody():
    """Root may read everything."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def network(operation, inputs=("x",), size=3, weights=()):
    """An ONNX file's bytes: y = operation(x), both (size,) float32."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra: training)")
    vector = lambda name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [size])  # noqa: E731
    nodes = [onnx.helper.make_node(operation, list(inputs), ["y"])]
    graph = onnx.helper.make_graph(nodes, "g", [vector("x")], [vector("y")], list(weights))
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    return made.SerializeToString()
