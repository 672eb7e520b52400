"""What libraries would tell their makers about us: nothing."""

from __future__ import annotations

import os


def refuse() -> None:
    """Switch it off for this process and those it starts; before onnxruntime is imported.

    From its version 1.31 on, onnxruntime on Linux leaves a device id under ``~/.cache/Microsoft``
    and reports its use to its maker as soon as it is imported, unless this variable says otherwise.
    Where it is set already, it is left as it is.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
