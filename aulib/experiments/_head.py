"""Training of the paper's head on features, fast: one compiled function per training, no callbacks.

The calculation is that of Keras: two dense layers with ReLU and dropout, a sigmoid, Adam with AMSGrad. A test takes the
same first steps with ``keras.Model.fit``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from aulib import metrics
from aulib.errors import SettingsError

#: Loss of a batch: labels or targets (b, L) and probabilities (b, L) -> one number.
Loss = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Recipe:
    """Settings of a training.

    Attributes:
        hidden: units of the two dense layers.
        dropout: rate after each of them.
        learning_rate: of Adam with AMSGrad.
        batch_size: rows of a batch; at most all rows.
        steps: batches in all. Counted in steps, so that methods with few rows are trained as long as others.
        checks: how often the validation people are scored; the best state is kept.
        select: what is best: "score" (mean of macro F1 and accuracy, the paper's), "f1", "accuracy" or "last".
    """

    hidden: tuple[int, int] = (256, 256)
    dropout: float = 0.5
    learning_rate: float = 1e-3
    batch_size: int = 128
    steps: int = 900
    checks: int = 30
    select: str = "score"


class Head:
    """The trained head: weights as float32 arrays, in the order kernel, bias, kernel, ..."""

    def __init__(self, weights: list[np.ndarray]):
        self.weights = weights

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the probabilities (n, L) of features (n, d), float32."""
        z = x
        for place in range(0, len(self.weights), 2):
            z = z @ self.weights[place] + self.weights[place + 1]
            z = np.maximum(z, 0) if place < len(self.weights) - 2 else expit(z)
        return z.astype(np.float32)


def train_head(
    x: np.ndarray,
    targets: np.ndarray,
    loss: Loss,
    *,
    validation: tuple[np.ndarray, np.ndarray],
    seed: int = 0,
    recipe: Recipe | None = None,
    weights: list[np.ndarray] | None = None,
) -> Head:
    """Train a head and return its best state.

    Args:
        x: features of the rows to learn from, float32 (n, d).
        targets: what the loss is given for them, float32 (n, L); NaN unknown, for masked losses.
        loss: of a batch.
        validation: features and labels (m, L) of the validation people; unknown labels are left out.
        seed: of the first weights, the order of the rows and the dropout.
        recipe: None for the default.
        weights: first weights; None draws them (Glorot, uniform).

    Raises:
        SettingsError: no rows, shapes that do not fit, or another backend of Keras than TensorFlow.
    """
    recipe = recipe or Recipe()
    _check(x, targets, validation)
    rng = np.random.default_rng(seed)
    sizes = (x.shape[1], *recipe.hidden, targets.shape[1])
    trainer = _Trainer(x, targets, weights or _first_weights(sizes, rng), loss, recipe, seed)
    orders = _orders(len(x), recipe, rng)
    best, kept = -np.inf, trainer.values()
    for part in np.array_split(orders, min(recipe.checks, len(orders))):
        trainer.steps(part)
        score = _score(recipe.select, validation, Head(trainer.values()))
        if score > best or recipe.select == "last":
            best, kept = score, trainer.values()
    return Head(kept)


def _check(x: np.ndarray, targets: np.ndarray, validation: tuple[np.ndarray, np.ndarray]) -> None:
    import keras

    if keras.backend.backend() != "tensorflow":
        raise SettingsError(f"experiments run on TensorFlow, and KERAS_BACKEND is {keras.backend.backend()}")
    if not len(x) or not len(validation[0]):
        raise SettingsError(f"{len(x)} rows to learn from and {len(validation[0])} for validation; both need some")
    if len(x) != len(targets) or len(validation[0]) != len(validation[1]) or x.shape[1] != validation[0].shape[1]:
        raise SettingsError(
            f"features {x.shape} and targets {targets.shape}, validation {validation[0].shape} and "
            f"{validation[1].shape} do not fit each other"
        )


def _first_weights(sizes: tuple[int, ...], rng: np.random.Generator) -> list[np.ndarray]:
    found = []
    for before, after in zip(sizes, sizes[1:], strict=False):
        limit = np.sqrt(6 / (before + after))
        found += [rng.uniform(-limit, limit, (before, after)).astype(np.float32), np.zeros(after, np.float32)]
    return found


def _orders(rows: int, recipe: Recipe, rng: np.random.Generator) -> np.ndarray:
    """Row numbers of every batch, int32 (steps, batch); each pass over the rows is shuffled anew."""
    size = min(recipe.batch_size, rows)
    per_pass = rows // size
    passes = -(-recipe.steps // per_pass)
    order = np.concatenate([rng.permutation(rows)[: per_pass * size] for _ in range(passes)])
    return order.reshape(-1, size)[: recipe.steps].astype(np.int32)


def _score(select: str, validation: tuple[np.ndarray, np.ndarray], head: Head) -> float:
    scores = {
        "score": metrics.selection_score,
        "f1": metrics.f1_macro,
        "accuracy": metrics.accuracy_macro,
        "last": lambda y, p: 0.0,
    }
    if select not in scores:
        raise SettingsError(f"select is {select!r}; it is one of {', '.join(scores)}")
    return float(np.nan_to_num(scores[select](validation[1], head.predict(validation[0])), nan=-1.0))


class _Trainer:
    """Weights and the optimizer's memory, and one compiled function that takes many steps."""

    def __init__(
        self,
        x: np.ndarray,
        targets: np.ndarray,
        weights: list[np.ndarray],
        loss: Loss,
        recipe: Recipe,
        seed: int,
    ):
        import tensorflow as tf

        self.tf, self.loss, self.recipe, self.seed = tf, loss, recipe, seed
        self.x, self.targets = tf.constant(x), tf.constant(targets)
        self.weights = [tf.Variable(value) for value in weights]
        zeros = [[tf.Variable(tf.zeros_like(value)) for value in weights] for _ in range(3)]
        self.mean, self.square, self.largest = zeros
        self.done = tf.Variable(0, dtype=tf.int32)
        self.compiled = tf.function(self._steps, reduce_retracing=True)

    def values(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self.weights]

    def steps(self, orders: np.ndarray) -> None:
        """Take a step for each batch of row numbers, int32 (steps, batch)."""
        self.compiled(self.x, self.targets, self.tf.constant(orders))

    def _steps(self, x, targets, orders):
        tf = self.tf
        for step in tf.range(tf.shape(orders)[0]):
            rows = orders[step]
            with tf.GradientTape() as tape:
                value = self.loss(tf.gather(targets, rows), self._forward(tf.gather(x, rows)))
            self._adam(tape.gradient(value, self.weights))

    def _forward(self, z):
        tf, w = self.tf, self.weights
        for layer in range(2):
            z = tf.nn.relu(z @ w[2 * layer] + w[2 * layer + 1])
            if self.recipe.dropout:
                kept = tf.random.stateless_uniform(tf.shape(z), seed=[self.seed, 2 * self.done + layer])
                z = tf.where(kept >= self.recipe.dropout, z / (1 - self.recipe.dropout), 0.0)
        return tf.sigmoid(z @ w[4] + w[5])

    def _adam(self, gradients) -> None:
        """Adam with AMSGrad as Keras computes it (Reddi et al. 2018, with the bias correction in the rate)."""
        tf = self.tf
        self.done.assign_add(1)
        t = tf.cast(self.done, tf.float32)
        rate = self.recipe.learning_rate * tf.sqrt(1 - tf.pow(0.999, t)) / (1 - tf.pow(0.9, t))
        for w, g, m, v, h in zip(self.weights, gradients, self.mean, self.square, self.largest, strict=True):
            m.assign_add((g - m) * 0.1)
            v.assign_add((g * g - v) * 0.001)
            h.assign(tf.maximum(h, v))
            w.assign_sub(rate * m / (tf.sqrt(h) + 1e-7))
