"""Whether a network is of the kind that its caller wants."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from extreme3d_ros.engines.engine import Engine


def answers(engine: Engine, inputs: Mapping[str, np.ndarray], wanted: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether an engine takes such inputs and gives outputs of these shapes in single precision, maybe others too.

    It is run once, which also readies its memory. Raises EngineError where the device fails or an output is not finite.
    """
    if engine.shapes.keys() != inputs.keys() or not wanted.keys() <= set(engine.outputs):
        return False
    try:
        given = engine(**inputs)
    except ValueError:  # it wants other sizes, or numbers of another type
        return False
    return all(given[name].shape == shape and given[name].dtype == np.float32 for name, shape in wanted.items())
