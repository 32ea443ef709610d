"""The training loop of every network: seeded, logged, resumable."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from extreme3d_ros.output.atomic import placed_when_whole
from training.batches import SampleBatches

#: Share of the newest weights in their running average.
_LATEST = 2e-3


@dataclass(frozen=True)
class Plan:
    """rate: highest learning rate; workers: processes that prepare batches; checkpoint: file; the log is beside it,
    *.jsonl, one JSON object a line and epoch."""

    epochs: int
    batch: int
    rate: float
    workers: int
    device: str
    checkpoint: Path


@dataclass(frozen=True)
class Task:
    """What is to be learned. batches: its `varied(rows, rng)` and `plain(rows)` give arrays, of which the network takes
    the first `inputs` and `loss`, after the network's outputs, the others; samples: how many rows there are; figures:
    of a network, on held-out samples."""

    network: nn.Module
    batches: SampleBatches
    samples: int
    inputs: int
    loss: nn.Module
    figures: Callable[[nn.Module], dict[str, float]]


class _Epoch(Dataset):
    """The batches of one epoch, in an order of its own."""

    def __init__(self, batches, count: int, batch: int, epoch: int):
        order = np.random.default_rng([0, epoch]).permutation(count)
        self._rows = [order[i : i + batch] for i in range(0, count - batch + 1, batch)]
        self._batches, self._epoch = batches, epoch

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, index):
        rng = np.random.default_rng([1, self._epoch, index])
        return self._batches.varied(self._rows[index], rng)


def train(plan: Plan, task: Task) -> tuple[nn.Module, dict]:
    """The network (its weights averaged over the last steps) and its figures."""
    network = task.network.to(plan.device, memory_format=torch.channels_last)
    average = torch.optim.swa_utils.AveragedModel(network, avg_fn=_averaged, use_buffers=True)
    optimizer = torch.optim.AdamW(_groups(network), lr=plan.rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.rate, epochs=plan.epochs, steps_per_epoch=task.samples // plan.batch, pct_start=0.15
    )
    parts = {"network": network, "average": average, "optimizer": optimizer, "schedule": schedule}
    first = _resume(plan, parts)
    figures = task.figures(average.module) if first == plan.epochs else {}
    for epoch in range(first, plan.epochs):
        start = time.perf_counter()
        shown = DataLoader(_Epoch(task.batches, task.samples, plan.batch, epoch), None, num_workers=plan.workers)
        torch.manual_seed(epoch)  # what drops out is the same in a training that went on
        value = _epoch(plan, task, parts, shown)
        figures = task.figures(average.module)
        line = {"epoch": epoch + 1, "samples": task.samples, "loss": value, **figures}
        line["seconds"] = round(time.perf_counter() - start)
        print(json.dumps(line), flush=True)
        with plan.checkpoint.with_suffix(".jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        _keep(plan, parts, epoch + 1)
    return average.module, {**figures, "samples": task.samples, "epochs": plan.epochs}


@torch.no_grad()
def answers(network: nn.Module, batches, count: int, inputs: int, device: str) -> tuple[list[Tensor], list[Tensor]]:
    """The network's outputs of all `count` samples as the runtime has them, and the arrays it doesn't take."""
    network.eval()
    outputs, truths = [], []
    for start in range(0, count, 64):
        arrays = [torch.as_tensor(a) for a in batches.plain(range(start, min(start + 64, count)))]
        outputs.append([value.float().cpu() for value in network(*(part.to(device) for part in arrays[:inputs]))])
        truths.append(arrays[inputs:])
    return [torch.cat(part) for part in zip(*outputs)], [torch.cat(part) for part in zip(*truths)]


def _epoch(plan, task, parts, loader) -> float:
    network, optimizer = parts["network"].train(), parts["optimizer"]
    total, count = 0.0, 0
    for arrays in loader:
        arrays = [torch.as_tensor(a).to(plan.device, non_blocking=True) for a in arrays]
        with torch.autocast(plan.device, torch.bfloat16):
            outputs = network(*arrays[: task.inputs])
        value = task.loss(outputs, *arrays[task.inputs :])
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        parts["schedule"].step()
        parts["average"].update_parameters(network)
        total, count = total + value.item(), count + 1
    return round(total / count, 4)


def _averaged(average, value, steps):
    """Over the last 1 / _LATEST steps, fewer at first."""
    return average + (value - average) * max(_LATEST, 10 / (10 + float(steps)))


def _groups(network):
    """Weights decay; biases and normalisations don't."""
    plain = [p for p in network.parameters() if p.ndim < 2]
    return [{"params": [p for p in network.parameters() if p.ndim >= 2]}, {"params": plain, "weight_decay": 0.0}]


def _keep(plan, parts, epoch):
    state = {name: part.state_dict() for name, part in parts.items()}
    with placed_when_whole(plan.checkpoint) as written:
        torch.save({"epoch": epoch, **state}, written)


def _resume(plan, parts) -> int:
    """The epochs that are done."""
    if not plan.checkpoint.exists():
        return 0
    state = torch.load(plan.checkpoint, map_location=plan.device, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return state["epoch"]
