"""Places at large: every name of the tables, spoken forms, and slips of the recogniser."""

import random
from collections import Counter, defaultdict

import pytest

from agent.complaint import Slot
from agent.tamil.words import split_words
from agent.understanding.gazetteer import Gazetteer
from agent.understanding.places import PlaceResolver
from agent.understanding.tables import read_csv

CLEAR = 0.995
"""Share of table names that must give exactly the seats of the tables (budget: 98 %)."""
SLIP_RIGHT, SLIP_WRONG = 0.7, 0.03
"""One letter wrong anywhere, far rougher than real recognition: found, and wrongly found."""
VOWELS, CONSONANTS = "ாிீுூெேைொோ்", "கசடதபமயரலவளனணநறழ"


@pytest.fixture(scope="module")
def places():
    return PlaceResolver.load()


def bare(name):
    return name.split(" (")[0]


def one_name(name):
    """What spelling varies: இராமாபுரம் and ராமாபுரம் are said alike, so both stay open."""
    joined = bare(name).replace(" ", "").replace("ற்ற", "த்த")
    return joined[1:] if joined.startswith(("இர", "உல")) else joined


def names():
    """Every name with all seats the tables give it."""
    seats = defaultdict(set)
    for row in read_csv("localities"):
        for name in (row["locality_ta"], row["locality_en"]):
            seats[bare(name)].add(int(row["constituency_no"]))
    for row in read_csv("constituencies"):
        for name in seat_names(row):
            seats[name].add(int(row["number"]))
    return seats


def seat_names(row):
    aliases = row["aliases_ta"].split("|") + row["aliases_en"].split("|")
    return [n for n in [row["name_ta"], *aliases] if n and "(" not in n]


def alike():
    """Every name with the seats of all places that are called like one it names."""
    places, called = defaultdict(set), defaultdict(set)
    for row in read_csv("localities"):
        places[one_name(row["locality_ta"])].add(int(row["constituency_no"]))
        for name in (row["locality_ta"], row["locality_en"]):
            called[bare(name)].add(one_name(row["locality_ta"]))
    for row in read_csv("constituencies"):
        places[one_name(row["name_ta"])].add(int(row["number"]))
        for name in seat_names(row):
            called[name].add(one_name(row["name_ta"]))
    return {name: set().union(*(places[c] for c in calls)) for name, calls in called.items()}


def spoken(name):
    """The name bare and in the commonest forms of an answer."""
    yield name
    if not name.isascii():
        yield f"எங்க ஊர் {name}"
        yield name[:-1] + "ுங்க" if name.endswith("்") else name + "ங்க"
        yield name[:-2] + "த்துல" if name.endswith("ம்") else name + "ல"


def seats_of(places, text, known=None):
    found = places.asked(text, split_words(text), known)
    return {c.number for c in found.place.candidates} if found else set()


def test_nearly_every_name_of_the_tables_gives_its_seats_and_none_another(places):
    results: Counter[bool] = Counter()
    wrong = []
    others = alike()
    for name, seats in names().items():
        if len(seats) > 6:
            continue
        for text in spoken(name):
            got = seats_of(places, text)
            results[seats <= got <= seats | others[name]] += 1
            if got and not got & seats:
                wrong.append(text)
    share = results[True] / results.total()
    print(f"\nplaces: {share:.2%} of {results.total()} spoken names exact, {len(wrong)} wrong")
    assert share >= CLEAR
    assert wrong == []


def slip(name, rng):
    at = rng.randrange(1, len(name))
    letters = VOWELS if name[at] in VOWELS else CONSONANTS
    other = rng.choice(letters) if rng.random() < 0.65 else ""
    return name[:at] + other + name[at + 1 :]


def test_a_wrong_letter_rarely_leads_to_another_seat(places):
    rng = random.Random(2026)
    known = names()
    tamil = [name for name in known if not name.isascii() and len(known[name]) <= 6]
    results: Counter[str] = Counter()
    for name in rng.sample(tamil, 1200):
        heard = slip(name, rng)
        if heard in known:
            continue
        got = seats_of(places, heard)
        kind = "right" if known[name] <= got else "wrong" if got else "open"
        results[kind] += 1
    print("\nslips:", dict(results))
    assert results["right"] / results.total() >= SLIP_RIGHT
    assert results["wrong"] / results.total() <= SLIP_WRONG


def test_names_shared_by_several_places_are_never_guessed(places):
    shared = [name for name, seats in names().items() if 1 < len(seats) <= 6]
    assert len(shared) > 100
    for name in shared:
        found = places.asked(name, split_words(name))
        assert found.place.question in (Slot.DISTRICT, Slot.AREA), name
        assert len(found.place.candidates) >= 2, name


