"""Thin lifecycle nodes: parameters, topics, services, diagnostics."""

from extreme3d_ros import one_thread_blas as one_thread_blas
