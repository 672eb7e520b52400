"""The caller's name out of an answer: without frames, titles, endings and caste suffixes."""

from __future__ import annotations

from collections.abc import Sequence

from agent.tamil.endings import without_courtesy, without_euphonic
from agent.tamil.number_words import is_number_word
from agent.tamil.sound import is_tamil
from agent.tamil.words import Word
from agent.understanding.tables import read_toml

_LONGEST = 4
"""Words in a name."""
_SPEECH = 5
"""An answer with more words than this is no name, unless "என் பேரு" stands before it."""
_STORY_WORDS = 1
"""In a story, only the word after "என் பேரு" is surely the name."""
_ME = frozenset({"நான்", "நா", "naan", "nan"})
_SPEAKS = ("பேசுற", "பேசற", "பேசுகிற", "பேசுதே", "pesur", "pesar")
_NO_NAME_ENDINGS = ("ல", "ல்", "இருந்து", "லருந்து", "லேர்ந்து", "மா", "ாக", "தான்")
_NAME_WORDS = ("பேரு", "பேர்", "பெயர்", "name", "peru", "பேருங்க")


class Names:
    """Reads names. Shared by all calls."""

    def __init__(self) -> None:
        data = read_toml("names")
        self._lead = frozenset(data["lead"])
        self._mine = frozenset(data["mine"])
        self._tail = frozenset(data["tail"])
        self._endings = tuple(sorted(data["ending"], key=len, reverse=True))
        self._titles = frozenset(data["title"])
        self._castes = frozenset(data["caste_suffix"])
        self._not_a_name = frozenset(data["not_a_name"])

    def read(self, text: str, words: Sequence[Word], *, asked: bool) -> str | None:
        """Return the name, or None when none was given.

        Args:
            text: the utterance, for the letters as they were written.
            words: its words.
            asked: whether the name was asked for; else only "என் பேரு ..." gives one.
        """
        if not asked and (speaking := self._speaking(words)) is not None:
            return self._bare(text, speaking)
        framed = [i for i, word in enumerate(words) if word.text in _NAME_WORDS]
        if framed and (asked or self._own(words, framed[-1])):
            words = words[framed[-1] + 1 :]
        elif not asked or framed or len(words) > _SPEECH:
            return None
        if not asked:
            words = words[:_STORY_WORDS]
        own = self._core(words)
        if not own or any(self._odd(word) for word in own):
            return None
        parts = [self._bare(text, word) for word in self._without_rank(own)[:_LONGEST]]
        return " ".join(part for part in parts if part) or None

    def corrected(self, text: str, words: Sequence[Word]) -> str | None:
        """Return the name said after "பேரு" in a correction, None for a mere "பேரு தப்பு"."""
        if not any(word.text in _NAME_WORDS for word in words):
            return None
        return self.read(text, words, asked=True)

    def _speaking(self, words: Sequence[Word]) -> Word | None:
        """Return X of "நான் X பேசுறேன்"; "நான் ஈரோட்டுல இருந்து பேசுறேன்" names nobody."""
        for me, name, speaks in zip(words, words[1:], words[2:], strict=False):
            told = me.text in _ME and speaks.text.startswith(_SPEAKS)
            if told and not self._odd(name) and not name.text.endswith(_NO_NAME_ENDINGS):
                return name
        return None

    def _own(self, words: Sequence[Word], at: int) -> bool:
        """Tell whether "என் பேரு" was said: the caller's own, unlike "பட்டால பேர் தப்பா இருக்கு"."""
        return at > 0 and words[at - 1].text in self._mine

    def _core(self, words: Sequence[Word]) -> list[Word]:
        words = list(words)
        while words and words[0].text in self._lead:
            words.pop(0)
        for at, word in enumerate(words):
            ends_sentence = at > 0 and word.gap == "."
            if ends_sentence or word.text in self._tail:
                return words[:at]
        return words

    def _odd(self, word: Word) -> bool:
        return word.text in self._not_a_name or (
            is_number_word(word.text) and len(word.text) > 1 and not word.tamil
        )

    def _without_rank(self, words: list[Word]) -> list[Word]:
        """Cut titles before and caste suffixes after a given name, never the whole name."""
        kept = list(words)
        while len(kept) > 1 and kept[0].text in self._titles:
            kept.pop(0)
        while len(kept) > 1 and without_courtesy(kept[-1].text) in self._castes:
            kept.pop()
        return kept

    def _bare(self, text: str, word: Word) -> str:
        spoken = text[word.start : word.end]
        if not is_tamil(spoken):
            return spoken[:1].upper() + spoken[1:]
        for end in self._endings:
            if spoken.endswith(end) and len(spoken) - len(end) >= len("மீனா"):
                spoken = spoken.removesuffix(end)
                break
        return without_euphonic(without_courtesy(spoken))
