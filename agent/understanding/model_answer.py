"""What a language model may say about one turn, and what of it counts.

A model only *points*: every value comes with the caller's own words, and words the caller did not
say count for nothing. What a quotation means (which place, which number, how many days) is then
read by our tables, so an answer that was made up, or dictated by the caller, has nothing to steer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.complaint import Category, Intent
from agent.errors import ExtractionFailed
from agent.tamil.normalize import clean
from agent.tamil.words import Word, split_words

LONGEST = 4_000
"""Characters of an answer; a right one has a few hundred."""
MOST_CATEGORIES = 4

Quote = Annotated[str, Field(max_length=2_000)]


class _Part(BaseModel):
    # Strict servers want every field listed as required; lenient models leave empty ones out.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Trouble(_Part):
    """One complaint."""

    code: Category
    words: Quote


class ModelAnswer(_Part):
    """One turn as the model reads it; every field may be empty."""

    intent: Intent | None = None
    intent_words: Quote | None = None
    complaints: Annotated[tuple[Trouble, ...], Field(max_length=MOST_CATEGORIES)] = ()
    emergency_words: Quote | None = None
    place_words: Quote | None = None
    landmark_words: Quote | None = None
    days_words: Quote | None = None
    phone_words: Quote | None = None
    ticket_words: Quote | None = None
    name_words: Quote | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A quotation found in the utterance."""

    start: int
    """Index of its first word."""
    end: int
    """Index after its last word."""
    text: str
    """As the caller said it."""


def json_schema() -> dict[str, Any]:
    """The schema a server is asked to hold its answer to; all fields required, nothing else."""
    quote = {"type": ["string", "null"]}
    trouble = {
        "type": "object",
        "properties": {
            "code": {"type": "string", "enum": [category.value for category in Category]},
            "words": {"type": "string"},
        },
        "required": ["code", "words"],
        "additionalProperties": False,
    }
    properties: dict[str, Any] = dict.fromkeys(ModelAnswer.model_fields, quote)
    properties["intent"] = {
        "type": ["string", "null"],
        "enum": [*(intent.value for intent in Intent), None],
    }
    properties["complaints"] = {"type": "array", "items": trouble}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def parse(text: str) -> ModelAnswer:
    """Read a model's answer.

    Raises:
        ExtractionFailed: it is no answer of the agreed form; one sentence without its words.
    """
    if len(text) > LONGEST:
        raise ExtractionFailed("The language model's answer is too long.")
    try:
        return ModelAnswer.model_validate(json.loads(_bare(text)))
    except (ValidationError, ValueError, RecursionError):
        raise ExtractionFailed("The language model's answer is not of the agreed form.") from None


def quoted(text: str, words: Sequence[Word], quote: str | None) -> Span | None:
    """Where the caller said ``quote``; None when he did not.

    Compared word by word after cleaning, so case, spacing and punctuation may differ.

    Args:
        text: the cleaned utterance.
        words: its words.
        quote: what the model says he said.
    """
    wanted = [word.text for word in split_words(clean(quote or ""))]
    if not wanted:
        return None
    said = [word.text for word in words]
    for start in range(len(said) - len(wanted) + 1):
        if said[start : start + len(wanted)] == wanted:
            end = start + len(wanted)
            return Span(start, end, text[words[start].start : words[end - 1].end])
    return None


def _bare(text: str) -> str:
    """Without the fence some models put around JSON."""
    stripped = text.strip()
    if stripped.startswith("```"):
        stripped = stripped.removeprefix("```json").removeprefix("```").removesuffix("```")
    return stripped
