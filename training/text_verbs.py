"""Tamil verbs as people say them: tense, person, politeness, participles, six regions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from training.text_lexicon import read_lines

DIALECTS = ("general", "chennai", "kongu", "madurai", "nellai", "delta")
PERSONS = ("i", "we", "you", "he", "she", "sir", "they", "it")
USES = ("t", "m", "i")
"""What a verb is used for: people do it to something, people do it, things do it."""

_ENDINGS = dict(zip(PERSONS, "ேன் ோம் ீங்க ான் ா ாரு ாங்க".split(), strict=False))
_REGIONAL: dict[str, dict[str, tuple[str, ...]]] = {
    "chennai": {"they": ("ாங்கோ", "ானுங்க", "ாங்க"), "you": ("ீங்கோ", "ீங்க")},
    "kongu": {
        "i": ("னுங்க", "ேனுங்க"),
        "we": ("முங்க", "ோமுங்க"),
        "you": ("ீங்க", "ீங்கொ"),
        "he": ("ானுங்க",),
        "she": ("ாளுங்க",),
        "sir": ("ாருங்க",),
        "they": ("ாங்க", "ாங்கொ"),
    },
    "madurai": {"they": ("ாய்ங்க",), "sir": ("ாரு", "ாருப்பா"), "we": ("ோம்", "ோம்ப்பா")},
    "nellai": {"they": ("ாவ", "ாக", "ாங்க"), "you": ("ிய", "ீங்க"), "i": ("ேன்", "ேம்ல")},
    "delta": {"i": ("ேன்", "ேங்க"), "they": ("ாங்க", "ாங்கோ"), "sir": ("ாரு", "ாருங்க")},
}
_IT_TAGS = {"kongu": "ங்க", "madurai": "ப்பா", "nellai": "ல", "delta": "ங்க", "chennai": "ப்பா"}
Maker = Callable[["Verb", str, str], list[str]]
_ELIDED = ("ண்ணு", "ல்லு", "ள்ளு", "ன்னு")


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: the stems its spoken forms are built from. Stems end in the vowel 'a'."""

    root: str
    participle: str
    pasts: tuple[str, ...]
    presents: tuple[str, ...]
    infinitive: str
    future: str
    present_it: str
    future_it: str
    negative: str
    imperative: str
    past_it: tuple[str, ...]
    coastal: str
    """The present stem of the Nellai way of speaking."""

    @property
    def relatives(self) -> tuple[str, ...]:
        """Return the present stems as they stand before a noun: வர்ற."""
        if self.presents[0] == self.infinitive:  # இருக்காங்க, but இருக்குற
            return (self.infinitive + "ுற", self.infinitive + "ிற")
        return self.presents

    def forms(self, slot: str, person: str = "they", dialect: str = "general") -> list[str]:
        """Return the usual spellings of one form; `slot` is a key of SLOTS."""
        return _SLOTS[slot](self, person, dialect)


def _persons(stem: str, person: str, dialect: str) -> list[str]:
    endings = _REGIONAL.get(dialect, {}).get(person) or (_ENDINGS[person],)
    return [stem + ending for ending in endings]


def _it(words: list[str], dialect: str) -> list[str]:
    """Return the words, and with the little word of the region after them."""
    tag = _IT_TAGS.get(dialect)
    if not tag:
        return words
    joined = [w[:-1] + "ுங்க" if w[-1] == "்" and tag == "ங்க" else w + tag for w in words]
    if tag == "ப்பா":
        joined = [w.replace("்ப்பா", "்பா") for w in joined]
    return words + joined


def _past(verb: Verb, person: str, dialect: str) -> list[str]:
    if person == "it":
        words = list(verb.past_it)
        if dialect == "chennai":
            words = [w[:-1] + "ி" if w.endswith("ச்சு") else w for w in words]
        return _it(words, dialect)
    return [word for stem in verb.pasts for word in _persons(stem, person, dialect)]


