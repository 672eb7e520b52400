"""Tamil numbers as they are spoken: cardinals, digit runs, phone and ticket numbers, durations."""

from __future__ import annotations

from random import Random

FORMAL = "பூஜ்ஜியம் ஒன்று இரண்டு மூன்று நான்கு ஐந்து ஆறு ஏழு எட்டு ஒன்பது".split()
SPOKEN = "சைபர் ஒண்ணு ரெண்டு மூணு நாலு அஞ்சு ஆறு ஏழு எட்டு ஒம்பது".split()
ENGLISH = "ஜீரோ ஒன் டூ த்ரீ ஃபோர் ஃபைவ் சிக்ஸ் செவன் எய்ட் நைன்".split()
TEENS = (
    "பத்து பதினொன்று பன்னிரண்டு பதிமூன்று பதினான்கு பதினைந்து பதினாறு பதினேழு பதினெட்டு பத்தொன்பது".split(),
    "பத்து பதினொண்ணு பன்னெண்டு பதிமூணு பதினாலு பதினஞ்சு பதினாறு பதினேழு பதினெட்டு பத்தொம்பது".split(),
)
TENS = (
    "_ _ இருபது முப்பது நாற்பது ஐம்பது அறுபது எழுபது எண்பது தொண்ணூறு".split(),
    "_ _ இருவது முப்பது நாப்பது அம்பது அறுவது எழுவது எம்பது தொண்ணூறு".split(),
)
TENS_JOINED = (
    "_ _ இருபத்து முப்பத்து நாற்பத்து ஐம்பத்து அறுபத்து எழுபத்து எண்பத்து தொண்ணூற்று".split(),
    "_ _ இருவத்தி முப்பத்தி நாப்பத்தி அம்பத்தி அறுவத்தி எழுவத்தி எம்பத்தி தொண்ணூத்தி".split(),
    "_ _ இருபத்தி முப்பத்தி நாற்பத்தி ஐம்பத்தி அறுபத்தி எழுபத்தி எண்பத்தி தொண்ணூற்றி".split(),
)
HUNDREDS = "_ நூறு இருநூறு முன்னூறு நானூறு ஐநூறு அறுநூறு எழுநூறு எண்ணூறு தொள்ளாயிரம்".split()
HUNDREDS_JOINED = (
    "_ நூற்று இருநூற்று முன்னூற்று நானூற்று ஐநூற்று அறுநூற்று எழுநூற்று எண்ணூற்று தொள்ளாயிரத்து".split(),
    "_ நூத்தி இருநூத்தி முன்னூத்தி நானூத்தி ஐநூத்தி அறுநூத்தி எழுநூத்தி எண்ணூத்தி தொள்ளாயிரத்தி".split(),
)
THOUSANDS = "_ ஆயிரம் இரண்டாயிரம் மூவாயிரம் நாலாயிரம் ஐயாயிரம் ஆறாயிரம் ஏழாயிரம் எட்டாயிரம் ஒன்பதாயிரம்".split()

PHONE_GROUPS = (
    [4, 2, 2, 2],
    [4, 2, 2, 2],
    [2, 2, 2, 2, 2],
    [2, 2, 2, 2, 2],
    [5, 5],
    [3, 3, 4],
    [4, 3, 3],
    [3, 3, 2, 2],
    [4, 6],
    [10],
    [1] * 10,
)
TICKET_GROUPS = ([3, 3, 3], [3, 3, 3], [3, 3, 3], [9], [1] * 9, [2, 2, 2, 3], [4, 5])

UNITS = "நாளா நாளா நாளா நாளா வாரமா வாரமா மாசமா மாசமா மாசமா வருஷமா வருசமா நாளாக வாரமாக மாதமாக வருடமாக மாதமா நாட்களாக".split()
UNITS_PAST = "நாளாச்சு வாரமாச்சு மாசமாச்சு வருஷமாச்சு வருசமாச்சு மாதமாச்சு".split()
SINCE = (
    "நேத்துலேர்ந்து|நேத்து முதல்|நேற்று இரவு முதல்|இன்னைக்கு காலையிலேர்ந்து|இன்று காலை முதல்|"
    "போன வாரத்துலேர்ந்து|போன மாசத்துலேர்ந்து|ரொம்ப நாளா|பல மாசமா|ரெண்டு மூணு நாளா|நாலஞ்சு நாளா|"
    "பத்து பதினஞ்சு நாளா|நேத்து ராத்திரியிலேர்ந்து|காலைல இருந்து|நேத்துல இருந்து|போன வாரம்|"
    "ஒரு வாரமா|ஒரு மாசமா|ஒரு வருஷமா|கொஞ்ச நாளா|நேத்து|இன்னைக்கு|இன்னைக்கு காலையில|மூணு நாலு நாளா"
).split("|")

