"""For all tests: a Ctrl-C that is sent arrives, and what talks in real time gets a second try."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

TESTS = Path(__file__).parent

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it puts into the background with Ctrl-C ignored, and children inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


REAL_TIME = ("e2e", "callers", "control", "conversation", "lab", "speech")
"""Folders whose tests talk and listen in real time, or start processes that must answer in time."""
BOUNDED = ("capacity", "observability", "overload", "scaling", "tickets")
"""Folders whose code gives up after a while, as it must (1.5 s for the database)."""


@pytest.fixture(autouse=True)
def environment_as_it_was() -> Iterator[None]:
    """LiveKit's AgentServer writes its URL and keys into our environment: not for the next test."""
    with mock.patch.dict(os.environ):
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests in real time get the mark ``clock``; they and bounded ones get a second try.

    A machine that others use as well can be late for one call; twice in a row it is our fault. What
    was played again is named at the end of the run (RERUN), so nothing is hidden; ``--reruns 0``
    plays nothing again.
    """
    again = config.getoption("reruns", None) is None
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if folder in REAL_TIME:
            item.add_marker(pytest.mark.clock)
        if again and folder in (*REAL_TIME, *BOUNDED):
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=2))
