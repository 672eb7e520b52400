"""Voice activity detection: the one set of thresholds the session and the recogniser share.

The same network, Silero, comes in two forms, compared by ``benchmarks/vad_compare.py``
(docs/benchmarks.md; two shared Xeon cores, 2026-11-21). LiveKit's bundled native form hears a word
begin and end about 0.01-0.02 s sooner, takes under half the CPU (9 ms against 19 ms for a second of
sound) and 1 MB beyond livekit.agents itself, which loads it in any case, against 11-21 MB of the
plugin livekit-plugins-silero (onnxruntime). Both miss and invent the same: nothing down to 10 dB of
street noise, 2 % of utterances unheard at 5 dB. The native one is the default; the plugin is for
machines on which that library does not load, and keeps LiveKit's model licence out of the path of
a call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from agent.speech.vad_foreground import ForegroundVAD, Thresholds

if TYPE_CHECKING:
    from livekit.agents.vad import VAD

WINDOW_S = 0.032
"""Seconds of one reading: 512 samples at 16 kHz, the window Silero was trained on."""
SPEECH_ABOVE = 0.5
"""Probability from which a window is speech."""
SILENT_BELOW = 0.35
"""Probability under which speech has stopped; between the two it goes on."""
PREFIX_PADDING_S = 0.5
"""Sound kept from before the detector fires, which is up to 0.4 s after a soft onset."""
MIN_SPEECH_S = 0.064
"""Shorter bursts are clicks; the shortest answers ("ஆம்") have 0.2 s."""

_NEVER = 2.0


def load_vad(
    *, min_silence_s: float = 0.35, form: Literal["native", "silero"] = "native"
) -> ForegroundVAD:
    """A detector that makes one independent stream per listener.

    May be made before a call starts and shared by all calls of a process; the network itself is
    loaded once a process.

    Args:
        min_silence_s: silence after which speech has ended.
        form: ``native`` or the ``silero`` plugin.
    """
    thresholds = Thresholds(
        speech_above=SPEECH_ABOVE,
        silent_below=SILENT_BELOW,
        min_speech_s=MIN_SPEECH_S,
        min_silence_s=min_silence_s,
        padding_s=PREFIX_PADDING_S,
    )
    return ForegroundVAD(_network(form), thresholds)


def _network(form: Literal["native", "silero"]) -> VAD:
    """The network itself: its readings count, so it never keeps an utterance of its own."""
    if form == "silero":
        from livekit.plugins import silero

        return silero.VAD.load(activation_threshold=_NEVER)
    from livekit.agents import inference

    return inference.VAD(activation_threshold=_NEVER)
