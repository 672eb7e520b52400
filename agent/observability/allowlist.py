"""What of a log record may leave the process: a short list, everything else stays inside.

The rules, each with the leak it closes:

* a message survives as far as it is written in the source: the literals of the calling function
  are looked up, and what an f-string or a ``%s`` put between them is masked;
* extra fields need a known name *and* a harmless type; LiveKit's ``lk.pii.*`` carry transcripts;
* of an exception stay its class, our own frames and the sentence of an
  :class:`~agent.errors.AgentError`; foreign texts quote SQL parameters and file contents.

Names of this list are the contract for ``extra={...}`` everywhere in ``agent``; a test reads all
log calls and fails on a field that would be lost.
"""

from __future__ import annotations

import logging
import numbers
import re
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import CodeType, FrameType, TracebackType

from agent.errors import AgentError
from agent.observability.redact import MASK, redact

Scalar = str | int | float | bool
"""The types a field of a log line can have."""

ID_FIELDS = frozenset({"call_id", "job_id", "request_id", "worker_id", "machine", "instance"})
"""Made by a program, never by a person; letters, digits and ``_.:-``, at most 80 of them."""

WORD_FIELDS = frozenset(
    """channel cause command compute_type device error event expect intent category priority kind
    language level mode outcome part process reason role route signal slot source stage state
    status step table turn voice""".split()
)
"""Values of an enumeration in our code: one short ASCII word with at most three digits."""

NUMBER_FIELDS = frozenset(
    """active active_jobs attempt attempts backlog batch batches bytes calls capacity complaints
    confidence count delay depth done dropped duration elapsed elapsed_time entries exit_code
    failed files frames inflight issue issues line lines load missing numbers pending pid pieces
    port prompts queue queued rate rejected rendered replayed restarts retries rows sample_rate
    score segments size skipped stored texts threads tickets timeout total turns version wait
    waiting worker_load""".split()
)
"""Counts, sizes and measurements."""

NUMBER_SUFFIXES = ("_s", "_ms", "_bytes", "_count", "_ratio", "_score", "_total", "_depth")
"""A number whose name ends like this is a measurement as well."""

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,80}")
_WORD = re.compile(r"(?!.*\d{4})[A-Za-z_][A-Za-z0-9_.+-]{0,47}")
_SMALL_NUMBER = re.compile(r"[\s:=(]*\d{1,3}(?:\.\d{1,3})?[\s)]*")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_PACKAGE_DIR = Path(__file__).resolve().parent.parent
_MAX_MESSAGE = 500
_MAX_FRAMES = 12
_MIN_LITERAL = 3
_MAX_HELPERS = 3


def fields(extra: Mapping[str, object]) -> dict[str, Scalar]:
    """Return those of the extra fields that may be logged, enum members as their value.

    Args:
        extra: the attributes of a record; the standard ones of ``logging`` are passed over.
    """
    kept: dict[str, Scalar] = {}
    for name, value in extra.items():
        if name in _STANDARD or name.startswith("_"):
            continue
        clean = _field(name, value)
        if clean is not None:
            kept[name] = clean
    return kept


def is_known(name: str) -> bool:
    """Whether a field of this name can be logged when its value has the right type."""
    return name in ID_FIELDS or name in WORD_FIELDS or _is_measurement(name)


def message(record: logging.LogRecord) -> str:
    """Return the message of a record as far as it stands in the source, redacted, on one line.

    Must be called while the logging call is still on the stack, as a handler does: the literals
    are those of the calling function. Without it (a record from another process) the whole text
    is masked.
    """
    text = record.msg if isinstance(record.msg, str) else MASK
    text = _only_literals(text, _literals_of_caller(record, text))
    if record.args and text != MASK:
        try:
            text = text % _masked_args(record.args)
        except (TypeError, ValueError, KeyError):
            text = f"{text} (arguments do not fit)"
    return redact(text[:_MAX_MESSAGE])