@pytest.mark.parametrize(
    "story",
    [
        "ரோடு ஃபுல்லா குண்டும் குழியுமா இருக்கு",
        "கம்பம் சாஞ்சு நிக்குது தூசி தாங்கல",
        "நான் மும்பைல இருக்கேன் ஊர்ல தண்ணி வரல",
        "பழனி அண்ணன் சொன்னாரு கரண்ட் இல்ல",
        "சாலை மேடும் பள்ளமுமா இருக்கு",
        "road is bad since morning",
    ],
)
def test_ordinary_words_of_a_story_name_no_place(places, story):
    found = places.in_story(story, split_words(story))
    assert found is None or not found.place.candidates


@pytest.mark.parametrize(
    ("answer", "seats"),
    [
        ("தேனி", {201}),
        ("நீலகிரி மாவட்டங்க", {109}),
        ("கோயம்புத்தூர் ஜில்லா", {117}),
        ("மேட்டூர்", {85}),  # no Gudalur near: a new place was named
    ],
)
def test_an_answer_narrows_what_was_open_or_replaces_it(places, answer, seats):
    known = places.asked("கூடலூர்", split_words("கூடலூர்")).place
    assert seats_of(places, answer, known) == seats


def test_a_contradiction_keeps_both_seats_open(places):
    found = places.asked("சேலம் தாராபுரம்", split_words("சேலம் தாராபுரம்"))
    assert 101 in {c.number for c in found.place.candidates}
    assert found.place.question is Slot.DISTRICT


def test_a_place_outside_the_state_has_no_seat(places):
    found = places.asked("பாண்டிச்சேரி", split_words("பாண்டிச்சேரி"))
    assert found.place.candidates == ()


def test_unknown_words_are_kept_as_they_were_said(places):
    found = places.asked("எங்க ஊர் ஏழரைக்குப்பட்டி சார்", split_words("எங்க ஊர் ஏழரைக்குப்பட்டி சார்"))
    assert found.place.spoken == "ஏழரைக்குப்பட்டி"
    assert found.place.locality_en is None


def test_every_row_of_the_tables_is_sound():
    seats = {int(row["number"]) for row in read_csv("constituencies")}
    assert seats == set(range(1, 235))
    localities = read_csv("localities")
    assert all(int(row["constituency_no"]) in seats for row in localities)
    assert {row["confidence"] for row in localities} == {"high", "medium"}
    known = {row["locality_en"] for row in localities}
    assert all(row["locality_en"] in known for row in read_csv("place_aliases"))
    districts = {row["district_en"] for row in read_csv("constituencies")}
    assert {row["district_en"] for row in read_csv("districts")} == districts


def test_the_gazetteer_knows_the_largest_cities_as_such():
    gazetteer = Gazetteer.load()
    assert len(gazetteer) > 2000
    assert len(gazetteer.seats) == 234


@pytest.mark.parametrize(
    ("story", "seats"),
    [
        # only mentioned: sent there, born there, works there, set against by "ஆனா"
        ("கோத்தகிரி ஆஸ்பத்திரில டாக்டர் இல்ல, ஊட்டிக்கு போகச் சொல்றாங்க", {110}),
        ("திருப்பூர்ல வேலை பாக்குறேன் ஆனா பிரச்சன எங்க சொந்த ஊர் பேரையூர்ல", {196}),
        ("naan bangalore la velai paakren aana problem Ambur la", {48}),
        # a street called after a town
        ("அவிநாசி ரோடு ஹோப் காலேஜ்ல கம்பி கிடக்கு", {121}),
        # what is denied, with words between
        ("சேலம் மாவட்டம் இல்ல, திண்டுக்கல் மாவட்டம் ஆத்தூர்ல தண்ணி வரல", {129}),
        # one name in three places, in Latin letters too
        ("Koodalur la current illa", {109, 117, 201}),
        # a road between two towns; -ட்டு forms; two towns that sound alike
        ("அம்மாப்பேட்டைங்க, தஞ்சாவூர்லேர்ந்து மன்னார்குடி போற ரோட்டுல குப்பை", {172}),
        ("முடிச்சூர்ல வரதராஜபுரம் போற வழி நாய் தொல்லை", {31}),
        ("நான் இருக்கறது பேரூரு ஆனா பீளமேட்டுல டிச்சு மூடி ஒடஞ்சு போச்சு", {121}),
        ("ஈரோட்டுல குப்பை அள்ளல", {98, 99}),
        ("குத்தாலத்துல கொரங்கு தொல்ல", {162, 222}),
        # said by dialect
        ("அந்தியூர்னே போட்டுக்கோங்க தண்ணி வரல", {105}),
        ("நாட்டரசங்கோட்டதேன், தண்ணி வரல", {186}),
    ],
)
def test_a_story_says_which_of_its_places_has_the_trouble(places, story, seats):
    found = places.in_story(story, split_words(story))
    assert found is not None
    assert {c.number for c in found.place.candidates} == seats
