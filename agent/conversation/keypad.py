"""The keypad as an equal way to answer: digits pressed -> an understood turn. Pure.

0 asks for a person, * hears the last sentence again, 9 is an emergency (except while a number is
asked for), 1 and 2 are yes and no, # ends a number.
"""

from __future__ import annotations

from agent.complaint import Answer, Intent, Slot, UnderstoodTurn

PHONE_DIGITS = 10
TICKET_DIGITS = 9
_NUMBERS = {Slot.PHONE: PHONE_DIGITS, Slot.TICKET: TICKET_DIGITS}
_YES_NO = frozenset({Slot.CONSENT, Slot.CONFIRM, Slot.SAME_NUMBER, Slot.REPEAT, Slot.DANGER})


class Keypad:
    """Gathers the keys of one call. Holds the digits of a number that is not yet complete."""

    def __init__(self) -> None:
        self._digits = ""

    def press(self, key: str, expect: Slot | None) -> UnderstoodTurn | None:
        """One key.

        Args:
            key: ``0``-``9``, ``*`` or ``#``; anything else is ignored.
            expect: the question that is open.

        Returns:
            The turn the keys amount to, or None while a number is incomplete or the key means
            nothing here.
        """
        if key == "*":
            self._digits = ""
            return UnderstoodTurn(text="*", expecting=expect, answer=Answer.REPEAT)
        if expect in _NUMBERS:
            return self._number(key, expect)
        self._digits = ""
        match key:
            case "0":
                return UnderstoodTurn(text="0", expecting=expect, intent=Intent.HUMAN)
            case "9":
                return UnderstoodTurn(
                    text="9", expecting=expect, intent=Intent.EMERGENCY, emergency=True
                )
            case "1" | "2" if expect in _YES_NO:
                answer = Answer.YES if key == "1" else Answer.NO
                return UnderstoodTurn(text=key, expecting=expect, answer=answer)
            case _:
                return None

    def _number(self, key: str, expect: Slot) -> UnderstoodTurn | None:
        if key.isdecimal() and key.isascii():
            self._digits += key
        if key != "#" and len(self._digits) < _NUMBERS[expect]:
            return None
        digits, self._digits = self._digits, ""
        if not digits:
            return None
        whole = len(digits) == _NUMBERS[expect]
        return UnderstoodTurn(
            text=digits,
            expecting=expect,
            digits=digits,
            phone=digits if whole and expect is Slot.PHONE else None,
            ticket=digits if whole and expect is Slot.TICKET else None,
        )
