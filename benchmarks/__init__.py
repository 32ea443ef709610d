"""What figures are made by; `python -m benchmarks` makes a table of those that have a peer."""

from extreme3d_ros import one_thread_blas as one_thread_blas  # before any of them imports numpy
