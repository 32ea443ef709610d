"""What a JPEG or PNG file claims to hold, read before anything is allocated for its pixels."""

from __future__ import annotations

import re
import struct

#: Pixels of an image at most: a few hundred bytes can claim any number, and take gigabytes and half a minute.
MOST_PIXELS = 2**26
_PNG = b"\x89PNG\r\n\x1a\n"
#: A marker of JPEG: what stands before it and is none is passed over, as libjpeg does.
_MARKER = re.compile(rb"\xff+([^\x00\xff])")
#: Markers of JPEG: the frame's head; those without a segment; start, end and scan, before which the head must come.
_HEADS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset([0x01, *range(0xD0, 0xD8)])
_LATE = frozenset([0xD8, 0xD9, 0xDA])
#: No camera's JPEG has so many segments before its frame's head.
_MOST_SEGMENTS = 1000


def claimed_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels by the head of a JPEG or PNG file; None where it is neither or has no sound head."""
    if data.startswith(_PNG):
        return struct.unpack_from(">II", data, 16) if data[12:16] == b"IHDR" and len(data) >= 24 else None
    head = _jpeg_head(data) if data.startswith(b"\xff\xd8") else None
    if head is None or head + 7 > len(data):
        return None
    height, width = struct.unpack_from(">HH", data, head + 3)
    return width, height


def is_cut_off(data: bytes) -> bool:
    """Whether a JPEG file has no end behind its frame's head: decoders make up the rest. Or a PNG file has none behind
    its chunks: decoders make room for what a chunk claims. False for other files."""
    if data.startswith(_PNG):
        return not _png_ends(data)
    head = _jpeg_head(data) if data.startswith(b"\xff\xd8") else None
    return head is not None and data.rfind(b"\xff\xd9", head) < 0


def _png_ends(data: bytes) -> bool:
    """Whether whole chunks lead to one that is the end."""
    at = len(_PNG)
    while at + 12 <= len(data):
        if data[at + 4 : at + 8] == b"IEND":
            return True
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return False


def _jpeg_head(data: bytes) -> int | None:
    """Where the segment of the frame's head begins, at its length."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None or found[1][0] in _LATE:
            return None
        at = found.end()
        if found[1][0] in _HEADS:
            return at
        if found[1][0] not in _BARE:
            at += int.from_bytes(data[at : at + 2], "big")
    return None
