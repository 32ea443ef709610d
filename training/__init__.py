"""What the package's data is made by; nothing of it is needed to use the package."""

from extreme3d_ros import one_thread_blas as one_thread_blas  # before any module imports numpy
