"""The tokenizer writes every training sentence back unchanged and keeps Whisper's order of ids."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from training.text import target
from training.text_calls import CallTurns
from training.text_lexicon import Lexicon, read_list
from training.text_pseudo import PseudoWords
from training.tokenizer import SPECIAL, build_tokenizer


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    persons = read_list("persons")
    names = ("landmarks", "gods", "street_names", "replies_short", "nouns", "predicates")
    lists = {name: read_list(name) for name in names}
    return Lexicon(["பல்லடம்"], ["பொங்கலூர்"], [], persons, [], [], [], [], lists)


def test_call_turns_and_invented_words_come_back_unchanged(lexicon: Lexicon) -> None:
    tokenizer, rng = build_tokenizer(), Random(1)
    calls, pseudo = CallTurns(lexicon), PseudoWords(lexicon)
    unknown = tokenizer.token_to_id("<unk>")
    for i in range(2_000):
        text = target(calls.draw(rng) if i % 2 else pseudo.phrase(rng))
        encoded = tokenizer.encode(text)
        assert tokenizer.decode(encoded.ids) == text
        assert unknown not in encoded.ids


def test_one_piece_is_one_written_letter() -> None:
    tokens = build_tokenizer().encode("குடி தண்ணி").tokens
    assert tokens == ["▁", "கு", "டி", "▁", "த", "ண்", "ணி"]


def test_text_pieces_come_before_the_end_token_and_timestamps_last() -> None:
    tokenizer = build_tokenizer()
    vocabulary = tokenizer.get_vocab()
    assert sorted(vocabulary.values()) == list(range(len(vocabulary)))
    end = vocabulary["<|endoftext|>"]
    assert all(vocabulary[piece] >= end for piece in SPECIAL)
    assert all(i < end for piece, i in vocabulary.items() if piece not in SPECIAL)
    assert vocabulary["<|30.00|>"] == len(vocabulary) - 1


def test_the_empty_piece_makes_the_model_multilingual() -> None:
    assert build_tokenizer().token_to_id("") == 0


def test_the_bundled_model_has_this_tokenizer(tmp_path: Path) -> None:
    bundled = Path(__file__).parents[2] / "models" / "demo-ta" / "tokenizer.json"
    if not bundled.is_file():
        pytest.skip("models/demo-ta is not in this checkout")
    fresh = tmp_path / "tokenizer.json"
    build_tokenizer().save(str(fresh))
    assert fresh.read_bytes() == bundled.read_bytes()
