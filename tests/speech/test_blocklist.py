"""Known inventions are told from what callers say."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import ConfigurationError
from agent.speech.blocklist import Blocklist, folded, load_blocklist
from agent.speech.hallucination import Candidate, judge
from agent.speech.transcript import DropReason

BUILT_IN = load_blocklist()


@pytest.mark.parametrize(
    "text",
    [
        "Thanks for watching!",
        "Thank you for watching. Thank you for watching.",
        "Subtitles by the Amara.org community",
        "Don't forget to subscribe!",
        "Please subscribe.",
        "♪ Music ♪",
        "பார்த்தமைக்கு நன்றி",
        "எங்கள் சேனலை சப்ஸ்கிரைப் செய்யுங்கள்",
        "மீண்டும் சந்திப்போம்.",
    ],
)
def test_the_ends_of_videos_are_blocked(text: str) -> None:
    assert BUILT_IN.blocks(text)
    assert judge(Candidate(text, 3.0, -0.1, 0.0), BUILT_IN) is DropReason.BLOCKED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "...",
        "நன்றி",
        "நன்றி வணக்கம்",
        "thank you",
        "bye",
        "BSNL subscriber number",
        "வீடியோ எடுத்து வச்சிருக்கோம்",
        "கோயில்ல இசை சத்தம் ரொம்ப அதிகம்",
        "மீண்டும் தண்ணி வரல",
        "music system சத்தம்",
    ],
)
def test_what_callers_say_is_not(text: str) -> None:
    assert not BUILT_IN.blocks(text)


def test_the_prompt_is_known_when_it_comes_back() -> None:
    names = Blocklist(bias="கொரட்டூர், அண்ணா நகர், அம்பத்தூர், ஆவடி")
    assert names.echoes("கொரட்டூர் அண்ணா நகர் அம்பத்தூர் ஆவடி")
    assert names.echoes("நான் அண்ணா நகர் அம்பத்தூர்")
    assert not names.echoes("அம்பத்தூர் அண்ணா நகர் கொரட்டூர்")
    assert not names.echoes("அண்ணா நகர்ல இருந்து அம்பத்தூர் ஆவடி")
    assert not names.echoes("கொரட்டூர்")
    assert not Blocklist(bias="கொரட்டூர் ஆவடி").echoes("கொரட்டூர் ஆவடி")
    assert not Blocklist().echoes("கொரட்டூர்")


def test_case_punctuation_and_encoding_make_no_difference() -> None:
    assert folded("  Thanks, for\nWATCHING!  ") == "thanks for watching"
    assert folded("க\u0bc6\u0bbe") == folded("கொ")


@pytest.mark.parametrize(
    "content",
    [b"whole = [", b"whole = 5", b'other = ["x"]', "whole = ['நன்றி']".encode("utf-16")],
    ids=["no TOML", "no list", "unknown list", "not UTF-8"],
)
def test_a_wrong_file_is_one_sentence_that_names_the_setting(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "b.toml").write_bytes(content)
    with pytest.raises(ConfigurationError, match="SPEECH__BLOCKLIST"):
        load_blocklist(tmp_path / "b.toml")


@pytest.mark.parametrize("name", ["none.toml", "."])
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="SPEECH__BLOCKLIST"):
        load_blocklist(tmp_path / name)
