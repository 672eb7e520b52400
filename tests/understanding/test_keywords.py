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
    # The trouble of a street told without its usual word, and what only sounds like one.
    ("WATER", "கொழாயில வெறும் காத்துதான் வருது, கேன் வாங்கியே காசு போகுது"),
    ("WATER", "பக்கத்து வீட்டுக்காரன் மோட்டார் வச்சு உறிஞ்சறான், நமக்கு ஒரு சொம்பு கூட வரல"),
    ("WATER", "pipe burst aagi road la odudhu, veetuku thanni varala"),
    ("SEWAGE", "பாத்ரூம்ல எல்லாம் ரிவர்ஸ் ஆகுது, சேம்பர் அடைச்சுக்கிச்சு"),
    ("SEWAGE", "ஆள் இறங்கும் குழி மூடி உடைஞ்சு கிடக்குது"),
    ("ROAD", "கேபிளுக்கு நோண்டி வச்சுட்டு போனவங்க திரும்பி வரவே இல்லீங்க"),
    ("ROAD", "பள்ளிக்கூடம் முன்னாடி வேகத்தடை போட்டு குடுங்க"),
    ("STREETLIGHT", "எங்க சந்துல செல்போன் டார்ச் அடிச்சுட்டுதான் நடக்குறோம்"),
    ("STREETLIGHT", "கோயிலுக்கு போற வழியில வெட்டமே இல்ல, முகம் தெரியாது"),
    ("POWER", "வருது போகுதுனு இருக்கு, பிரிட்ஜும் டிவியும் போச்சு"),
    ("POWER", "தறி ஓடல, மெழுகுவத்தி வச்சு புள்ள படிக்குது"),
    ("POWER", "வீட்டு இணைப்பு ரீடிங் எடுக்க ஆளே வரல"),
    ("GARBAGE", "பச்ச டப்பா நீல டப்பா குடுத்தாங்க, எடுக்க ஆள் வரல"),
    ("GARBAGE", "கல்யாண மண்டபத்து எச்சி எலையெல்லாம் எங்க வாசல்ல வீசிட்டுப் போறாங்க"),
    ("GARBAGE", "செத்துப்போன நாய் மூணு நாளா நடு ரோட்டுல கெடக்குது"),
    ("HOSPITAL", "குப்புற விழுந்து கை ஒடஞ்சு ஆஸ்பத்திரில டாக்டர் இல்ல"),
    ("MOSQUITO", "அபேட் மருந்து ஊத்தறவங்க வந்து ஆறு மாசமாச்சு, டயர்ல எல்லாம் புழு புழுவா ஓடுது"),
    ("MOSQUITO", "காலேஜ் ஹாஸ்டல்ல கொசு தொல்லை"),
    ("DOGS", "வெறி புடிச்சது ஒண்ணு தெருவுல சுத்துது, மூணு பேர் கடிபட்டுட்டாங்க"),
    ("DOGS", "ராத்திரி பூரா ஊளையிட்டுக்கிட்டே இருக்குதுங்க"),
    ("DOGS", "மந்தி கூட்டம் வீட்டு ஓட்டைப் பிரிச்சுப் போடுது"),
    ("FLOOD", "ஒரு மணி நேரம் பேஞ்சா போதும், கட்டில் பீரோ எல்லாம் மெதக்குது"),
    ("FLOOD", "கம்மா ஒடஞ்சு ஊருக்குள்ள பாஞ்சுருச்சு"),
    ("ENCROACHMENT", "pakkathu veetukaran pothu vazhi la gate potu pootitan"),
    ("ENCROACHMENT", "தோட்டத்துக்கு போற இட்டேரிய உழுது சேத்துக்கிட்டாரு"),
    ("ENCROACHMENT", "சாக்கடை மேல ஸ்லாப் போட்டு கடை கட்டிட்டாங்க"),
    ("IRRIGATION", "மீன் குத்தகை எடுத்தவன் ஏரித் தண்ணிய மிஷின் வச்சு உறிஞ்சிட்டான்"),
    ("BUS", "கை காட்டினா நிக்காம போறாங்க, ஊருக்கு வர்ற கடைசி வண்டியையும் நிறுத்திட்டாங்க"),
    ("POLICE", "ரவுடிங்க ரகளை பண்ணி தொல்லை குடுக்குறாங்க"),
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
    # வெள்ளம் is the water of the tap in Nagercoil, கொழாய் the tap
    ("WATER", "குடிக்க ஒரு சொட்டு வெள்ளம் இல்ல, கொழாய்ல காத்துதான் வருது"),
    ("WATER", "வடசேரியில கொழாயில வெள்ளமே வரல, பைப்புல வெள்ளம் விடமாட்டுக்காவ"),
    ("FLOOD", "வெள்ளம் வந்து வீடெல்லாம் மூழ்கிட்டு, நிவாரணம் கிடைக்கல"),
    ("FLOOD", "மழவெள்ளம் ஊட்டுக்குள்ள வந்துருச்சுங்க"),
    ("WATER", "நாங்க வெலைக்கு வாங்கித்தான் தண்ணி குடிக்கிறோம்"),
    ("SEWAGE", "டாய்லெட் வாட்டர் எல்லாம் ஸ்ட்ரீட்ல ஓவர்ஃப்ளோ ஆகுது"),
    ("SEWAGE", "ஓடை அடைஞ்சு வீச்சம் தாங்க முடியல எங்க முடுக்குல"),
    ("ROAD", "ஜல் ஜீவன் பைப்புக்கு தோண்டுனாங்க, அப்படியே போட்டுட்டு போயிட்டாங்க ரோட்ட"),
    ("ROAD", "டாக்ஸ் மட்டும் கரெக்டா வசூல், ரோடு டிக் பண்ணி போட்டு க்ளோஸ் பண்ணல"),
    ("POWER", "பேனே சுத்தல லோ ஓல்ட்டேஜு"),
    ("PENSION", "ஓல்டேஜ் பென்ஷன் கிரெடிட் ஆகல"),
    ("STREETLIGHT", "current pole la light poyi 20 naal aachu"),
    ("DOGS", "மசை நாய்க பதினோரு குட்டியக் கொதறிப்போட்டுதுங்க, போலீசு ஒண்ணும் பண்ண முடியாதுங்கறாங்க"),
    ("DOGS", "போலீஸ்ல சொல்லியும் நாய் தொல்லை தீரல"),
    ("ENCROACHMENT", "எங்க வீட்டுக்கு போற பாதைய முள்ளு போட்டு அடைச்சிட்டான்"),
    ("CORRUPTION", "பில்டிங் அப்ரூவல் ஃபைலை மூவ் பண்ண ஃபிஃப்டி தவுசண்ட் ஆகும்னு ஓப்பனா கேக்குறாரு"),
    ("CORRUPTION", "லஞ்சத்த குடுத்தாத்தான் ஃபைல் நகரும்"),
    ("SCHOOL", "லஞ்ச் டைம்ல சத்துணவுல புழு கெடந்துச்சு"),
    ("WATER", "ஓய்வு பெற்ற தலைமை ஆசிரியர் பேசுகிறேன், குடிநீர் விநியோகம் தடைபட்டுள்ளது"),
    ("ROAD", "நான் ரிட்டயர்டு போலீஸ் பேசுறேன், எங்க தெரு ரோடு மோசமா இருக்கு"),
    ("ROAD", "commissioner office pakkathula road mosam"),
    ("ROAD", "enga ooruku pora paadhai mosama iruku"),
    ("POLICE", "மண்டபத்துல பாட்டு போட்டு காது கிழியுது, பரீட்ச நேரம் புள்ள படிக்க முடில"),
    ("HOUSING", "குவாட்டர்ஸ்ல மேல் சீலிங் பேந்து விழுது, குழந்தைங்க இருக்கு"),
    ("LIQUOR", "குவாட்டருக்கு பத்து ரூபா அதிகமா வாங்குறான்"),
    ("OTHER", "கடலு வந்து வீட்டு வாசப்படிய நக்கிட்டு நிக்கி, தூண்டில் வளைவு கட்டித் தாங்க"),
    # troubles of papers, schools and people told without their usual word
    ("RATION", "கைநாட்டு வைக்கிற மெசினு வேல செய்யல, ரேகை விழல, அரிசி தர மாட்டேங்குறாய்ங்க"),
    ("PENSION", "தாலி அறுத்து மூணு வருசமாச்சு, அந்தக் காசு இன்னும் வரல"),
    ("KMUT", "எல்லா பொம்பளைங்களுக்கும் பதினஞ்சாம் தேதி மெசேஜ் வருது, எனக்கு மட்டும் வரல"),
    ("PATTA", "அளக்க வர்றேன்னு சொன்ன ஆளு ஆறு மாசமா வரல"),
    ("CERTIFICATE", "சாதிப் பேப்பர் இல்லன்னா காலேஜ்ல எடம் கெடையாதுங்காவ"),
    ("SCHOOL", "பசங்க தரையில உக்காந்து எழுதறாங்க, பெஞ்சு கெடையாது"),
    ("STUDENT", "எங்க புள்ளைக்கு படிப்பு ஒதவி ரெண்டு வருசமா வரல்லீங்க"),
    ("HOSPITAL", "ஆப்பரேசனுக்கு நாள் குடுக்காம மூணு மாசமா அலைய விடுறாங்க"),
    ("NREGA", "கம்மா வேலைக்குப் போன கூலி ஆறு வாரமா ஏறல"),
    ("DISABILITY", "எம்மகனுக்கு கால் வெளங்காது, வண்டி கேட்டு வருசம் ரெண்டாச்சு"),
    ("WOMENCHILD", "பெல்ட்டால அடிக்கறாரு, ரெண்டு கொழந்தைங்க"),
    ("OTHER", "கேஸ் சிலிண்டர் புக் பண்ணி ஒரு மாசமாச்சு"),
    # and what only sounds like one of them
    ("ROAD", "செருப்பு போட்டு நடக்க முடியல, சேறும் சகதியுமா கெடக்கு ரோடு"),
    ("WATER", "டேங்குல மலம் கலந்த தண்ணி வருது குடிக்க முடியல"),
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
        "கடைசி டிஜிட் டிரிபிள் ஃபைவ், அறுபத்து ரெண்டு",  # no ditch, bus trip or harvest
        "என் பேரு கதிர்வேல், நான் மாசம் பத்தாயிரம் சம்பாதிக்கிறேன்",  # no ears of corn, no samba
        "தாங்கள் யார், கீழ உழுந்து உழுந்து சிரிச்சோம்",  # neither a tank nor black gram
        "several people, i found them these days",  # no sewer, bund, dam or ditch
        "tamil nadu la nadu theru",  # no seedlings
        "hello, second pass, beach leak",  # no sesame, fever, bus, phase or lake
    ],
)
def test_what_only_sounds_like_a_trouble_is_none(keywords, said):
    mine = {Category.DOGS, Category.WATER, Category.POWER, Category.IRRIGATION, Category.FARM}
    mine |= {Category.MOSQUITO, Category.BUS, Category.FLOOD}
    assert not mine & {s.category for s in keywords.categories(split_words(said), {})}
