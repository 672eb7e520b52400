import pytest

from agent.tamil.sound import join_keys, plain, sound_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("கொழாய்", "குழாய்"),
        ("வெளக்கு", "விளக்கு"),
        ("ஒடஞ்சு", "உடைஞ்சு"),
        ("சாக்கடை", "சாகட"),
        ("மூணு", "மூனு"),
        ("ரோடு", "றோடு"),
        ("ராஜா", "ராசா"),
    ],
)
def test_dialect_spellings_fold_to_one(one, other):
    assert plain(one) == plain(other)


@pytest.mark.parametrize(("one", "other"), [("பஸ்", "பசு"), ("தண்ணி", "தனி"), ("பட்டு", "பத்து")])
def test_words_that_differ_stay_apart(one, other):
    assert plain(one) != plain(other)


@pytest.mark.parametrize(
    ("tamil", "latin"),
    [
        ("கொரட்டூர்", "Korattur"),
        ("வேலூர்", "Vellore"),
        ("சத்தியமூர்த்தி", "Sathyamurthy"),
        ("சென்னை", "Chennai"),
        ("குன்றம்", "kundram"),
        ("குப்பை", "kuppai"),
        ("ஒன்பது", "ombathu"),
    ],
)
def test_tamil_and_latin_spellings_sound_alike(tamil, latin):
    assert sound_key(tamil) == sound_key(latin)


@pytest.mark.parametrize(
    ("one", "other"),
    [("இராஜபாளையம்", "ராஜபாளையம்"), ("திருவையாற்று", "திருவையாத்து"), ("கோயில்", "கோவில்")],
)
def test_spoken_and_written_forms_sound_alike(one, other):
    assert sound_key(one) == sound_key(other)


def test_words_said_apart_sound_like_the_joined_name():
    assert join_keys([sound_key("தண்டையார்ப்"), sound_key("பேட்டை")]) == sound_key("தண்டையார்பேட்டை")


def test_erode_is_no_road():
    assert sound_key("ஈரோடு") != sound_key("ரோடு")


@pytest.mark.parametrize("odd", ["", "!", "घर", "ஃ", "்", "ாா"])
def test_odd_input_gives_a_key_of_letters_only(odd):
    assert all(char.isascii() and char.isalnum() for char in sound_key(odd))
