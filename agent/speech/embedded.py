"""The embedded voice's name, known without loading it: it is GPL-3, calls are not."""

from __future__ import annotations

from importlib import metadata


def embedded_engine() -> str:
    """Name and version, as recordings carry it."""
    try:
        return f"espeakng-loader {metadata.version('espeakng-loader')}"
    except metadata.PackageNotFoundError:
        return "espeakng-loader"
