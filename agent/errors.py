"""Every error type of Kural.

::

    AgentError
    |-- UsageError              wrong command line, file or setting: one sentence, exit 2
    |   |-- ConfigurationError  a setting is missing or wrong
    |   `-- UnreadableInput     a file that is not what was promised (not audio, not a script)
    |-- EngineError             speech recognition
    |   |-- EngineUnavailable   the ears are not there: retry, then fall back or keep a voice note
    |   `-- EngineBusy          the queue is full: retry once, say "one moment"
    |-- VoiceUnavailable        synthesis failed: next voice, fixed prompts still play from disk
    |-- ProtocolError           a frame on the wire that breaks the contract: close the connection
    |-- ExtractionFailed        the language model gave no usable answer: fall back to rules
    `-- TicketError
        |-- JournalDamaged      a journal line fails its checksum: keep what is before it, report
        |-- NumbersExhausted    no block of ticket numbers is left: say so, offer a call back
        `-- TicketNotSaved      neither journal nor database took it: never speak a number

Each class answers three questions: may we retry, does the call go on, what does the caller hear.
Messages are one sentence for an operator and never carry the caller's words or a secret.
"""

from __future__ import annotations


class AgentError(Exception):
    """Base of all errors raised on purpose by this package."""

    retryable: bool = False
    """Whether the same operation may succeed when it is tried again soon."""
    prompt: str | None = None
    """Id of the prompt the caller hears when the call goes on, or None for silence."""


class UsageError(AgentError):
    """The user gave something we cannot work with; the message says what to do. Exit code 2."""


class ConfigurationError(UsageError):
    """A setting is missing or wrong; the process does not start."""


class UnreadableInput(UsageError):
    """A file, message or body is not what it should be."""


class EngineError(AgentError):
    """Speech recognition failed for one utterance; the call goes on."""

    retryable = True
    prompt = "not_heard"


class EngineUnavailable(EngineError):
    """The ears process cannot be reached."""


class EngineBusy(EngineError):
    """The ears refused because their queue is full."""

    prompt = "one_moment"


class VoiceUnavailable(AgentError):
    """No voice could speak the text; prompts already rendered still play."""

    retryable = True


class ProtocolError(AgentError):
    """A frame broke the wire contract; the connection is closed, the process lives."""


class ExtractionFailed(AgentError):
    """The language model timed out or answered nonsense; rules take over."""

    retryable = True


class TicketError(AgentError):
    """Something between the complaint and its durable record failed."""


class JournalDamaged(TicketError):
    """A journal line fails its checksum before the end of the file."""


class NumbersExhausted(TicketError):
    """No block of ticket numbers can be leased."""

    prompt = "not_saved"


class TicketNotSaved(TicketError):
    """The complaint is not durable anywhere: no number may be spoken."""

    retryable = True
    prompt = "not_saved"
