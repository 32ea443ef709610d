"""The nodes' parameters; config/face.yaml holds the same."""

from __future__ import annotations

from extreme3d_ros.messages.marker import COLORINGS
from extreme3d_ros.nodes.face_frame import TF_FRAME
from extreme3d_ros.nodes.humans import ROS4HRI
from extreme3d_ros.nodes.latency import MAX_LATENCY
from extreme3d_ros.nodes.settings import Setting
from extreme3d_ros.profiles import ABOUT, PROFILES

_AUTOSTART = Setting("autostart", True, "configure and activate at the start; else a lifecycle manager does")

#: Both nodes need the same face model.
_PROFILE = Setting(
    "profile",
    "default",
    f"what the road runs with, the same in both nodes. {ABOUT}",
    tuple(PROFILES),
)

FACE_NODE = [
    Setting("image_transport", "raw", "how images come", ("raw", "compressed")),
    Setting(
        "reliability",
        "best_effort",
        "reliability of the image subscription; 'reliable' where a network loses fragments of large images",
        ("best_effort", "reliable"),
    ),
    Setting(
        "device",
        "auto",
        "what runs the networks: auto is an NVIDIA GPU where there is one and the CPU elsewhere, cuda is cuda:0",
        ("auto", "cpu", "cuda", *(f"cuda:{index}" for index in range(8))),
    ),
    Setting("precision", "fp32", "of TensorRT's engines; others run the networks as they are", ("fp32", "fp16")),
    Setting(
        "wait_for_engines",
        False,
        "configuring ends when TensorRT's plans are built; else the CPU runs the networks until they are",
    ),
    Setting(
        "max_faces",
        1,
        "faces at work; above 1 each is found below faces/<id>/ too, and the base topics show the chosen one",
        limits=(1, 8),
        live=True,
    ),
    _PROFILE,
    Setting("face_model", "", "file of the face model; empty: the profile's"),
    TF_FRAME,
    ROS4HRI,
    MAX_LATENCY,
    _AUTOSTART,
]

COMPLETION_NODE = [
    Setting(
        "coloring",
        "shaded",
        "the mesh in RViz: 'shaded' skin with light baked in, 'texture' the image's colours, 'plain' RViz's own light",
        tuple(COLORINGS),
        live=True,
    ),
    Setting("ply_dir", "~/extreme3d_meshes", "folder for PLY files; made when first needed", live=True, needed=True),
    Setting("save_every_mesh", False, "write each finished mesh of each face to ply_dir", live=True),
    Setting(
        "max_saved",
        300,
        "how many meshes of save_every_mesh are kept in ply_dir; the oldest go, also those of earlier runs",
        limits=(1, 1_000_000),
        live=True,
    ),
    Setting("lost_after", 1.0, "seconds without a face after which the mesh is deleted", limits=(0.1, 3600), live=True),
    Setting(
        "zipped",
        False,
        "a vertex a pixel where the face is seen; else the same triangles in every frame, which viewers take in faster",
    ),
    Setting("remember_person", True, "fill holes with what was seen of the same person; in memory only", live=True),
    Setting(
        "references",
        "",
        "folder of a gallery to fill holes from, or 'none'; empty: ~/.local/share/extreme3d_ros/references if it is "
        "there and suits the face model, else the shipped one if that does",
    ),
    _PROFILE,
    Setting("face_model", "", "file of the face model, the same as face_node's; empty: the profile's"),
    ROS4HRI,
    MAX_LATENCY,
    _AUTOSTART,
]
