"""The neural voice with espeak-ng behind it: who says what, and that nothing is lost."""

import asyncio
import contextlib
import importlib.util
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from agent.errors import ConfigurationError, VoiceUnavailable
from agent.settings import SpeechSettings
from agent.speech.espeak import Espeak
from agent.speech.joins import SAMPLE_RATE
from agent.speech.neural.folder import VoiceFolder, open_folder
from agent.speech.neural.vits import Sound
from agent.speech.neural.voice import Limits, NeuralVoice
from agent.speech.voice import VoiceClient, serve_voice
from agent.speech.voice_engine import load_engine
from tests.speech.vits_maker import make_voice, write_files

SENTENCE = "மூன்று நாளாக குடிநீர் வரவில்லை."
LETTER_S = 0.07
HAS_TORCH = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))


class Tone:
    """Stands where torch stands: a steady tone, as long as the text, or one of many troubles."""

    def __init__(self, folder: VoiceFolder) -> None:
        self.sample_rate, self.batch = folder.sample_rate, 4
        self.trouble: Callable[[Sound], Sound] = lambda sound: sound
        self.said: list[str] = []

    def written(self, text: str) -> str:
        return text

    def synthesise(self, texts: Sequence[str], speeds: Sequence[float]) -> list[Sound]:
        self.said += texts
        return [
            self.trouble(np.full(int(len(text) * LETTER_S * self.sample_rate / speed), 0.25, "f4"))
            for text, speed in zip(texts, speeds, strict=True)
        ]


class Taken:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.pcm = b""
        self.engines: set[str] = set()

    def __call__(self, chunk: bytes, engine: str = "", /) -> bool:
        self.pcm += chunk
        self.engines.add(engine)
        return True

    @property
    def samples(self) -> np.ndarray:
        return np.frombuffer(self.pcm, np.int16)


@pytest.fixture
def folder(tmp_path: Path) -> VoiceFolder:
    return open_folder(write_files(tmp_path / "tone"))


@pytest.fixture
def tone(folder: VoiceFolder) -> Tone:
    return Tone(folder)


@pytest.fixture
def voice(folder: VoiceFolder, tone: Tone) -> Iterator[NeuralVoice]:
    made = NeuralVoice(folder, lambda: tone, Espeak(), Limits(within_s=5.0))
    made.prepare()
    yield made
    made.close()


def speak(engine: NeuralVoice, text: str, **sound: object) -> np.ndarray:
    taken = Taken()
    chosen = {"voice": "ta", "rate": 165, "pitch": 50, **sound}
    engine.speak(text, taken, **chosen)  # type: ignore[arg-type]
    return taken.samples


def is_espeaks(samples: np.ndarray, text: str) -> bool:
    """Two renderings of espeak-ng differ by some samples."""
    taken = Taken()
    Espeak().speak(text, taken)
    return not is_tone(samples) and abs(samples.size - taken.samples.size) < 1_000


def is_tone(samples: np.ndarray) -> bool:
    return samples.size > 0 and bool(np.median(samples) == 8192)


def test_the_neural_voice_speaks_its_language_at_the_rate_of_the_link(voice: NeuralVoice):
    samples = speak(voice, SENTENCE)
    assert is_tone(samples)
    assert samples.size == pytest.approx(len(SENTENCE) * LETTER_S * SAMPLE_RATE, abs=20)


def test_the_rate_changes_its_speed(voice: NeuralVoice):
    assert speak(voice, SENTENCE, rate=330).size == pytest.approx(
        speak(voice, SENTENCE).size / 2, abs=20
    )


def test_another_language_is_espeaks(voice: NeuralVoice):
    assert not is_tone(speak(voice, "good morning", voice="en"))


@pytest.mark.parametrize("text", ["EB அலுவலகம்", "தொலைபேசி 9", "₹ தொகை"])
def test_words_with_letters_it_does_not_know_are_espeaks(voice: NeuralVoice, text: str):
    assert is_espeaks(speak(voice, text), text)


