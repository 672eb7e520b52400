"""From places named to the seat: candidates with scores, and the question that separates them.

The rules: the smaller place decides over the
larger; "X பக்கம் Y" means Y; what is taken back does not count; places of one name stay open until
the caller says the district. An ambiguous place is never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from agent.complaint import Place, SeatCandidate, Slot
from agent.tamil.words import Word, spaced, split_words
from agent.understanding.gazetteer import Gazetteer
from agent.understanding.mention_roles import Mention, Role
from agent.understanding.mentions import MentionFinder
from agent.understanding.place_cues import seats_of
from agent.understanding.place_entries import Size
from agent.understanding.place_judge import DOUBTED, PlaceJudge

MAX_CANDIDATES = 6
_POINTED = 0.5
"""A pointer whose own village is unknown: the seat is only near."""
_CONTRADICTED = 0.6
_CONTEXT = frozenset({Role.POINTER, Role.DISTRICT, Role.ROAD, Role.BESIDE, Role.CALLER})


@dataclass(frozen=True, slots=True)
class FoundPlace:
    """A place, and the words it was found in (which are no keywords of a complaint)."""

    place: Place
    used: frozenset[int]
    """Indexes of the words that name it or point to it."""
    starts: frozenset[int] = frozenset()
    """Indexes of the words where a name begins."""
    there: bool = False
    """The place is outside Tamil Nadu, and the words say that the trouble is there."""
    sure: bool = True
    """Every place that was named agrees with it."""
    why: str = ""
    """Why it was chosen where the rules alone would have taken another; no word of the caller."""


class PlaceResolver:
    """Resolves mentions to seats. Shared by all calls."""

    def __init__(self, gazetteer: Gazetteer, judge: PlaceJudge | None = None) -> None:
        """Take the tables.

        Args:
            gazetteer: all known places.
            judge: chooses among several places of a story; None leaves that to the rules alone.
        """
        self._gazetteer = gazetteer
        self._finder = MentionFinder(gazetteer)
        self._judge = judge

    @classmethod
    def load(cls) -> PlaceResolver:
        """Build the index from the tables and read what was learned."""
        gazetteer = Gazetteer.load()
        districts = {number: seat.district_en for number, seat in gazetteer.seats.items()}
        return cls(gazetteer, PlaceJudge.load(districts))

    def in_story(self, text: str, words: Sequence[Word], after: int = 0) -> FoundPlace | None:
        """Return the place a story names clearly, or None.

        Args:
            text: the utterance.
            words: its words.
            after: index of the word after the last correction ("இல்ல இல்ல"); what was named
                before it was taken back when something is named after it.
        """
        named, doubted = self._finder.in_story(words)
        mentions = _kept(named, after)
        found = self._resolve(text, words, mentions, None, asked=False)
        return self._judged(text, words, mentions, _kept(doubted, after), found)

    def _judged(
        self,
        text: str,
        words: Sequence[Word],
        mentions: Sequence[Mention],
        doubted: Sequence[Mention],
        found: FoundPlace | None,
    ) -> FoundPlace | None:
        """Return what the learned choice makes of a story in which the rules found ``found``.

        Places that the rules all take for somewhere else are weighed too, and words that may be
        names; without any there is nothing to choose.
        """
        named = sorted((*mentions, *doubted), key=lambda m: m.start)
        if self._judge is None or all(m.role is Role.DENIED for m in named):
            return found
        rules = _seats(found)
        kinds = [self._kind(words, m, doubted=m in doubted) for m in named]
        weighed = self._judge.weigh(words, named, rules, kinds)
        if weighed is None:
            return found
        again = self._resolve(text, words, weighed.mentions, None, asked=False)
        if again is None:
            return None
        if _seats(again) < rules and any(rules <= seats_of(m) for m in mentions):
            return found  # what one name leaves open stays open: the caller says the district
        return replace(again, why=weighed.why)

    def _chosen(
        self, text: str, words: Sequence[Word], mentions: Sequence[Mention], found: FoundPlace
    ) -> FoundPlace:
        """Return what the learned choice makes of an answer that names places far apart.

        Where the rules heard more than bare names ("X, near Y", "not X") they stand, and names
        side by side stay a contradiction to ask about.
        """
        pairs = list(pairwise(mentions))
        apart = any(not seats_of(a) & seats_of(b) for a, b in pairs)
        beside = any(a.end == b.start for a, b in pairs)
        bare = all(m.role in (Role.PLACE, Role.BESIDE) for m in mentions)
        if self._judge is None or beside or not (apart and bare):
            return found
        kinds = [self._kind(words, m, doubted=False) for m in mentions]
        weighed = self._judge.weigh(words, mentions, _seats(found), kinds, asked=True)
        if weighed is None:
            return found
        again = self._resolve(text, words, weighed.mentions, None, asked=True)
        if again is None or not again.place.candidates:
            return found
        return replace(again, why=weighed.why)

    def _kind(self, words: Sequence[Word], mention: Mention, *, doubted: bool) -> str:
        kind = self._finder.care.kind(words, mention)
        return f"{DOUBTED} {kind}" if doubted else kind

    def asked(
        self, text: str, words: Sequence[Word], known: Place | None = None, after: int = 0
    ) -> FoundPlace | None:
        """Return the place named in the answer to a question for one.

        Args:
            text: the utterance.
            words: its words.
            known: what earlier turns left open; its candidates narrow an ambiguous answer.
            after: as for :meth:`in_story`.

        Returns:
            A place without candidates when words were said that no table knows; None when
            nothing was named at all.
        """
        mentions = _kept(self._finder.find(words, asked=True), after)
        if known is not None and len(known.candidates) > 1:
            narrowed = self._narrow(words, mentions, known)
            if narrowed is not None:
                return narrowed
        found = self._resolve(text, words, mentions, known, asked=True)
        if known is None and found is not None:
            found = self._chosen(text, words, mentions, found)
        if found is None and known is not None and known.locality_ta:
            found = self._part_of(known.locality_ta, words)
        return found or self._unknown(text, words)

    def _part_of(self, town: str, words: Sequence[Word]) -> FoundPlace | None:
        """Return the part of a town that is known by its whole name: "வடக்கு" of மதுரை."""
        answer = " ".join(word.text for word in words)
        whole = f"{town} {answer}"
        joined = split_words(whole)
        mentions = self._finder.find(joined, asked=True)
        parts = [m for m in mentions if m.start == 0 and m.end > len(split_words(town))]
        return self._resolve(whole, joined, parts, None, asked=True)

    # -- resolving ---------------------------------------------------------------------------

    def _resolve(
        self,
        text: str,
        words: Sequence[Word],
        mentions: Sequence[Mention],
        known: Place | None,
        *,
        asked: bool,
    ) -> FoundPlace | None:
        meant = [m for m in mentions if m.role is not Role.DENIED]
        if not meant:
            return None
        inside = [m for m in meant if m.size is not Size.OUTSIDE]
        beyond = self._beyond(words, meant, inside, asked=asked)
        if beyond is not None or not inside:
            there = beyond is not None
            return self._outside(text, words, beyond or meant[0], mentions, there=there)
        if not asked and all(m.role is Role.BESIDE for m in inside):
            return None  # only where somebody goes or is sent: the place of the trouble is asked
        primary = self._primary(words, inside)
        others = [m for m in inside if m is not primary and m.role is not Role.BESIDE]
        others = [m for m in others if not self._is_common(words, m)]
        candidates = self._fit(primary, others, mentions)
        candidates = _within(candidates, self._known_seats(known))
        spoken = spaced(text, tuple(words[inside[0].start : inside[-1].end]))
        place = self._place(spoken, primary, candidates)
        doubt = self._doubt(words, primary, inside) if len(candidates) == 1 else None
        if doubt is not None:
            near = tuple(_scaled(candidates, _POINTED))
            place = replace(place, candidates=near, question=doubt)
        seats = {c.number for c in place.candidates}
        agree = all(seats & {n for e in m.entries for n, _ in e.seats} for m in mentions)
        return replace(_found(place, mentions), sure=agree)

    def _beyond(
        self, words: Sequence[Word], meant: list[Mention], inside: list[Mention], *, asked: bool
    ) -> Mention | None:
        """Return the place outside Tamil Nadu where the trouble is, or None."""
        outside = [m for m in meant if m.size is Size.OUTSIDE]
        sure = [m for m in outside if m.role is Role.OWN]
        if sure and all(m.role in _CONTEXT for m in inside):
            return sure[0]
        named = [m for m in inside if m.role is not Role.BESIDE]
        owned = [m for m in inside if m.role is Role.OWN]
        reader = self._finder.outside
        if asked and not owned:
            return next((m for m in outside if reader.named(words, m)), None)
        if named and all(m.role is Role.POINTER for m in named):
            across = [m for m in outside if m.start >= named[-1].end and m.role is Role.PLACE]
            crossed = next((m for m in across if reader.troubled(words, m)), None)
            if crossed is not None and all(reader.crosses(words, m) for m in named):
                return crossed
        if inside and not named:
            set_against = [m for m in outside if m.role in (Role.PLACE, Role.DISTRICT, Role.OWN)]
            return next((m for m in set_against if reader.troubled(words, m)), None)
        if named:
            return None
        return next((m for m in outside if reader.troubled(words, m)), None)

    def _doubt(
        self, words: Sequence[Word], primary: Mention, inside: Sequence[Mention]
    ) -> Slot | None:
        """Return what must still be asked although the table knows only one such place."""
        if primary.role is Role.POINTER and self._more_named(words, inside):
            return Slot.AREA  # "X பக்கம் <unknown village>": near X, but whose seat?
        if (
            len(inside) == 1
            and self._finder.care.named(words, primary) & self._gazetteer.lists.dependent
        ):
            return Slot.DISTRICT  # every town has a Gandhi Market
        return None

    def _primary(self, words: Sequence[Word], mentions: Sequence[Mention]) -> Mention:
        """Return the mention that decides: not a pointer, the smallest, the later of equals.

        A colony name of every town (அண்ணா நகர்) gives way to a town beside it that has no such
        row: the table does not know that colony, but the town decides the seat.
        """
        own = [m for m in mentions if m.role is Role.OWN and m.size < Size.DISTRICT]
        own = own or [m for m in mentions if m.role not in _CONTEXT]
        own = own or [m for m in mentions if m.role is not Role.BESIDE] or list(mentions)
        by_size = sorted(own, key=lambda m: (m.size, -m.start))
        for at, mention in enumerate(by_size[:-1]):
            if not self._is_common(words, mention):
                return mention
            if any(self._share_district(mention, other) for other in by_size[at + 1 :]):
                return mention
        return by_size[-1]

    def _share_district(self, one: Mention, other: Mention) -> bool:
        return bool(self._districts(one) & self._districts(other))

    def _fit(
        self, primary: Mention, others: Sequence[Mention], mentions: Sequence[Mention]
    ) -> list[SeatCandidate]:
        """Return the primary's candidates that agree with everything else that was named."""
        candidates = self._candidates(primary)
        for denied in (m for m in mentions if m.role is Role.DENIED):
            candidates = self._excluding(candidates, denied, primary, mentions)
        for other in others:
            candidates = self._agreeing(candidates, other)
        return candidates

    def _agreeing(self, candidates: list[SeatCandidate], other: Mention) -> list[SeatCandidate]:
        seats = {n for entry in other.entries for n, _ in entry.seats}
        far = other.role is Role.ROAD and other.size >= Size.CITY
        if not seats or far:
            return candidates  # "சென்னை ஹைவே" is anywhere
        districts = {self._gazetteer.seats[n].district_en for n in seats}
        same_seat = [c for c in candidates if c.number in seats]
        if same_seat and other.role is not Role.CALLER:
            return same_seat
        same_district = [c for c in candidates if c.district_en in districts]
        if same_district:
            return same_district
        if other.role is Role.ROAD:
            return candidates  # a road leads far
        if other.role is Role.CALLER:
            return candidates
        former = {new for name in districts for new in self._gazetteer.lists.formed(name)}
        if other.role is Role.POINTER:
            # "போரூர் தாண்டி ஐயப்பன்தாங்கல்": what lies beyond may lie across a young border.
            former |= {old for name in districts for old in self._gazetteer.lists.former(name)}
        once = [c for c in candidates if c.district_en in former]
        if once:
            return once
        # The two contradict each other: keep both, and let the question decide.
        both = [*candidates, *_scaled(self._candidates(other), _CONTRADICTED)]
        return both[: max(MAX_CANDIDATES, len(candidates))]

    def _excluding(
        self,
        candidates: list[SeatCandidate],
        denied: Mention,
        primary: Mention,
        mentions: Sequence[Mention],
    ) -> list[SeatCandidate]:
        """Leave out what was denied; in "தேனி கூடலூர் இல்ல" the word before tells which one."""
        numbers = {n for entry in denied.entries for n, _ in entry.seats}
        shared = {c.number for c in candidates} & numbers
        if shared and {c.number for c in self._candidates(primary)} <= numbers:
            before = [
                m
                for m in mentions
                if m is not primary and m.end <= denied.start and m.role is Role.DENIED
            ]
            where = {n for m in before for entry in m.entries for n, _ in entry.seats}
            districts = {self._gazetteer.seats[n].district_en for n in where}
            numbers = {c.number for c in candidates if c.district_en in districts}
        left = [c for c in candidates if c.number not in numbers]
        if len(left) == len(candidates) and not shared:
            # "not the one near X": of places of one name, that of X's district is left out.
            region = self._districts(denied)
            left = [c for c in candidates if c.district_en not in region]
        return left or candidates

    def _candidates(self, mention: Mention) -> list[SeatCandidate]:
        best: dict[int, SeatCandidate] = {}
        for hit in mention.hits:
            source = hit.entry.source + (":sounds like" if hit.sounds else "")
            for number, sure in hit.entry.seats:
                score = hit.likeness * sure
                if number not in best or best[number].score < score:
                    best[number] = self._gazetteer.seats[number].candidate(score, source)
        return sorted(best.values(), key=lambda c: (-c.score, c.number))

    def _is_common(self, words: Sequence[Word], mention: Mention) -> bool:
        keys = {"".join(word.key for word in words[mention.start : mention.end])}
        keys |= self._finder.care.named(words, mention)
        return any(key.startswith(tuple(self._gazetteer.lists.common)) for key in keys)

    def _more_named(self, words: Sequence[Word], mentions: Sequence[Mention]) -> bool:
        covered = {i for m in mentions for i in range(m.start, m.end)}
        return any(i not in covered and not self._finder.is_filler(w) for i, w in enumerate(words))

    # -- what was open before ----------------------------------------------------------------

    def _known_seats(self, known: Place | None) -> set[int]:
        if known is None:
            return set()
        if known.candidates:
            return {c.number for c in known.candidates}
        hits = self._finder.find(split_words(known.spoken), asked=True) if known.locality_en else ()
        return {n for m in hits for entry in m.entries for n, _ in entry.seats}

    def _narrow(
        self, words: Sequence[Word], mentions: Sequence[Mention], known: Place
    ) -> FoundPlace | None:
        """Return ``known`` with the candidates the answer leaves, when it answers the question."""
        names = {c.district_en for c in known.candidates}
        said = [m for m in mentions if m.role is not Role.DENIED]
        wanted: set[str] = set()
        for mention in said:
            districts = self._districts(mention)
            if len(districts & names) == 1 and (len(districts) == 1 or _is_district(mention)):
                wanted |= districts & names
        left = tuple(c for c in known.candidates if c.district_en in wanted)
        if not wanted or len(names) < 2 or not left:
            return None
        entries = [e for m in said for e in m.entries if e.size < Size.CITY]
        own = [e for e in entries if {n for n, _ in e.seats} & {c.number for c in left}]
        place = replace(known, candidates=left, question=_question(left, one_name=True))
        if own and known.locality_ta and any(e.name_ta != known.locality_ta for e in own):
            return None  # a smaller place was named as well: resolve it on its own
        named = self._entry_name(place, left)
        return _found(replace(place, locality_en=named), mentions)

    def _entry_name(self, place: Place, left: Sequence[SeatCandidate]) -> str | None:
        sources = {c.evidence for c in left}
        if len(sources) == 1:
            parts = next(iter(sources)).split(":")
            return parts[1] if len(parts) > 1 else place.locality_en
        return place.locality_en

    def _districts(self, mention: Mention) -> set[str]:
        found: set[str] = set()
        for entry in mention.entries:
            if entry.size is Size.DISTRICT:
                found.add(entry.name_en)
            found |= {self._gazetteer.seats[n].district_en for n, _ in entry.seats}
        return found

    # -- building the answer -----------------------------------------------------------------

    def _place(self, spoken: str, primary: Mention, candidates: Sequence[SeatCandidate]) -> Place:
        numbers = {c.number for c in candidates}
        entries = [e for e in primary.entries if {n for n, _ in e.seats} & numbers]
        entries = entries or list(primary.entries)
        # A locality names the place better than the seat that is called after it.
        entries.sort(key=lambda e: (e.size is Size.SEAT, e.size))
        names = {e.name_en for e in entries if e.size is not Size.SEAT} or {entries[0].name_en}
        first = entries[0]
        name = first.name_en if len(names) == 1 else self._gazetteer.same_name(first)
        too_many = len(candidates) > MAX_CANDIDATES
        kept = () if too_many else tuple(candidates)
        # Seats that came from a contradicting name are another place.
        one_name = len(names) == 1 and numbers <= {n for e in entries for n, _ in e.seats}
        question = Slot.AREA if too_many else _question(kept, one_name=one_name)
        return Place(spoken, name, first.name_ta, kept, question)

    def _outside(
        self,
        text: str,
        words: Sequence[Word],
        named: Mention,
        mentions: Sequence[Mention],
        *,
        there: bool,
    ) -> FoundPlace:
        spoken = spaced(text, tuple(words[named.start : named.end]))
        place = Place(spoken, None, None, outside=True)
        return replace(_found(place, mentions), there=there)

    def _unknown(self, text: str, words: Sequence[Word]) -> FoundPlace | None:
        own = [word for word in words if not self._finder.is_filler(word)]
        if not own:
            return None
        first = words.index(own[0])
        last = len(words) - words[::-1].index(own[-1])
        return FoundPlace(Place(spaced(text, tuple(words[first:last])), None, None), frozenset())


