import json
import sys

import numpy as np

from extreme3d_ros.cli import bench
from extreme3d_ros.cli.main import main


def test_bench_names_every_stage(capsys):
    assert main(["bench", "--json", "--frames", "2"]) == 0
    result = json.loads(capsys.readouterr().out)
    stages = "detection crop foundation raster occlusion bump blending hole_filling soft_symmetry zipper".split()
    beside = "mediapipe alone", "detection of a single image"
    roads = ["face_node's road", "completion_node's road"]
    assert set(result["ms"]) - {"Marker of 100k triangles"} == {*stages, *roads, *beside}
    assert all(0 < times["median"] <= times["p95"] for times in result["ms"].values())
    assert result["image_size"] == [640, 480]
    assert sum(result["ms"][stage]["median"] for stage in stages[:7]) <= 1.2 * result["ms"][roads[0]]["median"]


def test_bench_without_mediapipes_python_part(monkeypatch):
    """Our own road reads MediaPipe's network files without importing it."""
    monkeypatch.setitem(sys.modules, "mediapipe.python.solutions", None)
    assert bench._mediapipe_times(np.zeros((48, 64, 3), np.uint8), 1) == []
