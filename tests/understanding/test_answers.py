import pytest

from agent.complaint import Answer, Category, Intent, Slot
from agent.settings import PROJECT_DIR
from agent.tamil.words import split_words
from agent.understanding.answers import Replies


@pytest.fixture(scope="module")
def replies():
    return Replies()


@pytest.mark.parametrize(
    ("asked", "said", "same"),
    [
        ("phone", "வேற நம்பரு எதுக்கு, இத்துலயே கூப்டு", True),
        ("phone", "வேற நம்பர் வேண்டாம் இதுதான் என் நம்பர்", True),
        ("phone", "வேற நம்பர் தேவையில்ல, இதுக்கே அடிங்க", True),
        ("phone", "வேற நம்பரு வேணாமுங்க, இதே நம்பருக்கு கூப்புடுங்க", True),
        ("phone", "வேற நம்பர்லாம் எதுக்குண்ணே இதுலயே பேசுங்க", True),
        ("phone", "எதுக்கு வேற நம்பரு, இதான்", True),
        ("phone", "வேறு எண் தேவையில்லை, இதே எண்ணில் அழையுங்கள்", True),
        ("phone", "vera number edhukku, idhulaye koopidunga", True),
        ("phone", "vera number venam, idhe number podhum", True),
        ("phone", "another number எதுக்கு சார், same number தான்", True),
        ("phone", "இன்னொரு நம்பர் எல்லாம் வேண்டாம்ப்பா, இதே போதும்", True),
        ("phone", "no other number, same number only sir", True),
        ("phone", "இந்த நம்பரே போதும்", True),
        ("phone", "இதே நம்பர் ஓகே", True),
        ("phone", "நீங்க பேசுற இந்த நம்பரே வச்சுக்கங்க", True),
        ("phone", "புது நம்பர் எதுக்கு, கூப்பிட்ட இதே நம்பர்தான்", True),
        ("phone", "கூப்புட்டுருக்கன்ல இந்த நம்பருதானுங்க", True),
        ("phone", "இந்தா வருதுல்ல அந்த நம்பர்தேன்", True),
        ("phone", "உங்க ஸ்கிரீன்ல தெரியிற நம்பர்தான்", True),
        ("phone", "டிஸ்ப்ளேல வர்ற நம்பருக்கே கூப்பிடுங்க", True),
        ("phone", "நான் இப்போ கால் பண்ணியிருக்குற நம்பர் தான்", True),
        ("phone", "current number dhan, idhulaye call pannunga", True),
        ("phone", "this number only", True),
        ("phone", "call me on this number", True),
        ("phone", "you can reach me on the same number", True),
        ("phone", "சேம் நம்பர்தான் மேம்", True),
        ("phone", "இதே நம்பர்ல வாட்ஸ்அப் இருக்கு, அதுல அனுப்புங்க", True),
        ("phone", "இந்த எண்ணையே பயன்படுத்திக் கொள்ளுங்கள்", True),
        ("phone", "நான் அழைக்கின்ற இவ்வெண்ணே போதுமானது", True),
        ("phone", "இப்பம் விளிக்க நம்பருதான் அண்ணாச்சி", True),
        ("phone", "எங்கிட்ட வேற செல்லு கெடையாது வே, இதுதான்", True),
        ("phone", "என்கிட்ட இருக்கறது இந்த ஒரு போன்தான்", True),
        ("phone", "இதையே போட்டுக்கோங்க", True),
        ("phone", "இதையே எழுதிக்கங்க", True),
        ("phone", "இந்த நம்பர் வேண்டாம், வேற நம்பர் தரேன்", False),
        ("phone", "இது என் நம்பர் இல்ல, பக்கத்து வீட்டுக்காரரோடது", False),
        ("phone", "வேற நம்பர் வேணுமா? சொல்றேன்", False),
        ("phone", "வேற நம்பர் குறிச்சுக்கங்க", False),
        ("phone", "இந்த நம்பருக்கு கூப்பிடாதீங்க", False),
        ("phone", "vera number tharen", False),
        ("phone", "இதுல கூப்பிடாதீங்க, வேற நம்பர் சொல்றேன்", False),
        ("phone", "நம்பர் எதுக்கு உங்களுக்கு", False),
        ("phone", "நம்பர் வேண்டாம்", False),
        ("same_number", "ஆமா இதே நம்பர்தான்", True),
        ("same_number", "வேற நம்பர் குடுக்கிறேன்", False),
        ("same_number", "இல்ல வேற நம்பர்", False),
        ("same_number", "இந்த நம்பர் வேணாம்", False),
        ("complaint", "ஸ்டேட்டஸ் பெண்டிங்னு வருது, இதே நம்பருக்கே கால் பண்ணி அப்டேட் குடுங்க", True),
        ("complaint", "எனக்கு மட்டும் ஆயிரம் வரல. நம்பர் இதேதான் குறிச்சுக்கங்க", True),
        (
            "complaint",
            "street la oru gang nikkuraanga, indha number la pesunga podhum, vera number illa",
            True,
        ),
        ("complaint", "தண்ணி வரல ரெண்டு நாளா. வேற நம்பர் வேண்டாம், இதுதான் என் நம்பர்", True),
        ("complaint", "லைட் எரியல, என் நம்பர் இதேதாங்க எழுதிக்கங்க", True),
        ("complaint", "குப்ப எடுக்கல, போன் நம்பர் இதுதான்", True),
        ("complaint", "பென்சன் வரல தம்பி, கூப்புடறதுன்னா இத்துலயே கூப்டு", True),
        ("complaint", "கரண்ட் இல்ல, இதே நம்பர்ல கால் பேக் பண்ணுங்க ப்ளீஸ்", True),
        ("complaint", "சாலை மோசம். என்னை இதே எண்ணில் தொடர்பு கொள்ளவும்", True),
        ("complaint", "ரோடு சரியில்ல, எதுனாலும் இதே நம்பருக்கு போன் போட்டு சொல்லுங்க", True),
        ("complaint", "பட்டா வரல, வெவரம் கேக்கணும்னா இந்த நம்பருக்கே கூப்டு கேளுங்க", True),
        ("complaint", "no water for 3 days, call me back on this same number", True),
        ("complaint", "street light not working, you can reach me on this number", True),
        ("complaint", "பஸ் வரல, இதே நம்பருக்கு எஸ்எம்எஸ் அனுப்பிடுங்க", True),
        ("complaint", "மனு என்னாச்சு, நான் பேசுற நம்பர்லயே கூப்புட்டு சொல்லுங்க", True),
        ("complaint", "ஆளு அனுப்பும்போது இந்த நம்பருக்கு ஒரு ரிங் குடுங்க", True),
        ("complaint", "குழாய் ஒடஞ்சு கெடக்கு, நம்பர் இதான், வேற நம்பர் இல்ல", True),
        ("complaint", "kuppai edukala, idhe number ku call panni sollunga", True),
        ("complaint", "manu pending, indha number ke whatsapp pannunga", True),
        ("complaint", "சொன்னத செஞ்சீங்கன்னா இதே நம்பருல ஒரு வார்த்தை சொல்லிருங்க வே", True),
        ("complaint", "கன்சூமர் நம்பர் இதுதான் 0923400112, கரண்ட் இல்ல", False),
        ("complaint", "ரேஷன் கார்டு நம்பர் இதுதான்னு குடுத்தாங்க ஆனா பொருள் தரல", False),
        ("complaint", "இந்த நம்பருக்கு பணம் அனுப்ப சொல்லி ஏமாத்திட்டாங்க", False),
        ("complaint", "இந்த நம்பர்ல இருந்து மெரட்டி கால் வருது, பேசுறவன் யாருன்னு தெரியல", False),
        ("complaint", "இதே நம்பர் பஸ்சுதான் தினமும் வரும், இப்ப வரல", False),
        ("complaint", "இதே நம்பருக்கு தான் மூணு தடவ கால் பண்ணேன், பதில் இல்ல", False),
        ("complaint", "indha number ku call panna yaarum edukala", False),
        ("complaint", "அந்த நம்பருக்கு கூப்பிட்டா ஸ்விட்ச் ஆஃப்னு வருது", False),
        ("complaint", "என் ஆதார் நம்பர் இதான்னு சொல்லியும் லிங்க் பண்ணல", False),
        ("complaint", "இதே மாதிரி தான் போன மாசமும் கூப்பிட்டு சொன்னேன்", False),
        ("complaint", "இந்த போன் நம்பர் எனக்கு வேணாம், பேரு வேணாம், கஞ்சா விக்கிறாங்க", False),
        ("complaint", "அவரு நம்பர் இதுதான் 98421 35790 கேட்டுப் பாருங்க", False),
        ("complaint", "இந்த நம்பருக்கு கூப்பிடாதீங்க எம் புருசன் போன் இது, குடிச்சிட்டு அடிக்கிறாரு", False),
        ("complaint", "ஹெல்ப்லைன்னு குடுத்த இந்த நம்பர்ல பேசினா ஒழுங்கா பதில் சொல்ல மாட்டேங்கறாங்க", False),
        ("complaint", "வேற நம்பர் இல்லயா உங்ககிட்ட, யாருமே எடுக்கல ஈபில", False),
        ("complaint", "வேற நம்பர் குடுங்க ஈபி ஆபீஸுக்கு, இது வேலை செய்யல", False),
        ("phone", "இப்பம் கூப்பிடுதேன்லா அதே தான் வேற போன் நமக்கு கெடையாது மக்கா", True),
        ("complaint", "பிள்ளப் பேறுக்கு எப்படிக் கொண்டு போவோம் சொல்லுங்க. எனக்குப் பேசணும்னா இதே நம்பர் தான்", True),
        ("phone", "இப்ப பேசிட்டு இருக்கேன்ல அதே நம்பர்", True),
        ("phone", "கால் பண்றேன்ல இதே தான் சார்", True),
        ("phone", "இது ஒண்ணுதான் இருக்கு எங்கிட்ட", True),
        ("phone", "வேற போன் இல்லீங்க எனக்கு", True),
        ("phone", "pesitu irukken la adhe number", True),
        ("phone", "நான் அழைக்கிறேன் அல்லவா, அதே எண்", True),
        ("phone", "வேற போன் இல்ல, 98421 35790 இதுக்கு கூப்பிடு", False),
        ("phone", "வேற நம்பர் இருக்கு தரேன்", False),
        ("phone", "போனே இல்ல என்கிட்ட", False),
        ("complaint", "தண்ணி வரல, என்னைய கூப்புடணும்னா இதே நம்பரு தான்", True),
        ("complaint", "லைட் எரியல, ஏதும் கேக்கணும்னா இதே நம்பருக்கு", True),
        ("complaint", "ஈபி நம்பருக்கு கூப்பிடுறேன் எடுக்கவே மாட்டேங்கிறாங்க, அதே கதைதான்", False),
        ("complaint", "உங்களுக்கு போன மாசமும் கால் பண்ணியிருக்கேன் அதே பிரச்சனை தான்", False),
        ("complaint", "மூணு தடவ கூப்பிடறேன் இதே பதில்தான் சொல்றீங்க", False),
        ("complaint", "தினமும் பேசறேன் அதே நிலைமைதான்", False),
        ("complaint", "வெளக்கு எரியல, நான் இப்ப பேசுறேன்ல அதே நம்பருக்கு கூப்பிடுங்க", True),
        ("phone", "வேண்டாம், வேற நம்பர் தரேன்", False),
        ("phone", "இது வேணாம் வேற நம்பரு எழுதிக்க", False),
        ("phone", "இந்த நம்பர் வேலை செய்யாது, வேற குடுக்குறேன்", False),
    ],
)
def test_this_number_is_meant_or_another(replies, asked, said, same):
    assert replies.read(split_words(said), Slot(asked)).same_number is same


