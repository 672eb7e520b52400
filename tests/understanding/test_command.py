import json

import pytest
from click.testing import CliRunner

from agent.errors import UsageError
from agent.understanding.command import command

KEYS = [
    *("intent", "category", "categories", "place", "constituency", "question", "landmark"),
    *("days", "name", "phone", "ticket", "priority", "emergency"),
]


def run(*args, stdin=None):
    return CliRunner().invoke(command, args, input=stdin)


def test_a_sentence_gives_one_json_line_with_the_promised_keys():
    result = run("அம்பத்தூர் கொரட்டூர்ல அஞ்சு நாளா தண்ணி வரல")
    (line,) = result.output.splitlines()
    told = json.loads(line)
    assert list(told) == KEYS
    assert told["category"] == "WATER"
    assert told["place"] == "Korattur"
    assert [seat["number"] for seat in told["constituency"]] == [8]
    assert list(told["constituency"][0]) == ["number", "name_en", "score", "evidence"]
    assert told["days"] == 5
    assert told["priority"] == "high"
    assert told["emergency"] is False


def test_lines_of_input_give_a_line_each_in_order():
    result = run(stdin="தீ பிடிச்சிருச்சு\n\nகூடலூருங்க\n")
    told = [json.loads(line) for line in result.output.splitlines()]
    assert [t["emergency"] for t in told] == [True, False, False]
    assert told[1]["intent"] is None
    assert told[2]["question"] == "district"
    assert [t["priority"] for t in told] == ["emergency", "normal", "normal"]


def test_explain_adds_the_reason_of_every_field():
    told = json.loads(run("--explain", "குப்பை அள்ளல").output)
    assert list(told) == [*KEYS, "decisions"]
    assert told["decisions"][0]["field"] == "category"
    assert told["decisions"][0]["by"] == "rule"


def test_the_open_question_changes_the_reading():
    assert json.loads(run("--asked", "name", "மீனா").output)["name"] == "மீனா"
    assert json.loads(run("மீனா").output)["name"] is None


@pytest.mark.parametrize("intent", ["wrong number", "என் புகார் என்னாச்சு"])
def test_calls_that_are_no_complaint_have_low_priority(intent):
    assert json.loads(run(intent).output)["priority"] == "low"


@pytest.mark.parametrize(
    ("args", "stdin", "sentence"),
    [
        ([" "], None, "There is no text"),
        ([], b"\xff\xfe\n", "Line 1 is not UTF-8"),
        ([], "தண்ணி\n".encode() + b"\xe0\xae\n", "Line 2 is not UTF-8"),
        ([], ("x" * 200_000).encode(), "Line 1 is longer"),
    ],
)
def test_bad_input_is_one_sentence(args, stdin, sentence):
    result = run(*args, stdin=stdin)
    assert isinstance(result.exception, UsageError)
    assert str(result.exception).startswith(sentence)


def test_a_byte_order_mark_is_no_word():
    assert json.loads(run(stdin="\ufeffதண்ணி வரல".encode()).output)["category"] == "WATER"
