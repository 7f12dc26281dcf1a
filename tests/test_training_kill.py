"""A promise of `aulib.training`: killed at any moment, as often as you like, it ends as if nothing had happened."""

import multiprocessing
import random
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aulib import model as network

KILLS = 10
MODELS = ("stage1.keras", "model.keras")


def train(folder):
    """Train a narrow network in this process, with a cache that is saved often."""
    from aulib import features, training

    network.BLOCKS = ((4, 4), (4, 4), (4, 4, 4), (8, 8, 8), (8, 8, 8))
    features.CHUNK = 1
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (200, 32, 32, 3), dtype=np.uint8)
    y = (rng.random((200, 2)) < 0.4).astype(np.float32)
    training.train_two_stage(
        pixels, y, aus=["AU06", "AU12"], train=np.r_[0:160, 0:40], validation=np.arange(160, 200), folder=folder,
        weights=None, pixel_scaling="unit", hidden=(8, 8), batch_size=32, epochs=(4, 3), learning_rate=3e-3, seed=5,
        images_key="noise", progress=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def start():
    """Start a training in a process of its own; the processes are copies of one that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["aulib.training"])

    def start(folder):
        process = context.Process(target=train, args=(folder,))
        process.start()
        return process

    return start


def files(folder: Path) -> set:
    """Names and times of all files, also of those that are just being written."""
    found = set()
    for path in folder.rglob("*"):
        try:
            found.add((str(path.relative_to(folder)), path.stat().st_mtime_ns))
        except FileNotFoundError:  # renamed meanwhile
            pass
    return found


def kill_after(process, folder: Path, changes: int, delay: float) -> set:
    """Kill a process after so many changes in its folder and a moment more; returns the names of the files left."""
    before = files(folder)
    while process.is_alive() and changes:
        now = files(folder)
        changes, before = changes - (now != before), now
    time.sleep(delay)
    process.kill()
    process.join()
    return {name for name, _ in files(folder)}


def result(folder: Path) -> dict:
    """Everything that a run leaves, but for times."""
    history = pd.read_csv(folder / "history.csv").drop(columns=["seconds", "training_seconds"])
    values = {name: [np.asarray(w) for w in network.load(folder / name).weights] for name in MODELS}
    return {"history": history, **values}


def assert_equal(found: dict, expected: dict) -> None:
    pd.testing.assert_frame_equal(found["history"], expected["history"], check_exact=True)
    for name in MODELS:
        for one, other in zip(found[name], expected[name], strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name)


def test_a_training_killed_ten_times_at_random_moments_ends_with_the_same_bits(start, tmp_path):
    whole = start(tmp_path / "whole")
    whole.join()
    assert whole.exitcode == 0
    expected = result(tmp_path / "whole")
    draw, folder, phases = random.Random(7), tmp_path / "killed", []
    folder.mkdir()
    while len(phases) < KILLS:
        process = start(folder)
        left = kill_after(process, folder, changes=draw.randint(1, 12), delay=draw.uniform(0, 0.02))
        assert process.exitcode in (0, -9)
        if process.exitcode == 0:  # it was quicker: the result counts, and the next training begins
            assert_equal(result(folder), expected)
            shutil.rmtree(folder)
            folder.mkdir()
        else:
            phases.append("stage 2" if "stage1.keras" in left else "stage 1" if "state.npz" in left else "features")
    last = start(folder)
    last.join()
    assert last.exitcode == 0
    assert_equal(result(folder), expected)
    assert len(set(phases)) >= 2, f"all kills fell into one phase: {phases}"
    leftovers = [path.name for path in folder.iterdir() if path.suffix in (".npz", ".tmp") or ".part" in path.name]
    assert leftovers == []