@pytest.mark.parametrize(
    "said",
    [
        "வேற நம்பர் எதுக்கு",
        "வேற நம்பர் வேண்டாம்",
        "வேற நம்பர் இல்லீங்க இதுதான்",
        "vera number edhukku, idhe number",
        "வேற போனு ஏது",
    ],
)
def test_who_refuses_another_number_is_called_on_this_one(replies, said):
    assert replies.read(split_words(said), Slot.SAME_NUMBER).answer is Answer.YES


def test_nobody_is_called_where_it_is_forbidden(replies):
    said = split_words("இந்த நம்பருக்கு கூப்பிடாதீங்க")
    reply = replies.read(said, Slot.SAME_NUMBER)
    assert reply.answer is Answer.REFUSED
    assert not reply.same_number


def test_a_refused_other_number_is_no_refusal_of_this_one(replies):
    reply = replies.read(split_words("வேற நம்பர் வேண்டாம், இதே நம்பர்தான்"), Slot.PHONE)
    assert (reply.answer, reply.same_number) == (None, True)


def _only_here() -> list[tuple[str, str, str]]:
    lines = (PROJECT_DIR / "tests" / "data" / "yes_no.tsv").read_text("utf-8").splitlines()
    asked, answer, said = zip(*(x.split("\t") for x in lines if x[:1] != "#"), strict=True)
    return list(zip(asked, answer, said, strict=True))


@pytest.mark.parametrize(("asked", "answer", "said"), _only_here())
def test_questions_of_side_flows_are_answered_in_their_own_words(rules, asked, answer, said):
    assert rules.understand(said, Slot(asked)).answer is Answer(answer)


@pytest.mark.parametrize(
    ("asked", "said", "answer", "category"),
    [
        ("same_issue", "இல்ல, தெரு விளக்கு எரியல", Answer.NO, Category.STREETLIGHT),
        ("same_issue", "புதுசு, எங்க தெருவுல சாக்கடை அடைச்சிருக்கு", Answer.NO, Category.SEWAGE),
        ("fixed", "இன்னும் தண்ணி வரல", Answer.NO, Category.WATER),
        ("resume", "குப்பை ரெண்டு வாரமா அள்ளல", None, Category.GARBAGE),
        ("adult", "தெரு விளக்கு எரியல", None, Category.STREETLIGHT),
    ],
)
def test_a_trouble_told_instead_of_yes_or_no_is_kept(rules, asked, said, answer, category):
    turn = rules.understand(said, Slot(asked))
    assert (turn.answer, turn.categories, turn.intent) == (answer, (category,), Intent.COMPLAINT)
