"""Which counted lengths of time say how long the trouble has lasted.

A story is full of other lengths of time - an age, "once in ten days", how long one lives here, what
somebody promised - so a count there needs something that makes it one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agent.understanding.day_counts import Counted
from agent.understanding.day_words import Form, Said

_AFTER = 2
"""How many words after the unit may show that it is a length of time."""
TELLING = 6
"""How many words after a bare length of time may tell what lasted so long."""
_LIFE_AFTER = 3
"""How many words after a length of time may say that somebody lives or works so long."""
_LIFE = 4
"""How many words after its age an event of a life may be named."""
LIFE_UNIT = 30
"""The age of a marriage or a house is told in units of so many days or more."""
_LONG_LIFE = 5 * 365
"""So many years beside a shorter time are a life's, whatever is told of them."""
YEAR = 365
IF = ("னா", "ட்டா", "ட்டி", "ாலே", "ாலயே", "ாலும்", "na", "naa", "tti", "aale", "aalum")
"""Ends of a condition: "இல்லைனா ஆறு மாசம் ஆகும்"."""
_IF_REACH = 3
"""How many words after a length of time may make it a condition."""
_FOR = ("க்கு", "kku")
_TAKES = ("றதுக்கு", "ரதுக்கு", "வதற்கு", "வதுக்கு", "radhuku", "radhukku", "rathuku", "rathukku")
"""Ends of "for coming": the time that a thing takes."""
_AT_LEAST = ("ாவது", "ாச்சும்", "avathu", "avadhu", "achum")
"""Ends of "at least" one."""
_ORDINAL = ("ாவது", "avathu", "avadhu")
"""Ends of "second"."""
_FEAST = 2
"""So many words may stand between a feast and a time counted from it."""
_FROM = ("ருந்து", "ர்ந்து", "ேந்து", "ருந்தே", "ர்ந்தே", "ேந்தே", "rundhu", "runthu", "lendhu")
"""Ends of "since"."""
_ORDER = 6
"""How many words before or after it may tell that something was ordered."""
_SCHEME_DAYS = 100
""""நூறு நாள்" alone is a work scheme."""


class Judge:
    """Tells which counted lengths of time say how long the trouble has lasted."""

    def __init__(self, endings: Mapping[str, str]) -> None:
        """Take the table ``[ending]`` of ``days.toml``."""
        self._ended = re.compile(endings["ended"])
        self._quoted = re.compile(endings["quoted"])
        self._passed = re.compile(endings["passed"])

    def answers(self, said: Said, one: Counted, found: Sequence[Counted]) -> bool:
        """Tell whether a count answers "how long?": anything but what is still to come."""
        if _is_short(said, one) or _is_before_a_feast(said, one):
            return False
        if len(found) > 1 and (_is_life(said, one) or self._is_history(said, one, found)):
            return False
        if said.begins("not_after", one.end, 1) and not _ends_a_clause(said, one):
            return one.form is Form.LASTING
        if _is_ahead(said, one):
            return not self._is_promised(said, one)
        if _is_marked(said, one) or one.form in (Form.LASTING, Form.BARE):
            return not said.begins("not_never", one.end, 1) or one.form is Form.LASTING
        return one.form is Form.PER and one.end == len(said.words)

    def lasts(self, said: Said, one: Counted, found: Sequence[Counted]) -> bool:
        """Tell whether a count in a story says how long the trouble has lasted."""
        if _is_short(said, one) or _is_before_a_feast(said, one) or _is_part_of_a_day(said, one):
            return False
        if _is_ordered(said, one) or _is_supposed(said, one) or _is_dated(said, one):
            return False
        if _is_ahead(said, one):
            return _closes_a_clause(said, one) and not self._is_promised(said, one)
        if _is_life(said, one) or self._is_past_event(said, one) or _is_share(one, found):
            return False
        if self._is_history(said, one, found) or self._is_age(said, one):
            return False
        if one.form is Form.LASTING:
            return not self._has_ended(said, one) and not _is_even_one(said, one)
        if said.begins("not_after", one.end, 2):
            return False
        marked = _is_marked(said, one)
        if marked and said.begins("before_now", one.end, 2):
            return not said.begins("not_told", one.end, TELLING)
        if marked or _is_owed(said, one) or self._passed_before(said, one):
            return True
        if said.begins("not_never", one.end, 2) or one.start in said.ends.get("not_before", ()):
            return False
        return one.form is Form.BARE and _is_told(said, one)

    def _is_promised(self, said: Said, one: Counted) -> bool:
        """Tell a time that others gave for the work: "சரி பண்ண பத்து நாள் ஆகும்னாங்க"."""
        stop = said.sentence_end(one.end, TELLING)
        quoted = any(self._quoted.search(w.text) for w in said.words[one.end - 1 : one.end + 1])
        told = said.begins("promised", one.end, stop - one.end)
        return quoted or told or one.start in said.ends.get("not_work_before", ())

    def _has_passed(self, said: Said, one: Counted) -> bool:
        """Tell "பத்து வருசமாச்சு" (since something was done) from "பத்து வருசமா"."""
        return any(self._passed.search(w.text) for w in said.words[one.end - 1 : one.end + 1])

    def _has_ended(self, said: Said, one: Counted) -> bool:
        """Tell "பத்து வருசமா இருந்த நிழற்குடைய எடுத்துட்டாங்க": so long it was well."""
        return one.end < len(said.words) and bool(self._ended.match(said.words[one.end].text))

    def _passed_before(self, said: Said, one: Counted) -> bool:
        """Tell "ஆயிப்போச்சுங்க ஒரு வாரம்": the verb stands before the time that has passed."""
        ends = one.end == len(said.words) or _ends_a_clause(said, one)
        return ends and one.start > 0 and bool(self._passed.match(said.words[one.start - 1].text))

    def _is_age(self, said: Said, one: Counted) -> bool:
        """Tell "பிள்ளைக்கு மூணு மாசம் ஆகுது" from "பிள்ளைக்கு மூணு மாசமா காய்ச்சல்"."""
        of_child = one.start in said.ends.get("not_age_before", ())
        return of_child and one.unit >= LIFE_UNIT and self._has_passed(said, one)

    def _is_past_event(self, said: Said, one: Counted) -> bool:
        """Tell "எழுவத்தஞ்சு வருசமாச்சு சுதந்திரம் வாங்கி": a life's event named after its age."""
        stop = said.sentence_end(one.end, _LIFE)
        named = said.begins("not_life_done", one.end, stop - one.end)
        return one.unit >= LIFE_UNIT and named and self._has_passed(said, one)

    def _is_history(self, said: Said, one: Counted, found: Sequence[Counted]) -> bool:
        """Tell "பாகம் பிரிச்சு பத்து வருசம் ஆச்சு, ஆனா ரெண்டு வருசமா ...": only what came before.

        Many years beside a shorter time are it even without a contrast, unless the trouble is told
        of them: "பத்து வருசமா அலையுறேன், ரெண்டு மாசமா பதிலே இல்ல".
        """
        later = [
            o for o in found if o.form is Form.LASTING and one.end <= o.start and o.days < one.days
        ]
        if not later or one.unit < LIFE_UNIT:
            return False
        if contrasted(said, one.end, later[0].start) and one.unit >= YEAR:
            return True
        if one.days >= _LONG_LIFE and 1 <= later[0].unit < YEAR:
            stop = min(later[0].start, one.end + _LIFE)
            return not said.begins("struggle", one.end, stop - one.end)
        if one.unit < YEAR and not (_follows_a_deed(said, one) and self._has_passed(said, one)):
            return False
        return any(contrasted(said, one.end, each.start) for each in later)


