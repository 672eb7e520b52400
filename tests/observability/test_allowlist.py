import ast
import logging
from enum import StrEnum
from pathlib import Path

import numpy as np
import pytest

from agent.complaint import Intent, Priority
from agent.errors import EngineUnavailable
from agent.observability import allowlist
from agent.observability.redact import MASK

AGENT = Path(allowlist.__file__).parents[1]
NAME = "Murugan"


class Street(StrEnum):
    ANNA = "அண்ணா சாலை"


def record_of(log):
    """Return what ``log`` logs, its message cleaned while the call is on the stack."""
    caught = []

    class Catcher(logging.Handler):
        def emit(self, record):
            caught.append((record, allowlist.message(record)))

    logger = logging.getLogger("test.allowlist")
    logger.propagate, logger.handlers = False, [Catcher()]
    logger.setLevel(logging.DEBUG)
    log(logger)
    return caught[0]


def test_counts_durations_ids_and_enum_members_stay():
    given = {
        "call_id": "local-1f3a",
        "stt_s": 0.21,
        "turns": 7,
        "confidence": np.float32(0.5),
        "tickets": np.int64(2),
        "priority": Priority.HIGH,
        "intent": Intent.STATUS,
        "partial": True,
        "outcome": "filed",
        "error": "TimeoutError",
    }
    assert allowlist.fields(given) == given


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", "தண்ணீர் வரல"),
        ("name", NAME),
        ("phone", 9500123456),
        ("phone", "9500123456"),
        ("place", "Korattur"),
        ("room", "call-_+919500123456_x"),
        ("lk.pii.user_transcript", "anything"),
        ("lk.pii.flag", True),
        ("turns", ["words"]),
        ("turns", "seven"),
        ("street", Street.ANNA),
        ("audio", b"\x00\x01"),
        ("data", {"stt_s": 1}),
    ],
)
def test_everything_else_is_dropped(name, value):
    assert allowlist.fields({name: value}) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("outcome", "தண்ணீர்"),
        ("outcome", "said hello there"),
        ("reason", "x9500123456"),
        ("call_id", "two words"),
        ("call_id", "x" * 81),
    ],
)
def test_a_known_field_with_a_strange_value_is_masked(name, value):
    assert allowlist.fields({name: value}) == {name: MASK}


def test_a_static_message_stays():
    assert record_of(lambda log: log.info("turn finished"))[1] == "turn finished"


def test_strings_among_the_arguments_are_masked_and_small_numbers_stay():
    _, message = record_of(lambda log: log.info("%s tried %d times, %.1f s", NAME, 3, 0.5))
    assert message == f"{MASK} tried 3 times, 0.5 s"


def test_named_arguments_are_masked_as_well():
    _, message = record_of(lambda log: log.info("hello %(who)s", {"who": NAME}))
    assert message == f"hello {MASK}"


def test_what_an_f_string_inserts_is_masked():
    _, message = record_of(lambda log: log.info(f"caller {NAME} asked for 3 items"))  # noqa: G004
    assert message == f"caller {MASK} asked for 3 items"


def test_a_message_that_is_no_literal_is_masked_whole():
    spoken = " ".join([NAME, "called"])
    assert record_of(lambda log: log.info(spoken))[1] == MASK


def test_a_literal_handed_on_by_a_helper_stays():
    def warn(log, message):
        log.warning(message)

    assert record_of(lambda log: warn(log, "journal is away"))[1] == "journal is away"
    spoken = " ".join([NAME, "called"])
    assert record_of(lambda log: warn(log, spoken))[1] == MASK


def test_an_exception_as_argument_leaves_its_class_only():
    _, message = record_of(lambda log: log.error("failed: %s", ValueError(NAME)))
    assert message == "failed: ValueError"


def test_arguments_that_do_not_fit_are_not_printed():
    _, message = record_of(lambda log: log.error("failed %d", NAME))
    assert NAME not in message


def test_of_a_foreign_exception_stay_class_and_cause():
    try:
        try:
            raise KeyError(NAME)
        except KeyError as exc:
            raise ConnectionError(NAME) from exc
    except ConnectionError as exc:
        story = allowlist.error(exc)
    assert story == {"error": "ConnectionError <- KeyError"}


def test_our_own_errors_keep_their_sentence_redacted():
    story = allowlist.error(EngineUnavailable("The ears at 9500123456 are gone."))
    assert story == {"error": "EngineUnavailable", "detail": f"The ears at {MASK} are gone."}


def test_our_own_frames_are_named_without_the_path_of_the_machine():
    try:
        allowlist.fields(None)  # type: ignore[arg-type]
    except AttributeError as exc:
        story = allowlist.error(exc)
    assert str(story["at"]).startswith("agent/observability/allowlist.py:")
    assert str(story["at"]).endswith(" fields")


def log_calls():
    """Yield every logging call in the package as (place, call)."""
    methods = {"debug", "info", "warning", "error", "exception", "critical", "log"}
    for path in sorted(AGENT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in methods
                and "log" in ast.unparse(node.func.value).lower()
            ):
                yield f"{path.relative_to(AGENT.parent)}:{node.lineno}", node


def test_every_log_call_of_ours_has_a_static_message_and_no_arguments():
    """A name is allowed for helpers that hand a literal on; anything else is masked anyway."""
    wrong = []
    for place, call in log_calls():
        messages = [one for one in call.args if not ast.unparse(one).startswith("logging.")]
        if len(messages) != 1 or not isinstance(messages[0], ast.Constant | ast.Name):
            wrong.append(place)
    assert wrong == []


def test_every_field_that_our_code_logs_is_on_the_list():
    """A field that is not listed is lost, so whoever adds one must decide about it here."""
    lost = []
    for place, call in log_calls():
        extra = next((one.value for one in call.keywords if one.arg == "extra"), None)
        if isinstance(extra, ast.Dict):
            for key, value in zip(extra.keys, extra.values, strict=True):
                name = ast.literal_eval(key) if key is not None else "duration_s"  # **timings
                if not allowlist.is_known(name) and not isinstance(value, ast.Constant):
                    lost.append(f"{place} {name}")
    assert lost == []
