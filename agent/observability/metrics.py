"""Every metric of the system, in this one file.

The table says what exists; :class:`Meters` counts. Labels are bounded: a value outside its list
is counted as ``other``, so a bug cannot blow up the time series and no name, number, room or
ticket can become a label. Names end as Prometheus asks: ``_total`` for counters, ``_seconds`` and
``_ratio`` for those units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from agent.complaint import Priority, Slot

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Kind = Literal["counter", "gauge", "histogram"]

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
"""Values by name of the series and its labels, sorted."""

OTHER = "other"
"""The label value of everything that is not listed."""

_TURN_BUCKETS_S = (0.1, 0.2, 0.3, 0.45, 0.65, 0.8, 1.1, 1.5, 2.0, 3.0, 5.0)
# 0.45, 0.65, 0.8 and 1.1 s are the budgets of a turn (docs/architecture.md, time budgets).
_MODEL_BUCKETS_S = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0, 4.0, 8.0)
_DISK_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 2.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: what it is called, what it counts, and which labels it may carry."""

    name: str
    kind: Kind
    unit: str
    """``seconds``, ``ratio``, or what is counted."""
    help: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Label name -> the values it may take; ``other`` always exists."""
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram, in the unit of the metric."""


_SLOTS = tuple(slot.value for slot in Slot)
_PRIORITIES = tuple(priority.value for priority in Priority)

CALLS_ACTIVE = Metric("kural_calls_active", "gauge", "calls", "Calls this machine is in right now.")
CALLS = Metric(
    "kural_calls_total",
    "counter",
    "calls",
    "Calls that ended, by how they ended.",
    {
        "outcome": (
            *("filed", "provisional", "not_saved", "again", "reopened", "status", "info", "rights"),
            *("human", "callback", "transferred", "refused", "abuse", "wrong_number", "silent"),
            *("hung_up", "too_long", "failed"),
        )
    },
)
TURN_RESPONSE = Metric(
    "kural_turn_response_seconds",
    "histogram",
    "seconds",
    "From the end of the caller's speech to the first sound of the answer, by open question.",
    {"turn": _SLOTS},
    _TURN_BUCKETS_S,
)
STT_DECODE = Metric(
    "kural_stt_decode_seconds",
    "histogram",
    "seconds",
    "Time the model took for one utterance.",
    buckets=_MODEL_BUCKETS_S,
)
STT_QUEUE = Metric(
    "kural_stt_queue_seconds",
    "histogram",
    "seconds",
    "Time an utterance waited for the ears.",
    buckets=_MODEL_BUCKETS_S,
)
STT_DROPPED = Metric(
    "kural_stt_dropped_total",
    "counter",
    "segments",
    "Segments the model wrote but nobody said.",
    {"reason": ("silence", "repetition", "confidence", "script", "length", "phrase")},
)
TTS_FIRST_AUDIO = Metric(
    "kural_tts_first_audio_seconds",
    "histogram",
    "seconds",
    "From a sentence to its first audio, by where the audio came from.",
    {"source": ("cache", "voice", "subprocess")},
    _MODEL_BUCKETS_S,
)
TTS_PIECES = Metric(
    "kural_tts_pieces_total",
    "counter",
    "pieces",
    "Pieces of speech: recorded prompts, prompts that should have been recorded and were not, kept "
    "phrases, and pieces spoken live.",
    {"origin": ("prompt", "missed", "phrase", "live")},
)
_VOICES = ("pool", "cloud", "embedded", "mixed")
VOICE_REQUESTS = Metric(
    "kural_voice_requests_total",
    "counter",
    "requests",
    "Texts spoken by the voice process, by who spoke; all but pool fell back where there is one.",
    {"source": _VOICES, "outcome": ("answered", "failed", "dropped")},
)
VOICE_FIRST_AUDIO = Metric(
    "kural_voice_first_audio_seconds",
    "histogram",
    "seconds",
    "In the voice process, from a text to its first audio, by who spoke.",
    {"source": _VOICES},
    _MODEL_BUCKETS_S,
)
VOICE_INSTANCES = Metric(
    "kural_voice_instances",
    "gauge",
    "instances",
    "Instances of the pool, by what is known of them.",
    {"state": ("new", "well", "suspect", "out")},
)
TICKETS_FILED = Metric(
    "kural_tickets_filed_total",
    "counter",
    "tickets",
    "Tickets made, by priority and whether the call was cut before the end.",
    {"priority": _PRIORITIES, "partial": ("true", "false")},
)
TICKET_DURABLE = Metric(
    "kural_ticket_durable_seconds",
    "histogram",
    "seconds",
    "From the decision to file to a record that survives a crash.",
    buckets=_DISK_BUCKETS_S,
)
JOURNAL_SYNC = Metric(
    "kural_journal_sync_seconds",
    "histogram",
    "seconds",
    "Time one journal line took to reach the disk.",
    buckets=_DISK_BUCKETS_S,
)
FORWARDER_BACKLOG = Metric(
    "kural_forwarder_backlog", "gauge", "records", "Journal records the database has not taken."
)
ENGINE_QUEUE_DEPTH = Metric(
    "kural_engine_queue_depth", "gauge", "utterances", "Utterances waiting for the ears."
)
PART_RESTARTS = Metric(
    "kural_part_restarts_total",
    "counter",
    "restarts",
    "Times a supervised process was started again.",
    {"part": ("ears", "voice")},
)
LOAD = Metric(
    "kural_load_ratio",
    "gauge",
    "ratio",
    "Load reported to LiveKit; 0.7 means this machine is full.",
)
CAPACITY = Metric("kural_capacity_calls", "gauge", "calls", "Calls this machine may carry at once.")

