"""Things before rendered faces: what hides real ones, drawn in the picture by where the head is."""

from training.faces.occluders.occlude import KINDS, occlude
from training.faces.occluders.place import Place, place_of

__all__ = ["KINDS", "Place", "occlude", "place_of"]
