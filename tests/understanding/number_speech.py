"""Ways in which callers say a number that is known: the truth is there before the words are.

Tables are own knowledge of spoken Tamil; a test draws from them with a seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

TAMIL = {
    "standard": "பூஜ்ஜியம் ஒன்று இரண்டு மூன்று நான்கு ஐந்து ஆறு ஏழு எட்டு ஒன்பது",
    "madurai": "சைபர் ஒண்ணு ரெண்டு மூணு நாலு அஞ்சு ஆறு ஏழு எட்டு ஒம்பது",
    "kongu": "சைபர் ஒண்ணுங் ரெண்டுங் மூணு நாலு அஞ்சுங் ஆறு ஏழுங் எட்டுங்க ஒம்பதுங்க",
    "chennai": "ஜீரோ ஒண்ணு ரெண்டு மூணு நாலு அஞ்சி ஆறு ஏயு எட்டு ஒம்போது",
    "nellai": "பூச்சியம் ஒண்ணு ரண்டு மூணு நாலு அஞ்சு ஆறு ஏளு எட்டு ஒம்பது",
    "delta": "சுழி ஒண்ணு ரெண்டு மூனு நாலு அஞ்சு ஆறு ஏழு எட்டு ஒன்பது",
}
"""Digits 0 to 9 in each way of speaking."""
ENGLISH = {
    "tamil script": "ஜீரோ ஒன் டூ த்ரீ ஃபோர் ஃபைவ் சிக்ஸ் செவன் எய்ட் நைன்",
    "broad": "ஸீரோ ஒன்னு டூ திரி ஃபோரு ஃபைவு சிக்ஸு செவனு எயிட்டு நைனு",
    "latin": "zero one two three four five six seven eight nine",
    "latin o": "o one two three four five six seven eight nine",
}
LATIN = {
    "plain": "saibar onnu rendu moonu naalu anju aaru ezhu ettu ombadhu",
    "loose": "poojiyam onu randu munu nalu anji aru elu yettu ombothu",
    "chennai": "zero onnu rendu moonu naalu anju aaru eyu ettu ombodhu",
}
DIGIT_WORDS = {
    name: words.split() for table in (TAMIL, ENGLISH, LATIN) for name, words in table.items()
}
_CLEAR = [name for name in DIGIT_WORDS if name != "latin o"]
_TENS = {
    "tamil": (
        "பத்து இருவது முப்பது நாப்பது அம்பது அறுவது எழுவது எம்பது தொண்ணூறு",
        "- இருவத்தி முப்பத்தி நாப்பத்தி அம்பத்தி அறுவத்தி எழுவத்தி எம்பத்தி தொண்ணூத்தி",
        "பத்து பதினொண்ணு பன்னெண்டு பதிமூணு பதினாலு பதினஞ்சு பதினாறு பதினேழு பதினெட்டு பத்தொம்பது",
    ),
    "standard": (
        "பத்து இருபது முப்பது நாற்பது ஐம்பது அறுபது எழுபது எண்பது தொண்ணூறு",
        "- இருபத்து முப்பத்து நாற்பத்து ஐம்பத்து அறுபத்து எழுபத்து எண்பத்து தொண்ணூற்று",
        "பத்து பதினொன்று பன்னிரண்டு பதிமூன்று பதினான்கு பதினைந்து பதினாறு பதினேழு பதினெட்டு பத்தொன்பது",
    ),
    "chennai": (
        "பத்து இர்வது முப்பது நாப்பது அம்பது அறுவது எயுவது எம்பது தொண்ணூறு",
        "- இர்வத்தி முப்பத்தி நாப்பத்தி அம்பத்தி அறுவத்தி எயுவத்தி எம்பத்தி தொண்ணூத்தி",
        "பத்து பதினொண்ணு பன்னண்டு பதிமூணு பதினாலு பாஞ்சி பதினாறு பதினேயு பதினெட்டு பத்தொம்போது",
    ),
    "latin": (
        "pathu iruvadhu muppadhu naapadhu ambadhu aruvadhu ezhuvadhu embadhu thonnooru",
        "- iruvathi muppathi naapathi ambathi aruvathi ezhuvathi embathi thonnoothi",
        "pathu padhinonnu pannendu padhimoonu padhinaalu padhinanju padhinaaru padhinezhu "
        "padhinettu pathombadhu",
    ),
    "english": (
        "டென் ட்வென்டி தர்ட்டி ஃபார்ட்டி ஃபிஃப்டி சிக்ஸ்டி செவன்டி எய்ட்டி நைன்டி",
        "- ட்வென்டி தர்ட்டி ஃபார்ட்டி ஃபிஃப்டி சிக்ஸ்டி செவன்டி எய்ட்டி நைன்டி",
        "டென் லெவன் ட்வெல்வ் தர்ட்டீன் ஃபோர்ட்டீன் ஃபிஃப்டீன் சிக்ஸ்டீன் செவன்டீன் எய்ட்டீன் நைன்டீன்",
    ),
    "english latin": (
        "ten twenty thirty forty fifty sixty seventy eighty ninety",
        "- twenty thirty forty fifty sixty seventy eighty ninety",
        "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
    ),
}
_TENS_DIGITS = {
    "tamil": "madurai", "standard": "standard", "chennai": "chennai", "latin": "plain",
    "english": "tamil script", "english latin": "latin",
}  # fmt: skip
_HUNDREDS = {
    "tamil": "நூத்தி எரநூத்தி முந்நூத்தி நானூத்தி ஐநூத்தி அறநூத்தி எழநூத்தி எண்ணூத்தி தொள்ளாயிரத்தி",
    "standard": "நூற்று இருநூற்று முந்நூற்று நானூற்று ஐந்நூற்று அறுநூற்று எழுநூற்று எண்ணூற்று தொள்ளாயிரத்து",
}
_REPEATS = {
    2: ("டபுள் {}", "double {}", "ரெட்ட {}", "ரெண்டு தடவ {}", "{} {} டபுள்", "{} {} ரெண்டு தடவ"),
    3: (
        "ட்ரிப்பிள் {}", "triple {}", "மூணு தடவ {}", "{} மூணு தடவ", "{} {} {} ட்ரிப்பிள்",
        "{0} {0} {0} மூணு தடவ", "{} {} {} னா ட்ரிப்பிள்", "{} {} {} na triple",
    ),
}  # fmt: skip
_COUNTED = ("டபுள்", "ட்ரிப்பிள்", "triple", "தடவ")
BEFORE = (
    "", "", "என் நம்பர்", "நம்பர் சொல்றேன் எழுதிக்குங்க", "எம்பட நம்பருங்", "என்ற போன் நம்பர் வந்து",
    "நம்மளுது", "எனது கைபேசி எண்", "my number is", "en number", "நோட் பண்ணிக்கோங்க", "ம் சொல்றேன்",
    "செல்லு நம்பரு", "என்னோட மொபைல் நம்பர்", "எழுதிக்கிடுங்க", "sollren ezhudhikonga",
    "போன் நம்பரா,", "ஆங், என் வீட்டுக்காரர் நம்பர் தரேன்,", "கூப்புட வேண்டிய நம்பர்",
)  # fmt: skip
AFTER = (
    "", "", "தான்", "அவ்ளோதான்", "இதான் நம்பர்", "சரியா", "எழுதிட்டீங்களா", "thaan", "avlodhan",
    "இந்த நம்பருக்கு கூப்புடுங்க", "சாயங்காலம் ஆறு மணிக்கு மேல கூப்புடுங்க",
    "எப்ப வேணா கூப்டுங்க", "வாட்ஸப்பும் இதே", "ஓகேவா", "முடிஞ்சுதுங்க", "ங்க சார்",
)  # fmt: skip
FILLERS = (
    " ", " ", " ", " ", ", ", ", ", "... ", " ம் ", ", அப்புறம் ", ".. apram ", ", அடுத்து ", " ஆங், ",
    ", அதுக்கப்புறம் ", " சார், ", ", எழுதிட்டீங்களா, ", " வந்து ", ", பெறவு ", ", அப்பால ",
)  # fmt: skip
RESTARTS = (
    "இரு மொதல்லேந்து", "இருங்க முதல்ல இருந்து சொல்றேன்", "இரு நைனா மொதல்லேந்து", "தப்பு, திரும்ப சொல்றேன்",
    "சாரி, மறுபடி சொல்றேன்", "iru first la irundhu solren", "மொதல்ல இருந்து வாரேன்",
    "இல்ல இல்ல, முதல்லருந்து சொல்றேன்", "அய்யோ தப்பா சொல்லிட்டேன், மறுக்கா சொல்றனுங்",
    "பொறுங்க, ஆரம்பத்துல இருந்து சொல்லுதேன்", "start from first", "இருங்க, திருப்பிச் சொல்றேன்",
)  # fmt: skip
REPEATED = (
    "திரும்ப சொல்றேன்", "இன்னொரு தடவ சொல்றேன்", "மறுபடியும்", "once more", "again solren",
    "அதாவது", "கேட்டுச்சா", "இன்னொருக்கா சொல்லுதேன்", "ரிப்பீட் பண்றேன்",
)  # fmt: skip
SLIPS = ("இல்ல", "இல்ல இல்ல", "சாரி", "தப்பு", "illa", "அய்யோ இல்ல", "sorry", "இல்லீங்க", "மன்னிக்கணும்")
OTHERS_BEFORE = (
    "கதவு எண் பன்னெண்டு,", "எனக்கு வயசு அறுவத்தி ரெண்டு,", "பதினாலாவது வார்டு,", "வார்டு நம்பர் 27,",
    "பின்கோடு 600012,", "நாலு நாளா தண்ணி வரல,", "ரெண்டு சிம் இருக்கு,", "டோர் நம்பர் 14,",
    "door no 12,", "முப்பது வருசமா இங்கதான் இருக்கேன்,", "பிளாட் நம்பர் மூணு,",
)  # fmt: skip
OTHERS_AFTER = (
    ". கதவு எண் பன்னெண்டு", ". வார்டு நம்பர் 27", ". பின்கோடு 625001", ", வயசு அறுவத்தி ரெண்டு",
    ", ஆறு மணிக்கு மேல பேசுங்க", ", ரெண்டு மணி நேரம் கழிச்சு கூப்புடுங்க", ". door no 12",
    ", பத்து நிமிஷத்துல கூப்புடுங்க",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Speaker:
    """Draws one way of saying after another. Not shared: it holds its random numbers."""

    random: Random

    def _digit_words(self) -> list[str]:
        return DIGIT_WORDS[self.random.choice(list(DIGIT_WORDS))]

    def _number(self, figures: str, tens: str) -> str:
        """Say two or three digits as a number."""
        closed, opened, teens = (row.split() for row in _TENS[tens])
        if len(figures) == 3:
            hundreds = _HUNDREDS[tens].split()
            return f"{hundreds[int(figures[0]) - 1]} {self._number(figures[1:], tens)}"
        ten, one = int(figures[0]), int(figures[1])
        if ten == 0:
            return DIGIT_WORDS[_TENS_DIGITS[tens]][one]
        if ten == 1:
            return teens[one]
        if one == 0:
            return closed[ten - 1]
        return f"{opened[ten - 1]} {DIGIT_WORDS[_TENS_DIGITS[tens]][one]}"

    def say(self, figures: str) -> str:
        """Say one group of digits in any way."""
        draw = self.random.random()
        alike = len(set(figures)) == 1
        if alike and len(figures) in _REPEATS and draw < 0.7:
            word = DIGIT_WORDS[self.random.choice(_CLEAR)][int(figures[0])]
            return self.random.choice(_REPEATS[len(figures)]).format(word, word, word)
        if draw < 0.12:
            return figures
        if len(figures) == 2 and figures[0] != "0" and draw < 0.55:
            # "twenty" waits for a digit, so that one said next would be ambiguous.
            style = self.random.choice(list(_TENS))
            if "english" not in style or figures[1] != "0" or figures[0] == "1":
                return self._number(figures, style)
        if len(figures) == 3 and figures[0] != "0" and figures[1:] != "00" and draw < 0.4:
            return self._number(figures, self.random.choice(list(_HUNDREDS)))
        words = self._digit_words()
        if figures == "0" and words[0] == "o":
            words = DIGIT_WORDS["latin"]  # alone, "o" is no digit
        if draw > 0.93:
            return " ".join(DIGIT_WORDS[self.random.choice(_CLEAR)][int(f)] for f in figures)
        return " ".join(words[int(figure)] for figure in figures)

    def groups(self, digits: str) -> list[str]:
        """Cut digits as people do: one by one, in pairs, threes, fives, or alike together."""
        kind = self.random.choice(("ones", "pairs", "threes", "fives", "alike", "mixed"))
        if kind == "ones":
            return [digits]
        if kind == "fives":
            return [digits[at : at + 5] for at in range(0, len(digits), 5)]
        size = {"pairs": 2, "threes": 3}.get(kind, 0)
        cut: list[str] = []
        while digits:
            run = next((n for n in (3, 2) if len(set(digits[:n])) == 1 and len(digits) >= n), 0)
            take = size or (run if kind == "alike" and run else self.random.choice((1, 2, 3)))
            cut.append(digits[:take])
            digits = digits[take:]
        return cut

    def number(self, digits: str, cut: list[str] | None = None) -> str:
        """Say a whole number without a slip."""
        parts = [self.say(group) for group in cut or self.groups(digits)]
        text = parts[0]
        for part in parts[1:]:
            # "8 8 double 9" would be 8899 and "8 8 double, 9" is 889.
            counted = text.endswith(_COUNTED)
            text += (", " if counted else self.random.choice(FILLERS)) + part
        return text

    def slip(self, digits: str) -> str:
        """Say a number with one group wrong, taken back at once."""
        cut = self.groups(digits)
        at = self.random.randrange(len(cut))
        right = cut[at]
        wrong = self._wrong(right)
        cut_before, cut_after = cut[:at], cut[at + 1 :]
        parts = [self.number("", cut_before)] if cut_before else []
        parts.append(f"{self.say(wrong)}, {self.random.choice(SLIPS)}, {self.say(right)}")
        if cut_after:
            parts.append(self.number("", cut_after))
        return ", ".join(parts)

    def _wrong(self, group: str) -> str:
        at = self.random.randrange(len(group))
        other = self.random.choice([d for d in "123456789" if d != group[at]])
        return group[:at] + other + group[at + 1 :]

    def restart(self, digits: str) -> str:
        """Say some digits, stop, and say all from the start."""
        some = digits[: self.random.randint(3, 7)]
        return f"{self.number(some)}... {self.random.choice(RESTARTS)}, {self.number(digits)}"

    def twice(self, digits: str) -> str:
        """Say the number, and once more."""
        return f"{self.number(digits)}, {self.random.choice(REPEATED)}, {self.number(digits)}"

    def framed(self, said: str) -> str:
        """Put a said number where it stands in a turn."""
        text = " ".join((self.random.choice(BEFORE), said, self.random.choice(AFTER)))
        draw = self.random.random()
        if draw < 0.15:
            return f"{self.random.choice(OTHERS_BEFORE)} {text}"
        if draw < 0.3:
            return text + self.random.choice(OTHERS_AFTER)
        return text


def mobile(random: Random) -> str:
    """Return a mobile number, half of them with a digit twice or three times in a row."""
    digits = random.choice("6789") + "".join(random.choice("0123456789") for _ in range(9))
    if random.random() < 0.5:
        at, n = random.randrange(1, 7), random.choice((2, 3))
        digits = digits[:at] + digits[at] * n + digits[at + n :]
    return digits


def land_line(random: Random) -> str:
    """Return a land line with the area code of a town of Tamil Nadu."""
    code = random.choice(("044", "0422", "0452", "0462", "0431", "04362", "04562"))
    return (
        code
        + random.choice("2345")
        + "".join(random.choice("0123456789") for _ in range(10 - len(code)))
    )
