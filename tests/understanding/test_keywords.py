import pytest

from agent.complaint import Category, Priority
from agent.tamil.words import split_words
from agent.understanding.keywords import Keywords, default_priority
from agent.understanding.tables import read_csv

CODES = [row for row in read_csv("categories") if row["code"] not in ("EMERGENCY",)]


@pytest.fixture(scope="module")
def keywords():
    return Keywords.load()


@pytest.mark.parametrize("row", CODES, ids=[row["code"] for row in CODES])
def test_the_example_of_each_category_is_read_as_that_category(rules, row):
    assert rules.understand(row["example_utterance_ta"]).categories == (Category(row["code"]),)


def test_nearly_every_keyword_of_the_table_speaks_for_its_category(rules):
    pairs = [
        (row["code"], word)
        for row in CODES
        if row["code"] != "OTHER"
        for word in (row["keywords_ta"] + "|" + row["keywords_en"]).split("|")
    ]
    missed = [
        (code, word)
        for code, word in pairs
        if (rules.understand(word).categories or (None,))[0] != Category(code)
    ]
    print(f"\nkeywords: {1 - len(missed) / len(pairs):.1%} of {len(pairs)}; missed: {missed}")
    assert len(missed) <= 0.01 * len(pairs)


def test_every_category_has_a_priority():
    assert default_priority(Category.EMERGENCY) is Priority.EMERGENCY
    assert default_priority(Category.WATER) is Priority.HIGH
    assert default_priority(Category.JOBS) is Priority.LOW
    assert all(default_priority(category) for category in Category)


def test_a_category_says_what_spoke_for_it_and_how_surely(keywords):
    (scored,) = keywords.categories(split_words("எங்க தெருவுல சாக்கட அடச்சு கெடக்கு"), {})
    assert scored.category is Category.SEWAGE
    assert scored.evidence in ("சாக்கடை", "சாக்கட")
    assert scored.confidence == 1.0


def test_a_second_trouble_must_be_named_not_only_hinted(keywords):
    words = split_words("குப்பை அள்ளல அப்புறம் தண்ணி மோட்டார்")
    assert [s.category for s in keywords.categories(words, {})] == [Category.GARBAGE]


def test_words_without_a_trouble_have_no_category(keywords):
    assert keywords.categories(split_words("ஒரு நிமிஷம் இருங்க"), {}) == ()


