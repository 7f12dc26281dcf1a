"""Time to render a synthetic face: the same person again, a new person each time, and two processes at once.

    python benchmarks/render.py

Every round renders each case once for every size, in an order of its own, so that the machine's ups and downs meet all
of them. The table holds processor time of the best round, the time on one core that is otherwise idle; images a
second are by the clock. Faces show four action units in the light and pose of EmotioNet's look, the one that draws a
new person for every image.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time

import numpy as np

from aulib.synth import looks, people, render

SIZES = (64, 96, 128)
AUS = {"AU06": 3, "AU07": 2, "AU12": (4, 3), "AU25": 3}
BUDGET = 25.0  # ms for 128 pixels on one core


def images(size: int, count: int, new: bool, seed: int = 0) -> None:
    """Render ``count`` faces, of one person or of a new person each time."""
    look = looks.LOOKS["emotionet"]
    who = people.sample(np.random.default_rng([seed, 0]), look.ages)
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        if new:
            who = people.sample(rng, look.ages)
        render.face(who, AUS, looks.scene(look, rng, rng, rng, size), size)


def milliseconds(work, count: int) -> float:
    """Processor time of ``work()``, all threads together, for each of its ``count`` images."""
    started = time.process_time()
    work()
    return (time.process_time() - started) / count * 1000


def cases(size: int, count: int) -> dict[str, object]:
    """Name -> what to time. The trace and the person are timed alone, to tell their share."""
    head, scene = people.basis.load(), render.Scene()
    who = people.sample(np.random.default_rng(0))
    inner = int(round(size * render.OVERSAMPLING))
    window = render._window(who, scene, np.eye(3, dtype=np.float32))
    every = np.ones(len(head.part), bool)
    return {
        "same": lambda: images(size, count, new=False),
        "new": lambda: images(size, count, new=True),
        "person": lambda: [people.sample(np.random.default_rng(k)) for k in range(count)],
        "rays": lambda: [render._cast(head, who.vertices, every, window, inner) for _ in range(count)],
    }


def measure(rounds: int, count: int) -> dict[int, dict[str, float]]:
    """Best milliseconds an image by size and case."""
    found = {size: {} for size in SIZES}
    work = {(size, name): case for size in SIZES for name, case in cases(size, count).items()}
    images(SIZES[0], 1, new=True)
    for number in range(rounds):
        for k in np.random.default_rng(number).permutation(len(work)):
            (size, name), case = list(work.items())[k]
            taken = milliseconds(case, count)
            found[size][name] = min(taken, found[size].get(name, np.inf))
    return found


def rates(rounds: int, count: int, size: int = 96) -> dict[int, float]:
    """Best images a second by the clock, a new person each time, with one worker process and with two."""
    found = {1: 0.0, 2: 0.0}
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(images, [(size, 2, True, seed) for seed in range(4)], chunksize=1)
        for _ in range(rounds):
            for workers in found:
                started = time.perf_counter()
                pool.starmap(images, [(size, count, True, seed) for seed in range(workers)], chunksize=1)
                found[workers] = max(found[workers], workers * count / (time.perf_counter() - started))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--count", type=int, default=10)
    options = parser.parse_args()
    found = measure(options.rounds, options.count)
    print(f"Best of {options.rounds} rounds of {options.count} images, {os.cpu_count()} cores.\n")
    print("| pixels | same person, ms | new person, ms | new / same | ray casting, share of same | person alone, ms |")
    print("|---:|---:|---:|---:|---:|---:|")
    for size, ms in found.items():
        share = f"{ms['new'] / ms['same']:.2f} | {ms['rays'] / ms['same']:.0%}"
        print(f"| {size} | {ms['same']:.1f} | {ms['new']:.1f} | {share} | {ms['person']:.1f} |")
    verdict = "kept" if found[128]["new"] <= BUDGET else "not kept"
    print(f"\nBudget of {BUDGET:.0f} ms for 128 pixels and a new person: {verdict} ({found[128]['new']:.1f} ms).")
    speed = rates(8 * options.rounds, options.count)
    print(f"96 pixels, new people, images a second: 1 worker {speed[1]:.0f}, 2 workers {speed[2]:.0f}"
          f" ({speed[2] / speed[1]:.2f} times).")  # fmt: skip


if __name__ == "__main__":
    main()
