"""Where the ears compute, with which numbers, and how many utterances fit.

Pure, but for the looks at the machine in :func:`decide` and :func:`find_card`.

Figures: the README of faster-whisper 1.2.1 for the memory of an item, CTranslate2's CHANGELOG for
Blackwell, its issue 442 for the share that is kept free (out of memory with half a card unused).
"""

from __future__ import annotations

import ctypes
import logging
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ConfigurationError
from agent.speech import cublas

_log = logging.getLogger(__name__)

GB = 1e9
CONTEXT_GB = 0.5
"""CUDA context and kernels."""
ITEM_GB = 0.22
"""Each further item of a batch at a 30 s context, large-v2 in float16 (4525 -> 6090 MB at 8)."""
KEPT_FREE = 0.15
"""Share of a card left alone: out of memory comes in bursts, and the display may need some."""
MOST_ON_CPU = 8
"""Items of a batch without a GPU: a token costs 5.3 ms alone, 3.1 in a batch of 8 and 2.8 in one of
16 (one thread, 2026-11), while everybody waits for the whole batch."""
_TENSOR_CORES = (7, 0)
_BLACKWELL = (12, 0)
"""CTranslate2 has no 8-bit kernels for it since 4.6.2."""


@dataclass(frozen=True, slots=True)
class Card:
    """One GPU."""

    capability: tuple[int, int]
    """CUDA compute capability."""
    memory_gb: float


@dataclass(frozen=True, slots=True)
class Compute:
    """Where and how a model runs, decided."""

    device: str
    """``cpu`` or ``cuda``."""
    compute_type: str
    """Of CTranslate2."""
    max_batch: int
    index: int = 0
    """Which GPU."""
    threads: int = 1
    """Of a decoding on a CPU."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the settings ask for; see :class:`agent.settings.SpeechSettings`."""

    device: str = "auto"
    compute_type: str = "default"
    threads: int = 1
    index: int = 0
    vram_gb: float = 0.0
    """GPU memory the ears may take; 0 = all but KEPT_FREE."""
    max_batch: int = 16


def decide(wish: Wish, weights: Path) -> Compute:
    """Look at the machine and settle where the model runs.

    Args:
        wish: from the settings.
        weights: the model file; its size counts.

    Raises:
        ConfigurationError: what was asked for is not there, or the model does not fit.
    """
    if wish.device == "cpu":
        return on_cpu(wish)
    card = find_card(wish.index)
    if card is None:
        if wish.device == "auto":
            return on_cpu(wish)
        raise ConfigurationError(
            f"There is no GPU number {wish.index} that CUDA can use; check the driver, "
            "SPEECH__DEVICE and SPEECH__DEVICE_INDEX."
        )
    if not cublas.preload():
        if wish.device == "auto":
            _log.warning("a GPU is there but cuBLAS is not, computing on the CPU")
            return on_cpu(wish)
        raise ConfigurationError(
            "The library libcublas.so.12 is missing; install the extra `gpu` "
            "(nvidia-cublas-cu12), or set SPEECH__DEVICE=cpu."
        )
    return on_card(wish, card, weights.stat().st_size / GB)


def on_cpu(wish: Wish) -> Compute:
    """Without a GPU."""
    batch = min(wish.max_batch, MOST_ON_CPU)
    return Compute("cpu", wish.compute_type, batch, threads=wish.threads)


def on_card(wish: Wish, card: Card, weights_gb: float) -> Compute:
    """On this GPU.

    Args:
        wish: from the settings.
        card: the GPU.
        weights_gb: size of the model file.

    Raises:
        ConfigurationError: the model does not fit, or the card lacks that compute type.
    """
    budget_gb = wish.vram_gb or card.memory_gb * (1 - KEPT_FREE)
    compute_type = choose_compute_type(wish.compute_type, card, weights_gb, budget_gb)
    fits = batch_that_fits(weights_gb * _share_of_file(compute_type), budget_gb)
    if fits < 1:
        raise ConfigurationError(
            f"The speech model does not fit into {budget_gb:.1f} GB of GPU memory; set "
            "SPEECH__VRAM_GB or another SPEECH__MODEL."
        )
    return Compute("cuda", compute_type, min(wish.max_batch, fits), wish.index, wish.threads)


def choose_compute_type(wanted: str, card: Card, weights_gb: float, budget_gb: float) -> str:
    """The compute type for a card; ``default`` is float16 where the card is made for it.

    Raises:
        ConfigurationError: 8-bit numbers were asked for where CTranslate2 has no kernels.
    """
    eight_bit = card.capability < _BLACKWELL
    if wanted != "default":
        if wanted.startswith("int8") and not eight_bit:
            raise ConfigurationError(
                "CTranslate2 has no 8-bit kernels for this GPU; set SPEECH__COMPUTE_TYPE=float16."
            )
        return wanted
    if card.capability < _TENSOR_CORES:
        return "default"
    roomy = batch_that_fits(weights_gb, budget_gb) >= _ROOMY_BATCH
    return "float16" if roomy or not eight_bit else "int8_float16"


_ROOMY_BATCH = 4
"""Under this the weights are halved: a batch brings more than their precision."""


def batch_that_fits(weights_gb: float, budget_gb: float) -> int:
    """Most items of one batch, in any context; 0 = not even the model fits."""
    return max(0, int((budget_gb - weights_gb - CONTEXT_GB) / ITEM_GB))


def _share_of_file(compute_type: str) -> float:
    """Memory of the weights against a float16 file; larger files only make us more careful."""
    if compute_type.startswith("int8"):
        return 0.5
    return 2.0 if compute_type == "float32" else 1.0


def find_card(index: int) -> Card | None:
    """The GPU of that number as the CUDA driver counts (CUDA_VISIBLE_DEVICES applies).

    Asked through the driver's own library, because neither CTranslate2 nor a dependency of ours
    tells memory and capability, and asking makes no CUDA context.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    handle, memory = ctypes.c_int(), ctypes.c_size_t()
    if driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(handle), index):
        return None
    if driver.cuDeviceTotalMem_v2(ctypes.byref(memory), handle):
        return None
    capability = tuple(_attribute(driver, handle, number) for number in (75, 76))
    return Card((capability[0], capability[1]), memory.value / GB)


def _attribute(driver: ctypes.CDLL, handle: ctypes.c_int, number: int) -> int:
    """A CUdevice_attribute; 75 and 76 are the capability's major and minor number."""
    value = ctypes.c_int()
    driver.cuDeviceGetAttribute(ctypes.byref(value), number, handle)
    return value.value
