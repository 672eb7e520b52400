"""Log lines: one event a line, the call's id on each, nothing in them that a caller said.

:func:`configure` gives this process its one handler on stderr. LiveKit adds handlers of its own
when its command line starts and again in each job process; :func:`guard_root_handlers` puts the
allow list between every handler, present or future, and what it writes. The guard sits around
``emit``, not in a filter: job contexts add fields by filters that would run after ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, TextIO

from agent.observability import allowlist

_log = logging.getLogger(__name__)

call_id: ContextVar[str] = ContextVar("kural_call_id", default="")
"""Id of the call that the running task works for; empty outside a call."""

_CLEAN = "_kural_clean"
_GUARDED = "_kural_guarded"
_QUIET = """asyncio httpx httpx2 httpcore httpcore2 openai livekit urllib3 aiohttp.access
    faster_whisper""".split()

LogFormat = Literal["json", "text"]


def configure(
    level: str = "INFO",
    format: LogFormat = "json",  # noqa: A002 - the name of the setting
    *,
    stream: TextIO | None = None,
) -> None:
    """Send this process's log lines to stderr, guarded, and nothing to anywhere else.

    Handlers that were there before are removed from the root logger, except LiveKit's console
    view, which then stays the only one. Warnings, uncaught exceptions of the main thread and of
    other threads become log lines as well.

    Args:
        level: least level written, e.g. ``INFO``.
        format: ``json`` for collectors, ``text`` for people.
        stream: where lines go instead of stderr; the caller keeps and closes it.
    """
    root = logging.getLogger()
    guard_root_handlers()
    if not any(map(_is_console_view, root.handlers)):
        for old in list(root.handlers):
            root.removeHandler(old)
        handler = _LineHandler(stream)
        handler.setLevel(level)
        handler.setFormatter(_JsonLine() if format == "json" else _TextLine())
        root.addHandler(handler)
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    _catch_strays()


def guard_root_handlers() -> None:
    """Make every handler, present or future, write only what the allow list lets pass.

    To be called in each process before it answers a call: in the worker before LiveKit's command
    line starts, and in job processes when they are set up. Where :func:`configure` installed our
    handler, LiveKit's own writers to stdout and stderr are refused, so that each event appears
    once; its console view replaces ours. May be called any number of times.
    """
    logging.raiseExceptions = False  # else a broken log call prints its arguments
    root = logging.getLogger()
    with_handlers = [root]
    for logger in root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger) and logger.handlers:
            with_handlers.append(logger)
    for logger in with_handlers:
        for handler in logger.handlers:
            _guard(handler)
    _watch_new_handlers(root)


def set_call_id(identity: str) -> None:
    """Put this call id on every later line of the running task and of what it starts.

    For a job process, which serves one call; where calls share a process use :func:`bound_call`.
    """
    call_id.set(identity)


@contextlib.contextmanager
def bound_call(identity: str) -> Iterator[None]:
    """Put this call id on every line that is logged inside the block, threads included.

    ``asyncio.to_thread`` and tasks started inside carry it on; the block must be left in the
    task that entered it.
    """
    token = call_id.set(identity)
    try:
        yield
    finally:
        call_id.reset(token)


def guard_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Log exceptions that nobody awaited in this loop, without the texts they carry."""
    loop.set_exception_handler(_log_loop_trouble)


class _LineHandler(logging.StreamHandler[TextIO]):
    """Our one handler: stderr as it is at the time of writing, so redirection works."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream or sys.stderr)
        self._follows_stderr = stream is None

    def emit(self, record: logging.LogRecord) -> None:
        if self._follows_stderr and sys.stderr is not None:
            self.stream = sys.stderr
        super().emit(record)


class _JsonLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_line(record))


class _TextLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = _line(record)
        head = f"{str(line.pop('time'))[11:23]} {line.pop('level'):<7} {line.pop('logger')}"
        event = line.pop("message")
        line.pop("pid")
        return " ".join([f"{head}  {event} ", *(f"{name}={fact}" for name, fact in line.items())])


def _line(record: logging.LogRecord) -> dict[str, allowlist.Scalar]:
    return {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname,
        "logger": record.name,
        "message": record.getMessage(),
        "pid": record.process or 0,
        **allowlist.fields(vars(record)),
        **vars(record).get("_kural_error", {}),
    }


def _clean(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy that may leave the process; the record itself serves other handlers."""
    known = vars(record).get(_CLEAN)
    if known is True:
        return record
    if isinstance(known, logging.LogRecord):
        return known
    clean = copy.copy(record)
    extra = {k: v for k, v in vars(record).items() if k not in _STANDARD}
    for name in extra:
        delattr(clean, name)
    clean.msg, clean.args = allowlist.message(record), None
    story = allowlist.error(record.exc_info[1]) if record.exc_info and record.exc_info[1] else {}
    kept = allowlist.fields(extra)
    if call_id.get():
        kept.setdefault("call_id", call_id.get())
    clean.exc_info = clean.exc_text = clean.stack_info = None
    vars(clean).update(kept | {"_kural_error": story, _CLEAN: True})
    setattr(record, _CLEAN, clean)
    return clean


_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def _guard(handler: logging.Handler) -> None:
    if getattr(handler, _GUARDED, False):
        return
    emit = handler.emit

    def guarded(record: logging.LogRecord) -> None:
        emit(_clean(record))

    handler.emit = guarded  # type: ignore[method-assign]  # the last step before it is written
    setattr(handler, _GUARDED, True)


def _watch_new_handlers(root: logging.Logger) -> None:
    if getattr(root, _GUARDED, False):
        return
    add = root.addHandler

    def add_guarded(hdlr: logging.Handler) -> None:
        handler = hdlr  # the name is that of the method we stand in for
        ours = [one for one in root.handlers if isinstance(one, _LineHandler)]
        if ours and _writes_to_terminal(handler):
            return
        if _is_console_view(handler):
            for one in ours:
                root.removeHandler(one)
        _guard(handler)
        add(handler)

    root.addHandler = add_guarded  # type: ignore[method-assign]  # LiveKit offers no hook
    setattr(root, _GUARDED, True)


def _is_console_view(handler: logging.Handler) -> bool:
    return type(handler).__name__ == "RichLoggingHandler"  # LiveKit's, in `console`; not exported


def _writes_to_terminal(handler: logging.Handler) -> bool:
    ends = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return type(handler) is logging.StreamHandler and handler.stream in ends


def _catch_strays() -> None:
    warnings.showwarning = _log_warning
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_thread_uncaught
    sys.unraisablehook = _log_unraisable


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    logging.getLogger("py.warnings").warning(
        "a warning was raised", extra={"error": category.__name__, "line": lineno}
    )


def _log_uncaught(
    kind: type[BaseException], exc: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    _log.critical("uncaught exception", exc_info=(kind, exc, trace))


def _log_thread_uncaught(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        _log.critical("uncaught exception in a thread", exc_info=args.exc_value)


def _log_unraisable(args: Any) -> None:
    _log.error("exception in a destructor", exc_info=args.exc_value)


def _log_loop_trouble(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    _log.error("unhandled exception in an event loop", exc_info=context.get("exception"))
