"""Writing the corpus: images in parallel and resumable, then the annotation files, then the truth."""

from __future__ import annotations

import io
import json
import math
import multiprocessing
import os
import secrets
import sys
import threading
import types
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

import aulib
from aulib.errors import AulibError, DataError, SettingsError
from aulib.synth import looks, people, plan, render, writers

RECORD, TRUTH = "corpus.json", "truth.parquet"
#: Changes whenever the same settings would give other bytes.
FORMAT = 2
#: Pictures handed to a worker at a time; neighbours mostly show the same person.
CHUNK = 24


@dataclass(frozen=True)
class Settings:
    """What decides the corpus."""

    scale: float
    size: int
    seed: int
    datasets: tuple[str, ...]

    @classmethod
    def checked(cls, scale: float, size: int, seed: int, datasets: Iterable[str] | None) -> Settings:
        """Settings after a look at every value.

        Raises:
            SettingsError: for a value that cannot be used.
        """
        if not (isinstance(scale, int | float) and math.isfinite(scale) and 0 < scale <= 200):
            raise SettingsError(f"scale is {scale!r}; it must be above 0 and at most 200 (1 is about 6,500 images)")
        if not (isinstance(size, int) and 32 <= size <= 512):
            raise SettingsError(f"size is {size!r}; it must be a whole number of pixels from 32 to 512")
        if not (isinstance(seed, int) and seed >= 0):
            raise SettingsError(f"seed is {seed!r}; it must be a whole number, 0 or more")
        names = tuple(plan.SIZES) if datasets is None else (datasets,) if isinstance(datasets, str) else tuple(datasets)
        unknown = [name for name in names if name not in plan.SIZES]
        if unknown or not names:
            raise SettingsError(f"datasets has {unknown or 'no name'}; known names are {', '.join(plan.SIZES)}")
        return cls(float(scale), size, seed, tuple(name for name in plan.SIZES if name in names))

    def record(self) -> dict:
        """The settings as plain values, for ``corpus.json``."""
        return {"scale": self.scale, "size": self.size, "seed": self.seed, "datasets": list(self.datasets)}


