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


@pytest.mark.parametrize(
    ("story", "seats"),
    [
        # sent on to another hospital or office: where it began is meant
        ("ஊத்துக்கோட்ட ஜிஎச்சுக்கு ஓடனேன், டாக்டரு இல்ல, திருவள்ளூர் போன்னு துரத்திட்ச்சு", {1}),
        ("கோத்தகிரி ஆஸ்பத்திரிக்கு போனமுங்க, கோயமுத்தூருக்கு எழுதிக் குடுக்கறாங்க", {110}),
        ("கடையநல்லூர் ஆஸ்பத்திரியில மருந்து இல்ல, தென்காசி போன்னு வெரட்டுதாவ", {221}),
        ("Ambur GH la doctor illa, Vellore ku ponganu anupuraanga", {48}),
        ("பட்டுக்கோட்டைல ஆம்புலன்ஸ் வரல, தஞ்சாவூர் மெடிக்கலுக்கு கொண்டு போனோம்", {176}),
        ("எனக்குக் கமுதிங்க, ஆத்தாள ராம்நாடு பெரியாஸ்பத்திரில சேத்துருக்கேன் ஸ்கேன் ரிப்பேரு", {211}),
        # works or studies elsewhere; people called after a town
        ("நான் சென்னையில் பணிபுரிகிறேன், பெற்றோர் வசிக்கும் மணப்பாறையில் குடிநீர் வரவில்லை", {138}),
        ("எம் பொண்ணு மதுர காலேஜ்ல படிக்குது, நாங்க உசிலம்பட்டி, பஸ்ஸு நிக்க மாட்டேங்குது", {197}),
        ("கம்பெனிக்காரங்க திருப்பூருக்காரங்க, நம்ம ஊரு காங்கேயம், தண்ணி வரல", {102}),
        # spelled as spoken
        ("ஒறையூர் செட்டித் தெருவுலேந்து பேசறேன், தண்ணி வரல", {140}),
        ("சத்தியமங்கலத்துலைங்க, வீடு கட்ட பணம் வரல", {70, 107}),
        ("wire romba keezha thongudhu, Kavundhapadi main bazaar", {104}),
        ("current kambi arundhu kedakku, Thaathayangarpettai sandhai", {145}),
        ("fogging adikave maatranga, Tondiarpettai tollgate anda", {11}),
        ("Thirumangalathula thanni varala madurai pakkam", {196}),
        # the hospital that fails; where a driver waits; the name of a hymn with a case ending
        ("Valparai GH la doctor illa, prasava vali vandha pollachi ku anupuraanga", {124}),
        ("கொருக்குப்பேட்டைலேந்து ஸ்டான்லி ஆஸ்பத்திரிக்கு போனோம், ஸ்கேனு ரிப்பேரு", {17}),
        ("நான் கிண்டி ஸ்டேஷன்ல ஆட்டோ ஓட்றவன், வேளச்சேரில தண்ணி தேங்குது", {26}),
        ("நான் ராயபுரத்துல ஷேர் ஆட்டோ ஓட்றவன், பீளமேட்டுல ரோடு மோசம்", {121}),
        ("பேசின் பிரிட்ஜாண்ட போன புடுங்கினு பூட்டானுங்க", {17}),
        ("எங்க தேவாரத்துல பஸ்ஸ நிப்பாட்டிட்டாங்க", {200, 201}),
    ],
)
def test_a_place_of_a_story_survives_what_is_only_beside_it(places, story, seats):
    found = places.in_story(story, split_words(story))
    assert found is not None
    assert {c.number for c in found.place.candidates} == seats


@pytest.mark.parametrize(
    "story",
    [
        "காட்டுப்பன்னி மரச்சீனி முழுசும் கிண்டிப் போடுது",
        "போன தடவ வள்ளம் நாலும் வலையும் அடிச்சிட்டுப் போச்சு",
        "கொல்லப்பக்கம் பாம்பு கடிச்சுருச்சு",
        "chinna graamam, map la kooda irukaadhu",
    ],
)
def test_a_word_that_sounds_like_a_name_is_none(places, story):
    found = places.in_story(story, split_words(story))
    assert found is None or not found.place.candidates


