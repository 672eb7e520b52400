"""One turn understood by rules: pure, offline, a few milliseconds.

``Rules.understand(text, expecting, context) -> UnderstoodTurn`` reads an utterance in the light of
the question that was open. Danger is looked for in every turn, whatever was asked; a story is read
for everything it tells; an answer is read for what was asked, and for taking back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.complaint import Answer, Category, Decision, Intent, Place, Slot, Topic, UnderstoodTurn
from agent.tamil.normalize import clean
from agent.tamil.words import masked, split_words
from agent.understanding.answers import Replies
from agent.understanding.day_choice import ASKED, WeighedDays
from agent.understanding.day_features import Setting
from agent.understanding.days import Days, Lasting
from agent.understanding.hearing import (
    ASIDE_STORY,
    CHECKING,
    DETAIL,
    PLACES,
    STORY,
    Heard,
    decision,
    hear,
)
from agent.understanding.keywords import DISPUTED, Keywords
from agent.understanding.landmarks import Landmarks
from agent.understanding.names import Names
from agent.understanding.phone_digits import DigitReader
from agent.understanding.phones import TicketCheck, as_phone, gather, nine_digits
from agent.understanding.places import FoundPlace, PlaceResolver
from agent.understanding.settling import settled, told_wrong
from agent.understanding.story import Story, StoryReader
from agent.understanding.topics import FoundTopic, Topics, with_topic

_TICKET_DIGITS = 9
_DIALLED = 4
"""From so many digits on a number is being said."""
_NO_DETAILS = frozenset({Intent.HUMAN, Intent.ABUSE, Intent.WRONG_NUMBER})
"""Who says this at a question gives no landmark and no name."""


@dataclass(frozen=True, slots=True)
class TurnContext:
    """What earlier turns of the call left behind."""

    place: Place | None = None
    """Its open candidates narrow an ambiguous answer."""
    categories: tuple[Category, ...] = ()
    phone_digits: str = ""
    """Digits of a number gathered so far."""


class Rules:
    """Understands turns by rules. Loaded once a process, shared by all calls, never changed."""

    def __init__(
        self, places: PlaceResolver, keywords: Keywords, valid_ticket: TicketCheck
    ) -> None:
        self._places = places
        self._story = StoryReader(keywords)
        self._valid_ticket = valid_ticket
        self._replies = Replies()
        self._days = Days()
        self._lengths = WeighedDays.load(self._days)
        self._digits = DigitReader()
        self._names = Names()
        self._landmarks = Landmarks()
        self._topics = Topics()

    @classmethod
    def load(cls, valid_ticket: TicketCheck = nine_digits) -> Rules:
        """Read the tables and build the indexes (under a second).

        Args:
            valid_ticket: tells whether nine digits are a ticket number (its check digit); the
                default accepts any nine.
        """
        rules = cls(PlaceResolver.load(), Keywords.load(), valid_ticket)
        rules.understand("ஒண்ணு")  # reads the number and ending tables now, not in a call
        return rules

    def understand(
        self,
        text: str,
        expecting: Slot | None = None,
        context: TurnContext | None = None,
    ) -> UnderstoodTurn:
        """Return what one utterance means.

        Args:
            text: the words as heard, in any form; never raises on odd text.
            expecting: the question that was open, or None when none was.
            context: what earlier turns left open.
        """
        said = clean(text)
        words = split_words(said)
        reply = self._replies.read(words, expecting)
        if not words or (reply.answer is None and self._replies.is_noise(words)):
            return UnderstoodTurn("", expecting)
        context = context or TurnContext()
        heard = hear(said, words, expecting, reply)
        turn = UnderstoodTurn(
            said,
            expecting,
            answer=reply.answer,
            correction=reply.correction,
            corrects=reply.corrects,
        )
        found = self._find_place(heard, context.place)
        story = self._story.read(heard, found)
        topic = self._topic(heard, story, found)
        if topic is not None and topic.topic is Topic.CHILD and story.hazard is None:
            # "I am in the sixth class" is no trouble at school.
            story = self._story.read(heard, found, topic.used)
        if topic is None and self._asks_back(heard, story, found):
            return UnderstoodTurn(said, expecting, asks=story.asks)
        turn = self._story.tell(turn, heard, story)
        turn = self._with_place(turn, heard, found)
        turn = self._with_numbers(turn, heard, context.phone_digits)
        turn = self._with_details(turn, heard, found, now=story.hazard is not None and story.agreed)
        return with_topic(settled(turn, heard), topic, heard)

    def _topic(self, heard: Heard, story: Story, found: FoundPlace | None) -> FoundTopic | None:
        """Return what the turn is about beside a trouble; place names say nothing about it."""
        words = masked(heard.words, found.used if found is not None else ())
        return self._topics.find(heard, words, story, lambda said: self._story.named(said, heard))

    @staticmethod
    def _asks_back(heard: Heard, story: Story, found: FoundPlace | None) -> bool:
        """Tell whether the turn only asks something: then it holds no answer and no value."""
        placed = found is not None and bool(found.place.candidates)
        counted = heard.expecting in (Slot.PHONE, Slot.TICKET) and bool(heard.numbers)
        return story.asks is not None and not placed and not counted

    # -- the place ---------------------------------------------------------------------------

    def _find_place(self, heard: Heard, known: Place | None) -> FoundPlace | None:
        after = heard.reply.after
        if heard.expecting in PLACES:
            found = self._places.asked(heard.text, heard.words, known, after)
            empty = found is None or not found.place.candidates
            # "தெரியல", "சரி" and "அஞ்சு நாளா" are no villages.
            unsaid = heard.reply.answer is not None or self._is_no_value(heard)
            return None if empty and unsaid else found
        if heard.reply.corrects is Slot.PLACE and heard.expecting not in STORY:
            return self._named_place(heard, after)
        if heard.expecting is Slot.LANDMARK and known is None:
            return self._places.in_story(heard.text, heard.words, after)
        if heard.expecting in STORY | CHECKING | ASIDE_STORY:
            return self._places.in_story(heard.text, heard.words, after)
        return None

    @staticmethod
    def _outside(found: FoundPlace) -> bool:
        """Tell "நான் மும்பைல இருக்கேன்" apart: where the caller is, not where the trouble is.

        A story whose words say that the trouble is outside keeps its place.
        """
        return not found.place.candidates and found.place.locality_en is None and not found.there

    def _is_no_value(self, heard: Heard) -> bool:
        """Tell whether only yes, no or a length of time was said."""
        if self._replies.says_only_yes_or_no(heard.words):
            return True
        lasting = self._days.read(heard.words, heard.numbers, asked=True)
        return lasting is not None and lasting.start == 0 and lasting.end == len(heard.words)

    def _named_place(self, heard: Heard, after: int) -> FoundPlace | None:
        found = self._places.asked(heard.text, heard.words, None, after)
        return found if found is not None and found.used else None

    def _with_place(
        self, turn: UnderstoodTurn, heard: Heard, found: FoundPlace | None
    ) -> UnderstoodTurn:
        if found is None or turn.intent is Intent.ABUSE:
            return turn
        checking = heard.expecting in CHECKING
        if heard.expecting not in PLACES and self._outside(found):
            return turn
        if checking and heard.reply.answer is Answer.YES:
            return turn
        most = 1.0 if found.sure else DISPUTED
        why = f"; {found.why}" if found.why else ""
        decisions = [
            decision("place", str(c.number), c.evidence + why, min(most, c.score))
            for c in found.place.candidates
        ]
        corrects = turn.corrects
        if checking and corrects is None and found.place.candidates:
            corrects = Slot.PLACE
        return replace(
            turn,
            place=found.place,
            corrects=corrects,
            decisions=(*turn.decisions, *decisions),
        )

    # -- numbers -----------------------------------------------------------------------------

    def _with_numbers(self, turn: UnderstoodTurn, heard: Heard, before: str) -> UnderstoodTurn:
        if heard.expecting in (Slot.PHONE, Slot.TICKET):
            return self._asked_number(turn, heard, before)
        runs = self._digits.runs(heard.words, heard.numbers)
        phone = next((p for p in map(as_phone, runs) if p), None)
        ticket = next((run for run in runs if self._is_ticket(run)), None)
        same = heard.reply.same_number and heard.expecting in (
            *STORY, *CHECKING, Slot.SAME_NUMBER,
        )  # fmt: skip
        corrects = turn.corrects
        if heard.expecting in CHECKING and corrects is None and phone and not turn.answer:
            corrects = Slot.PHONE
        return replace(
            turn,
            phone=phone,
            digits="".join(runs),
            same_number=same,
            ticket=ticket,
            corrects=corrects,
            decisions=(*turn.decisions, *_number_decisions(phone, ticket)),
        )

    def _asked_number(self, turn: UnderstoodTurn, heard: Heard, before: str) -> UnderstoodTurn:
        """Return the turn with all digits gathered, checked as what was asked for."""
        asks_ticket = heard.expecting is Slot.TICKET
        said = self._digits.read(heard.words, heard.numbers, ticket=asks_ticket)
        phone = ticket = None
        if asks_ticket:
            digits = gather(before, said, _TICKET_DIGITS)
            ticket = digits if self._is_ticket(digits) else None
        else:
            digits = gather(before, said)
            phone = as_phone(digits)
        # A clock time beside "this number" is no beginning of another.
        same = heard.reply.same_number and len(said.digits) < _DIALLED
        return replace(
            turn,
            phone=phone,
            digits="" if same else digits,
            same_number=same,
            ticket=ticket,
            correction=turn.correction or said.restarted,
            answer=None if phone or ticket else turn.answer,
            decisions=(*turn.decisions, *_number_decisions(phone, ticket)),
        )

    def _is_ticket(self, digits: str) -> bool:
        return nine_digits(digits) and self._valid_ticket(digits)

    # -- landmark, days, name ----------------------------------------------------------------

    def _with_details(
        self, turn: UnderstoodTurn, heard: Heard, found: FoundPlace | None, *, now: bool
    ) -> UnderstoodTurn:
        """Add landmark, days and name; ``now`` says that a sure danger is told."""
        if self._points_to_a_thing(turn, heard):
            turn = replace(turn, answer=None)  # "தியேட்டர் எதுக்க": opposite, not "what for?"
        none_given = (Answer.UNKNOWN, Answer.REFUSED, Answer.REPEAT, Answer.NO)
        elsewhere = turn.corrects is not None and heard.expecting not in CHECKING
        silent = turn.emergency or turn.answer in none_given or turn.intent in _NO_DETAILS
        silent = elsewhere or (silent and not turn.corrects)
        lasting = self._lasting(heard, turn)
        if now and (lasting is None or lasting.days is None):
            lasting = Lasting(0, "now", 0, 0)
        if turn.intent in _NO_DETAILS:
            lasting = None  # "an hour since I ordered" lasts no trouble of ours
        days = lasting.days if lasting is not None else None
        vague = lasting is not None and days is None and heard.expecting is Slot.DAYS
        turn = replace(
            turn,
            days=days,
            answer=Answer.UNKNOWN if vague and turn.answer is None else turn.answer,
            landmark=None if silent else self._landmark(heard, turn, found),
            name=None if silent else self._name(heard, turn),
        )
        turn = told_wrong(turn, heard)
        if days is None or lasting is None:
            return turn
        score = 1.0 if lasting.share is None else lasting.share
        score = score if lasting.sure else min(score, DISPUTED)
        reason = decision("days", str(days), lasting.evidence, score)
        return replace(turn, decisions=(*turn.decisions, reason))

    def _points_to_a_thing(self, turn: UnderstoodTurn, heard: Heard) -> bool:
        refused = turn.answer is Answer.REFUSED and heard.expecting is Slot.LANDMARK
        return refused and self._landmarks.points_to_a_thing(heard.words)

    def _lasting(self, heard: Heard, turn: UnderstoodTurn) -> Lasting | None:
        if heard.expecting in DETAIL or heard.expecting in (Slot.CLOSE, Slot.REPEAT):
            return None
        asked = heard.expecting is Slot.DAYS or heard.reply.corrects is Slot.DAYS
        place = "story" if heard.expecting in STORY else "other"
        purpose = turn.intent.value if turn.intent is not None else ""
        setting = Setting(ASKED if asked else place, purpose)
        return self._lengths.read(heard.words, heard.numbers, setting, heard.reply.after)

    def _landmark(self, heard: Heard, turn: UnderstoodTurn, found: FoundPlace | None) -> str | None:
        if heard.expecting is Slot.LANDMARK:
            if self._replies.says_only_yes_or_no(heard.words) or self._own_name(heard):
                return None
            return self._landmarks.asked(heard.text, heard.words)
        if heard.expecting in CHECKING:
            named = turn.corrects is Slot.LANDMARK
            if not named and (turn.corrects or heard.expecting is Slot.CONFIRM):
                return None
            return self._landmarks.corrected(
                heard.text, heard.words, named=named, after=heard.reply.after
            )
        if heard.expecting is Slot.NAME and self._landmarks.is_thing(heard.words):
            return self._landmarks.asked(heard.text, heard.words)
        if heard.expecting in PLACES:
            return self._landmarks.beside_place(heard.text, heard.words, found)
        if _tells(heard, turn):
            return self._landmarks.in_story(heard.text, heard.words, found)
        return None

    def _name(self, heard: Heard, turn: UnderstoodTurn) -> str | None:
        if heard.expecting is Slot.NAME:
            lasts = self._days.read(heard.words, heard.numbers, asked=True) is not None
            thing = len(heard.words) > 1 and self._landmarks.is_thing(heard.words)
            if lasts or thing or self._replies.says_only_yes_or_no(heard.words):
                return None
            return self._names.read(heard.text, heard.words, asked=True)
        if heard.expecting is Slot.LANDMARK:
            return self._own_name(heard)
        if heard.expecting in CHECKING and turn.corrects is Slot.NAME:
            return self._names.corrected(heard.text, heard.words)
        if _tells(heard, turn):
            return self._names.read(heard.text, heard.words, asked=False)
        return None

    def _own_name(self, heard: Heard) -> str | None:
        return self._names.read(heard.text, heard.words, asked=False)


def _tells(heard: Heard, turn: UnderstoodTurn) -> bool:
    """Tell whether the turn is a story: asked for, or told instead of a yes or no."""
    return heard.expecting in STORY or (heard.expecting in ASIDE_STORY and bool(turn.categories))


def _number_decisions(phone: str | None, ticket: str | None) -> list[Decision]:
    """Say that a number was heard without repeating it: decisions are read by more people."""
    said = (("phone", phone), ("ticket", ticket))
    return [decision(name, "heard", "digits", 1.0) for name, value in said if value]
