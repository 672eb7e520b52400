import pytest

from agent.tamil.endings import stems, without_courtesy, without_euphonic


@pytest.mark.parametrize(
    ("spoken", "stem"),
    [
        ("மரக்காணத்துல", "மரக்காணம்"),
        ("மதுராந்தகத்துல", "மதுராந்தகம்"),
        ("ஈரோட்டுல", "ஈரோடு"),
        ("செங்கல்பட்டுல", "செங்கல்பட்டு"),
        ("திருவையாத்துல", "திருவையாறு"),
        ("திருவையாற்றில்", "திருவையாறு"),
        ("மதுரையிலிருந்து", "மதுரை"),
        ("சேலத்துலேர்ந்து", "சேலம்"),
        ("திருச்சிக்குப்", "திருச்சி"),
        ("ஊருக்கு", "ஊர்"),
        ("அந்தியூருங்க", "அந்தியூர்"),
        ("தாராபுரமுங்க", "தாராபுரம்"),
        ("செல்லூர்ணே", "செல்லூர்"),
        ("பொங்கலூரு", "பொங்கலூர்"),
        ("கோவையில்", "கோவை"),
        ("நகர்லதான்", "நகர்"),
        ("velacheryla", "velachery"),
        ("சேலங்க", "சேலம்"),
        ("தேவாரங்கண்ணே", "தேவாரம்"),
        ("குத்தாலந்தாண்ணே", "குத்தாலம்"),
        ("திண்டிவனந்தாம்பா", "திண்டிவனம்"),
        ("நரிமேடுதேண்ணே", "நரிமேடு"),
        ("பல்லடத்துக்காரனுங்ணா", "பல்லடம்"),
        ("ஆலங்குளத்துக்காரன்லா", "ஆலங்குளம்"),
        ("தென்காசிலெருந்து", "தென்காசி"),
        ("எலச்சிபாளையத்துலீங்", "எலச்சிபாளையம்"),
        ("seerangathulenthu", "seerangam"),
        ("lalkudikaaranga", "lalkudi"),
    ],
)
def test_the_stem_is_among_the_possible_ones(spoken, stem):
    assert stem in stems(spoken)


def test_the_word_itself_comes_first():
    assert stems("தேனி")[0] == "தேனி"


@pytest.mark.parametrize("word", ["", "அ", "ல", "்", "க்கு", "ங்க", "la", "घर"])
def test_the_shortest_words_have_at_least_themselves(word):
    assert stems(word)[0] == word


@pytest.mark.parametrize(
    ("said", "bare"),
    [
        ("செல்லமுத்துங்க", "செல்லமுத்து"),
        ("ஆமாண்ணே", "ஆமா"),
        ("வேணாம்ங்க", "வேணாம்"),
        ("பக்கமுங்க", "பக்கம்"),
        ("மீனா", "மீனா"),
        ("ங்க", "ங்க"),
    ],
)
def test_courtesy_is_cut(said, bare):
    assert without_courtesy(said) == bare


@pytest.mark.parametrize(
    ("said", "bare"), [("சிவக்குமாரு", "சிவக்குமார்"), ("குரு", "குரு"), ("பாலு", "பாலு")]
)
def test_only_long_names_lose_the_spoken_u(said, bare):
    assert without_euphonic(said) == bare


def test_a_verb_of_respect_is_no_name_with_its_end_swallowed() -> None:
    """கொட்டறாங்க (they pour) sounds like கொட்டாரம் with ங்க."""
    assert "கொட்டறாம்" not in stems("கொட்டறாங்க")