def _kept(mentions: Sequence[Mention], after: int) -> tuple[Mention, ...]:
    later = tuple(m for m in mentions if m.start >= after)
    return later or tuple(mentions)


def _seats(found: FoundPlace | None) -> set[int]:
    return {c.number for c in found.place.candidates} if found is not None else set()


def _within(candidates: list[SeatCandidate], seats: set[int]) -> list[SeatCandidate]:
    """Narrow by what was known before, unless that would leave nothing: then it was corrected."""
    return [c for c in candidates if c.number in seats] or candidates


def _scaled(candidates: Sequence[SeatCandidate], by: float) -> list[SeatCandidate]:
    return [replace(c, score=round(c.score * by, 3)) for c in candidates]


def _question(candidates: Sequence[SeatCandidate], *, one_name: bool) -> Slot | None:
    """One place over several seats: which area. Several places of one name: which district."""
    if len(candidates) < 2:
        return None
    if one_name or len({c.district_en for c in candidates}) == 1:
        return Slot.AREA
    return Slot.DISTRICT


def _is_district(mention: Mention) -> bool:
    return mention.role is Role.DISTRICT or mention.size is Size.DISTRICT


def _found(place: Place, mentions: Sequence[Mention]) -> FoundPlace:
    used = frozenset(i for m in mentions for i in range(m.start, m.end))
    return FoundPlace(place, used, frozenset(m.start for m in mentions))
