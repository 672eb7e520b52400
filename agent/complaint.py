"""What a caller told us: plain data that every package may hold, without any I/O.

A *complaint* is what the caller said; a *ticket* is our numbered record of it. One
:class:`UnderstoodTurn` is what one utterance meant; the flow folds turns into
:class:`Complaint` objects; the ticket package stores them. The names of intents, priorities and
categories are the same in code, database, JSON and reports (docs/architecture.md, "One source for
words and codes").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Intent(StrEnum):
    """Why the caller phoned."""

    COMPLAINT = "complaint"
    STATUS = "status"
    HUMAN = "human"
    EMERGENCY = "emergency"
    WRONG_NUMBER = "wrong_number"
    ABUSE = "abuse"
    INFO = "info"


class Priority(StrEnum):
    """How urgently the office must look, most urgent first."""

    EMERGENCY = "emergency"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Category(StrEnum):
    """Codes of ``understanding/data/categories.csv``; a test holds the two together."""

    WATER = "WATER"
    SEWAGE = "SEWAGE"
    ROAD = "ROAD"
    STREETLIGHT = "STREETLIGHT"
    POWER = "POWER"
    GARBAGE = "GARBAGE"
    RATION = "RATION"
    PENSION = "PENSION"
    KMUT = "KMUT"
    PATTA = "PATTA"
    CERTIFICATE = "CERTIFICATE"
    BUS = "BUS"
    SCHOOL = "SCHOOL"
    HOSPITAL = "HOSPITAL"
    MOSQUITO = "MOSQUITO"
    DOGS = "DOGS"
    FLOOD = "FLOOD"
    ENCROACHMENT = "ENCROACHMENT"
    FARM = "FARM"
    IRRIGATION = "IRRIGATION"
    POLICE = "POLICE"
    CORRUPTION = "CORRUPTION"
    HOUSING = "HOUSING"
    JOBS = "JOBS"
    NREGA = "NREGA"
    STUDENT = "STUDENT"
    DISABILITY = "DISABILITY"
    WOMENCHILD = "WOMENCHILD"
    DISCRIMINATION = "DISCRIMINATION"
    LIQUOR = "LIQUOR"
    EMERGENCY = "EMERGENCY"
    OTHER = "OTHER"


class Slot(StrEnum):
    """What a question asks for. The question asked tells understanding how to read the answer."""

    CONSENT = "consent"
    COMPLAINT = "complaint"
    PLACE = "place"
    DISTRICT = "district"
    """The district that separates two places of one name."""
    AREA = "area"
    """The part of a city, or the smaller place inside a larger one."""
    LANDMARK = "landmark"
    DAYS = "days"
    DANGER = "danger"
    NAME = "name"
    PHONE = "phone"
    SAME_NUMBER = "same_number"
    """May we call back on the number this call came from? (yes or no)"""
    CONFIRM = "confirm"
    CORRECTION = "correction"
    """Which part of the read-back was wrong?"""
    REPEAT = "repeat"
    """Shall the ticket number be said again? (yes or no)"""
    TICKET = "ticket"
    SAFETY = "safety"
    CLARIFY = "clarify"
    RESUME = "resume"
    """The last call broke off: go on from there? (yes or no)"""
    SAME_ISSUE = "same_issue"
    """There is a complaint from this number: about that one (yes), or something new (no)?"""
    FIXED = "fixed"
    """Is it really mended? (yes or no)"""
    RATING = "rating"
    """How content, by key 1 (bad) to 5 (good)?"""
    CHOICE = "choice"
    """Not understood: 1 leave a spoken note, 2 be called back."""
    VOICE_NOTE = "voice_note"
    """Words that are kept as sound; nothing is asked."""
    ADULT = "adult"
    """A child calls: is a grown-up there? (yes or no)"""
    LANGUAGE = "language"
    """1 Tamil, 2 English."""
    RIGHT = "right"
    """What is to be done with the stored data: 1 told, 2 corrected, 3 erased?"""
    CALL_BACK = "call_back"
    """Nobody is free: press 1 and be called back."""
    CLOSE = "close"
    """Nothing is asked any more; anything said is a courtesy."""


class Answer(StrEnum):
    """The short answers that need no further reading."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """The caller does not know ("தெரியல")."""
    REFUSED = "refused"
    """The caller does not want to say ("பேரு வேணாம்")."""
    REPEAT = "repeat"
    """The caller asks to hear that again ("மறுபடி சொல்லுங்க")."""


class Aside(StrEnum):
    """What a caller asks back instead of answering."""

    WHO = "who"
    """Who or what is speaking."""
    FACT = "fact"
    """Who will come, when it will be mended, how a scheme works: nothing we may promise."""


class Topic(StrEnum):
    """What a turn is about beside a trouble: matters with an answer of their own."""

    CHILD = "child"
    """The speaker is a child."""
    COURT = "court"
    RTI = "rti"
    """A request under the Right to Information Act."""
    FAMILY = "family"
    """Marriage, inheritance, religion: nothing an office of a member can mend."""
    POLITICS = "politics"
    """Party matters, votes, tickets to stand for election."""
    SEE_DATA = "see_data"
    """The caller wants to hear what is stored about her."""
    CORRECT_DATA = "correct_data"
    ERASE_DATA = "erase_data"
    OTHERS_DATA = "others_data"
    """Asks for the complaint, number or name of somebody else, or claims a rank to get it."""
    ENGLISH = "english"
    """Asks to be spoken to in English, or spoke a whole turn in it."""
    TAMIL = "tamil"
    """Asks to be spoken to in Tamil."""
    OTHER_LANGUAGE = "other_language"
    MACHINE = "machine"
    """An answering machine, a recorded advertisement."""
    STEERING = "steering"
    """Instructions to the computer ("ignore your rules"), no complaint."""
    ANGER = "anger"
    """Anger at the office or the machine without an insult; a person is offered."""
    DESPAIR = "despair"
    """Speaks of ending his or her life."""


class ActKind(StrEnum):
    """What a caller does to tickets and rows besides filing; each once a call and ticket."""

    REOPEN = "reopen"
    """It is not mended; one level higher."""
    VERIFY = "verify"
    """It is mended: closed by the citizen's word."""
    REPORT_AGAIN = "report_again"
    """The same trouble is told once more."""
    CALL_BACK = "call_back"
    """The office owes a call; ``value`` is the reason (a word of the table ``callback``)."""
    REQUEST = "request"
    """Data rights; ``value`` is ``see``, ``correct`` or ``erase``."""
    RATE = "rate"
    """``value`` is 1 to 5."""
    RESUME = "resume"
    """Go on with the broken call whose id is ``value``: its partial ticket is completed."""