def _present(verb: Verb, person: str, dialect: str) -> list[str]:
    if person == "it":
        words = [verb.present_it]
        if dialect == "chennai" and verb.root in ("வா", "தா"):
            words.append(verb.present_it.replace("ரு", "ர்"))
        if dialect == "chennai" and verb.present_it == "இருக்குது":
            words.append("கீது")
        if verb.present_it in ("போகுது", "ஆகுது", "சாகுது", "நாசமாகுது"):
            words.append(verb.present_it[:-4] + "வுது")
        return _it(words, dialect)
    stems = (verb.coastal,) if dialect == "nellai" else verb.presents
    return [word for stem in stems for word in _persons(stem, person, dialect)]


def _future(verb: Verb, person: str, dialect: str) -> list[str]:
    if person == "it":
        return _it([verb.future_it], dialect)
    return _persons(verb.future, person, dialect)


def _done(verb: Verb, person: str, dialect: str) -> list[str]:
    """Return 'has gone and done it': வந்துட்டாங்க, வந்துடுச்சு."""
    base = verb.participle
    if person == "it":
        if verb.root == "போ":
            base = "போயி"
        usual = {
            "chennai": ["டுச்சி", "டுச்சு", "ட்ச்சி"],
            "madurai": ["ருச்சு", "ருச்சுப்பா"],
            "kongu": ["ருச்சுங்க", "டுச்சுங்க", "ப்போச்சுங்க"],
            "nellai": ["ட்டு", "ட்டுல", "ட்டுது"],
            "delta": ["ட்டுதுங்க", "டுச்சுங்க", "ட்டுது"],
        }.get(dialect, ["டுச்சு", "ருச்சு", "ட்டுது", "டிச்சு"])
        return [base + ending for ending in usual]
    stems = [base + "ட்ட"]
    if dialect == "kongu" and base[-1] == "ி":
        stems = [base[:-1] + "ீட்ட", base + "ப்போட்ட"]
    return [word for stem in stems for word in _persons(stem, person, dialect)]


def _joined(verb: Verb, second: str) -> str:
    """Return the participle run together with a word in a vowel sign: வந்திருக்கு."""
    base = verb.participle
    return base[:-1] + second if base[-1] == "ு" else base + "ய" + second


def _being(person: str, dialect: str) -> list[str]:
    if person == "it":
        return {"chennai": ["க்கு", "க்குது"], "kongu": ["க்குதுங்க", "க்குங்க"]}.get(
            dialect, ["க்கு", "க்குது"]
        )
    return _persons("க்க", person, dialect)


def _perfect(verb: Verb, person: str, dialect: str) -> list[str]:
    return [_joined(verb, "ிரு") + end for end in _being(person, dialect)]


def _going_on(verb: Verb, person: str, dialect: str) -> list[str]:
    links = {"chennai": ("கினு", "க்கினு"), "kongu": ("ட்டு",)}.get(dialect, ("க்கிட்டு", "ட்டு"))
    stem = "கீ" if dialect == "chennai" and person in ("it", "they") else "இரு"
    if stem == "கீ":
        ends = ["து", "துபா"] if person == "it" else ["றாங்க", "றானுங்க"]
    else:
        ends = _being(person, dialect)
    return [f"{verb.participle}{link} {stem}{end}" for link in links for end in ends]


def _negative(verb: Verb, person: str, dialect: str) -> list[str]:
    base = verb.infinitive
    words = [base + "ல", base + "லை", base + "வே இல்ல", base + "ல"]
    if dialect == "kongu":
        return [base + "லீங்க", base + "லைங்க", base + "வே இல்லீங்க"]
    if dialect == "chennai" and verb.root in ("வா", "தா"):
        words += [base + "்ல", base + "்லபா"]
    if dialect in ("madurai", "nellai"):
        words += [base + "ல" + ("ப்பா" if dialect == "madurai" else "ல்லா")]
    refuse = base + "மாட்டே"
    if person == "it":
        words += [refuse + "ங்குது", base + " மாட்டேங்குது", verb.negative + "து"]
    else:
        stem = refuse + ("ன்ற" if dialect == "chennai" else "ங்கிற")
        words += [*_persons(stem, person, dialect), *_persons(base + "மாட்ட", person, dialect)]
    return [*words, base + "வில்லை"]


