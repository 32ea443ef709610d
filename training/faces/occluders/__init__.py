"""Things before rendered faces: what hides real ones, drawn in the picture by where the head is."""

from training.faces.occluders.occlude import KINDS, occlude
from training.faces.occluders.place import Look, Place, look_of, place_of

__all__ = ["KINDS", "Look", "Place", "look_of", "occlude", "place_of"]
