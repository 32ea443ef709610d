"""MediaPipe's attention mesh on single pictures: the same graph as the package's runtime."""

from __future__ import annotations

import numpy as np
from mediapipe.python.solution_base import SolutionBase

_THRESHOLD = "facedetectionshortrangecpu__facedetectionshortrange__facedetection__TensorsToDetectionsCalculator"


class Detector:
    """A callable: RGB picture (H, W, 3) to the 468 points (468, 2) in pixels (centres integer), or None."""

    def __init__(self):
        self.graph = SolutionBase(
            binary_graph_path="mediapipe/modules/face_landmark/face_landmark_front_cpu.binarypb",
            side_inputs={"num_faces": 1, "with_attention": True, "use_prev_landmarks": False},
            calculator_params={f"{_THRESHOLD}.min_score_thresh": 0.3},
            outputs=["multi_face_landmarks", "face_detections"],
        )

    def __call__(self, picture: np.ndarray) -> np.ndarray | None:
        faces = self.graph.process(np.ascontiguousarray(picture)).multi_face_landmarks
        if not faces:
            return None
        points = np.array([(p.x, p.y) for p in faces[0].landmark[:468]])
        return points * picture.shape[1::-1] - 0.5
