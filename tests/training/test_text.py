"""The training grammar keeps its promises: no demo sentence, no held-out name, seeds repeat."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest

from training import text_numbers as numbers
from training.text import MAX_CHARS, TextSource, banned_sentences, clean, target, target_map
from training.text_calls import KINDS
from training.text_lexicon import DEMO_NAMES, read_lines, read_list, read_table

SEATS = """# Source: made up for this test.
name_ta,aliases_ta,district_ta,pc_ta
பல்லடம்,,திருப்பூர்,கோயம்புத்தூர்
கும்பகோணம்,குடந்தை|கும்பகோணம் டவுன்,தஞ்சாவூர்,மயிலாடுதுறை
"""
LOCALITIES = """# Source: made up for this test.
# Two comment lines.
locality_ta,kind
பொங்கலூர்,town
ஆரணி (திருவள்ளூர்),town
"""
DEMO_LINES = 46
"""The first lines of demo_turns.txt: the eight demo calls."""
VILLAGES = "கரடிவாவி சுக்கம்பாளையம் வதம்பச்சேரி சாமளாபுரம் காமநாயக்கன்பாளையம் அனுப்பட்டி".split()
CATEGORIES = """name_ta,department_ta,keywords_ta,example_utterance_ta
குடிநீர்,நகராட்சி நிர்வாகம்,குடிநீர்|தண்ணி வரல,எங்க தெருவுல தண்ணி வரல
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> TextSource:
    folder = tmp_path_factory.mktemp("data")
    many = "".join(f"{a}{b},village\n" for a in VILLAGES for b in ("", " புதூர்", " மேட்டூர்"))
    (folder / "constituencies.csv").write_text(SEATS, encoding="utf-8")
    (folder / "localities.csv").write_text(LOCALITIES + many, encoding="utf-8")
    (folder / "categories.csv").write_text(CATEGORIES, encoding="utf-8")
    return TextSource(folder)


def draws(source: TextSource, seed: int, count: int) -> list[str]:
    rng = Random(seed)
    return [source.draw(rng) for _ in range(count)]


def test_no_sentence_of_the_demo_calls_is_ever_drawn(source: TextSource) -> None:
    banned = banned_sentences()
    assert len(banned) > 20
    assert not banned & {target(text) for text in draws(source, 1, 20_000)}


def test_a_demo_sentence_is_refused_with_and_without_commas(source: TextSource) -> None:
    for line in read_lines("demo_turns")[:DEMO_LINES]:
        assert source.allowed(line) == (len(target(line).split()) < 3)
        assert source.allowed(target(line)) == source.allowed(line)


def test_the_words_of_the_demo_calls_are_all_trained_on(source: TextSource) -> None:
    places = set("குளித்தலை சங்கரன்கோவில் அறந்தாங்கி தாராபுரம் கடையநல்லூர் அந்தியூர்".split())
    wanted = {
        word for line in read_lines("demo_turns")[:DEMO_LINES] for word in target(line).split()
    }
    drawn = {word for text in draws(source, 2, 60_000) for word in target(text).split()}
    assert wanted - places - drawn == set()


def test_the_same_seed_gives_the_same_sentences(source: TextSource) -> None:
    assert draws(source, 7, 300) == draws(source, 7, 300)
    assert draws(source, 7, 300) != draws(source, 8, 300)


def test_held_out_names_are_never_drawn(source: TextSource) -> None:
    held = source.lexicon.held_words()
    assert source.lexicon.held_persons
    assert held
    words = {word for text in draws(source, 3, 20_000) for word in target(text).split()}
    assert not held & words


def test_the_demo_names_are_not_held_out(source: TextSource) -> None:
    assert set(source.lexicon.persons) >= DEMO_NAMES
    assert not set(source.lexicon.persons) & set(source.lexicon.held_persons)


def test_every_kind_of_call_turn_is_plain_tamil_text(source: TextSource) -> None:
    rng = Random(4)
    for kind, _ in KINDS:
        for _ in range(300):
            text = source.calls.draw(rng, kind)
            assert text.strip()
            assert not re.search(r"[^஀-௿ ,]", text), (kind, text)


def test_sentences_stay_within_the_length_asked_for(source: TextSource) -> None:
    rng = Random(5)
    assert all(len(source.draw(rng, 30)) <= 30 for _ in range(500))
    assert all(len(text) <= MAX_CHARS for text in draws(source, 6, 500))


def test_the_target_drops_commas_and_maps_each_letter_back() -> None:
    spoken = "ஒம்பது எட்டு, நாலு ,ரெண்டு,"
    written, kept = target_map(spoken)
    assert written == target(spoken) == "ஒம்பது எட்டு நாலு ரெண்டு"
    assert "".join(spoken[i] for i in kept) == written


def test_clean_text_has_single_blanks_and_no_joiners() -> None:
    assert clean(" இன்ஸ்பெக்\u200cஷன்  வரல , ") == "இன்ஸ்பெக்ஷன் வரல"


def test_comment_lines_before_a_table_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "localities.csv"
    path.write_text(LOCALITIES, encoding="utf-8")
    assert [row["locality_ta"] for row in read_table(path)] == ["பொங்கலூர்", "ஆரணி (திருவள்ளூர்)"]


def test_word_lists_hold_no_empty_or_foreign_entries() -> None:
    for name in ("persons", "gods", "landmarks", "replies_short", "predicates"):
        entries = read_list(name)
        assert entries
        assert all(re.fullmatch(r"[஀-௿ ]+", entry) for entry in entries), name


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (3, "மூணு"),
        (15, "பதினஞ்சு"),
        (100, "நூறு"),
        (1000, "ஆயிரம்"),
        (5000, "ஐயாயிரம்"),
        (10_000, "பத்து ஆயிரம்"),
    ],
)
def test_colloquial_cardinals(number: int, words: str) -> None:
    assert numbers.cardinal(number, True, Random(0)) == words


def test_phone_and_ticket_numbers_say_every_digit() -> None:
    rng = Random(9)
    tables = (numbers.SPOKEN, numbers.FORMAL, numbers.ENGLISH)
    value = {word: i for table in tables for i, word in enumerate(table)}
    repeats = {"டபுள்": 2, "ரெட்டை": 2, "ட்ரிபிள்": 3}
    for make, length in ((numbers.phone_number, 10), (numbers.ticket_number, 9)):
        for _ in range(300):
            digits, times = [], 1
            for word in target(make(rng)).split():
                if word in repeats:
                    times = repeats[word]
                else:
                    digits += [value[word]] * times
                    times = 1
            assert len(digits) == length
