"""The keypad as an equal way to answer: digits pressed -> an understood turn. Pure.

0 asks for a person, 9 is an emergency (both everywhere but inside a number), * hears the last
sentence again, 1 and 2 are yes and no, # ends a number. Where a question offers numbered choices
the key is the choice. A number may be begun by voice and ended by keys, or the other way round.
"""

from __future__ import annotations

from agent.complaint import Answer, Intent, Slot, Topic, UnderstoodTurn
from agent.conversation.overlap import YES_NO
from agent.understanding.phones import as_phone

MOBILE_DIGITS = 10
LAND_LINE_DIGITS = 11
"""With the 0 in front."""
TICKET_DIGITS = 9
NUMBERS = frozenset({Slot.PHONE, Slot.TICKET})
"""Questions for a number."""
_ONE_OR_TWO = YES_NO | {Slot.CHOICE}
"""Keys 1 and 2 are yes and no; the first of two choices is a yes."""
_CHOICES: dict[Slot | None, str] = {Slot.RIGHT: "123", Slot.RATING: "12345"}
"""The keys a question with numbered choices offers; the turn's ``digits`` is the choice."""
_LANGUAGES = {"1": Topic.TAMIL, "2": Topic.ENGLISH}


ALONE_S = 0.8
"""A key that cries danger or asks for a person counts when no other follows so soon."""
WAITING = frozenset("09")
"""Keys that wait that long outside a number: phone numbers begin with them too."""


class Run:
    """Keys pressed so quickly that they are one number, where no number was asked for. Pure."""

    def __init__(self) -> None:
        self._keys = ""
        self._at = float("-inf")

    @property
    def keys(self) -> str:
        """The keys of the run so far."""
        return self._keys

    def add(self, key: str, at: float) -> str:
        """Take a key pressed at ``at`` (seconds of any clock) and return its run."""
        if not key.isdecimal():
            self._keys = ""  # # and * end what was pressed before
            return key
        follows = at - self._at <= ALONE_S
        self._keys = self._keys + key if follows and self._keys else key
        self._at = at
        return self._keys

    def end(self) -> None:
        """The key has acted: the next begins a run of its own."""
        self._keys = ""

    def number(self, expect: Slot | None) -> UnderstoodTurn | None:
        """The turn of a run that is a whole phone number, else None."""
        digits = self._keys.strip("#*")
        phone = as_phone(digits)
        if phone is None or len(digits) < MOBILE_DIGITS:
            return None
        self.end()
        return UnderstoodTurn(text=digits, expecting=expect, digits=digits, phone=phone)


class Keypad:
    """Gathers the keys of one call. Holds the digits of a number that is not yet complete."""

    def __init__(self) -> None:
        self._digits = ""

    @property
    def digits(self) -> str:
        """Digits pressed that no turn has taken yet."""
        return self._digits

    def forget(self) -> None:
        """A turn has taken the digits."""
        self._digits = ""

    def press(
        self, key: str, expect: Slot | None, known: str = "", offered: str = ""
    ) -> UnderstoodTurn | None:
        """One key.

        Args:
            key: ``0``-``9``, ``*`` or ``#``; anything else is ignored.
            expect: the question that is open.
            known: digits of the number that earlier turns gave.
            offered: further keys that mean something just now (1 after two silences: call back).

        Returns:
            The turn the keys amount to, or None while a number is incomplete or the key means
            nothing here.
        """
        if key == "*":
            self._digits = ""
            return UnderstoodTurn(text="*", expecting=expect, answer=Answer.REPEAT)
        if expect in NUMBERS:
            return self._number(key, expect, known)
        self._digits = ""
        match key:
            case "0":
                return UnderstoodTurn(text="0", expecting=expect, intent=Intent.HUMAN)
            case "9":
                return UnderstoodTurn(
                    text="9", expecting=expect, intent=Intent.EMERGENCY, emergency=True
                )
            case "1" | "2" if expect in _ONE_OR_TWO:
                answer = Answer.YES if key == "1" else Answer.NO
                return UnderstoodTurn(text=key, expecting=expect, answer=answer)
            case "1" | "2" if expect is Slot.LANGUAGE:
                return UnderstoodTurn(text=key, expecting=expect, topic=_LANGUAGES[key])
            case _ if key and key in _CHOICES.get(expect, offered):
                return UnderstoodTurn(text=key, expecting=expect, digits=key)
            case _:
                return None

    def _number(self, key: str, expect: Slot, known: str) -> UnderstoodTurn | None:
        if len(key) == 1 and key.isdecimal() and key.isascii():
            self._digits += key
        elif key != "#":
            return None
        digits = _joined(known, self._digits, expect, ended=key == "#")
        if not self._digits or (key != "#" and len(digits) < _wanted(digits, expect)):
            return None
        self._digits = ""
        whole = len(digits) == TICKET_DIGITS
        return UnderstoodTurn(
            text=digits,
            expecting=expect,
            digits=digits,
            phone=as_phone(digits) if expect is Slot.PHONE else None,
            ticket=digits if whole and expect is Slot.TICKET else None,
        )


def _wanted(digits: str, expect: Slot) -> int:
    """How many digits make the number whole."""
    if expect is Slot.TICKET:
        return TICKET_DIGITS
    return LAND_LINE_DIGITS if digits.startswith("0") else MOBILE_DIGITS


def _joined(known: str, pressed: str, expect: Slot, *, ended: bool) -> str:
    """Go on with what is known, unless the caller presses the number from its beginning."""
    whole = known + pressed
    if not known or len(whole) > _wanted(whole, expect):
        return pressed
    again = pressed.startswith(known[: len(pressed)])
    # Too early to tell: wait for the whole number, or for # to say that this was the rest.
    return pressed if again and not ended else whole
