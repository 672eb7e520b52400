"""What the simulated telephone does to a voice."""

import numpy as np
import pytest

from agent.callers.telephone import PHONE_RATE, SPEECH_RMS, mu_law, over_telephone, resample

RATE = 22_050


def sine(hertz: float, seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(
        np.int16
    )


def test_the_line_runs_at_eight_kilohertz_and_keeps_the_duration() -> None:
    assert len(over_telephone(sine(1000), RATE)) == pytest.approx(PHONE_RATE, abs=2)


def test_the_band_is_three_hundred_to_three_thousand_four_hundred_hertz() -> None:
    mixed = sine(1000).astype(int) // 3 + sine(120).astype(int) // 3 + sine(3800).astype(int) // 3
    heard = over_telephone(mixed.astype(np.int16), RATE).astype(float)
    power = np.abs(np.fft.rfft(heard)) ** 2
    hertz = np.fft.rfftfreq(len(heard), 1 / PHONE_RATE)
    kept = power[(hertz > 950) & (hertz < 1050)].sum()
    assert power[(hertz > 100) & (hertz < 140)].sum() < kept / 1000
    assert power[(hertz > 3750) & (hertz < 3850)].sum() < kept / 1000


@pytest.mark.parametrize("gain", [0.02, 0.2, 1.0])
def test_every_caller_is_brought_to_the_same_level(gain: float) -> None:
    heard = over_telephone((sine(1000) * gain).astype(np.int16), RATE).astype(float)
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(SPEECH_RMS, rel=0.1)


def test_silence_and_nothing_stay_what_they_are() -> None:
    assert not over_telephone(np.zeros(1000, np.int16), RATE).any()
    assert over_telephone(np.zeros(0, np.int16), RATE).size == 0


def test_mu_law_leaves_at_most_255_levels_and_small_errors() -> None:
    ramp = np.arange(-32768, 32767, 7).astype(np.float64)
    heard = mu_law(ramp)
    assert len(np.unique(heard)) <= 255
    assert np.all(np.abs(heard - ramp) <= np.maximum(60, np.abs(ramp) * 0.03))


def test_resampling_keeps_the_duration() -> None:
    assert len(resample(sine(500, rate=8000), 8000, 16000)) == pytest.approx(16000, abs=2)
