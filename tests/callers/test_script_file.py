"""Scripted calls as files: the examples load, odd files get one clear sentence."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from agent.callers.script_file import CALLER_ID, caller_number, keys_of, load_script
from agent.complaint import Slot
from agent.errors import UnreadableInput

CALLS = Path(__file__).parent.parent / "data" / "calls"
ALL_SCRIPTS = sorted(CALLS.glob("*/*.json"))
GOOD: dict[str, Any] = {
    "id": "T01",
    "caller_turns_ta": ["தண்ணி வரல"],
    "turn_slots": ["complaint"],
    "expected": {"category": "WATER", "phone": CALLER_ID},
}


def written(folder: Path, **changes: object) -> Path:
    path = folder / "call.json"
    path.write_text(json.dumps(GOOD | changes, ensure_ascii=False), encoding="utf-8")
    return path


def test_there_are_twenty_examples_and_eight_spoken_calls() -> None:
    assert len(ALL_SCRIPTS) == 42


@pytest.mark.parametrize("path", ALL_SCRIPTS, ids=lambda p: p.stem)
def test_every_script_of_the_project_loads(path: Path) -> None:
    script = load_script(path)
    assert script.id == path.stem
    assert script.expected is not None
    assert script.expected.says("intent")


@pytest.mark.parametrize(
    ("call_id", "number"),
    [("S07", "+910000000007"), ("S20", "+910000000020"), ("walk-in", "+910000000000")],
)
def test_the_caller_number_holds_the_digits_of_the_id(call_id: str, number: str) -> None:
    assert caller_number(call_id) == number


def test_vowel_signs_in_two_parts_are_composed(tmp_path: Path) -> None:
    apart = unicodedata.normalize("NFD", "கொசு கோயில்")
    script = load_script(written(tmp_path, caller_turns_ta=[apart]))
    assert script.caller_turns_ta == ("கொசு கோயில்",)


def test_null_is_an_expectation_and_absence_is_not(tmp_path: Path) -> None:
    script = load_script(written(tmp_path, expected={"name": None}))
    assert script.expected is not None
    assert script.expected.says("name")
    assert not script.expected.says("landmark")


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load_script(path).id == "T01"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"id": 7}, "field id"),
        ({"caller_turns_ta": 5}, "field caller_turns_ta: Input should be a list"),
        ({"expected": "WATER"}, "field expected: Input should be an object in braces"),
        ({"caller_turns_ta": ["அ" * 2001]}, "at most 2000 characters"),
        ({"id": "a/b"}, "field id"),
        ({"caller_turns_ta": "தண்ணி"}, "field caller_turns_ta"),
        ({"caller_turns_ta": []}, "caller_turns_ta"),
        ({"turn_slots": []}, "turn_slots has 0 words for 1 turns"),
        ({"turn_slots": ["greeting"]}, "unknown word 'greeting'"),
        ({"expected": {"category": "TAPS"}}, "field expected.category"),
        ({"expected": {"constituency_no": 235}}, "field expected.constituency_no"),
        ({"seed_tickets": [{"ticket": "12"}]}, "field seed_tickets.0.ticket"),
        ({"seed_tickets": [{"ticket": "300000001"}]}, "300000001 is not a ticket number"),
        ({"seed_tickets": [{"ticket": "300000003", "status": "OPEN"}]}, "seed_tickets.0.status"),
        ({"caller_turns_ta": ["[1a]"]}, "a turn in brackets holds keys only: 0 to 9, * and #"),
        ({"caller_turns_ta": ["[]"]}, "a turn in brackets holds keys only"),
        ({"hangs_up_at": "never"}, "field hangs_up_at"),
        ({"hangs_up_while_speaking": True}, "hangs_up_while_speaking needs hangs_up_at"),
        ({"interrupts": ["notice"]}, "field interrupts.0"),
        ({"caller": "+919842113576"}, "field caller: Input should be 'hidden'"),
        ({"line": {"noise": "rain"}}, "field line.noise"),
        ({"line": {"loss": 2}}, "field line.loss"),
        ({"line": {"voice": "robot"}}, "field line.voice"),
        ({"line": "noisy"}, "field line: Input should be an object in braces"),
        ({"pauses_s": -1}, "field pauses_s"),
        ({"seed_broken_call": {"minutes_ago": 5}}, "field seed_broken_call.category"),
        ({"settings": {"election": "maybe"}}, "field settings.election"),
        ({"expected": {"outcome": "happy"}}, "field expected.outcome"),
        ({"expected": {"rating": 6}}, "field expected.rating"),
        ({"expected": {"reopened": "12"}}, "field expected.reopened"),
        ({"expected": {"request": "sell"}}, "field expected.request"),
        ({"expected": {"tickets": -1}}, "field expected.tickets"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, changes: dict[str, object], told: str) -> None:
    with pytest.raises(UnreadableInput, match=r"call\.json") as caught:
        load_script(written(tmp_path, **changes))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"{", "not valid JSON (line 1)"),
        (b"[1, 2]", "must hold one JSON object"),
        (b"[" * 100_000, "not valid JSON"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b"{}", "caller_turns_ta"),
        (b" " * 1_000_001, "too large"),
        (b'{"id": ' + b"9" * 5000 + b"}", "not valid JSON"),
    ],
)
def test_a_file_that_is_no_script_gets_one_sentence(
    tmp_path: Path, content: bytes, told: str
) -> None:
    path = tmp_path / "odd.json"
    path.write_bytes(content)
    with pytest.raises(UnreadableInput) as caught:
        load_script(path)
    assert told in str(caught.value)


def test_half_a_character_is_not_a_word(tmp_path: Path) -> None:
    """JSON can spell what UTF-8, the database and a terminal cannot."""
    path = written(tmp_path)
    text = path.read_text(encoding="utf-8").replace("தண்ணி வரல", r"\ud800 வரல")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableInput, match=r"field caller_turns_ta\.0: .*half a character"):
        load_script(path)


def test_a_missing_file_and_a_folder_get_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(UnreadableInput, match="cannot be read"):
            load_script(path)


@pytest.mark.parametrize(
    ("turn", "keys"),
    [
        ("[1]", "1"),
        ("[9842113576#]", "9842113576#"),
        ("[*]", "*"),
        ("ஒண்ணு", ""),
        ("", ""),
        ("(சத்தம்)", ""),
        ("அது [1] ஆ", ""),
    ],
)
def test_a_turn_in_brackets_is_pressed(turn: str, keys: str) -> None:
    assert keys_of(turn) == keys


def test_all_further_fields_are_read(tmp_path: Path) -> None:
    script = load_script(
        written(
            tmp_path,
            flow="Broken calls",
            hangs_up_at="landmark",
            hangs_up_while_speaking=True,
            interrupts=["place", "days"],
            backchannels=True,
            caller="hidden",
            line={"noise": "babble", "snr_db": 10, "loss": 0.05, "voice": "old", "rate": 0.8},
            natural=True,
            pauses_s=0.9,
            seed_broken_call={"minutes_ago": 5, "category": "WATER", "constituency_no": 115},
            settings={"election": True},
        )
    )
    assert script.hangs_up_at is Slot.LANDMARK
    assert script.interrupts == (Slot.PLACE, Slot.DAYS)
    assert script.caller == ""
    assert script.line is not None
    assert (script.line.noise, script.line.voice, script.line.mumbles) == ("babble", "old", False)
    assert script.seed_broken_call is not None
    assert script.settings is not None
    assert (script.settings.election, script.settings.cloud) == (True, False)


@pytest.mark.parametrize(
    ("changes", "natural"),
    [
        ({}, False),
        ({"natural": True}, True),
        ({"backchannels": True}, True),
        ({"interrupts": ["place"]}, True),
        ({"line": {"noise": "street"}}, False),
    ],
)
def test_who_speaks_over_the_agent_is_played_at_natural_speed(
    tmp_path: Path, changes: dict[str, object], natural: bool
) -> None:
    assert load_script(written(tmp_path, **changes)).at_natural_speed is natural


def test_namesakes_have_numbers_of_their_own() -> None:
    numbers = {caller_number("S07", namesakes) for namesakes in range(50)}
    assert len(numbers) == 50
    assert all(number.endswith("07") and len(number) == 13 for number in numbers)


def test_every_persona_loads_and_seeds_ticket_numbers_of_its_own() -> None:
    scripts = [load_script(path) for path in sorted((CALLS.parent / "personas").glob("*.json"))]
    assert len(scripts) >= 60
    numbers = [seed.ticket for script in scripts for seed in script.seed_tickets]
    assert len(set(numbers)) == len(numbers)
