"""Imported for its effect, before numpy: matrix products on one thread.

Ours are small. On two threads OpenBLAS spends longer waiting than computing as soon as another process wants the core:
with a neighbour at work `extreme3d bench` showed 112 ms a frame on one thread and 254 ms on two.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