# One row stands for one kind of saying; its neighbour of another category stands beside it.
TOLD = [
    ("WATER", "கார்ப்பரேஷன் தண்ணி உட்டே பத்து நாள் ஆவுது சார்"),
    ("WATER", "தண்ணி தொறந்து உடறவரு வர்றதே இல்லீங்க"),
    ("IRRIGATION", "டேம்ல தண்ணி இருக்கு ஆனா திறந்து விட மாட்டேங்கறாங்க, நாத்து காயுது"),
    ("WATER", "லாரி தண்ணி வந்து நாலு நாளாவுது, ரோட்ல குந்திகினு கீறோம்"),
    ("WATER", "மழை பெஞ்சும் குழாயில தண்ணி வரல"),
    ("FLOOD", "ரெண்டு நா மழைக்கே வூட்டுக்குள்ள முட்டிக்கா தண்ணி"),
    ("FLOOD", "rain water veetukulla vandhuruchu, motor vachu eduka sollunga"),
    ("SEWAGE", "மழை இல்லாமலே சாக்கடை தண்ணி வீட்டுக்குள்ள வருது"),
    ("SEWAGE", "டிச்சு தண்ணி ரோட்ல ஓடிகினு கீது"),
    ("SEWAGE", "வாறுகா தண்ணி வீட்டு முன்னாடி தேங்கிக் கெடக்கு"),
    ("SEWAGE", "கால்வாயில புழு நெளியுது நாத்தத்துல சாப்பிட முடியல"),
    ("GARBAGE", "plastic kazhivu ellam vaikkal la kottraanga"),
    ("GARBAGE", "பஸ் ஸ்டாண்டுல இருக்க கழிப்பிடத்துக்குள்ள போக முடியல"),
    ("GARBAGE", "ஆசுபத்திரி கழிவெல்லாம் சாக்குல கட்டி காட்டுக்குள்ள கொட்டுறான்"),
    ("GARBAGE", "நாய் ஒண்ணு செத்து நாறிக்கிட்டு கெடக்கு"),
    ("DOGS", "நாய் தொரத்தி பைக்ல இருந்து விழுந்துட்டேன்"),
    ("DOGS", "அவுத்து உட்ட மாடுங்க ரோட்டுல திரியுதுங்க"),
    ("FARM", "மாடுங்க வந்து நட்ட நாத்தெல்லாம் மேஞ்சிட்டுப் போயிருச்சு"),
    ("FARM", "காட்டுப்பன்னி வந்து மரச்சீனி முழுசும் கிண்டிப் போடுது"),
    ("FARM", "வெள்ளத்துல நெல்லு பூரா அழுகிப் போச்சு இழப்பீடு வேணும்"),
    ("IRRIGATION", "எங்க ஊர் லேக் டீசில்ட் பண்ணல, விவசாயி சங்க மெம்பர் பேசுறேன்"),
    ("IRRIGATION", "மணலு அள்றான் சார், மாட்டு வண்டில இல்ல, லாரில"),
    ("ROAD", "எங்க ரோடு குளம் மாதிரி ஆயிட்டு"),
    ("ROAD", "ரோடு மோசமா இருக்கறதால பஸ் கூட வர்றதில்ல"),
    ("ROAD", "ஆஸ்பத்திரிக்கு போற ரோடு குழியும் குண்டுமா இருக்கு"),
    ("BUS", "ஸ்டாப்ல நிக்காமயே போயிடறாங்க பேருந்து ஓட்டுநர்கள்"),
    ("ENCROACHMENT", "பக்கத்து வூட்டுக்காரன் ரோட்ட சேத்து செவுரு எடுத்துட்டான்"),
    ("ENCROACHMENT", "ஊரணியச் சுத்தி மண்ணடிச்சு மூடுறாய்ங்க"),
    ("ENCROACHMENT", "our lane is blocked by a neighbour"),
    ("STREETLIGHT", "நாலு தெருவுக்கும் வெளக்கு எரிஞ்சு ஒரு மாசம் ஆவப்போவுது"),
    ("STREETLIGHT", "theruvula oru velakku kooda eriyala"),
    ("STREETLIGHT", "போஸ்ட்ல லைட் எரியல கரண்ட் எல்லாம் இருக்கு"),
    ("POWER", "வீட்ல லைட்டு எரியல, ஃபேன் ஓடல, கரண்டே கிடையாது"),
    ("POWER", "ஈபி கம்பம் லீன் ஆகி லைன் லூசா தொங்குது"),
    ("MOSQUITO", "வீதில ஆறு பேருக்கு காச்சலுங்க, மருந்தடிக்க ஒரு பய வந்ததில்ல"),
    ("HOUSING", "போர்டு வூடுங்க சார், சீலிங் பேந்து பேந்து விழுது"),
    ("HOUSING", "வீடு கட்டித் தாரேன்னு சொன்னாய்ங்க, தார்ப்பாய்க்குள்ளதான் கெடக்கோம்"),
]


@pytest.mark.parametrize(("code", "said"), TOLD)
def test_what_was_told_is_told_from_its_neighbours(keywords, code, said):
    assert keywords.categories(split_words(said), {})[0].category is Category(code)


@pytest.mark.parametrize(
    "said",
    [
        "இன்டர்வியூ அட்டெண்ட் பண்ணி பண்ணி",  # பண்ணி is no pig
        "எனக்கு முடியல, முடிஞ்சா பிள்ளைய அனுப்புறேன்",  # neither knees nor a bill
        "ஞாயிற்றுக்கிழமை வரலாமா",  # Sunday is no dog
        "அந்த பாசஞ்சர் யாரு",  # a passenger does not irrigate
        "hello, second pass, beach leak",  # no sesame, fever, bus, phase or lake
    ],
)
def test_what_only_sounds_like_a_trouble_is_none(keywords, said):
    mine = {Category.DOGS, Category.WATER, Category.POWER, Category.IRRIGATION, Category.FARM}
    mine |= {Category.MOSQUITO, Category.BUS, Category.FLOOD}
    assert not mine & {s.category for s in keywords.categories(split_words(said), {})}
