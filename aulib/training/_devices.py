"""The devices that Keras computes on."""

from __future__ import annotations

import os

import keras


def device() -> str:
    """The device that Keras computes on, in words.

    Example:
        >>> device().split()[0] in {"CPU", "GPU", "TPU"}
        True
    """
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        names = [torch.cuda.get_device_name(0)] if torch.cuda.is_available() else []
    elif backend == "jax":
        import jax

        names = [found.device_kind for found in jax.devices() if found.platform != "cpu"]
    else:
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        names = [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]
    return f"GPU ({names[0]})" if names else f"CPU ({os.cpu_count()} cores)"


def backend_version() -> str:
    return __import__(keras.backend.backend()).__version__
