"""Training of one of the paper's networks, its figures and its ONNX file."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from extreme3d_ros.face_model.model import FaceModel
from training import loop
from training.batches import split
from training.foundation.batches import Samples, load
from training.onnx_file import onnx_of
from training.paper.batches import PictureBatches
from training.paper.lessons import Lesson

#: Samples that tell the mean image, and the truth's mean and deviation.
_LOOKED_AT = 1000


def train(
    plan: loop.Plan, backbone: str, lesson: Lesson, model: FaceModel, files: list[Path]
) -> tuple[nn.Module, dict]:
    """The network (its weights averaged over the last steps) and its figures on held-out renders."""
    torch.manual_seed(0)
    samples, held_out = map(load, split(files))
    batches, measured = (PictureBatches(some, model, lesson.size, lesson.truth) for some in (samples, held_out))
    images, truths = batches.varied(range(min(len(samples), _LOOKED_AT)), np.random.default_rng(2))
    network, mean = lesson.network(backbone, images, truths), torch.from_numpy(truths.mean(0))
    figures = partial(evaluate, lesson=lesson, batches=measured, samples=held_out, mean=mean, device=plan.device)
    task = loop.Task(network, batches, len(samples), 1, lesson.to(plan.device), figures)
    return loop.train(plan, task)


def evaluate(
    network: nn.Module, lesson: Lesson, batches: PictureBatches, samples: Samples, mean: Tensor, device: str
) -> dict[str, float]:
    """Rms errors on clear and on hidden faces, and of a network that always says the mean (K,)."""
    outputs, (truth,) = loop.answers(network, batches, len(samples), 1, device)
    always = torch.split(mean.expand(len(truth), -1), [part.shape[1] for part in outputs], 1)
    figures = {f"{name}_of_mean": _rms(value) for name, value in lesson.errors(always, truth).items()}
    for name, value in lesson.errors(outputs, truth).items():
        figures |= {f"{name}_{kind}": _rms(value[some]) for kind, some in samples.kinds().items()}
    return figures


def _rms(errors: Tensor) -> float:
    return round(float(errors.square().mean().sqrt()), 4)


def export(network: nn.Module, lesson: Lesson, model: FaceModel, figures: dict) -> bytes:
    """The ONNX file. Raises ValueError where ONNX Runtime's answer is another."""
    image = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (1, 3, lesson.size, lesson.size)))
    metadata = {
        "face_model": model.name,
        "input": f"image (1, 3, {lesson.size}, {lesson.size}) float32: BGR 0..255, of stages/window.py's region",
        "output": lesson.says,
        "figures": json.dumps(figures),
    }
    return onnx_of(network, {"image": image.float()}, lesson.outputs, metadata)