def make(folder: Path, settings: Settings, workers: int | None, progress: bool) -> Path:
    """Write the corpus or complete it; see :func:`aulib.synth.make_corpus`."""
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise SettingsError(f"workers is {workers!r}; it must be a whole number from 1, or None for all cores")
    folder = Path(folder)
    _check_folder(folder, settings)
    frames = [f for name in settings.datasets for f in plan.frames(name, settings.scale, settings.seed)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        record = _record(settings, frames)
        _write(folder / RECORD, _json(record | {"status": "incomplete"}))
        _write_images(folder, frames, settings, workers or os.cpu_count() or 1, progress)
        _write_labels(folder, frames, settings)
        _write(folder / RECORD, _json(record | {"status": "complete"}))
    except OSError as error:
        raise DataError(_what_to_do(error), path=error.filename or folder) from error
    return folder


def _what_to_do(error: OSError) -> str:
    return (
        f"cannot write the corpus: {error.strerror or error}. No half-written file was left; "
        "make room or choose another folder, then run it again: finished images are kept"
    )


def _check_folder(folder: Path, settings: Settings) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise SettingsError(f"{folder} is a file; give a folder for the corpus")
    if not any(folder.iterdir()):
        return
    if not (folder / RECORD).exists():
        raise SettingsError(f"{folder} holds other files and no {RECORD}; give a new or an empty folder")
    found = _read_record(folder / RECORD)
    wanted = settings.record() | {"format": FORMAT}
    other = [f"{key} {found.get(key)!r} (wanted {value!r})" for key, value in wanted.items() if found.get(key) != value]
    if other:
        raise SettingsError(
            f"{folder} holds a corpus made with {', '.join(other)}; nothing was changed: "
            "use its settings, give another folder, or delete this one"
        )


def _read_record(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return content["settings"] | {"format": content["format"]}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError("is not the record of a corpus; delete the folder or give another one", path=path) from error


def _record(settings: Settings, frames: list[plan.Frame]) -> dict:
    counts = {}
    for name in settings.datasets:
        own = [f for f in frames if f.dataset == name]
        counts[name] = {
            "subjects": len({f.subject for f in own}),
            "frames": len(own),
            "images": sum(f.image is not None for f in own),
            "coded": sum(f.coded for f in own),
        }
    return {
        "what": "SynthAU: rendered faces with known action units, in the formats of six datasets. No real person.",
        "format": FORMAT,
        "version": aulib.__version__,
        "settings": settings.record(),
        "counts": counts,
        "truth": TRUTH,
    }


def _json(content: dict) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()


def _write(path: Path, content: bytes) -> None:
    """Write under a temporary name in the same folder, then rename: a file is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_labels(folder: Path, frames: list[plan.Frame], settings: Settings) -> None:
    for name in settings.datasets:
        own = [f for f in frames if f.dataset == name]
        for path, text in writers.WRITERS[name](own).items():
            _write(folder / name / path, text.encode())
    table = io.BytesIO()
    writers.truth(frames).to_parquet(table, index=False)
    _write(folder / TRUTH, table.getvalue())


def _write_images(folder: Path, frames: list[plan.Frame], settings: Settings, workers: int, progress: bool) -> None:
    wanted = [f for f in frames if f.image is not None]
    missing = [f for f in wanted if not (folder / f.dataset / f.image).exists()]
    with tqdm(total=len(wanted), initial=len(wanted) - len(missing), unit="image", disable=not progress) as bar:
        for done in _rendered(folder, missing, settings, workers):
            bar.update(done)


def _rendered(folder: Path, frames: list[plan.Frame], settings: Settings, workers: int) -> Iterator[int]:
    """Render in chunks, in this process or in several; yields the number of images written."""
    chunks = [frames[k : k + CHUNK] for k in range(0, len(frames), CHUNK)]
    if min(workers, len(chunks)) <= 1:
        yield from (_render_chunk(folder, chunk, settings.size, settings.seed) for chunk in chunks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(chunks)), mp_context=context, initializer=_end_with_parent) as pool:
        with _no_main_module():
            tasks = [pool.submit(_render_chunk, folder, chunk, settings.size, settings.seed) for chunk in chunks]
        try:
            yield from (_result(task) for task in as_completed(tasks))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Start processes that import aulib alone, not the calling script: otherwise each would run the script again."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _end_with_parent() -> None:
    """Let a rendering process end when the process that started it is killed; otherwise it would wait for ever."""

    def watch() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _result(task: Future) -> int:
    try:
        return task.result()
    except BrokenProcessPool as error:
        raise AulibError("a rendering process ended early (out of memory?); run it again, or with workers=1") from error


def _render_chunk(folder: Path, frames: list[plan.Frame], size: int, seed: int) -> int:
    for frame in frames:
        path = folder / frame.dataset / frame.image
        _write(path, encode(picture(frame, size, seed), path.suffix, _quality(frame, seed)))
    return len(frames)


@lru_cache(maxsize=4)
def _person(dataset: str, person: int, male: bool | None, seed: int) -> people.Person:
    rng = plan.stream(seed, dataset, plan.PERSON, person)
    return people.sample(rng, looks.LOOKS[dataset].ages, male)


def picture(frame: plan.Frame, size: int, seed: int) -> np.ndarray:
    """Render a frame of the plan, uint8 (size, size, 3)."""
    male = frame.subject.startswith("M") if frame.dataset == "bp4d" else None  # its names tell women from men
    who = _person(frame.dataset, frame.person, male, seed)
    person = plan.stream(seed, frame.dataset, plan.PERSON, frame.person, 1)
    take = plan.stream(seed, frame.dataset, plan.SEQUENCE, frame.take)
    own = plan.stream(seed, frame.dataset, plan.PICTURE, frame.number)
    scene = looks.scene(looks.LOOKS[frame.dataset], person, take, own, size)
    scene = replace(scene, yaw=scene.yaw + frame.yaw)
    return render.face(who, frame.levels, scene, size)


def _quality(frame: plan.Frame, seed: int) -> int:
    look = looks.LOOKS[frame.dataset]
    kind, number = (plan.PICTURE, frame.number) if look.wild else (plan.SEQUENCE, frame.take)
    return looks.quality(look, plan.stream(seed, frame.dataset, kind, number, 1))


def encode(pixels: np.ndarray, suffix: str, quality: int) -> bytes:
    """JPEG or PNG bytes of an image. A PNG is a frame of a video, compressed before; without colour it is stored grey,
    as in CK+."""
    image = Image.fromarray(pixels)
    if (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 0] == pixels[..., 2]).all():
        image = image.convert("L")
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    if suffix == ".png":
        frame, content = Image.open(content), io.BytesIO()
        frame.save(content, "PNG")
    return content.getvalue()