RICH_SHARE = 0.34
"""Share of digit runs that are rich in repeated neighbours, the commonest error of the model."""


def cardinal(number: int, colloquial: bool, rng: Random) -> str:
    """Return the words of 0 <= number < 100,000."""
    digits = SPOKEN if colloquial else FORMAL
    style = int(colloquial)
    if number >= 1000:
        thousands, rest = divmod(number, 1000)
        if thousands < 10:
            word = THOUSANDS[thousands]
        else:
            word = cardinal(thousands, colloquial, rng) + " ஆயிரம்"
        if not rest:
            return word
        joint = "த்து " if not colloquial or rng.random() < 0.5 else "த்தி "
        return word[:-2] + joint + cardinal(rest, colloquial, rng)
    if number >= 100:
        hundreds, rest = divmod(number, 100)
        if not rest:
            return HUNDREDS[hundreds]
        return HUNDREDS_JOINED[style][hundreds] + " " + cardinal(rest, colloquial, rng)
    if number >= 20:
        tens, rest = divmod(number, 10)
        if not rest:
            return TENS[style][tens]
        return rng.choice([TENS_JOINED[style], TENS_JOINED[2]])[tens] + " " + digits[rest]
    return TEENS[style][number - 10] if number >= 10 else digits[number]


def say_digits(digits: list[int], groups: list[int], words: list[str], rng: Random) -> str:
    """Return digits in words, a comma after each group; some runs said as double or triple."""
    double = rng.choice(["டபுள்", "டபுள்", "ரெட்டை"]) if words is not ENGLISH else "டபுள்"
    use_double = rng.random() < 0.25
    parts: list[str] = []
    start = 0
    for size in groups:
        group, spoken, i = digits[start : start + size], [], 0
        start += size
        while i < len(group):
            if use_double and len(group) >= i + 3 and len(set(group[i : i + 3])) == 1:
                spoken += ["ட்ரிபிள்", words[group[i]]]
                i += 3
            elif use_double and len(group) >= i + 2 and group[i] == group[i + 1]:
                spoken += [double, words[group[i]]]
                i += 2
            else:
                spoken.append(words[group[i]])
                i += 1
        if spoken:
            parts.append(" ".join(spoken))
    return ", ".join(parts)


def random_digits(count: int, rng: Random, *, phone: bool) -> list[int]:
    """Return digits; a third of the numbers are rich in runs (44, 000, 7777), others have some."""
    digits = [rng.choice([6, 7, 8, 9, 9]) if phone else rng.randrange(10)]
    repeat = 0.58 if rng.random() < RICH_SHARE else 0.24
    while len(digits) < count:
        digits.append(digits[-1] if rng.random() < repeat else rng.randrange(10))
    return digits


def digit_words(rng: Random) -> list[str]:
    """Pick how one speaker says digits: mostly colloquial, at times formal, English or mixed."""
    style = rng.random()
    if style < 0.62:
        return SPOKEN
    if style < 0.74:
        return FORMAL
    if style < 0.9:
        return ENGLISH
    return [rng.choice(options) for options in zip(SPOKEN, FORMAL, ENGLISH, strict=True)]


def phone_number(rng: Random) -> str:
    """Return a spoken ten-digit phone number."""
    digits = random_digits(10, rng, phone=True)
    return say_digits(digits, rng.choice(PHONE_GROUPS), digit_words(rng), rng)


def ticket_number(rng: Random) -> str:
    """Return a spoken nine-digit ticket number."""
    digits = random_digits(9, rng, phone=False)
    return say_digits(digits, rng.choice(TICKET_GROUPS), digit_words(rng), rng)


def digit_run(rng: Random) -> str:
    """Return one to eight spoken digits: a number given in parts or repeated in part."""
    count = rng.choice([1, 2, 2, 3, 3, 4, 4, 5, 6, 8])
    size = rng.choice([count, 2, 2, 3])
    groups = [min(size, count - i) for i in range(0, count, size)]
    return say_digits(random_digits(count, rng, phone=False), groups, digit_words(rng), rng)


def count_word(rng: Random) -> str:
    """Return a small count as said before a unit of time."""
    number = rng.choice([rng.randint(1, 6), rng.randint(1, 12), rng.randint(1, 31)])
    return "ஒரு" if number == 1 else cardinal(number, rng.random() < 0.85, rng)


def duration(rng: Random) -> str:
    """Return how long something has gone on: 'for three days'."""
    if rng.random() < 0.14:
        return rng.choice(SINCE)
    return f"{count_word(rng)} {rng.choice(UNITS)}"


def duration_past(rng: Random) -> str:
    """Return how long ago something was: 'it is three days'."""
    return f"{count_word(rng)} {rng.choice(UNITS_PAST)}"
