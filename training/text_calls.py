"""What a caller says on this line: complaints, places, landmarks, days, names, yes/no, numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import accumulate
from random import Random

from training import text_numbers as numbers
from training.text_lexicon import Lexicon, read_lines
from training.text_morphology import decline, maybe_decline

CHOICE = re.compile(r"\[([^\[\]]*)\]")
SLOT = re.compile(r"\{(\w+)\}")

WHERE = (
    "எங்க தெருவுல|எங்க தெருவுல|எங்க தெருவில|எங்கள் தெருவில்|எங்க ஊர்ல|எங்க ஊர்ல|எங்க ஊருல|எங்க ஊரில|"
    "எங்க ஏரியாவுல|எங்க பகுதியில|எங்கள் பகுதியில்|எங்க வீட்டுல|எங்க வீட்டு பக்கத்துல|எங்க வார்டுல|"
    "எங்க கிராமத்துல|எங்க காலனியில|எங்க நகர்ல|நம்ம தெருவுல|நம்ம ஊர்ல|நம்ம ஏரியாவுல|இந்த தெருவுல|"
    "எங்க வீட்டு முன்னாடி|எங்க வீட்டுக்கு முன்னாடி|எங்க வீட்டு எதிர்ல|இங்க|எங்க|எங்க ஊரு|எங்க தெரு|"
    "எங்க ரோட்டுல|எங்க சந்துல|எங்க வீதியில|எங்க குடியிருப்புல|எங்க ஏரியால|எங்கூருல|எங்க பக்கம்"
).split("|")
TIMES = (
    "ராத்திரி|ராத்திரி|ராத்திரியில|இரவு|காலையில|சாயங்காலம்|மத்தியானம்|பகல்ல|தினமும்|ராத்திரி நேரத்துல|"
    "காலைல|நேத்து|நேத்து ராத்திரி|இன்னைக்கு|இப்ப|ரெண்டு நாளா"
).split("|")
ADDRESS = ["சார்", "சார்", "சார்", "மேடம்", "அண்ணே", "அம்மா", "ஐயா", "தம்பி", "ங்க", "சார் ப்ளீஸ்"]
NEAR = (
    "பக்கத்துல|பக்கத்துல|பக்கத்துல|எதிர்ல|எதிர்ல|கிட்ட|கிட்ட|பின்னாடி|பின்னாடி|பக்கம்|பக்கம்|"
    "முன்னாடி|அருகில்|எதிரில்|ஓரத்துல|தாண்டி|மேல|பக்கத்துலங்க|எதிர்ல சார்|கிட்டங்க"
).split("|")
SITES = (
    "பஸ் ஸ்டாண்ட்|பஸ் ஸ்டாண்டு|பஸ் ஸ்டாப்|பேருந்து நிலையம்|ரயில்வே ஸ்டேஷன்|ரயில் நிலையம்|அரசு பள்ளி|"
    "அரசுப் பள்ளி|பள்ளிக்கூடம்|ஸ்கூல்|சந்தை|மார்க்கெட்|மெயின் பஜார்|பஜார்|பெரிய கடை|ரேஷன் கடை|டீக்கடை|"
    "தண்ணி டேங்க்|வாட்டர் டேங்க்|டேங்க்|போஸ்ட் ஆபீஸ்|போலீஸ் ஸ்டேஷன்|ஆஸ்பத்திரி|அரசு ஆஸ்பத்திரி|காலேஜ்|"
    "பெட்ரோல் பங்க்|சினிமா தியேட்டர்|கல்யாண மண்டபம்|மசூதி|பள்ளிவாசல்|சர்ச்|பஞ்சாயத்து ஆபீஸ்|தாலுகா ஆபீஸ்|"
    "யூனியன் ஆபீஸ்|கலெக்டர் ஆபீஸ்|பேங்க்|மளிகைக் கடை|கடை|மேம்பாலம்|ரயில்வே கேட்|ஏரிக்கரை|பெரிய கண்மாய்|"
    "வாய்க்கால் பாலம்|ஆலமரம்|அரசமரம்|வேப்பமரம்|மாட்டுச் சந்தை|உழவர் சந்தை|ரவுண்டானா|சிக்னல்|மணிக்கூண்டு|"
    "காந்தி சிலை|அண்ணா சிலை|பெரியார் சிலை|அம்பேத்கர் சிலை|செக்போஸ்ட்|டோல்கேட்|ஈபி ஆபீஸ்|மில்|நூலகம்|பார்க்"
).split("|")
ROADS = "தெரு தெரு தெரு ரோடு ரோடு வீதி நகர் நகர் காலனி சந்து சாலை லைன் பஜார் சந்தை பாளையம் ஸ்டாப்".split()
ROAD_NAMES = (
    "பெரிய கடை|சின்ன கடை|மெயின்|மெயின்|மாரியம்மன் கோயில்|பிள்ளையார் கோயில்|பெரிய|சின்ன|மேல|கீழ|"
    "வடக்கு|தெற்கு|கிழக்கு|மேற்கு|பள்ளிக்கூட|பஸ் ஸ்டாண்ட்|ஸ்டேஷன்|சந்தை|காந்தி|நேரு|அண்ணா|காமராஜர்|பஜார்|"
    "பெருமாள் கோயில்|சிவன் கோயில்|அம்மன் கோயில்|ராஜ|ரத|சன்னதி|முதல்|ரெண்டாவது|மூணாவது|நாலாவது|மில்|ஆஸ்பத்திரி"
).split("|")
NAME_FRAMES = (
    "{n}|{n}|{n}|{n}|{n}|{n}|{n} சார்|{n}ங்க|என் பேரு {n}|என் பேர் {n}|பேர் {n}|பேரு {n}|நான் {n}|"
    "நான் {n} பேசுறேன்|{n} பேசுறேன்|என் பெயர் {n}|{n} தான்|{n} மேடம்|{i} {n}|{n} {m}"
).split("|")
INITIALS = "ஏ பி சி டி இ கே எம் என் பி ஆர் எஸ் டி வி ஜே".split()
PHONE_FRAMES = (
    "{p}|{p}|{p}|{p}|{p}|{p}|{p}|{p}|என் நம்பர் {p}|நம்பர் {p}|போன் நம்பர் {p}|எழுதிக்கோங்க {p}|"
    "{p} சார்|{p}, அவ்வளவுதான்|மொபைல் நம்பர் {p}"
).split("|")
TICKET_FRAMES = (
    "{t}|{t}|{t}|புகார் நம்பர் {t}|புகார் எண் {t}|என் புகார் நம்பர் {t}|ஆமா, {t}|{t}, அது என்னாச்சு|"
    "நான் குடுத்த புகார் நம்பர் {t}, அது என்னாச்சு|டிக்கெட் நம்பர் {t}|{t} என்ன ஆச்சு"
).split("|")
RARE_NAME_SHARE = 0.5
"""Share of callers whose name is any of the list, the common ones no likelier."""
KINDS = (
    ("complaint", 0.32),
    ("place", 0.17),
    ("landmark", 0.10),
    ("days", 0.06),
    ("name", 0.09),
    ("reply", 0.09),
    ("phone", 0.13),
    ("digits", 0.02),
    ("ticket", 0.02),
)
"""Kinds of call turns and their shares."""


class CallTurns:
    """Draws call turns of each kind from the lexicon's training words."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Read the complaint templates once."""
        self._lexicon = lexicon
        self._templates: list[str] = []
        for line in read_lines("complaints"):
            common = line.startswith("* ")
            self._templates += [line[2:]] * 3 if common else [line]
        count = len(lexicon.persons)
        self._name_weights = list(accumulate(1 / (rank + 40) for rank in range(count)))
        self._makers: dict[str, Callable[[Random], str]] = {
            "complaint": self.complaint,
            "place": self.place,
            "landmark": self.landmark,
            "days": self.days,
            "name": self.name,
            "reply": self.reply,
            "phone": self.phone,
            "digits": numbers.digit_run,
            "ticket": self.ticket,
        }

    def draw(self, rng: Random, kind: str | None = None) -> str:
        """Return one turn, of the given kind or of a kind drawn by the shares of KINDS."""
        if kind is None:
            names, shares = zip(*KINDS, strict=True)
            kind = rng.choices(names, shares)[0]
        return self._makers[kind](rng)

    def complaint(self, rng: Random) -> str:
        """Return the opening of a call: what is wrong."""
        text = self._fill(rng.choice(self._templates), rng)
        roll = rng.random()
        if roll < 0.26:
            text = self._address(text, rng)
        elif roll < 0.31:
            text = rng.choice(["சார்", "மேடம்", "வணக்கம்", "ஹலோ", "ஐயா", "அண்ணே"]) + ", " + text
        elif roll < 0.34:
            text = self._fill(rng.choice(self._templates), rng) + ", " + text
        return text

    def place(self, rng: Random) -> str:
        """Return an answer to 'which town or village?'."""
        name = self._place_name(rng)
        frames: list[Callable[[], str]] = [
            lambda: decline(name, "locative", rng),
            lambda: decline(name, "polite", rng),
            lambda: maybe_decline(name, rng, 1.0),
            lambda: f"{name} {rng.choice(['பக்கம்', 'பக்கத்துல', 'ஊர்', 'தொகுதி', 'தாலுகா'])}",
            lambda: f"{name} {rng.choice(['மாவட்டம்', 'டவுன்', 'கிராமம்', 'ஏரியா', 'பகுதி'])}",
            lambda: f"{name} {rng.choice(['சார்', 'சார்', 'மேடம்', 'அண்ணே', 'ஐயா'])}",
            lambda: f"{rng.choice(['எங்க ஊர்', 'ஊர்', 'ஊரு', 'ஊர் வந்து', 'நம்ம ஊர்'])} {name}",
            lambda: f"{name}{rng.choice([', ', ' ', ' பக்கம் '])}{self._place_name(rng)}",
            lambda: f"{name}, இல்ல இல்ல, {self._place_name(rng)}",
            lambda: f"{name} {self._road(rng)}",
            lambda: f"{decline(name, 'ablative', rng)} பேசுறேன்",
        ]
        return name if rng.random() < 0.55 else rng.choice(frames)()

    def landmark(self, rng: Random) -> str:
        """Return an answer to 'near what?'."""
        roll = rng.random()
        if roll < 0.38:
            god = rng.choice(self._lexicon.lists["gods"])
            site = f"{god} {rng.choice(['கோயில்', 'கோயில்', 'கோயில்', 'கோவில்'])}"
        elif roll < 0.72:
            site = rng.choice(SITES)
        elif roll < 0.8:
            site = rng.choice(self._lexicon.lists["landmarks"])
        elif roll < 0.95:
            road = self._road(rng)
            return road if rng.random() < 0.75 else f"{road} {rng.choice(NEAR)}"
        else:
            return f"{numbers.cardinal(rng.randint(1, 60), True, rng)} வது வார்டு"
        if rng.random() < 0.1:
            site = f"{self._place_name(rng)} {site}"
        return f"{site} {rng.choice(NEAR)}" if rng.random() < 0.85 else site

    def days(self, rng: Random) -> str:
        """Return an answer to 'since when?'."""
        roll = rng.random()
        text = numbers.duration(rng) if roll < 0.75 else numbers.duration_past(rng)
        if roll > 0.95:
            text = f"{numbers.count_word(rng)} {rng.choice(['நாள்', 'வாரம்', 'மாசம்', 'வருஷம்'])}"
        if rng.random() < 0.15:
            text += rng.choice([" சார்", " இருக்கும்", " ஆகுது", " இப்படித்தான்", " மேடம்", "ங்க"])
        return text

    def name(self, rng: Random) -> str:
        """Return an answer to 'your name?'."""
        people = self._lexicon.persons  # commonest first
        name, second = rng.choices(people, cum_weights=self._name_weights, k=2)
        if rng.random() < RARE_NAME_SHARE:
            name = rng.choice(people)
        return rng.choice(NAME_FRAMES).format(n=name, m=second, i=rng.choice(INITIALS))

    def reply(self, rng: Random) -> str:
        """Return a yes, a no, a 'this same number'."""
        return rng.choice(self._lexicon.lists["replies_short"])

    def phone(self, rng: Random) -> str:
        """Return a phone number, bare or in a short frame."""
        return rng.choice(PHONE_FRAMES).format(p=numbers.phone_number(rng))

    def ticket(self, rng: Random) -> str:
        """Return a nine-digit ticket number, bare or in a question about it."""
        return rng.choice(TICKET_FRAMES).format(t=numbers.ticket_number(rng))

    def _place_name(self, rng: Random) -> str:
        return rng.choice(self._lexicon.seats if rng.random() < 0.55 else self._lexicon.places)

    def _road(self, rng: Random) -> str:
        names = ROAD_NAMES if rng.random() < 0.7 else self._lexicon.lists["street_names"]
        return f"{rng.choice(names)} {rng.choice(ROADS)}"

    def _address(self, text: str, rng: Random) -> str:
        word = rng.choice(ADDRESS)
        if word == "ங்க":
            return decline(text, "polite", rng) if text[-1] in "்ு" else text + "ங்க"
        return f"{text} {word}"

    def _fill(self, template: str, rng: Random) -> str:
        while match := CHOICE.search(template):
            option = rng.choice(match[1].split("|"))
            template = template[: match.start()] + option + template[match.end() :]
        return " ".join(SLOT.sub(lambda m: self._slot(m[1], rng), template).split())

    def _slot(self, name: str, rng: Random) -> str:
        if name == "dur":
            return numbers.duration(rng)
        if name == "dur2":
            return numbers.duration_past(rng)
        if name == "num":
            hundreds = rng.choice([1, 2, 3, 5, 10, 15, 20, 30, 50, 100])
            return numbers.cardinal(hundreds * 100, True, rng)
        if name == "when":
            return rng.choice(TIMES)
        if name == "where_dat":
            return decline(self._place_name(rng), "dative", rng)
        if name == "in" or rng.random() < 0.16:
            return decline(self._place_name(rng), "locative", rng)
        return rng.choice(WHERE)
