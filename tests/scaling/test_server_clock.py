"""LiveKit's clock from dates that are cut to the second."""

from email.utils import formatdate

import pytest

from agent.scaling.server_clock import ServerClock


class Clocks:
    def __init__(self) -> None:
        self.steady = 50.0

    def server(self) -> float:
        return 1_780_000_000.25 + self.steady

    def own(self) -> float:
        return 1_779_999_000.0 + self.steady  # a thousand seconds behind


def test_many_answers_give_the_servers_time_within_the_time_between_them():
    clocks = Clocks()
    clock = ServerClock(clocks.own, lambda: clocks.steady)
    for _ in range(40):
        clocks.steady += 0.377
        clock.answered(formatdate(clocks.server(), usegmt=True))
    assert clock.now() == pytest.approx(clocks.server(), abs=0.05)


def test_without_an_answer_our_own_clock_counts():
    clocks = Clocks()
    clock = ServerClock(clocks.own, lambda: clocks.steady)
    for none in (None, "", "yesterday", "Mon, 99 Foo 2026 00:00:00 GMT"):
        clock.answered(none)
    assert clock.now() == clocks.own()


def test_a_server_whose_clock_is_set_back_is_followed():
    clocks = Clocks()
    clock = ServerClock(clocks.own, lambda: clocks.steady)
    clock.answered(formatdate(clocks.server() + 500.0, usegmt=True))
    for _ in range(100):
        clocks.steady += 0.377
        clock.answered(formatdate(clocks.server(), usegmt=True))
    assert clock.now() == pytest.approx(clocks.server(), abs=0.1)
