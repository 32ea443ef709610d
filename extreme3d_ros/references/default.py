"""Which gallery of references the road runs with."""

from __future__ import annotations

from pathlib import Path

from extreme3d_ros.references.gallery import Gallery

#: The shipped gallery, for the shipped face model.
DEFAULT_REFERENCES = Path(__file__).parent.parent / "data" / "references"
#: What is said in the place of a folder for no gallery at all.
NONE = "none"


def references_of(folder: Path | str, face_model: str) -> Gallery | None:
    """The gallery of a folder; empty: the shipped one where it suits the face model of this name; NONE: none.

    Raises ModelFileError where a named folder holds no sound gallery.
    """
    if str(folder) == NONE:
        return None
    if str(folder):
        return Gallery(Path(folder).expanduser())
    if not DEFAULT_REFERENCES.exists():
        return None
    gallery = Gallery(DEFAULT_REFERENCES)
    return gallery if gallery.face_model == face_model else None