def error(exc: BaseException) -> dict[str, Scalar]:
    """Return the loggable part of an exception.

    Returns:
        ``error``: class names, outermost first, with ``<-`` between an error and its cause;
        ``detail``: the sentence of an AgentError, redacted; ``at``: our own frames, innermost
        last, as ``agent/file.py:line function``.
    """
    chain = _chain(exc)
    story: dict[str, Scalar] = {"error": " <- ".join(_class_name(link) for link in chain)}
    if isinstance(exc, AgentError):
        story["detail"] = redact(str(exc)[:_MAX_MESSAGE])
    frames = [frame for link in reversed(chain) for frame in _own_frames(link.__traceback__)]
    if frames:
        story["at"] = ", ".join(frames[-_MAX_FRAMES:])
    return story


def _field(name: str, value: object) -> Scalar | None:
    if isinstance(value, bool):
        return None if "." in name else value
    if isinstance(value, Enum):
        return _member(value)
    if isinstance(value, numbers.Real):  # numpy registers its numbers here
        number = int(value) if isinstance(value, numbers.Integral) else float(value)
        return number if _is_measurement(name) or name in WORD_FIELDS else None
    if isinstance(value, str):
        return _text(name, value)
    return None


def _member(member: Enum) -> Scalar | None:
    value = member.value
    if isinstance(value, str):
        return value if _WORD.fullmatch(value) else None
    return value if isinstance(value, int | float) else None


def _text(name: str, value: str) -> str | None:
    if name in ID_FIELDS:
        return value if _ID.fullmatch(value) else MASK
    if name in WORD_FIELDS:
        return value if _WORD.fullmatch(value) else MASK
    return None


def _is_measurement(name: str) -> bool:
    return name in NUMBER_FIELDS or name.endswith(NUMBER_SUFFIXES)


def _literals_of_caller(record: logging.LogRecord, text: str) -> tuple[str, ...]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_filename == record.pathname and code.co_name == record.funcName:
            return (text,) if _was_handed_on(text, frame) else _string_constants(code)
        frame = frame.f_back
    return ()


def _was_handed_on(text: str, frame: FrameType) -> bool:
    """Whether a caller of the logging function holds the whole message as a literal."""
    caller = frame.f_back
    for _ in range(_MAX_HELPERS):
        if caller is None:
            return False
        if text in caller.f_code.co_consts:
            return True
        caller = caller.f_back
    return False


def _string_constants(code: CodeType) -> tuple[str, ...]:
    texts = {text for text in code.co_consts if isinstance(text, str)}
    return tuple(sorted((t for t in texts if len(t.strip()) >= _MIN_LITERAL), key=len)[::-1])


def _only_literals(text: str, literals: tuple[str, ...]) -> str:
    """Mask each part of the text that is no literal; longest literals first, small numbers stay."""
    if text in literals:
        return text
    if not literals:
        return MASK
    pattern = "(" + "|".join(re.escape(literal) for literal in literals) + ")"
    parts = re.split(pattern, text)
    return "".join(
        part if index % 2 or not part.strip() or _SMALL_NUMBER.fullmatch(part) else MASK
        for index, part in enumerate(parts)
    )


def _masked_args(args: tuple[object, ...] | Mapping[str, object]) -> object:
    if isinstance(args, Mapping):
        return {key: _masked_arg(value) for key, value in args.items()}
    return tuple(_masked_arg(value) for value in args)


def _masked_arg(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum) and isinstance(value.value, str) and _WORD.fullmatch(value.value):
        return value.value
    if isinstance(value, BaseException):
        return _class_name(value)
    if isinstance(value, type):
        return value.__name__
    return MASK


def _chain(exc: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    link: BaseException | None = exc
    while link is not None and link not in chain and len(chain) < _MAX_FRAMES:
        chain.append(link)
        hidden = None if link.__suppress_context__ else link.__context__
        link = link.__cause__ or hidden
    return chain


def _class_name(exc: BaseException) -> str:
    kind = type(exc)
    if kind.__module__ in {"builtins", "agent.errors"}:
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def _own_frames(trace: TracebackType | None) -> list[str]:
    frames: list[str] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        path = Path(code.co_filename)
        if path.is_relative_to(_PACKAGE_DIR):
            shown = path.relative_to(_PACKAGE_DIR.parent)
            frames.append(f"{shown}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return frames
