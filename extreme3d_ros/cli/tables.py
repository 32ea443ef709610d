"""Tables as text."""

from __future__ import annotations


def print_table(rows: list[tuple[str, ...]]) -> None:
    """Rows of as many cells each, in columns as wide as need be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