CALLS_UNSERVED = Metric(
    "kural_calls_unserved",
    "gauge",
    "calls",
    "Calls that have waited for an agent for more than 3 s, as the redispatcher sees them.",
)
REDISPATCHES = Metric(
    "kural_redispatches_total",
    "counter",
    "dispatches",
    "Dispatches for calls that found no agent, by whom they call.",
    {"role": ("main", "overload"), "outcome": ("asked", "failed")},
)

ALL: tuple[Metric, ...] = (
    *(CALLS_ACTIVE, CALLS, TURN_RESPONSE),
    *(STT_DECODE, STT_QUEUE, STT_DROPPED, TTS_FIRST_AUDIO, TTS_PIECES),
    *(VOICE_REQUESTS, VOICE_FIRST_AUDIO, VOICE_INSTANCES),
    *(TICKETS_FILED, TICKET_DURABLE, JOURNAL_SYNC, FORWARDER_BACKLOG),
    *(ENGINE_QUEUE_DEPTH, PART_RESTARTS, LOAD, CAPACITY),
    *(CALLS_UNSERVED, REDISPATCHES),
)
"""The whole table; a test holds it against this module."""


class Meters:
    """The counters of one process, over the table above. Safe to share between threads."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry

        self._registry = CollectorRegistry()
        self._meters = {metric.name: _build(metric, self._registry) for metric in ALL}

    def add(self, metric: Metric, amount: float = 1.0, **labels: str) -> None:
        """Count up a counter, or move a gauge by an amount that may be negative."""
        meter = self._meter(metric, labels)
        if metric.kind == "histogram":
            raise TypeError(f"{metric.name} is a histogram: observe it")
        meter.inc(amount)  # type: ignore[union-attr]

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        """Give a gauge its value, in the unit of the metric."""
        if metric.kind != "gauge":
            raise TypeError(f"{metric.name} is a {metric.kind}: only a gauge can be set")
        self._meter(metric, labels).set(value)  # type: ignore[union-attr]

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        """Add one measurement to a histogram, in the unit of the metric."""
        if metric.kind != "histogram":
            raise TypeError(f"{metric.name} is a {metric.kind}: only a histogram observes")
        self._meter(metric, labels).observe(value)  # type: ignore[union-attr]

    def expose(self) -> bytes:
        """Return all metrics in Prometheus text format, UTF-8."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)

    def samples(self) -> Samples:
        """Return all values, to be added to those of other processes."""
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self._registry.collect()
            for sample in family.samples
            if not sample.name.endswith("_created")
        }

    def _meter(self, metric: Metric, labels: Mapping[str, str]) -> Counter | Gauge | Histogram:
        meter = self._meters[metric.name]
        if not metric.labels:
            return meter
        return meter.labels(
            **{n: labels[n] if labels[n] in known else OTHER for n, known in metric.labels.items()}
        )


def _build(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    from prometheus_client import Counter, Gauge, Histogram

    names = tuple(metric.labels)
    if metric.kind == "counter":
        return Counter(metric.name, metric.help, names, registry=registry)
    if metric.kind == "gauge":
        return Gauge(metric.name, metric.help, names, registry=registry)
    return Histogram(metric.name, metric.help, names, buckets=metric.buckets, registry=registry)
