"""Thin lifecycle nodes: parameters, topics, services, diagnostics."""
