"""A call as it happens, line by line: who says what, what was heard, how fast the answer came.

Plain lines, so that it reads the same on a terminal and in a log file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.text import Text

from agent.callers.scripted_caller import Origin
from agent.callers.words import same_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from agent.callers.outcome import OutcomeRow
    from agent.callers.played import Exchange
    from agent.callers.scripted_caller import Utterance
    from agent.callers.sources import CallSource

_INDENT = 18
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Characters that steer a terminal; a script or a model may hold them."""


class LiveView:
    """Prints one call while it is played. A :class:`~agent.callers.played.Listener`."""

    def __init__(self, console: Console, gloss: Callable[[str], str]) -> None:
        """Print to ``console``; ``gloss`` gives the English of a prompt id."""
        self._console = console
        self._gloss = gloss

    def begin(self, source: CallSource, voice: str | None) -> None:
        """Head the call."""
        spoken_by = f", voice {voice}" if voice else ""
        self._console.print(
            Text(f"\nCall {source.script.id} ({source.path.name}{spoken_by})", "bold"),
            soft_wrap=True,
        )

    def agent_speaks(self, exchange: Exchange, delay_s: float | None) -> None:
        """The agent's words, the delay of its answer, and the gloss of each prompt below."""
        told = f"   [{delay_s:.2f} s after the caller]" if delay_s is not None else ""
        self._line(exchange.at_s, "agent", exchange.agent, "cyan", told)
        for line in exchange.lines:
            gloss = self._gloss(line.prompt)
            for slot, words in line.values.items():
                gloss = gloss.replace(f"{{{slot}}}", words)
            if gloss:
                self._console.print(Text(" " * _INDENT + gloss, "dim"), soft_wrap=True)

    def caller_speaks(self, at_s: float, said: Utterance) -> None:
        """The caller's words."""
        note = {Origin.REPEAT: "   [again]", Origin.DEFAULT: "   [not scripted]"}
        told = note.get(said.origin, "")
        self._line(at_s, "caller", said.text or "(silence)", "yellow", told)

    def agent_heard(self, said: Utterance, heard: str) -> None:
        """What the agent got, beside what was said."""
        if same_words(said.text, heard):
            self._line(None, "heard", "word for word", "green")
        else:
            self._line(None, "heard", heard or "(nothing)", "magenta")

    def tickets_filed(self, numbers: tuple[str, ...]) -> None:
        """The numbers, once they are durable."""
        self._line(None, "filed", " ".join(numbers), "bold green")

    def call_ended(self, outcome: str) -> None:
        """How it ended."""
        self._line(None, "ended", outcome, "dim")

    def show_rows(self, rows: Sequence[OutcomeRow]) -> None:
        """The tickets, as the database holds them."""
        for row in rows:
            title = f"Ticket {row.ticket}" if row.ticket else "Call row (no ticket)"
            self._console.print(Text(title, "bold"))
            for name, value in row.to_json().items():
                if value not in (None, [], "") and value is not False and name != "ticket":
                    shown = ", ".join(map(str, value)) if isinstance(value, list) else value
                    self._console.print(Text(f"  {name:<13}{shown}"), soft_wrap=True)

    def _line(self, at_s: float | None, who: str, words: str, style: str, note: str = "") -> None:
        when = f"{at_s:7.2f} s" if at_s is not None else " " * 9
        line = Text(f"{when}  ", "dim")
        line.append(f"{who:<{_INDENT - 11}}", style)
        line.append(" " * (len(who) > _INDENT - 11) + _CONTROL.sub("", words))
        line.append(note, "dim")
        self._console.print(line, soft_wrap=True)
