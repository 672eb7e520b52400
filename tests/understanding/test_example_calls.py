"""Every turn of the example calls, read with the question it answers, folds to what is expected."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from rapidfuzz import fuzz

from agent.complaint import Answer, Category, Intent, Place, Priority, Slot
from agent.tamil.sound import join_keys
from agent.tamil.words import split_words
from agent.understanding.keywords import default_priority
from agent.understanding.rules import TurnContext

CALLS = sorted((Path(__file__).parent.parent / "data" / "calls" / "examples").glob("S*.json"))
LOOSE = 80
FIRST_TURNS = {"silence", "unclear", "abuse", "status", "human", "info", "wrong"}


@dataclass
class Heard:
    """What a plain flow would know after a call."""

    intent: Intent | None = None
    categories: tuple[Category, ...] = ()
    place: Place | None = None
    landmark: str | None = None
    days: int | None = None
    name: str | None = None
    phone: str | None = None
    ticket: str | None = None
    insulted: bool = False


def slot_of(word):
    return Slot.COMPLAINT if word in FIRST_TURNS else Slot(word)


def listen(rules, call):
    heard = Heard()
    for text, word in zip(call["caller_turns_ta"], call["turn_slots"], strict=True):
        slot = slot_of(word)
        turn = rules.understand(text, slot, TurnContext(place=heard.place))
        if word == "confirm":
            assert turn.answer is Answer.YES, text
            continue
        if word in ("silence", "unclear"):
            assert turn.text == "", text
            continue
        fold(heard, turn, word)
    return heard


def fold(heard, turn, word):
    if turn.intent is Intent.ABUSE:
        heard.insulted = True
    elif turn.intent is not None and heard.intent is None:
        heard.intent = turn.intent
    if word not in ("close",):
        heard.categories = heard.categories or turn.categories
        heard.place = turn.place or heard.place
    heard.landmark = turn.landmark or heard.landmark
    heard.days = heard.days if turn.days is None else turn.days
    heard.name = turn.name or heard.name
    heard.phone = "CALLER_ID" if turn.same_number else turn.phone or heard.phone
    heard.ticket = turn.ticket or heard.ticket


def priority(heard):
    match heard.intent:
        case Intent.EMERGENCY:
            return Priority.EMERGENCY
        case Intent.COMPLAINT:
            return default_priority(heard.categories[0])
        case Intent.HUMAN:
            return Priority.NORMAL
        case _:
            return Priority.LOW


def key(text):
    return join_keys([word.key for word in split_words(text or "")])


def loosely(got, want):
    return (got is None and want is None) or fuzz.ratio(key(got), key(want)) >= LOOSE


def seats(place):
    return [candidate.number for candidate in place.candidates] if place else []


@pytest.mark.parametrize("path", CALLS, ids=[path.stem for path in CALLS])
def test_a_call_is_understood_turn_by_turn(rules, path):
    call = json.loads(path.read_text("utf-8"))
    want = call["expected"]
    heard = listen(rules, call)
    intent = heard.intent or Intent.WRONG_NUMBER
    assert intent.value == want["intent"]
    assert priority(replace(heard, intent=intent)).value == want["priority"]
    listed = want.get("categories") or ([want["category"]] if want["category"] else [])
    assert [category.value for category in heard.categories] == listed
    if want["constituency_no"] is not None:
        assert seats(heard.place) == [want["constituency_no"]]
    else:
        assert sorted(seats(heard.place)) == want.get("constituency_candidates", [])
    assert (heard.place.locality_en if heard.place else None) == want["locality"]
    assert loosely(heard.landmark, want["landmark"])
    assert loosely(heard.name, want["name_ta"] if heard.name != want["name"] else want["name"])
    assert heard.days == want["days_since"]
    assert heard.ticket == want.get("ticket")
    # In an emergency and for a person, the caller's own number is taken without being said.
    if intent not in (Intent.EMERGENCY, Intent.HUMAN):
        assert heard.phone == want["phone"]


def test_all_twenty_example_calls_are_here():
    assert len(CALLS) == 20
