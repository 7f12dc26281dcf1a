"""Arrays on disk: their space is reserved, or nothing is left behind."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from aulib import arrays


def test_an_array_is_zero_and_can_be_read_as_an_ordinary_npy_file(tmp_path):
    arrays.create(tmp_path / "a.npy", np.float16, (3, 2))[1] = 5
    assert np.load(tmp_path / "a.npy").tolist() == [[0, 0], [5, 5], [0, 0]]


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the operating system cannot reserve space")
def test_the_space_is_reserved(tmp_path):
    arrays.create(tmp_path / "a.npy", np.uint8, (2**20,))
    assert (tmp_path / "a.npy").stat().st_blocks * 512 >= 2**20


def test_no_space_is_found_before_anything_is_written_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match="No space left") as caught:
        arrays.create(tmp_path / "a.npy", np.uint8, (10,))
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(tmp_path / "a.npy")
    assert not list(tmp_path.iterdir())