def _must(verb: Verb, person: str, dialect: str) -> list[str]:
    base = verb.infinitive
    if dialect == "kongu":
        return [base + "ோணும்", base + "ோணுமுங்க", base + "ணுங்க"]
    return [*_it([base + "ணும்"] * 2, dialect), base + " வேண்டியிருக்கு"]


def _please(verb: Verb, person: str, dialect: str) -> list[str]:
    bare, base = verb.imperative, verb.participle
    words = [bare + "ங்க", bare + "ங்க", bare + "ங்களேன்", base + "டுங்க", base + " குடுங்க"]
    if dialect in ("chennai", "nellai", "delta"):
        words += [bare + "ங்கோ", base + "டுங்கோ"]
    return words + ([bare + "ங்கொ", base + "ப்போடுங்க"] if dialect == "kongu" else [])


def _after(verb: Verb, person: str, dialect: str) -> list[str]:
    links = {"chennai": ("ட்டு", "கினு"), "kongu": ("ட்டு", "ப்போட்டு")}
    words = [verb.participle + link for link in links.get(dialect, ("ட்டு",))]
    if dialect == "kongu" and verb.participle[-1] == "ி":
        words[0] = verb.participle[:-1] + "ீட்டு"
    return words


def _while(verb: Verb, person: str, dialect: str) -> list[str]:
    link = "கினே" if dialect == "chennai" else "க்கிட்டே"
    return [verb.participle + link, verb.participle + "ட்டே"]


def _when(verb: Verb, person: str, dialect: str) -> list[str]:
    words = [stem + end for stem in (verb.pasts[0], *verb.relatives) for end in ("ப்ப", "ப்போ")]
    return [*words, verb.future_it + "போது", verb.relatives[0] + " வரைக்கும்"]


def _unless(verb: Verb, person: str, dialect: str) -> list[str]:
    return [verb.infinitive + end for end in ("லன்னா", "லைன்னா", "லேன்னா", "லனா")] + [
        verb.negative + "ட்டி"
    ]


def _plain(build: Callable[[Verb], list[str]]) -> Maker:
    return lambda verb, person, dialect: build(verb)


_SLOTS: dict[str, Maker] = {
    "past": _past,
    "pres": _present,
    "fut": _future,
    "comp": _done,
    "perf": _perfect,
    "prog": _going_on,
    "neg": _negative,
    "must": _must,
    "imp": _please,
    "avptt": _after,
    "progavp": _while,
    "when": _when,
    "negcond": _unless,
    "avp": _plain(lambda v: [v.participle]),
    "inf": _plain(lambda v: [v.infinitive]),
    "may": _plain(lambda v: [v.infinitive + end for end in ("லாம்", "லாமா", "க்கூடாது")]),
    "let": _plain(lambda v: [v.infinitive + "ட்டும்", v.infinitive + "ட்டுமே"]),
    "cond": _plain(lambda v: [stem + "ா" for stem in v.pasts]),
    "conc": _plain(lambda v: [stem + "ாலும்" for stem in v.pasts] + [_joined(v, "ும்")]),
    "rel.past": _plain(lambda v: list(v.pasts)),
    "rel.pres": _plain(lambda v: list(v.relatives)),
    "rel.neg": _plain(lambda v: [v.negative + "த"]),
    "noun": _plain(lambda v: [v.relatives[0] + "து", v.relatives[0] + "தே", v.pasts[0] + "து"]),
    "nounto": _plain(lambda v: [v.relatives[0] + "துக்கு", v.relatives[0] + "துக்கே"]),
    "negavp": _plain(lambda v: [v.negative + "ம", v.negative + "மலே", v.negative + "மல்"]),
    "impneg": _plain(lambda v: [v.negative + "தீங்க"]),
    "asap": _plain(lambda v: [v.pasts[0] + end for end in ("வுடனே", "தும்", "துமே", "வொடனே")]),
    "aachu": _plain(lambda v: [_joined(v, "ாச்சு")]),
    "self": _plain(lambda v: [v.participle + end for end in ("க்கோங்க", "க்கலாம்", "க்கணும்")]),
}
SLOTS = frozenset(_SLOTS)
"""Names of the forms, as the patterns use them."""


