"""cuBLAS is taken from its wheel, or from the system, or is said to be missing."""

from __future__ import annotations

import ctypes.util
from pathlib import Path

import pytest

from agent.speech import cublas


def test_without_wheel_and_cuda_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cublas, "LIBRARIES", ("libkural-no-such-thing.so.12",))
    assert not cublas.preload()


def test_the_wheel_wins_and_the_system_is_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any library will do: what counts is where it is looked for."""
    system = ctypes.util.find_library("c")
    assert system is not None
    monkeypatch.setattr(cublas, "LIBRARIES", (system,))
    monkeypatch.setattr(cublas, "wheel_folder", lambda: tmp_path)
    assert cublas.preload()  # not in the wheel
    (tmp_path / "nvidia").mkdir()
    monkeypatch.setattr(cublas, "wheel_folder", lambda: None)
    assert cublas.preload()


def test_the_wheel_is_found_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nvidia" / "cublas" / "lib").mkdir(parents=True)
    (tmp_path / "nvidia" / "cublas" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert cublas.wheel_folder() == tmp_path / "nvidia" / "cublas" / "lib"