def contrasted(said: Said, end: int, start: int) -> bool:
    """Tell "but" or "now" between one time and the next."""
    return end < start and said.begins("contrast", end, start - end + 1)


def _ends_a_clause(said: Said, one: Counted) -> bool:
    """Tell whether a comma or more stands after it: what follows belongs to something else."""
    return one.end < len(said.words) and bool(said.words[one.end].gap)


def _is_before_a_feast(said: Said, one: Counted) -> bool:
    """Tell "தீவாளிக்கு ரெண்டு நா முன்னாடி" and "பொங்கல் கழிச்சு ரெண்டு நாள்லேர்ந்து": not from today."""
    if said.words[one.end - 1].text.endswith(_FROM):
        before = range(one.start - _FEAST, one.start + 1)
        return any(end in said.ends.get("after_feast", ()) for end in before)
    ends = said.ends.get("feast", ())
    return one.start in ends and any(
        said.begins(kind, one.end, 2) for kind in ("before_now", "not_after")
    )


def _is_part_of_a_day(said: Said, one: Counted) -> bool:
    """Tell "two hours every day", "half a day's leave" and hours of waiting for somebody."""
    if one.unit >= 1:
        return one.days == 0 and one.form is not Form.LASTING
    stop = said.sentence_end(one.end, TELLING)
    waited = said.begins("waiting", one.end, stop - one.end)
    return _is_daily(said, one) or waited or one.start in said.ends.get("not_work_before", ())


def _is_ordered(said: Said, one: Counted) -> bool:
    """Tell the time since something was booked or ordered of a shop."""
    return said.begins("order", max(one.start - _ORDER, 0), min(one.start, _ORDER) + _ORDER)


def _is_dated(said: Said, one: Counted) -> bool:
    """Tell what is no length up to now: within so long, the second year, what a thing takes."""
    if one.form is Form.INSIDE:
        return not said.begins("since", one.end, 1)
    if one.form is Form.BARE and _is_ordinal(said, one):
        return not _is_todays_number(said, one)
    if one.start and said.words[one.start - 1].text.endswith(_TAKES):
        return True
    ago = one.days >= _LONG_LIFE and said.begins("before_now", one.end, 2)
    return ago and not said.begins("struggle", one.end, TELLING)


def _is_supposed(said: Said, one: Counted) -> bool:
    """Tell "ரெண்டு நாள் மழை பேஞ்சாலே": what happens whenever it lasts so long."""
    if one.form is not Form.BARE or said.begins("after", one.end, 1):
        return False
    stop = said.clause_end(one.end, _IF_REACH)
    return any(w.text.endswith(IF) for w in said.words[one.end : stop])


