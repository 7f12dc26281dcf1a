"""The devices that Keras computes on, one or several, and the memory that was needed."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings

import keras

from aulib.errors import SettingsError


def device() -> str:
    """The device that Keras computes on, in words.

    Example:
        >>> device().split()[0] in {"CPU", "GPU", "TPU"}
        True
    """
    names = accelerators()
    return f"GPU ({names[0]})" if names else f"CPU ({os.cpu_count()} cores)"


def accelerators() -> list[str]:
    """Names of the accelerators that the backend sees."""
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    if backend == "jax":
        import jax

        return [found.device_kind for found in jax.devices() if found.platform != "cpu"]
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]


def distribution(devices: int | None, batch_size: int) -> keras.distribution.DataParallel | None:
    """Keras's data parallelism over several devices, or None for one device.

    Each device holds the whole network and takes an equal part of every batch; the loss is that of the whole batch.
    Keras has this for JAX only.

    Args:
        devices: how many; None takes every accelerator that the backend sees.
        batch_size: has to be a multiple of the number.

    Raises:
        SettingsError: more devices than there are, a backend that cannot, or a batch that cannot be divided.
    """
    if keras.backend.backend() != "jax":
        _one_device(devices)
        return None
    found = keras.distribution.list_devices()
    wanted = devices if devices is not None else max(1, len(accelerators()))
    if not 1 <= wanted <= len(found):
        raise SettingsError(f"devices is {wanted}; there are {len(found)} ({', '.join(found)})")
    if batch_size % wanted:
        raise SettingsError(f"batch_size {batch_size} cannot be divided among {wanted} devices; choose a multiple")
    return keras.distribution.DataParallel(devices=found[:wanted]) if wanted > 1 else None


def scope(over: keras.distribution.DataParallel | None) -> contextlib.AbstractContextManager:
    """Context in which models are made and trained over several devices."""
    return over.scope() if over else contextlib.nullcontext()


def peak_memory() -> dict[str, float]:
    """Most memory in use so far in GB (10^9 bytes): of the process, and of the accelerator where the backend knows."""
    peak = {}
    if sys.platform != "win32":
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        peak["process"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    if accelerators():
        peak["accelerator"] = _accelerator_peak() / 1e9
    return {name: round(value, 3) for name, value in peak.items()}


def backend_version() -> str:
    return __import__(keras.backend.backend()).__version__


def _one_device(devices: int | None) -> None:
    backend, found = keras.backend.backend(), len(accelerators())
    reason = f"Keras divides a batch among devices under JAX only, and this is {backend}; set KERAS_BACKEND=jax"
    if devices not in (None, 1):
        raise SettingsError(f"devices is {devices}: {reason}, or leave devices out to train on one device")
    if devices is None and found > 1:
        warnings.warn(f"one of {found} accelerators is used: {reason}", stacklevel=3)


def _accelerator_peak() -> int:
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        return torch.cuda.max_memory_allocated()
    if backend == "jax":
        import jax

        return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0)
    import tensorflow as tf

    return tf.config.experimental.get_memory_info("GPU:0")["peak"]
