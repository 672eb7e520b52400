"""Where the ears compute: the decisions, and what is found on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import ConfigurationError
from agent.speech.device import (
    MOST_ON_CPU,
    Card,
    Wish,
    batch_that_fits,
    choose_compute_type,
    decide,
    find_card,
    on_card,
    on_cpu,
)

RTX_3070, RTX_4090 = Card((8, 6), 8.6), Card((8, 9), 25.8)
RTX_5070, GTX_1080, H200 = Card((12, 0), 12.8), Card((6, 1), 8.5), Card((9, 0), 150.8)
TURBO_GB, LARGE_GB = 1.6, 3.1


@pytest.mark.parametrize(
    ("card", "weights_gb", "budget_gb", "chosen"),
    [
        (RTX_4090, LARGE_GB, 20.0, "float16"),
        (RTX_3070, TURBO_GB, 7.3, "float16"),
        (RTX_3070, LARGE_GB, 4.0, "int8_float16"),
        (RTX_5070, LARGE_GB, 4.0, "float16"),
        (GTX_1080, TURBO_GB, 7.3, "default"),
        (H200, LARGE_GB, 128.0, "float16"),
    ],
)
def test_the_compute_type_suits_the_card(
    card: Card, weights_gb: float, budget_gb: float, chosen: str
) -> None:
    assert choose_compute_type("default", card, weights_gb, budget_gb) == chosen


def test_what_is_asked_for_is_taken_where_it_exists() -> None:
    assert choose_compute_type("bfloat16", RTX_5070, TURBO_GB, 10) == "bfloat16"
    assert choose_compute_type("int8", RTX_4090, TURBO_GB, 20) == "int8"
    with pytest.raises(ConfigurationError, match="SPEECH__COMPUTE_TYPE"):
        choose_compute_type("int8_float16", RTX_5070, TURBO_GB, 10)


@pytest.mark.parametrize(
    ("card", "weights_gb", "wish", "batch"),
    [
        (RTX_3070, TURBO_GB, Wish(), 16),
        (RTX_3070, LARGE_GB, Wish(), 16),
        (RTX_3070, LARGE_GB, Wish(vram_gb=5.0), 6),
        (RTX_4090, LARGE_GB, Wish(max_batch=64), 64),
        (RTX_4090, TURBO_GB, Wish(max_batch=4), 4),
        (RTX_4090, TURBO_GB, Wish(vram_gb=3.0), 4),
    ],
)
def test_a_batch_never_takes_more_memory_than_allowed(
    card: Card, weights_gb: float, wish: Wish, batch: int
) -> None:
    assert on_card(wish, card, weights_gb).max_batch == batch


def test_a_model_that_does_not_fit_is_one_sentence() -> None:
    with pytest.raises(ConfigurationError, match="SPEECH__VRAM_GB"):
        on_card(Wish(vram_gb=1.0), RTX_3070, LARGE_GB)
    assert batch_that_fits(LARGE_GB, 1.0) == 0


def test_the_number_of_the_card_goes_through() -> None:
    compute = on_card(Wish(index=3), RTX_4090, TURBO_GB)
    assert (compute.device, compute.index) == ("cuda", 3)


def test_a_cpu_keeps_the_type_of_the_file_and_small_batches() -> None:
    compute = on_cpu(Wish(threads=2, max_batch=16))
    assert (compute.device, compute.compute_type) == ("cpu", "default")
    assert (compute.max_batch, compute.threads) == (MOST_ON_CPU, 2)
    assert on_cpu(Wish(max_batch=2)).max_batch == 2


@pytest.mark.skipif(find_card(0) is not None, reason="this machine has a GPU")
def test_without_a_gpu_auto_is_the_cpu_and_cuda_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()
    assert decide(Wish(), tmp_path / "model.bin").device == "cpu"
    with pytest.raises(ConfigurationError, match="SPEECH__DEVICE_INDEX"):
        decide(replace(Wish(), device="cuda"), tmp_path / "model.bin")


@pytest.mark.gpu
@pytest.mark.skipif(find_card(0) is None, reason="no GPU")
def test_a_gpu_is_known_by_its_memory_and_capability() -> None:
    card = find_card(0)
    assert card is not None
    assert card.memory_gb > 1
    assert card.capability >= (3, 0)
    assert find_card(99) is None
