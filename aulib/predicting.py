"""Predict action units on one's own pictures, and show which parts of a face a probability depends on.

`predict_images` is the whole way in one call: find the face, cut it as in training, predict. `occlusion_map` covers the
face patch by patch and records how far a probability falls (Zeiler and Fergus, ECCV 2014, section 4.2). It was chosen
over Grad-CAM because it needs forward passes only, so that it runs on every backend, and because block 5 of VGG16
leaves only 3 x 3 cells of a 96-pixel face, too few to say where.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from aulib import crops, decoding, facs
from aulib.errors import AulibError, DataError, SettingsError

if TYPE_CHECKING:
    import keras

OwnCrop = Literal["whole", "detector", "auto"]
OWN_CROPS = ("whole", "detector", "auto")
#: Endings of the files that are taken from a folder. A file that is named itself is opened whatever its ending.
ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
NO_FACE = "no face found"


@dataclass(frozen=True)
class Faces:
    """Pictures, cut and resized for a model.

    Attributes:
        pixels: uint8 (n, size, size, 3), RGB.
        index: DataFrame with n rows: `image` (the path), `crop` ("detector" or "whole"), `left`, `top`, `side` (Int32,
            the square in pixels of the upright picture, <NA> for a whole one) and `note`.
        failures: DataFrame of the pictures that could not be used: `image`, `reason`.
    """

    pixels: np.ndarray
    index: pd.DataFrame
    failures: pd.DataFrame

    def box(self, row: int) -> crops.Box | None:
        """The square of a face in its picture, or None."""
        found = self.index.iloc[row][list(crops.Box._fields)]
        return None if found.isna().any() else crops.Box(*map(int, found))


def load_model(path: str | Path) -> keras.Model:
    """Load a model saved by `aulib.model.save`, or the best model of a run's folder.

    Keras's safe mode stays on: a file that wants to run Python code of its own is refused.

    Raises:
        DataError: there is no model there, or it cannot be read.
    """
    from aulib import model

    path = Path(path)
    if path.is_dir():
        if not (path / "model.keras").is_file():
            raise DataError("is no run folder: it holds no model.keras. Give a run's folder or a .keras file", path)
        path = path / "model.keras"
    try:
        return model.load(path)
    except (OSError, KeyError, RuntimeError) as error:  # damaged archives
        raise DataError(f"is not a readable model ({type(error).__name__}: {error})", path) from error


def check_aus(known: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Positions of action units in a model's list.

    Raises:
        SettingsError: the model does not know one of them.

    Example:
        >>> check_aus(["AU06", "AU12"], ["AU12"])
        [1]
    """
    unknown = [au for au in wanted if au not in known]
    if unknown:
        raise SettingsError(f"the model does not know {', '.join(unknown)}; it knows {', '.join(known)}")
    return [list(known).index(au) for au in wanted]


def find_images(paths: Iterable[str | Path]) -> tuple[list[Path], int]:
    """List the pictures among files and folders.

    Args:
        paths: files, taken as they are, and folders, searched with all their subfolders for files with one of
            `ENDINGS`; hidden ones are left out.

    Returns:
        The files, each once, in the order given (a folder's sorted), and the number of a folder's other files.

    Raises:
        DataError: a path does not exist, or a folder holds no picture.
    """
    found: dict[Path, None] = {}
    others = 0
    for path in map(Path, paths):
        if path.is_dir():
            files = [file for file in sorted(path.rglob("*")) if file.is_file() and not _hidden(file, path)]
            pictures = [file for file in files if file.suffix.lower() in ENDINGS]
            if not pictures:
                raise DataError(f"holds no picture; looked for files ending in {', '.join(ENDINGS)}", path)
            others += len(files) - len(pictures)
            found.update(dict.fromkeys(pictures))
        elif path.exists():
            found[path] = None
        else:
            raise DataError("there is no such file or folder", path)
    return list(found), others


