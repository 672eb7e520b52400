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
    |-- ProviderError           where machines come from: nothing was bought or ended
    |   |-- ProviderAway        no answer, or one that makes no sense: try again later
    |   |-- RateLimited         asked too often: try again after `retry_after_s`
    |   |-- NoStock             no machine of these types is to be had: later, or other types
    |   |-- OutOfMoney          the account is empty or at its limit: a person must act
    |   |-- KeyRefused          the key is wrong or may not do this: a person must act
    |   |-- Conflict            the machine is in a state that forbids it: read the list again
    |   |-- RequestRefused      a setting or our client is wrong: the same is refused again
    |   |-- OutcomeUnknown      it may have happened: read the list before anything else
    |   `-- NotReady            a machine costs money and answers no calls: look at what it says
    |-- LiveKitAway             LiveKit's API does not answer: ask again, live calls do not need it
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


class LiveKitAway(AgentError):
    """LiveKit's API does not answer, or answers with an error of its own; calls go on."""

    retryable = True


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


class ProviderError(AgentError):
    """A provider of machines did not do what it was asked."""


class ProviderAway(ProviderError):
    """The provider gave no answer, an error of its own, or something unreadable."""

    retryable = True

    def __init__(self, sentence: str, *, sent: bool = False) -> None:
        super().__init__(sentence)
        self.sent = sent
        """Whether the request may have reached it, and may have been carried out."""


class RateLimited(ProviderError):
    """The provider was asked too often."""

    retryable = True

    def __init__(self, sentence: str, retry_after_s: float) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s
        """Seconds to wait before the next request of any kind."""


class NoStock(ProviderError):
    """No machine of the wanted types is to be had now."""

    retryable = True


class OutOfMoney(ProviderError):
    """The account is empty or has reached its own limit of spending."""


class KeyRefused(ProviderError):
    """The provider does not know the key, or the key may not do this."""


class Conflict(ProviderError):
    """The machine is in a state that forbids it; the list must be read again."""

    retryable = True


class RequestRefused(ProviderError):
    """The provider refused the request itself; the same one is refused again."""


class OutcomeUnknown(ProviderError):
    """A change was asked for and no answer came: only a list tells whether it happened."""


class NotReady(ProviderError):
    """A machine did not come to answer calls in time, or is gone; the sentence says what to do."""