def test_a_sentence_it_cannot_say_is_espeaks_and_the_ones_around_it_are_not(
    voice: NeuralVoice, tone: Tone
):
    samples = speak(voice, f"{SENTENCE} EB அலுவலகம்! {SENTENCE}")
    assert tone.said == [SENTENCE, SENTENCE]
    third = samples.size // 3
    assert is_tone(samples[: third // 2])
    assert is_tone(samples[-third // 2 :])
    assert not is_tone(samples[third + third // 4 : -third - third // 4])
    assert voice.describe()["stood_in"] == 1


@pytest.mark.parametrize(
    "trouble",
    [
        lambda sound: sound * np.nan,
        lambda sound: sound * 0,
        lambda sound: sound[:0],
        lambda sound: np.tile(sound, 20),
    ],
    ids=["not a number", "silence", "nothing", "runaway"],
)
def test_a_sound_that_is_no_speech_is_not_played(
    voice: NeuralVoice, tone: Tone, trouble: Callable[[Sound], Sound]
):
    tone.trouble = trouble
    assert is_espeaks(speak(voice, SENTENCE), SENTENCE)


def test_after_three_failures_it_is_left_alone_for_a_while(voice: NeuralVoice, tone: Tone):
    tone.trouble = lambda sound: sound * 0
    for _ in range(6):
        assert speak(voice, SENTENCE).size
    assert len(tone.said) == 3
    assert voice.describe()["away"]


def test_one_that_is_too_slow_loses_the_portion(folder: VoiceFolder, tone: Tone):
    slow = threading.Event()

    def wait(sound: Sound) -> Sound:
        slow.wait(5)
        return sound

    tone.trouble = wait
    voice = NeuralVoice(folder, lambda: tone, Espeak(), Limits(within_s=0.05))
    voice.prepare()
    try:
        assert is_espeaks(speak(voice, SENTENCE), SENTENCE)
    finally:
        slow.set()
        voice.close()


def test_a_listener_who_is_gone_ends_it_at_the_next_chunk(voice: NeuralVoice, tone: Tone):
    chunks: list[bytes] = []

    def take(chunk: bytes, engine: str = "", /) -> bool:
        if chunk:
            chunks.append(chunk)
        return not chunks

    voice.speak(f"{SENTENCE} {SENTENCE}", take, voice="ta", rate=165, pitch=50)
    assert len(chunks) == 1
    assert tone.said == [SENTENCE]


def test_until_it_is_loaded_espeak_speaks(folder: VoiceFolder, tone: Tone):
    voice = NeuralVoice(folder, lambda: tone, Espeak(), Limits())
    try:
        assert not voice.describe()["ready"]
        assert is_espeaks(speak(voice, SENTENCE), SENTENCE)
        voice.prepare()
        assert voice.describe()["ready"]
        assert is_tone(speak(voice, SENTENCE))
    finally:
        voice.close()


def test_a_device_that_fails_leaves_espeak_to_speak(folder: VoiceFolder):
    def load() -> Tone:
        raise VoiceUnavailable("The neural voice does not run on this device.")

    voice = NeuralVoice(folder, load, Espeak(), Limits())
    voice.prepare()
    assert (voice.describe()["ready"], voice.describe()["away"]) == (True, True)
    assert is_espeaks(speak(voice, SENTENCE), SENTENCE)
    voice.close()


@pytest.mark.parametrize("sound", [{"voice": "zz"}, {"rate": 5}, {"pitch": 100}])
def test_a_wrong_voice_or_value_is_refused_as_espeak_does(
    voice: NeuralVoice, sound: dict[str, object]
):
    with pytest.raises(ConfigurationError):
        speak(voice, SENTENCE, **sound)


def test_text_without_letters_gives_no_sound(voice: NeuralVoice):
    assert speak(voice, " ... ").size == 0


@contextlib.asynccontextmanager
async def serving(url: str, engine: NeuralVoice):
    task = asyncio.create_task(serve_voice(url, engine=engine))
    client = VoiceClient(url)
    try:
        yield client, task
    finally:
        await client.aclose()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(client: VoiceClient, ready: bool) -> dict[str, object]:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(VoiceUnavailable):
                if (said := await client.stat())["ready"] is ready:
                    return said
            await asyncio.sleep(0.02)


async def test_the_voice_process_answers_while_it_loads_and_says_when_it_is_ready(
    folder: VoiceFolder, tone: Tone, tmp_path: Path
):
    let = threading.Event()

    def load() -> Tone:
        let.wait(5)
        return tone

    engine = NeuralVoice(folder, load, Espeak(), Limits())
    async with serving(f"unix://{tmp_path / 'v.sock'}", engine) as (client, _):
        await until(client, ready=False)
        sound = [c async for c in client.synthesize(SENTENCE, voice="ta", rate=165)]
        assert is_espeaks(np.frombuffer(b"".join(sound), np.int16), SENTENCE)
        let.set()
        await until(client, ready=True)
        sound = [c async for c in client.synthesize(SENTENCE, voice="ta", rate=165)]
        assert is_tone(np.frombuffer(b"".join(sound), np.int16))


async def test_a_checkpoint_that_can_never_work_ends_the_process_in_one_sentence(
    folder: VoiceFolder, tmp_path: Path
):
    def load() -> Tone:
        raise ConfigurationError("The voice model cannot be loaded.")

    engine = NeuralVoice(folder, load, Espeak(), Limits())
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        await serve_voice(f"unix://{tmp_path / 'v.sock'}", engine=engine)


@pytest.mark.skipif(
    not HAS_TORCH, reason="torch and transformers are not installed (extra `voice`)"
)
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
async def test_a_real_checkpoint_speaks_for_several_callers_in_batches(tmp_path: Path):
    folder = make_voice(tmp_path / "small")
    engine = load_engine(
        SpeechSettings(voice_model=str(folder), voice_within_s=30, voice_batch=8, device="cpu")
    )
    assert isinstance(engine, NeuralVoice)
    async with serving(f"unix://{tmp_path / 'v.sock'}", engine) as (client, _):
        await until(client, ready=True)

        async def whole() -> bytes:
            chunks = client.synthesize(SENTENCE, voice="ta", rate=165)
            return b"".join([chunk async for chunk in chunks])

        sounds = await asyncio.gather(*(whole() for _ in range(8)))
        said = await client.stat()
    assert all(len(sound) > SAMPLE_RATE // 2 for sound in sounds)
    assert (said["portions"], said["stood_in"]) == (8, 0)
    assert int(said["batches"]) < 8