@dataclass(frozen=True, slots=True)
class SeatCandidate:
    """One assembly constituency a spoken place may belong to."""

    number: int
    """Seat number, 1..234."""
    name_en: str
    name_ta: str
    district_en: str
    district_ta: str
    score: float
    """0..1; comparable within one :class:`Place` only."""
    evidence: str
    """Which table row spoke for it, e.g. ``locality:Korattur:high``."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place as the caller named it, and the seats it may lie in."""

    spoken: str
    """The caller's own words, NFC."""
    locality_en: str | None
    """``locality_en`` of localities.csv, or the seat's name; None when nothing matched."""
    locality_ta: str | None
    candidates: tuple[SeatCandidate, ...] = ()
    """Best first, at most six; more than one means it must be asked back or kept open."""
    question: Slot | None = None
    """The one question that separates the candidates (DISTRICT or AREA), or None."""
    outside: bool = False
    """A place we know of, but not in Tamil Nadu."""

    @property
    def constituency(self) -> int | None:
        """The seat number when exactly one candidate is left, else None."""
        return self.candidates[0].number if len(self.candidates) == 1 else None


@dataclass(frozen=True, slots=True)
class Decision:
    """Why a field got its value: stored with the ticket so that anybody can ask later."""

    field: str
    value: str
    by: str
    """``rule`` or ``model``."""
    evidence: str
    score: float
    """0..1."""


@dataclass(frozen=True, slots=True)
class UnderstoodTurn:
    """What one utterance meant, read in the light of the question that was asked."""

    text: str
    """The words as heard, NFC; empty when nothing was understood."""
    expecting: Slot | None = None
    """The question that was open when this was said."""
    intent: Intent | None = None
    categories: tuple[Category, ...] = ()
    emergency: bool = False
    place: Place | None = None
    landmark: str | None = None
    days: int | None = None
    """Whole days the trouble has lasted; 0 = today."""
    name: str | None = None
    phone: str | None = None
    """Ten digits (mobile) or eleven (land line with its 0), validated."""
    digits: str = ""
    """All digits heard in this turn, in order; lets a number be gathered over several turns."""
    same_number: bool = False
    """The caller said "this same number"."""
    ticket: str | None = None
    """Nine digits whose check digit is right."""
    answer: Answer | None = None
    correction: bool = False
    """The turn takes something back ("இல்ல இல்ல ...")."""
    corrects: Slot | None = None
    """Which part is taken back, when the caller said it."""
    asks: Aside | None = None
    """The turn answers nothing; it asks something back."""
    confidential: bool = False
    """Bribery, violence at home, caste atrocity: no call back unless the caller agrees."""
    topic: Topic | None = None
    """A matter with an answer of its own; a trouble told in the same breath is kept beside it."""
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class Complaint:
    """One complaint as far as it is known; None where the caller has not said it."""

    intent: Intent = Intent.COMPLAINT
    category: Category | None = None
    priority: Priority = Priority.NORMAL
    place: Place | None = None
    landmark: str | None = None
    days: int | None = None
    name: str | None = None
    phone: str | None = None
    description: str = ""
    """The caller's own words about the trouble, NFC; insults left out."""
    confidential: bool = False
    needs_listening: bool = False
    """What was said is kept as sound; nobody could make words of it."""
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """One phone call, from answer to hang-up."""

    id: str
    """Unique for ever: the LiveKit job id, or ``local-`` and a random part."""
    started_at: datetime
    """UTC, timezone-aware."""
    dialled: str = ""
    """The number the caller dialled, E.164; empty when unknown."""
    caller: str = ""
    """The caller's number, E.164; empty when hidden."""
    constituency: int | None = None
    """The seat the dialled number belongs to, when it belongs to one."""
    channel: str = "phone"
    """``phone``, ``console`` or ``simulated``."""
    labels: dict[str, str] = field(default_factory=dict)
    """Technical facts for logs (room, trunk); never words of the caller."""


@dataclass(frozen=True, slots=True)
class KnownTicket:
    """An open ticket of the number this call comes from."""

    number: str
    category: Category | None
    status: str
    constituency: int | None
    place_ta: str | None
    """Name of its place in Tamil, when the tables know it."""


@dataclass(frozen=True, slots=True)
class BrokenCall:
    """What a call of this number told before it broke off, less than half an hour ago."""

    call_id: str
    number: str | None
    """The partial ticket it left, if it left one."""
    categories: tuple[Category, ...]
    description: str
    place: Place | None
    landmark: str | None
    days: int | None
    name: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class Recalled:
    """What the store knows of the caller's number; comes once, soon after the call began."""

    tickets: tuple[KnownTicket, ...] = ()
    """Open ones, latest first."""
    broken: BrokenCall | None = None
