"""The nodes' parameters; config/face.yaml holds the same."""

from __future__ import annotations

from extreme3d_ros.messages.humans import FACES
from extreme3d_ros.messages.marker import COLORINGS
from extreme3d_ros.nodes.settings import Setting
from extreme3d_ros.profiles import ABOUT, PROFILES

_OF_BOTH = [
    Setting("profile", "default", f"what the road runs with, the same in both nodes. {ABOUT}", tuple(PROFILES)),
    Setting("face_model", "", "file of the face model, the same in both nodes; empty: the profile's"),
    Setting(
        "ros4hri",
        False,
        f"work on the largest of the faces tracked on {FACES}/tracked (REP-155) instead of searching for faces; "
        f"publish below {FACES}/<id>/ too; face_node needs hri_msgs for it; the same in both nodes",
    ),
    Setting(
        "max_latency",
        0.5,
        "seconds from a frame's arrival to the end of the work on it; the diagnostics warn while the 95th percentile "
        "over the last hundred frames is above",
        limits=(0.001, 3600),
        live=True,
    ),
    Setting("autostart", True, "configure and activate at the start; else a lifecycle manager does"),
]

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
    Setting(
        "tf_frame",
        "face",
        "frame of the head on /tf, at the sellion, x forward, y to the person's left, z up; empty: none. Listeners of "
        "/tf alone keep no frame computed, subscribe to `pose` too",
        live=True,
    ),
    *_OF_BOTH,
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
    *_OF_BOTH,
]