@pytest.mark.parametrize(
    ("answer", "seats"),
    [
        ("மெட்ராஸ் சைதாப்பேட்டன்னு போட்றாதீங்க, நாங்க வேலூர் டவுனுல கீற சைதாப்பேட்ட", {43}),
        ("Attur, Salem Attur nu podaadheenga, Dindigul Attur", {129}),
        ("வீரபாண்டிங்க... சேலத்துக்காரங்க வீரபாண்டி இல்லீங்கோவ், திருப்பூருல பல்லடம் ரோட்டுல", {115}),
        ("போரூர் சிக்னல்ல இருந்து லெஃப்ட் எடுத்தீங்கன்னா முகலிவாக்கம்", {28}),
        ("கோயம்பேடு பஸ் ஸ்டாண்ட்ல இருந்து ரெண்டு கிலோமீட்டர் தள்ளி நெற்குன்றம்", {7}),
        ("சென்னை ஹைவேல நம்பர் ஒன் டோல்கேட் ஜங்ஷன்", {144}),
        ("enga oor Thirupathur, Vellore pakkam", {50}),  # the old district
        ("நமக்கு புதூர்ங்க", {191, 213}),
        ("Kallidaikuruchi agraharam", {225}),
        ("ஓமலூர்ங்கோவ்", {84}),
        ("கேரளா பார்டர்ல களியக்காவிளை", {233}),
        ("நான் பெங்களூர்ல இருக்கேன், எங்க ஊர் ஆம்பூர்", {48}),
        ("பாண்டிச்சேரி போற வழில கோட்டக்குப்பம்", {73}),
        ("சென்னை முத்தியால்பேட்டை", {18}),
        # a denied region, whatever relative clause stands between
        ("சிவகிரிங்ணா, தென்காசி பக்கமிருக்கறது இல்லீங், நம்ம ஈரோட்டு சிவகிரி", {100}),
        ("Sivagiri nga, Tenkasi side irukkaradhu illeeng, Erode Sivagiri", {100}),
        ("சிவகிரி அண்ணாச்சி, ஈரோட்டுப் பக்கம் உள்ளதில்ல, வாசுதேவநல்லூர் பக்கத்துல", {220}),
        ("திருப்பூர் ராயபுரமுங், மெட்ராஸ்ல இருக்கறதில்ல", {114}),
        ("ராயபுரம்ங்க, சென்னையில இருக்குற ராயபுரம் இல்ல, திருப்பூர் ராயபுரம்", {114}),
        ("கூடலூர் சார், தேனி மாவட்டத்துல இருக்கறதில்ல, ஊட்டி பக்கத்துல", {109}),
        ("ஆத்தூர், சேலத்துப் பக்கம் இருக்கறது கிடையாது, திண்டுக்கல்", {129}),
        ("ராமாபுரம்ங்க, மெட்ராஸ்ல இருக்கற ராமாபுரம், மதுராந்தகத்துல இருக்கறது இல்ல", {7, 28}),
        # near a town that tells which; ஐ said as அ; said so
        ("கும்மோணம் பக்கத்துல சாக்கோட்டங்க", {171}),
        ("சாக்கோட்டை, காரைக்குடி பக்கத்துல", {184}),
        ("கழுகுமல அண்ணாச்சி, வெட்டுவான் கோயில் போற பாதைக்கு கீழ்ப்பக்கம்", {218}),
        ("பேரையூருண்டு போட்டுக்கங்க", {196}),
        ("கொல்லங்கோடு, கேரளா பார்டருக்கு இஞ்ச தான்", {234}),
        ("பள்ளிவாசலு பக்கம், பச்ச கேட்டு போட்ட வீடு", set()),
    ],
)
def test_an_answer_is_the_place_meant_and_not_the_way_to_it(places, answer, seats):
    assert seats_of(places, answer) == seats


@pytest.mark.parametrize(
    "answer",
    [
        "முத்தியால்பேட்டைங்க, பாண்டிச்சேரில கடற்கரை பக்கம் இருக்குதே அது",
        "வாளையாறு செக்போஸ்டு தாண்டி கஞ்சிக்கோடுங்க, ஆமாங்க பாலக்காடு ஜில்லா",
        "வீடு களியக்காவிளையிலதான், ஆனா குழி பாறசாலைக்க உள்ளல்லா, அது கேரளாவாக்கும்",
        "திருநள்ளாறுங்க",
    ],
)
def test_a_place_outside_beside_a_sound_alike_is_outside(places, answer):
    found = places.asked(answer, split_words(answer))
    assert found.place.outside
    assert found.place.candidates == ()