def read_faces(
    paths: Sequence[str | Path],
    size: int,
    crop: OwnCrop = "detector",
    margin: float = 0.0,
    progress: bool = False,
) -> Faces:
    """Read pictures, find the largest face of each and bring it to the size of a model.

    Args:
        paths: picture files.
        size: side of the result, in pixels.
        crop: "detector" takes the largest face, and a picture without a face fails; "auto" takes a picture without a
            face whole, and says so in `note`; "whole" takes every picture whole, for face crops.
        margin: added to the side of the face's square, as a share of it.
        progress: show a progress bar.

    Returns:
        The faces. A picture that cannot be used stands in `failures` and stops nothing.

    Raises:
        SettingsError: an unknown crop.
        AulibError: the detector is needed and cannot run.
    """
    if crop not in OWN_CROPS:
        raise SettingsError(f"crop is {crop!r}; for pictures of one's own it is one of {', '.join(OWN_CROPS)}")
    crops.check(crop, margin)
    pixels, rows, failed = [], [], []
    for path in tqdm([Path(path) for path in paths], desc="faces", unit="img", disable=not progress):
        try:
            face, box = _read_face(path, size, crop, margin)
        except DataError as error:
            failed.append((str(path), str(error)))
            continue
        except AulibError:
            raise  # the detector cannot run: not this picture's fault
        except Exception as error:  # Pillow's readers raise many kinds for damaged files; all of them are reported
            failed.append((str(path), f"{type(error).__name__}: {error}"))
            continue
        pixels.append(face)
        note = NO_FACE if box is None and crop == "auto" else ""
        rows.append((str(path), "whole" if box is None else "detector", *(box or (pd.NA,) * 3), note))
    index = pd.DataFrame(rows, columns=["image", "crop", *crops.Box._fields, "note"])
    index = index.astype(dict.fromkeys(crops.Box._fields, "Int32") | dict.fromkeys(("image", "crop", "note"), "string"))
    failures = pd.DataFrame(failed, columns=["image", "reason"], dtype="string")
    return Faces(np.array(pixels, np.uint8).reshape(-1, size, size, 3), index, failures)


def predict_faces(
    model: keras.Model, faces: Faces, threshold: float | None = None, aus: Sequence[str] | None = None
) -> pd.DataFrame:
    """Predict the action units of faces.

    Args:
        model: from `load_model` or a run.
        faces: from `read_faces`, of the model's size.
        threshold: probability from which an action unit counts as displayed; None takes the model's own.
        aus: the action units to tell of; None tells of all that the model knows.

    Returns:
        DataFrame with a row for each face and action unit: `image, crop, note, au, name, probability` (float32) and
        `displayed` (bool). `.attrs["failures"]` maps the pictures that could not be used to the reason.

    Raises:
        SettingsError: an action unit that the model does not know, or a threshold outside 0 to 1.
    """
    from aulib import training
    from aulib.model import card

    about = card(model)
    aus = list(about["aus"] if aus is None else aus)
    columns = check_aus(about["aus"], aus)
    threshold = about["threshold"] if threshold is None else threshold
    if not 0 <= threshold <= 1:
        raise SettingsError(f"threshold is {threshold}; it is a probability, from 0 to 1")
    p = np.zeros((0, len(about["aus"])), np.float32)
    if len(faces.pixels):
        p = training.predict(model, faces.pixels, batch_size=min(64, len(faces.pixels)))
    table = faces.index.loc[faces.index.index.repeat(len(aus)), ["image", "crop", "note"]].reset_index(drop=True)
    table["au"] = pd.array(aus * len(p), dtype="string")
    table["name"] = pd.array([facs.CATALOGUE[au].name for au in aus] * len(p), dtype="string")
    table["probability"] = p[:, columns].ravel()
    table["displayed"] = table["probability"] >= threshold
    table.attrs["failures"] = dict(zip(faces.failures["image"], faces.failures["reason"], strict=True))
    return table


