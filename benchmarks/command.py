"""What the commands of this folder have in common: their parsers, their processes, and how figures are told."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any


def parser_of(module: str, doc: str) -> argparse.ArgumentParser:
    """The parser of `python -m benchmarks.MODULE`; doc: the module's, whose first paragraph it shows."""
    return argparse.ArgumentParser(prog=f"python -m benchmarks.{module}", description=doc.split("\n\n")[0])


def figures_parser(module: str, doc: str) -> argparse.ArgumentParser:
    """The same with --json, which `tell` heeds."""
    parser = parser_of(module, doc)
    parser.add_argument("--json", action="store_true", help="JSON in place of a table")
    return parser


def add_count(parser: argparse.ArgumentParser, count: int, what: str) -> None:
    """--count, of what is rendered and measured."""
    parser.add_argument("--count", type=int, default=count, help=f"{what} (default {count})")


def add_faces_dev(parser: argparse.ArgumentParser) -> None:
    """--faces-dev, for what is also measured on photographs."""
    parser.add_argument("--faces-dev", action="store_true", help="the photographs of shared/data/faces_dev instead")


def add_seeds(parser: argparse.ArgumentParser, count: int, first: int, what: str) -> None:
    """--count and --first: of whose seeds `seeds_of` tells."""
    add_count(parser, count, what)
    parser.add_argument("--first", type=int, default=first, help=f"seed of the first (default {first})")


def add_films(parser: argparse.ArgumentParser, count: int, first: int) -> None:
    """--films, --count and --first: of whom films are rendered, and where they are kept."""
    parser.add_argument("--films", type=Path, required=True, help="where what is rendered is kept, and found again")
    add_seeds(parser, count, first, "persons")


def seeds_of(arguments: argparse.Namespace) -> range:
    """The seeds that --first and --count give."""
    return range(arguments.first, arguments.first + arguments.count)


def in_processes(job: Callable[[Any], Any], of: Iterable[Any]) -> Iterator[Any]:
    """job(one) of each, in their order, made by as many processes as this one may use cores."""
    with get_context("spawn").Pool(len(os.sched_getaffinity(0))) as pool:
        yield from pool.imap(job, of)


def markdown(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells."""
    first, *others = (f"| {' | '.join(cells)} |" for cells in (head, *rows))
    return "\n".join([first, "|---" * len(head) + "|", *others])


def tell(arguments: argparse.Namespace, measured: Any, table: Callable[[Any], str]) -> None:
    """Prints figures, which may be numpy's, as JSON where that was asked for, else the table that is made of them."""
    print(json.dumps(measured, indent=1, default=float) if arguments.json else table(measured))
