"""The bump map over time: a running mean of what a person's frames show, in the face model's texture space.

A texel c of the memory holds a height m and the weight W of the frames behind it. A frame that sees there the height b
with weight w (how far from the end of the visible skin, how little oblique) changes them to

    P = (1 - 1/N) W exp(-|x - r|^2 / s^2) exp(-(w (b - m) / h)^4),    m' = (P m + w b) / (P + w),    W' = P + w

and its bump map becomes bump + (m' - b), laid on its pixels: what is finer than texels stays the frame's own. x is
where the expression moves the surface, r the mean of x over the frames in memory: frames of another expression fade,
but only where it moves the skin. The last factor forgets what has jumped. Hidden texels keep m, and W but for the
expression.
Judged by benchmarks/bump_over_time.py.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numba import njit

from extreme3d_ros.geometry.box import box_of
from extreme3d_ros.geometry.smoothing import rising
from extreme3d_ros.records import VISIBLE, Crop, Foundation, Layers, Surface
from extreme3d_ros.stages.layers import FADE
from extreme3d_ros.stages.unwrapping import SIZE, Unwrapping

#: N: frames over which the mean runs; half a second of a camera at 30 frames a second.
_FRAMES = 15.0
#: s: an expression that moves the skin so far from the remembered ones leaves exp(-1) of them, metres.
_MOVED = np.float32(2e-3)
#: h: a height that is off by this leaves exp(-1) of the past, metres. Well inside a still face it scatters by a tenth
#: of that.
_JUMPED = np.float32(3e-4)


class BumpMemory:
    """Of one person, who is seen in every frame that it is called with."""

    def __init__(self, unwrapping: Unwrapping):
        """unwrapping: may be shared by many memories."""
        self._unwrapping = unwrapping
        self._modes = unwrapping.model.expression_modes.reshape(len(unwrapping.model.expression_modes), -1)
        vertices = len(unwrapping.model.mean)
        self._skin, self._weight = np.zeros((2, SIZE, SIZE), np.float32)
        self._usual, self._frames = np.zeros((vertices, 3), np.float32), np.zeros(vertices, np.float32)

    def __call__(
        self, crop: Crop, foundation: Foundation, expression: np.ndarray, surface: Surface, layers: Layers
    ) -> Layers:
        """The layers of the newest frame, their bump blended with what earlier ones showed of the same skin; mask and
        labels, and the bump off the visible skin, are the frame's own. Those of the first frame are unchanged.

        expression: (E,) eta of Eq. 2.
        """
        moved = (np.asarray(expression, np.float32) @ self._modes[: len(expression)]).reshape(-1, 3)
        lasting = self._unwrapping.of_vertices(_lasting(moved, self._usual, self._frames))
        visible = layers.occlusion == VISIBLE
        skin, weight = self._unwrapping.trusted(foundation, crop, surface, layers.bump, _trust(visible))
        change = _blended(skin, weight, lasting, self._skin, self._weight)
        return replace(layers, bump=self._unwrapping.added(layers.bump, change, surface, visible))


def _trust(visible: np.ndarray) -> np.ndarray:
    """(H, W) float32: 0 where unseen, rising to 1 inside the visible skin."""
    trust, part = np.zeros(visible.shape, np.float32), box_of(visible)
    trust[part] = rising(visible[part], FADE)  # heights count less where the layers fade out
    return trust


@njit(cache=True, nogil=True)
def _lasting(moved, usual, frames):
    """How much of the past (V,) an expression leaves; `usual` and `frames`, its mean and their number, take it in."""
    left = np.empty(len(moved), np.float32)
    for v in range(len(moved)):
        x, y, z = moved[v, 0] - usual[v, 0], moved[v, 1] - usual[v, 1], moved[v, 2] - usual[v, 2]
        left[v] = np.exp(-(x * x + y * y + z * z) / (_MOVED * _MOVED))
        frames[v] = np.float32(1 - 1 / _FRAMES) * left[v] * frames[v] + np.float32(1)
        usual[v, 0] += x / frames[v]
        usual[v, 1] += y / frames[v]
        usual[v, 2] += z / frames[v]
    return left


@njit(cache=True, nogil=True)
def _blended(skin, weight, lasting, mean, known):
    """What to add to a frame's skin (S, S), NaN where it shows nothing; `mean` and `known`, its weight, take it in."""
    change = np.full(skin.shape, np.nan, np.float32)
    for row in range(skin.shape[0]):
        for column in range(skin.shape[1]):
            past = known[row, column] * lasting[row, column]
            if not weight[row, column]:
                known[row, column] = past
                continue
            off = mean[row, column] - skin[row, column]
            jump = (weight[row, column] * off / _JUMPED) ** 2
            past *= np.float32(1 - 1 / _FRAMES) * np.exp(-jump * jump)
            known[row, column] = past + weight[row, column]
            change[row, column] = off * past / known[row, column]
            mean[row, column] = skin[row, column] + change[row, column]
    return change
