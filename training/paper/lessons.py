"""What each of the paper's three networks is made of, shown, punished for and measured by."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.networks.pose import SIZE as POSE_SIZE
from extreme3d_ros.networks.pose import PoseNetwork
from extreme3d_ros.networks.resnet import LIGHT, RESNET101
from extreme3d_ros.networks.shape import SIZE, CoefficientNetwork
from training.foundation.loss import SURFACE, surface_roots
from training.paper.batches import CoefficientTruth, PoseTruth

#: The residual network and AlexNet's width and dense layers: the papers', and some for a CPU.
BACKBONES = {"paper": (RESNET101, (96, 4096)), "light": (LIGHT, (48, 512))}


class CoefficientLesson(nn.Module):
    """Shape or expression: squared distance of the surfaces (mm^2) and of the coefficients."""

    size, rate = SIZE, 1e-3

    def __init__(self, model: FaceModel, kind: str):
        super().__init__()
        self.truth, self.outputs = CoefficientTruth(model, kind), (kind,)
        self.says = f"{kind} (1, K) float32: coefficients of face model {model.name}, standard deviations"
        self.register_buffer("root", surface_roots(model)[kind])

    def network(self, backbone: str, images: np.ndarray, truths: np.ndarray) -> nn.Module:
        """One that says about the mean. images (N, 3, 224, 224), truths (N, K): some of training."""
        resnet, count = BACKBONES[backbone][0], truths.shape[1]
        mean = torch.from_numpy(images.mean(0, dtype=np.float32))
        network = CoefficientNetwork((count,), *resnet, mean=mean)
        nn.init.normal_(network.fc.weight, std=1e-3)
        network.fc.bias.data.copy_(torch.from_numpy(truths.mean(0)))
        return network

    def forward(self, outputs: tuple[Tensor], truth: Tensor) -> Tensor:
        off = outputs[0].float() - truth
        return SURFACE * (off @ self.root).square().sum(1).mean() + off.square().mean()

    def errors(self, outputs: tuple[Tensor], truth: Tensor) -> dict[str, Tensor]:
        """(N,): rms distances of the surfaces; a face's size counts for nothing."""
        return {"mm": ((outputs[0] - truth) @ self.root.cpu()).norm(dim=1)}


class PoseLesson(nn.Module):
    """Pose: squared error of what `PoseNetwork.normalised` says, poses in standard deviations from their mean."""

    size, rate = POSE_SIZE, 3e-4
    outputs = ("rotation", "translation")
    says = "rotation (1, 3) and translation (1, 3) float32, radians and metres, as training/paper/poses.py defines them"

    def __init__(self):
        super().__init__()
        self.truth = PoseTruth()
        self.register_buffer("deviation", torch.ones(6))

    def network(self, backbone: str, images: np.ndarray, truths: np.ndarray) -> nn.Module:
        """truths (N, 6): some of training."""
        network = PoseNetwork(*BACKBONES[backbone][1])
        network.set_statistics(torch.from_numpy(truths))
        self.deviation.copy_(network.deviation)
        return network

    def forward(self, outputs: tuple[Tensor, Tensor], truth: Tensor) -> Tensor:
        return ((torch.cat(outputs, 1).float() - truth) / self.deviation).square().mean()

    def errors(self, outputs: tuple[Tensor, Tensor], truth: Tensor) -> dict[str, Tensor]:
        """(N,): angles between rotations, and distances between places, both in the window's camera."""
        guess, true = (Rotation.from_rotvec(part.numpy()) for part in (outputs[0], truth[:, :3]))
        degrees = np.degrees((guess.inv() * true).magnitude())
        return {"degrees": torch.from_numpy(degrees), "mm": (outputs[1] - truth[:, 3:]).norm(dim=1) * 1e3}


Lesson = CoefficientLesson | PoseLesson


def lesson_of(what: str, model: FaceModel) -> Lesson:
    """what: shape, expression or pose."""
    return PoseLesson() if what == "pose" else CoefficientLesson(model, what)
