"""Run a piece of code under one of Keras's backends, in a process of its own, and get its arrays back."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

BACKENDS = ("tensorflow", "jax", "torch")

#: Reads the arrays, runs the code with them as variables, writes what the code put into `results`.
_FRAME = """
import sys
import numpy as np
import keras
from keras import ops

assert keras.config.backend() == {backend!r}, keras.config.backend()
results = {{}}
names = {{"keras": keras, "np": np, "ops": ops, "results": results, **np.load(sys.argv[1])}}
exec(compile(open(sys.argv[2]).read(), sys.argv[2], "exec"), names)
np.savez(sys.argv[3], **{{name: keras.ops.convert_to_numpy(value) for name, value in results.items()}})
"""


def require(backend: str) -> None:
    """Skip the test where a backend is not installed; with AULIB_REQUIRE_BACKENDS=1 let it fail instead."""
    if importlib.util.find_spec(backend):
        return
    reason = f"{backend} is not installed here"
    if os.environ.get("AULIB_REQUIRE_BACKENDS") == "1":
        pytest.fail(f"{reason}, and AULIB_REQUIRE_BACKENDS=1 asks for it")
    pytest.skip(f"{reason}; install it, or set AULIB_REQUIRE_BACKENDS=1 to make its absence an error")


def run_under(backend: str, code: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run code under a backend and return its results.

    Args:
        backend: "tensorflow", "jax" or "torch"; the test is skipped where it is not installed (see `require`).
        code: Python source. It sees ``keras``, ``ops``, ``np``, each array under its name, and an empty dictionary
            ``results``, into which it puts arrays, tensors or numbers.
        arrays: what the code works on.

    Returns:
        What the code put into ``results``, as NumPy arrays. Always computed on the CPU.
    """
    require(backend)
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    with tempfile.TemporaryDirectory() as folder:
        given, source, found = (Path(folder, name) for name in ("given.npz", "code.py", "found.npz"))
        np.savez(given, **arrays)
        source.write_text(code)
        command = [sys.executable, "-c", _FRAME.format(backend=backend), str(given), str(source), str(found)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"under {backend}:\n{done.stdout}\n{done.stderr}"
        with np.load(found) as results:
            return dict(results)
