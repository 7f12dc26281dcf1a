"""Time of a head-only training step with masked losses and metrics, against Keras's own loss and metric.

    python benchmarks/head_step.py                        # TensorFlow
    KERAS_BACKEND=jax python benchmarks/head_step.py

The head is that of stage 1 on cached features: 4,608 inputs (96 px images), two dense layers of 256 with dropout, 13
sigmoid outputs, batch 256, Adam with AMSGrad. All heads are compiled in one process and take their steps in turn, so
that the machine's ups and downs meet all of them; the figure is the median of the ratios within a round.
"""

from __future__ import annotations

import argparse
import time

import keras
import numpy as np

from aulib import losses, metrics

BATCH, INPUTS, LABELS = 256, 4608, 13


def head(loss, metric) -> keras.Model:
    """The dense layers of the paper, compiled."""
    layers = [keras.Input((INPUTS,))]
    for _ in range(2):
        layers += [keras.layers.Dense(256, activation="relu"), keras.layers.Dropout(0.5)]
    model = keras.Sequential([*layers, keras.layers.Dense(LABELS, activation="sigmoid")])
    memory = [loss.running] if isinstance(loss, losses.CountCorrectedF1Loss) else []
    model.compile(keras.optimizers.Adam(1e-4, amsgrad=True), loss, metrics=[metric, *memory], jit_compile="auto")
    return model


def candidates(y: np.ndarray) -> dict[str, keras.Model]:
    """Keras's own loss and metric first, then each of ours."""
    own = head(keras.losses.BinaryCrossentropy(), keras.metrics.F1Score(average="macro", threshold=0.5))
    return {"Keras": own} | {name: head(losses.by_name(name, y), metrics.MaskedF1Score()) for name in losses.names()}


def measure(rounds: int, steps: int) -> dict[str, np.ndarray]:
    """Milliseconds a step, (rounds,) for each candidate."""
    rng = np.random.default_rng(0)
    x = rng.random((BATCH, INPUTS), dtype="float32")
    complete = (rng.random((BATCH, LABELS)) < 0.3).astype("float32")
    incomplete = np.where(rng.random(complete.shape) < 0.2, np.nan, complete).astype("float32")
    models = candidates(incomplete)
    labels = {name: complete if name == "Keras" else incomplete for name in models}
    for name, model in models.items():
        model.train_on_batch(x, labels[name])
    times = {name: np.empty(rounds) for name in models}
    for number in range(rounds):
        for name in np.random.default_rng(number).permutation(list(models)):
            started = time.perf_counter()
            for _ in range(steps):
                models[name].train_on_batch(x, labels[name])
            times[name][number] = (time.perf_counter() - started) / steps * 1000
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    times = measure(arguments.rounds, arguments.steps)
    print(f"Backend {keras.config.backend()}, batch {BATCH}, {arguments.rounds} rounds of {arguments.steps} steps.\n")
    print("| loss, with MaskedF1Score | ms a step, median | times Keras's BCE + F1Score |\n|---|---:|---:|")
    for name, found in times.items():
        print(f"| {name} | {np.median(found):.2f} | {np.median(found / times['Keras']):.2f} |")


if __name__ == "__main__":
    main()
