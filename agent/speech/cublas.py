"""Lets CTranslate2 find cuBLAS in the wheel, so that no CUDA has to be installed.

CTranslate2 opens ``libcublas.so.12`` by its bare name at the first computation on a GPU, which
finds system folders and what is loaded already, but not the ``nvidia-cublas-cu12`` wheel (the extra
``gpu``). So the wheel's libraries are loaded first, for everybody in the process.
"""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path

LIBRARIES = ("libcublasLt.so.12", "libcublas.so.12")
"""In this order: the second needs the first."""


def preload() -> bool:
    """Load cuBLAS for the process; whether CTranslate2 will find it. May be called again."""
    folder = wheel_folder()
    return all(_load(folder, name) for name in LIBRARIES)


def wheel_folder() -> Path | None:
    """Where the wheel keeps its libraries; None when it is not installed."""
    try:
        found = importlib.util.find_spec("nvidia.cublas")
    except ModuleNotFoundError:
        return None
    places = list(found.submodule_search_locations or ()) if found else []
    return Path(places[0]) / "lib" if places else None


def _load(folder: Path | None, name: str) -> bool:
    """Load a library from the wheel, else from the system."""
    for path in [str(folder / name), name] if folder else [name]:
        try:
            ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        return True
    return False