@pytest.mark.parametrize(
    ("story", "there"),
    [
        # the caller lives there, calls from there, or it happened there
        ("பெங்களூரு மாரத்தஹள்ளியில் வசிக்கிறோம், எங்கள் குடியிருப்பில் தெருவிளக்குகள் எரிவதில்லை", True),
        ("காரைக்கால்லேர்ந்து பேசறேங்க, ஒரு வெளக்கும் எரியல", True),
        ("hi Bangalore la irundhu pesuren, inga Whitefield la road mosam", True),
        ("பாண்டிச்சேரில எங்க தெருவுல தண்ணி வரல", True),
        ("நாங்க பாண்டிச்சேரிங்க, சாக்கடை அடைச்சிருக்கு", True),
        ("திருப்பதிக்கு போயிருந்தோம், அங்க லக்கேஜ் களவு போயிடுச்சு", True),
        ("Trivandrum medical college la operation date tharala", True),
        ("சவுதில வேல பாத்தேன், சம்பளம் குடுக்காம அனுப்பிட்டாங்க", True),
        ("வீடு ஓசூர்ல பட் என் ஷாப் பெங்களூரு எலக்ட்ரானிக் சிட்டில, ட்ரெய்னேஜ் ஓவர்ஃப்ளோ", True),
        ("நாங்க மூணாறுல இருக்கோம் சொந்த ஊரு போடிப் பக்கம், இங்க தண்ணி விடல", True),
        ("புதுச்சேரி லாஸ்பேட்டையில் என் தங்கை வீட்டில் புழு; நான் வானூரில்தான் வசிக்கிறேன்", True),
        ("நான் பெங்களூர்ல இருக்கேன், சொந்த ஊரு ஆம்பூர், அங்க தண்ணி வரல", False),
        # somebody works, studies or goes there, or something comes from there
        ("நான் துபாய்ல இருக்கேன், ஊர்ல எங்க அம்மாவுக்கு பென்சன் வரல", False),
        ("பெங்களூர்ல வேலை பாக்குறேன், எங்க கிராமத்துல ரோடு இல்ல", False),
        ("பையன் பெங்களூர்ல படிக்கிறான், ஸ்காலர்ஷிப் வரல", False),
        ("கேரளால இருந்து கழிவு கொண்டு வந்து கொட்றாங்க", False),
        ("பெங்களூருக்கு தக்காளி அனுப்பினோம் காசு வரல", False),
        ("pasanga Dubai la irukaanga, naan thaniya iruken, pension varala", False),
        ("பாண்டி அண்ணன் சொன்னாரு, தண்ணி வரல", False),
        ("பாண்டிச்சேரி பார்டர்ல சாராயக்கடை", False),
        ("கர்நாடகால தண்ணி தெறக்கல, பயிர் காயுது", False),
        ("டெல்லில பெரிய போராட்டம் நடக்குது", False),
    ],
)
def test_a_story_tells_whether_its_trouble_is_outside_the_state(places, story, there):
    found = places.in_story(story, split_words(story))
    assert (found is not None and found.there) is there


@pytest.mark.parametrize(
    "story",
    [
        "நாங்க டெல்லில வசிக்கும் தமிழருங்க, இங்க ரோடு முழுக்க பள்ளம்",
        "pondicherry lawspet side la irukom, kuppai edukala",
        "களியக்காவிளை தாண்டி பாறசாலைல தண்ணி வரல",
        "i am calling from pune, here road is bad",
        "மைசூர்ல எங்க வீடு, இங்க தண்ணி வரல",
    ],
)
def test_who_lives_beyond_the_border_speaks_of_there(places, story):
    found = places.in_story(story, split_words(story))
    assert found is not None
    assert found.place.outside
    assert found.there


@pytest.mark.parametrize(
    ("story", "seat"),
    [
        ("செஞ்சிகிட்ட வல்லம், ரோடு சரியில்ல", 71),
        ("அரக்கோணத்தில் இருந்து போகும் வழியில் திருவாலங்காடு, குளக்கரை ஆக்கிரமிப்பு", 3),
        ("வாலாஜாபாத் ரயில்வே கேட் மூடியே இருக்கு, காஞ்சிபுரம் போறவங்க தவிக்கறாங்க", 36),
        ("அரக்கோணத்துல இருந்து தெனமும் சென்னைக்கு வேலைக்கு போறேன், எங்க ஊர் சப்வேல தண்ணி", 38),
    ],
)
def test_what_points_or_is_gone_to_is_not_the_place(places, story, seat):
    found = places.in_story(story, split_words(story))
    assert found is not None
    assert [c.number for c in found.place.candidates] == [seat]
