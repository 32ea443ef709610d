"""Flaws of texts: OBJ, YAML and JSON."""

from __future__ import annotations

import re

import numpy as np

from fuzzing.flaws import choice, of_bytes

_NUMBERS = [
    *"1e400 -1e400 nan .nan inf -.inf 0 -1 99999999999999999999 1_0 0x10 1e5 1e-320 -0 \u0663".split(),
    *("9" * 5000, "0x" + "f" * 6000),
    *"1:2:3 1.5 true null ~ '' [] {} 2001-99-99".split(),
    "!!int x",
]
_NUMBER = re.compile(rb"-?\d+(\.\d+)?(e-?\d+)?")
_LINES = [
    *b"v 1 2|f 1 2|f 1 2 3 4 5|f -1 -2 -3|f 1//2 2/3/4 /5|f 1/1 2/1 0|v nan nan nan".split(b"|"),
    *(b"\0" * 40, b"v " + b"9" * 9000 + b" 1 1", b"f " + b"1 " * 20000, b"\xff\xfe\xed\xa0\x80"),
    *b"x: *unknown|- a\n- b|%YAML 9.9|--- !!python/object/apply:os.system ['true']|? [a, b]\n: c".split(b"|"),
    *b"<<: [{a: 1}, 3]|\tk: v|---\na: 1\n---\nb: 2".split(b"|"),
    *(b"x: " + b"[" * 3000, b"x: " + b"{a: " * 3000, b"- " * 3000 + b"x"),
    *b'"\\ud800"|x: !!binary ====|x: !!timestamp 9'.split(b"|"),
]


def _laughs(key: bytes) -> bytes:
    """A list that is written in a few lines and has 9^12 entries."""
    rows = [b"l0: &l0 [0, 0, 0, 0, 0, 0, 0, 0, 0]"]
    rows += [b"l%d: &l%d [%s]" % (n, n, b", ".join([b"*l%d" % (n - 1)] * 9)) for n in range(1, 12)]
    return b"\n".join(rows) + b"\n" + key + b": *l11\n"


def of_text(rng: np.random.Generator, data: bytes) -> bytes:
    """A flaw of a number, of a line, of a key, or any bytes."""
    for _ in range(choice(rng, [1, 1, 1, 2, 3])):
        data = choice(rng, [_number, _number, _number, _line, _line, _moved, _keyed, of_bytes])(rng, data)
    return data


def _number(rng, data):
    """Another number in the place of one."""
    found = list(_NUMBER.finditer(data))
    if not found:
        return of_bytes(rng, data)
    one = found[int(rng.integers(len(found)))]
    return data[: one.start()] + choice(rng, _NUMBERS).encode() + data[one.end() :]


def _line(rng, data):
    """An odd line more, or instead of another."""
    lines = data.split(b"\n")
    at = int(rng.integers(len(lines)))
    lines[at : at + int(rng.integers(2))] = [choice(rng, _LINES)] * choice(rng, [1, 1, 40])
    return b"\n".join(lines)


def _moved(rng, data):
    """A line missing, twice, or in another place."""
    lines = data.split(b"\n")
    at, to = (int(rng.integers(len(lines))) for _ in range(2))
    line = lines[at] if rng.random() < 0.5 else lines.pop(at)
    if rng.random() < 0.7:
        lines.insert(to, line)
    return b"\n".join(lines)


def _keyed(rng, data):
    """Something else at a key of YAML: a list that explodes, a table, a text, nothing."""
    keys = re.findall(rb"^ *([\w]+):", data, re.M)
    if not keys:
        return of_bytes(rng, data)
    key = choice(rng, keys)
    if rng.random() < 0.4:
        referred = re.sub(rb"(?m)^( *)%s:.*$" % key, rb"\1%s: *l11" % key, data, count=1)
        return _laughs(b"top") + referred
    value = choice(
        rng, [b"", b"text", b"{a: 1}", b"[1, 2]", b"&a [*a]", b"!!set {1, 2}", b"1e400", b"[[1], [2, 3]]", b".inf"]
    )
    return re.sub(rb"(?m)^( *)%s:.*$" % key, lambda found: found[1] + key + b": " + value, data, count=1)