def weak(root: str, past: str = "", participle: str = "", imperative: str = "") -> Verb:
    """Return a verb in -u: பேசு பேசினேன் பேசுறேன் பேசுவேன் பேச; `past` where it is another."""
    bare = root[:-1]
    pasts: tuple[str, ...] = (past,) if past else (bare + "ின", bare + "ுன")
    past_it = (past + "ுச்சு", past + "து") if past else (root + "ச்சு", bare + "ிச்சு")
    presents: tuple[str, ...] = (root + "ற",)
    if root.endswith(_ELIDED):
        presents = (root[:-2] + "ற", root + "ற", root[:-2] + "ற")
        pasts = pasts if past else (bare, *pasts)
    elif root.endswith("ரு"):
        presents = (bare + "்ற", root + "ற")
    future = root[:-2] + "வ" if root.endswith("ய்யு") else root + "வ"
    return Verb(
        root,
        participle or (past + "ு" if past else bare + "ி"),
        pasts,
        presents,
        bare,
        future,
        root + "து",
        root + "ம்",
        bare + "ா",
        imperative or root,
        past_it,
        root + "த",
    )


def strong(root: str, past: str, participle: str = "", imperative: str = "") -> Verb:
    """Return a verb with -kk-: எடு எடுத்தேன் எடுக்கிறேன் எடுப்பேன் எடுக்க."""
    base = root + "க்க"
    presents = (base + "ுற", base + "ிற", base + "ற")
    past_it = (past + "ுச்சு", past + "து")
    ends = (base + "ுது", base + "ும்", base + "ா", imperative or root, past_it, base)
    return Verb(root, participle or past + "ு", (past,), presents, base, root + "ப்ப", *ends)


def glide(root: str, past: str, participle: str = "", imperative: str = "") -> Verb:
    """Return a verb with -y-: உடை உடைஞ்சுச்சு உடையுது உடையும் உடைய."""
    base = root + "ய"
    past_it = (past + "ுச்சு", past + "து", past + "ுப் போச்சு")
    presents = (base + "ுற", base + "ற")
    ends = (base + "ுது", base + "ும்", base + "ா", imperative or root, past_it, base + "ுத")
    return Verb(root, participle or past + "ு", (past,), presents, base, base + "ுவ", *ends)


def full(*stems: str) -> Verb:
    """Return an irregular verb from all its stems, in the order of verbs.txt."""
    root, participle, past, present, infinitive, future, now, then, negative, bare, past_it = stems
    coastal = {"வா": "வார", "தா": "தார"}.get(root, present)
    if infinitive.endswith("க்க"):
        coastal = infinitive
    return Verb(
        root,
        participle,
        (past,),
        (present,),
        infinitive,
        future,
        now,
        then,
        negative,
        bare,
        (past_it, past + "து") if past_it.endswith("துச்சு") else (past_it,),
        coastal,
    )


def load_verbs() -> dict[str, list[Verb]]:
    """Return the verbs of verbs.txt by use."""
    verbs: dict[str, list[Verb]] = {use: [] for use in USES}
    makers: dict[str, Callable[..., Verb]] = {"weak": weak, "strong": strong, "glide": glide}
    for line in read_lines("verbs"):
        head, _, body = line.partition(": ")
        use, kind = head.split()
        if kind == "full":
            verbs[use].append(full(*body.split()))
            continue
        for entry in body.split():
            verbs[use].append(makers[kind](*entry.replace("_", " ").split("/")))
    return verbs


def inflect(verb: Verb, slot: str, rng: Random, person: str, dialect: str) -> str:
    """Return one spoken form; regional endings in about two of three."""
    way = dialect if rng.random() < 0.67 else "general"
    return rng.choice(verb.forms(slot, person, way))