def _is_even_one(said: Said, one: Counted) -> bool:
    """Tell "ஒரு நாளாவது வந்துருக்கா": not even one."""
    return one.count * one.unit == 1 and said.words[one.end - 1].text.endswith(_AT_LEAST)


def _is_short(said: Said, one: Counted) -> bool:
    """Tell whether so much time has not passed yet: "ஒரு வாரம் ஆகல"."""
    return one.form is Form.NOT_YET or said.begins("not_reached", one.end, 1)


def _is_ahead(said: Said, one: Counted) -> bool:
    """Tell a future: "ஆறு மாசம் ஆகும்"."""
    return one.form is Form.COMING or said.begins("not_coming", one.end, 1)


def _is_owed(said: Said, one: Counted) -> bool:
    """Tell "மூணு மாசத்துக் கூலி": so many months of pay that did not come."""
    if any(word.text.endswith(_FOR) for word in said.words[one.end : one.end + 2]):
        return False
    owed = one.form is Form.BARE and one.unit > 1 and said.begins("owed", one.end, 2)
    return owed and not said.begins("not_owed", one.end, TELLING)


def _is_marked(said: Said, one: Counted) -> bool:
    """Tell whether a word beside it makes it a length of time until now."""
    stop = said.clause_end(one.end, _AFTER)
    after = said.begins("after", one.end, stop - one.end)
    passed = one.form is Form.BARE and said.begins("passed", one.end, 1)
    if after or passed or said.begins("next", one.end, 1):
        return True
    if _is_todays_number(said, one) and _is_ordinal(said, one):
        return True
    return one.start in said.ends.get("before", ()) and not _is_ordinal(said, one)


def _is_ordinal(said: Said, one: Counted) -> bool:
    """Tell "இதோட மூணாவது வருசம்": the third time or year that it is told, not its length."""
    return one.end - one.start > 1 and said.words[one.end - 2].text.endswith(_ORDINAL)


def _is_todays_number(said: Said, one: Counted) -> bool:
    """Tell "இன்னிக்கு பத்தாவது நாளு": today is the tenth day of it."""
    if one.unit > 1:
        return False
    ends = (said.ends.get(kind, ()) for kind in ("before", "today"))
    return any(one.start in each for each in ends) or said.begins("before", one.end, 1)


def _is_told(said: Said, one: Counted) -> bool:
    """Tell whether a bare "ரெண்டு நாள்" is followed by the trouble, or is all that was said."""
    if one.days <= 1 or (one.days == _SCHEME_DAYS and one.unit == 1):
        return False
    if one.end == len(said.words) and one.start <= _AFTER:
        return True
    if _closes_a_clause(said, one):
        return True
    stop = said.sentence_end(one.end, TELLING)
    return said.begins("trouble", one.end, stop - one.end)


def _closes_a_clause(said: Said, one: Counted) -> bool:
    """Tell "மனு எழுதி ஒன்றரை மாசம், ...": so long since that was done, or stopped."""
    if one.unit < 1 or not _follows_a_deed(said, one):
        return False
    end = one.end + said.begins("not_coming", one.end, 1)
    ends = (end, end + said.begins("courtesy", end, 1))
    return any(end >= len(said.words) or bool(said.words[end].gap) for end in ends)


def _follows_a_deed(said: Said, one: Counted) -> bool:
    """Tell whether what was done, or is not done, stands right before it."""
    if not one.start or said.words[one.start].gap:
        return False
    said_so = one.start in said.ends.get("trouble", ()) and not said.words[
        one.start - 1
    ].text.endswith(IF)
    return said_so or said.is_deed(one.start - 1)


def _is_life(said: Said, one: Counted) -> bool:
    """Tell whether it is how long somebody lives or works here, is married, old or dead."""
    if one.start in said.ends.get("not_life_before", ()):
        # "ரோட்டுல போட்டு பத்து நாளா நடக்க முடியல": so few days are the trouble's.
        since = one.form is Form.LASTING and said.words[one.end - 1].text.endswith(("ா", "a"))
        return one.unit >= LIFE_UNIT or not since
    if one.form is Form.BARE and one.start in said.ends.get("not_age_before", ()):
        return True
    stop = (
        said.clause_end(one.end, _LIFE_AFTER) if one.form is Form.LASTING else one.end + _LIFE_AFTER
    )
    return said.begins("not_life_after", one.end, stop - one.end)


def _is_daily(said: Said, one: Counted) -> bool:
    """Tell "every day for two hours" from hours since it began."""
    return any(end in said.ends.get("daily", ()) for end in range(one.start - 4, one.start + 1))


def _is_share(one: Counted, found: Sequence[Counted]) -> bool:
    """Tell whether it is so much of another: "ஒரு நாளைக்கு ரெண்டு மணி நேரம்"."""
    shares = (Form.PER, Form.INSIDE)
    return any(o.form in shares and 0 <= one.start - o.end <= 1 for o in found if o is not one)
