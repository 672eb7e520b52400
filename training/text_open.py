"""Open-vocabulary sentences: invented words, places, numbers and loose colloquial sentences."""

from __future__ import annotations

from random import Random

from training import text_numbers as numbers
from training.text_calls import CallTurns
from training.text_lexicon import Lexicon
from training.text_morphology import decline, join_with_sandhi, maybe_decline
from training.text_pseudo import PseudoWords
from training.text_salad import WordSalad
from training.text_speech import LooseTalk

ADDRESS = [""] * 7 + ["சார்", "சார்", "மேடம்", "அண்ணே", "அம்மா", "ஐயா", "தம்பி", "ங்க"]
AMOUNTS = (
    "ரூபாய்|ரூபா|ரூபாய் கேக்குறாங்க|பேர் இருக்கோம்|குடும்பம்|வீடு|மாடு|ஏக்கர்|கிலோ|மணிக்கு|தேதி|வருஷம்|லிட்டர்|மீட்டர்|அடி"
).split("|")
LABELS = ("வார்டு|வார்டு எண்|வார்டு நம்பர்|கதவு எண்|வீட்டு நம்பர்|பஸ் நம்பர்|வயசு|பின்கோடு|").split("|")
TALK_SHARE = 0.78
"""Share of loose sentences that come from text_speech.py."""


class OpenText:
    """Draws sentences with far more words than any call needs, so that spelling is learned."""

    def __init__(self, lexicon: Lexicon, calls: CallTurns) -> None:
        """Share the lexicon and the place grammar of the call turns."""
        self._lexicon = lexicon
        self._lists = lexicon.lists
        self._calls = calls
        self.pseudo = PseudoWords(lexicon)
        self.talk = LooseTalk(lexicon)
        self.salad = WordSalad(lexicon, self.pseudo)

    def draw(self, rng: Random) -> str:
        """Return one sentence: salad 20 %, invented 13 %, places 11 %, numbers 6 %, loose 50 %."""
        roll = rng.random()
        if roll < 0.2:
            return self.salad.draw(rng)
        if roll < 0.33:
            return self.pseudo.phrase(rng)
        if roll < 0.44:
            return self.place(rng, rng.choice(self._lexicon.places))
        return self.number(rng) if roll < 0.5 else self.colloquial(rng)

    def place(self, rng: Random, name: str) -> str:
        """Return a place name in one of many carrier sentences."""
        pick, lists = rng.choice, self._lists
        carriers = [
            lambda: name,
            lambda: maybe_decline(name, rng, 1.0),
            lambda: f"{name} {pick(['பக்கம்', 'பக்கத்துல', 'ஊர்', 'தாலுகா', 'தொகுதி', 'மாவட்டம்'])}",
            lambda: f"எங்க ஊர் {name}",
            lambda: f"{pick(['நான்', 'நாங்க'])} {decline(name, 'ablative', rng)} பேசுறேன்",
            lambda: f"{decline(name, 'locative', rng)} {pick(lists['predicates'])}",
            lambda: f"{decline(name, 'dative', rng)} {pick(['பஸ் வரல', 'போகணும்', 'போற வழி'])}",
            lambda: f"{name}, {pick(lists['landmarks'])} பக்கம்",
            lambda: f"{name} {pick(lists['street_names'])} {pick(lists['street_kinds'])}",
            lambda: f"{decline(name, 'locative', rng)} இருக்கோம்",
            lambda: f"{name} {pick(['மெயின் ரோடு', 'பஸ் ஸ்டாண்ட்', 'பஸ் ஸ்டாப்', 'கிராமம்'])}",
        ]
        return pick(carriers)()

    def number(self, rng: Random) -> str:
        """Return amounts, door numbers, part numbers and durations."""
        roll, colloquial = rng.random(), rng.random() < 0.65
        if roll < 0.3:
            return numbers.phone_number(rng)
        if roll < 0.45:
            return numbers.digit_run(rng)
        if roll < 0.65:
            count = rng.choice([rng.randint(1, 99), rng.randint(1, 999)])
            return f"{rng.choice(LABELS)} {numbers.cardinal(count, colloquial, rng)}".strip()
        if roll < 0.8:
            return numbers.duration(rng)
        count = rng.choice([rng.randint(1, 99), rng.randint(100, 99_999)])
        return f"{numbers.cardinal(count, colloquial, rng)} {rng.choice(AMOUNTS)}"

    def colloquial(self, rng: Random) -> str:
        """Return a loose sentence of everyday words; often it makes little sense."""
        if rng.random() < TALK_SHARE:
            return self.talk.sentence(rng)
        pick, lists, roll = rng.choice, self._lists, rng.random()
        adverb = pick(lists["adverbs"]) if rng.random() < 0.4 else ""
        predicate = pick(lists["predicates"])
        if roll < 0.36:
            words = [pick(lists["openers"]), self._noun(rng, 0.3), adverb, predicate]
        elif roll < 0.5:
            words = [pick(lists["openers"]), numbers.duration(rng), self._noun(rng, 0.2), predicate]
        elif roll < 0.6:
            place = decline(pick(self._lexicon.places), "locative", rng)
            words = [place, self._noun(rng, 0.3), predicate]
        elif roll < 0.68:
            second = pick(lists["predicates"])
            words = [self._noun(rng, 0.3), predicate + ",", self._noun(rng, 0.3), second]
        elif roll < 0.78:
            return pick(lists["replies"])
        elif roll < 0.82:
            words = [pick(lists["replies"]) + ",", self._noun(rng, 0.3), predicate]
        elif roll < 0.87:
            words = [self._noun(rng, 0.0), self._noun(rng, 0.5), pick(lists["english"]), predicate]
        elif roll < 0.9:
            words = [pick(self._lexicon.departments), pick(["அதிகாரி", "கிட்ட", "துறை"]), predicate]
        elif roll < 0.96:
            words = [maybe_decline(pick(self._lexicon.keywords), rng, 0.4), adverb, predicate]
        else:
            verb = pick(lists["verb_roots"]) + pick(["ங்க", "ணும்", "றாங்க", "யிருக்கு", "ல"])
            words = [adverb, self._noun(rng, 0.5), self._noun(rng, 0.5), verb]
        return self._address(join_with_sandhi(" ".join(words).split(), rng), rng)

    def _noun(self, rng: Random, declined: float) -> str:
        roll = rng.random()
        pool = self._lists["nouns"] if roll < 0.7 else self._lists["english"]
        if roll > 0.88:
            pool = self._lexicon.keywords
        return maybe_decline(rng.choice(pool), rng, declined)

    def _address(self, text: str, rng: Random) -> str:
        word = rng.choice(ADDRESS)
        if not word:
            return text
        if word == "ங்க":
            return decline(text, "polite", rng) if text[-1] in "்ு" else text + "ங்க"
        return f"{text}{rng.choice([' ', ', '])}{word}"
