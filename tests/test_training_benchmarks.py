"""Promises of the benchmarks of the training: they run, count operations rightly and need no more than they say."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from backends import require
from conftest import ROOT

from aulib import model as network


@pytest.fixture(scope="module")
def gpu():
    import runpy

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", keras.backend.backend())
        return runpy.run_path(str(ROOT / "benchmarks/gpu_training.py"))


def test_the_multiply_adds_of_vgg16_are_the_known_15_3_billion(gpu):
    """15.3 G is the number printed for VGG16's convolutions at 224 px since its publication."""
    assert sum(gpu["conv_macs"](224).values()) == pytest.approx(15.35e9, rel=0.005)


def test_the_multiply_adds_are_those_of_the_layers(gpu):
    model = network.vgg16(gpu["AUS"], 64, weights=None)
    expected = sum(
        np.prod(layer.kernel.shape) * np.prod(layer.output.shape[1:3]) for layer in network.conv_layers(model)
    )
    assert sum(gpu["conv_macs"](64).values()) == expected
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert gpu["head_macs"](64) == sum(np.prod(layer.kernel.shape) for layer in dense)


def test_a_plain_step_costs_its_frozen_blocks_more(gpu):
    blocks = gpu["conv_macs"](224)
    more = {stage: gpu["step_flops"](224, stage, False) - gpu["step_flops"](224, stage, True) for stage in (1, 2)}
    assert more == {1: 2 * sum(blocks.values()), 2: 2 * sum(blocks[block] for block in (1, 2, 3, 4))}


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_gpu_script_runs_with_numpy_keras_and_a_backend_only(backend):
    """Whatever else the package requires is made impossible to import, unless Keras or the backend has imported it."""
    require(backend)
    code = """
import runpy, sys
import keras, importlib
importlib.import_module(keras.backend.backend())
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"pandas", "pyarrow", "sklearn", "matplotlib", "PIL", "filelock", "pydantic", "yaml"}:
            raise ImportError(f"{name} is not installed on that machine")
before = {name.split(".")[0] for name in sys.modules}
sys.meta_path.insert(0, Refuse())
sys.argv = ["gpu_training.py", "--size", "32", "--batch-size", "2", "--repeats", "1", "--matrix", "64"]
sys.argv += ["--precision", "float32"]
runpy.run_path("benchmarks/gpu_training.py", run_name="__main__")
ours = {name for name in sys.modules if name.startswith("aulib.")}
assert not ours & {"aulib.features", "aulib.training", "aulib.database", "aulib.pipeline"}, ours
"""
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(lines) == 1 + 1 + 2 + 4
    assert "570,053 images x 60 epochs at 32 px, cached:" in done.stdout


def test_an_epoch_of_the_papers_size_is_gathered_in_little_memory():
    """A part of the epoch over the full-size sparse files, in a process of its own."""
    command = [sys.executable, "benchmarks/memory_scale.py", "--most", "512"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[2:6] for line in done.stdout.splitlines() if line.startswith("| stage ")][1:]
    for _, own, file, disk in rows:
        assert float(own) < 2.0 and float(disk) < 0.01 < 20 < float(file)
    assert [float(row[2]) for row in rows] == pytest.approx([28.6, 114.4], abs=0.1)
