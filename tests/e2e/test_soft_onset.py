"""A word that begins softly is heard from its first letter at every offset to the windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from livekit import rtc

from agent.callers.audio_io import NOISE_RMS
from agent.callers.caller_voice import OneShotVoice, render_all
from agent.settings import PROJECT_DIR
from agent.speech.decoding import Kind
from agent.speech.engine import Ears
from agent.speech.stt import WhisperSTT
from agent.speech.transcript import Transcript
from agent.speech.vad import load_vad

WORD = "குளித்தலை"
"""Over a telephone band its first letter is 20 dB under its loudest."""


class InProcess:
    """The real ears, in this process."""

    def __init__(self) -> None:
        self._ears = Ears(Path(PROJECT_DIR / "models" / "demo-ta"), device="cpu")

    async def transcribe(self, pcm: bytes, *, kind: Kind = "final", call: str = "") -> Transcript:
        return self._ears.transcribe(np.frombuffer(pcm, np.int16))

    async def aclose(self) -> None:
        """Nothing is held."""


@pytest.mark.slow
async def test_the_first_letter_is_kept_at_every_offset() -> None:
    word = (await render_all(OneShotVoice(), [WORD], "ta+m7"))[WORD]
    whisper = WhisperSTT(InProcess(), load_vad())
    rng = np.random.default_rng(3)
    heard = []
    for offset in range(0, 512, 64):
        before = 32_000 + offset
        line = rng.normal(0.0, NOISE_RMS, before + len(word) + 16_000)
        line[before : before + len(word)] += word
        sound = np.rint(line).astype(np.int16)
        stream = whisper.stream()
        for i in range(0, len(sound), 320):
            frame = sound[i : i + 320]
            stream.push_frame(rtc.AudioFrame(frame.tobytes(), 16_000, 1, len(frame)))
        stream.end_input()
        finals = [e async for e in stream if e.type.value == "final_transcript"]
        heard.append(" ".join(e.alternatives[0].text for e in finals).strip())
    assert heard == [WORD] * len(heard)
