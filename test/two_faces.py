"""An image of two persons side by side."""

import cv2
import numpy as np
from skimage.data import astronaut

#: Where the faces are, in parts of the image's width and height: xmin, ymin, xmax, ymax.
LEFT, RIGHT = (0.14, 0.24, 0.34, 0.5), (0.6, 0.24, 0.87, 0.64)


def scene(*persons):
    """(480, 640, 3) BGR with "left", the smaller face, and "right", the larger one, as asked for."""
    photograph = np.ascontiguousarray(astronaut()[..., ::-1])
    image = np.full((480, 640, 3), 90, np.uint8)
    if "left" in persons:
        image[60:360, 10:310] = photograph[:300, 80:380]
    if "right" in persons:
        other = cv2.resize(photograph[20:220, 120:320][:, ::-1], (300, 300))
        image[60:360, 330:630] = other * np.array([0.9, 0.7, 0.6])
    return image
