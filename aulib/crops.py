"""Where the face is: a square from above the brows to the chin, laid by landmarks or by a detector.

One rule for both (`face_box`): it needs the two eyes and the tip of the nose, which smiles and open jaws do not move.
With e the distance of the eyes, n the distance from their middle to the tip of the nose, and u = sqrt(e^2 + n^2), the
square has the side 2.08 u and its centre lies 0.52 u below the middle of the eyes, at a right angle to the line between
them. Both factors were measured on the synthetic heads, so that real faces are framed as the synthetic ones are. The
square stays upright: a tilted head stays tilted. What reaches over the border of the image is black.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import threading
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from aulib.errors import AulibError, DataError, SettingsError

Crop = Literal["whole", "landmarks", "detector", "auto"]
CROPS = ("whole", "landmarks", "detector", "auto")
RULE = "eyes and nose tip; side 2.08 u, 0.52 u below the eyes; upright; black outside; largest face; v1"
SIDE, BELOW = 2.08, 0.52
#: Pictures are reduced to this side before the detector looks; its smallest face is a twenty-fourth of that.
DETECTOR_SIDE = 480
SMALLEST_FACE = 8  # pixels of the side of a square


class Box(NamedTuple):
    """A square in an image: column and row of its upper left corner, and its side, in pixels."""

    left: int
    top: int
    side: int

    def scaled(self, factor: float) -> Box:
        """The same square in an image that is `factor` times as large."""
        return Box(round(self.left * factor), round(self.top * factor), max(1, round(self.side * factor)))


def face_box(eye: np.ndarray, other_eye: np.ndarray, nose: np.ndarray, margin: float = 0.0) -> Box:
    """The square from above the brows to the chin, by the rule above.

    Args:
        eye, other_eye: centres of the eyes, (x, y) in pixels, y downwards; in any order.
        nose: tip of the nose.
        margin: added to the side, as a share of it.

    Raises:
        DataError: the points are not finite, coincide, or make a square of less than `SMALLEST_FACE` pixels.

    Example:
        >>> face_box((30, 50), (70, 50), (50, 80))
        Box(left=-2, top=24, side=104)
    """
    eye, other_eye, nose = (np.asarray(point, float) for point in (eye, other_eye, nose))
    middle, across = (eye + other_eye) / 2, other_eye - eye
    apart = float(np.hypot(*across))
    unit = float(np.hypot(apart, np.hypot(*(nose - middle))))
    side = SIDE * unit * (1 + margin)
    if not np.isfinite(unit) or apart == 0 or side < SMALLEST_FACE:
        raise DataError(f"eyes at {eye.tolist()} and {other_eye.tolist()}, nose at {nose.tolist()} make no face")
    down = np.array([-across[1], across[0]]) / apart
    down = down if down @ (nose - middle) >= 0 else -down
    left, top = middle + BELOW * unit * down - side / 2
    return Box(round(left), round(top), round(side))


def check(crop: str, margin: float) -> None:
    """Refuse a crop or a margin that does not exist, and a detector that is not installed.

    Raises:
        SettingsError: an unknown crop, or a margin outside 0 to 2.
        AulibError: the detector is needed and cannot run; the message says what to do.
    """
    if crop not in CROPS:
        raise SettingsError(f"crop is {crop!r}; it is one of {', '.join(CROPS)}")
    if not 0 <= margin <= 2:
        raise SettingsError(f"margin is {margin}; it is a share of the square's side, from 0 to 2")
    if crop in ("detector", "auto"):
        _require_detector()


def detector_name() -> str:
    """Name and version of the detector, for records and keys."""
    _require_detector()
    return f"mtcnn {importlib.metadata.version('mtcnn')}, at most {DETECTOR_SIDE} px"


def find_face(picture: Image.Image, margin: float = 0.0) -> Box | None:
    """Find the largest face of an RGB picture with MTCNN (Zhang et al., IEEE Signal Processing Letters 2016).

    Returns:
        The square of the face, or None if there is no face.

    Raises:
        AulibError: the package mtcnn is missing, or Keras does not run on TensorFlow.
    """
    small = picture.copy()
    small.thumbnail((DETECTOR_SIDE, DETECTOR_SIDE), Image.Resampling.BOX)
    with _BUSY:
        faces = _detector().detect_faces(np.asarray(small))
    scale = picture.width / small.width
    for face in sorted(faces, key=lambda face: -face["box"][2] * face["box"][3]):
        points = (np.asarray(face["keypoints"][name], float) * scale for name in ("left_eye", "right_eye", "nose"))
        try:
            return face_box(*points, margin=margin)
        except DataError:
            continue  # eyes on one spot: the next face
    return None


_BUSY = threading.Lock()


@cache
def _detector():
    _require_detector()
    import keras

    if keras.backend.backend() != "tensorflow":
        raise AulibError(
            f"the face detector runs on TensorFlow, and Keras runs on {keras.backend.backend()}: build the image store "
            "once with KERAS_BACKEND=tensorflow (every backend can read it), or choose crop 'landmarks' or 'whole'"
        )
    from mtcnn import MTCNN

    return MTCNN()


def _require_detector() -> None:
    if importlib.util.find_spec("mtcnn") is None:
        raise AulibError(
            "finding faces needs the package mtcnn: pip install 'aulib[faces]'. Without it there is crop 'whole', and "
            "'landmarks' for datasets that have them"
        )