def predict_images(
    model: keras.Model | str | Path,
    paths: str | Path | Iterable[str | Path],
    crop: OwnCrop = "detector",
    margin: float = 0.0,
    threshold: float | None = None,
    aus: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Predict the action units of pictures: `find_images`, `read_faces` and `predict_faces` in one call.

    Args:
        model: a model, a `.keras` file or a run's folder.
        paths: a file or a folder, or several.
        crop, margin: see `read_faces`.
        threshold, aus: see `predict_faces`.

    Returns:
        The table of `predict_faces`.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> from aulib.model import vgg16
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("RGB", (50, 40), (90, 80, 70)).save(f"{folder}/a.png")
        ...     found = predict_images(vgg16(["AU12"], 32, weights=None), folder, crop="whole")
        >>> found["name"].tolist(), found["crop"].tolist()
        (['Lip corner puller'], ['whole'])
    """
    from aulib.model import card

    model = load_model(model) if isinstance(model, str | Path) else model
    check_aus(card(model)["aus"], aus or ())
    files, _ = find_images([paths] if isinstance(paths, str | Path) else paths)
    return predict_faces(model, read_faces(files, card(model)["image_size"], crop, margin), threshold, aus)


def occlusion_map(
    model: keras.Model,
    pixels: np.ndarray,
    aus: Sequence[str] | None = None,
    patch: int | None = None,
    stride: int | None = None,
    batch_size: int = 64,
) -> np.ndarray:
    """How far each probability falls when a patch of the face is covered.

    A square patch of the face's mean colour is laid at every `stride` pixels, also half over the border. A pixel's
    value is the mean, over the patches that cover it, of the probability of the whole face minus that of the covered
    one.
    Positive: the probability needs what is there. Negative: it rises when that is hidden.

    Args:
        model: from `load_model` or a run.
        pixels: one face, uint8 (size, size, 3).
        aus: the L action units to map; None maps all.
        patch: side of the patch in pixels; None takes a quarter of the face.
        stride: step in pixels; None takes half a patch.
        batch_size: covered faces at a time.

    Returns:
        float32 (L, size, size), differences of probability, -1 to 1.

    Raises:
        SettingsError: an action unit that the model does not know, pixels that do not fit it, or a patch or step that
            leaves parts of the face uncovered.
    """
    from aulib import training
    from aulib.model import card, check

    check(model, pixels[None])
    about = card(model)
    columns, size = check_aus(about["aus"], list(about["aus"] if aus is None else aus)), len(pixels)
    patch = patch or max(1, size // 4)
    stride = stride or max(1, patch // 2)
    if not (1 <= stride <= patch <= size):
        raise SettingsError(f"patch is {patch}, stride {stride}; they must rise from 1: stride <= patch <= {size}")
    places = _places(size, patch, stride)
    covered = np.repeat(pixels[None], len(places) + 1, axis=0)
    colour = pixels.mean(axis=(0, 1)).round().astype(np.uint8)
    for face, (rows, cols) in zip(covered[1:], places, strict=True):
        face[rows, cols] = colour
    p = training.predict(model, covered, batch_size=min(batch_size, len(covered)))[:, columns]
    return _spread(p[:1] - p[1:], places, size)


def _places(size: int, patch: int, stride: int) -> list[tuple[slice, slice]]:
    starts = range(-(patch // 2), size, stride)
    spans = [slice(max(start, 0), min(start + patch, size)) for start in starts if start + patch > 0]
    return [(rows, cols) for rows in spans for cols in spans]


def _spread(falls: np.ndarray, places: list[tuple[slice, slice]], size: int) -> np.ndarray:
    """Mean fall over the patches that cover a pixel: from (patches, L) to (L, size, size)."""
    total, count = np.zeros((falls.shape[1], size, size)), np.zeros((size, size))
    for fall, (rows, cols) in zip(falls, places, strict=True):
        total[:, rows, cols] += fall[:, None, None]
        count[rows, cols] += 1
    return (total / count).astype(np.float32)


def _read_face(path: Path, size: int, crop: OwnCrop, margin: float) -> tuple[np.ndarray, crops.Box | None]:
    if crop == "whole":
        pixels, box = decoding.decode(path, size), None
    else:
        picture, _ = decoding.open_rgb(path)
        box = crops.find_face(picture, margin)
        if box is None and crop == "detector":
            raise DataError(f"{NO_FACE}; if the picture is a face crop already, use crop 'whole'")
        pixels = decoding.shrink(decoding.cut(picture, box), size)
    decoding.refuse_black(pixels)
    return pixels, box


def _hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)
