"""From an image file to RGB pixels, by written rules (`RULES`, recorded with every store).

* The EXIF orientation is applied first.
* Grey, palette, CMYK, YCbCr and Lab images are converted to RGB by Pillow.
* 16-bit grey (and Pillow's 32-bit integer mode, in which it opens some 16-bit files) is divided by 257, so that 65535
  becomes 255; floating-point images are refused.
* Transparent pixels are laid over black.
* The image, or the square cut out of it, is resized to a square: by area (box filter) where it shrinks, bilinear where
  it grows. A whole image does not keep its aspect ratio. Large JPEG files are decoded at a reduced scale, at which what
  is kept still has at least twice the size asked for.
* An image without any pixel above `BLACK` is a lost frame, not a dark one; `refuse_black` says so.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from aulib.crops import Box
from aulib.errors import DataError

RULES = "exif; 16-bit / 257; alpha over black; box to shrink, bilinear to grow; jpeg draft 2x; no black; v2"
#: Grey level up to which an image is black: JPEG files of a black image are not all 0.
BLACK = 8


def decode(path: str | Path, size: int, box: Box | None = None) -> np.ndarray:
    """Read one image file as RGB pixels, uint8 of shape (size, size, 3), by the rules above.

    Args:
        path: the file.
        size: side of the result, in pixels.
        box: the square to cut out, in pixels of the upright file; None takes the whole image.

    Raises:
        DataError: the square does not fit the image.
        OSError, ValueError, SyntaxError: what Pillow raises for a missing, empty, truncated or unknown file.
    """
    picture, scale = open_rgb(path, size, box)
    return shrink(cut(picture, box.scaled(scale) if box else None), size)


def open_rgb(path: str | Path, size: int | None = None, box: Box | None = None) -> tuple[Image.Image, float]:
    """Open a file as an upright RGB picture.

    Args:
        path: the file.
        size: side that will be asked for; a JPEG file may then be decoded at a smaller scale. None: at full scale.
        box: the part that will be cut out.

    Returns:
        The picture, and its size divided by the file's.
    """
    with Image.open(path) as image:
        width = image.width
        if size is not None:
            image.draft("RGB", _enough(image.size, size, box))
        scale = image.width / width
        return _to_rgb(ImageOps.exif_transpose(image)), scale


def cut(picture: Image.Image, box: Box | None) -> Image.Image:
    """Cut a square out of a picture; where it reaches over the border it is black.

    Raises:
        DataError: the square lies beside the picture, or is more than four times as large.
    """
    if box is None:
        return picture
    right, bottom = box.left + box.side, box.top + box.side
    beside = right <= 0 or bottom <= 0 or box.left >= picture.width or box.top >= picture.height
    if beside or box.side > 4 * max(picture.size):
        raise DataError(f"the square {tuple(box)} does not fit an image of {picture.width} x {picture.height}")
    return picture.crop((box.left, box.top, right, bottom))


def shrink(picture: Image.Image, size: int) -> np.ndarray:
    """Resize an RGB picture to uint8 pixels of shape (size, size, 3)."""
    if picture.size != (size, size):
        shrinks = min(picture.size) >= size
        picture = picture.resize((size, size), Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR)
    return np.asarray(picture)


def refuse_black(pixels: np.ndarray) -> None:
    """Refuse an image that shows nothing, such as the seven known ones of UNBC.

    Raises:
        DataError: no pixel is above `BLACK`.
    """
    if pixels.max() <= BLACK:
        raise DataError(f"black: no pixel is above {BLACK} of 255")


def _enough(full: tuple[int, int], size: int, box: Box | None) -> tuple[int, int]:
    """The smallest picture in which what is kept has twice the size asked for."""
    if box is None:
        return 2 * size, 2 * size
    return tuple(max(1, round(side * 2 * size / box.side)) for side in full)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating-point pixels have no agreed range; save the image as 8-bit or 16-bit")
    if image.mode.startswith("I"):
        return Image.fromarray(_from_16_bit(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image).convert("RGB")
    return image.convert("RGB")


def _from_16_bit(values: np.ndarray) -> np.ndarray:
    return np.round(np.clip(values, 0, 65535) / 257).astype(np.uint8)
