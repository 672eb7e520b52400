"""Metrics over all processes of a worker: each call process writes a file, one reader adds up.

A call process lives for one call, so its counts must outlive it. prometheus_client's own way
(``PROMETHEUS_MULTIPROC_DIR``) keeps files of 64 kB for every process that ever was and reads all of
them at each scrape: at a thousand calls a day that is gigabytes. Here a dead process's counters are
added to a total and its file is removed; its gauges are gone with it.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from multiprocessing import util
from pathlib import Path

import psutil

from agent.observability.metrics import ALL, Meters, Metric, Samples

logger = logging.getLogger(__name__)

EVERY_S = 1.0
"""Between two looks of a process at its own counts: what a SIGKILL loses at most."""
_SUFFIX = ".meters"
_SAME_START_S = 2.0
"""A process whose number is used again began later than this beside the file's word."""


class MeterFile:
    """Keeps one process's counts in a file, from :meth:`start` to the end of the process."""

    def __init__(self, folder: Path, meters: Meters, *, every_s: float = EVERY_S) -> None:
        """Write ``meters`` under ``folder``, a folder of one worker."""
        began = psutil.Process().create_time()
        self._path = folder / f"{os.getpid()}-{began:.0f}{_SUFFIX}"
        self._meters = meters
        self._every_s = every_s
        self._written = meters.samples()
        self._over = threading.Event()
        self._one = threading.Lock()

    def start(self) -> None:
        """Begin; a thread writes what changed. The end of a multiprocessing child writes too."""
        threading.Thread(target=self._run, name="meters", daemon=True).start()
        util.Finalize(self, self.write, exitpriority=10)

    def write(self) -> None:
        """Write the counts now, if they changed; a disk that refuses costs counts, not the call."""
        with self._one:
            samples = self._meters.samples()
            if samples == self._written:
                return
            new = self._path.with_suffix(".new")
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                new.write_text(json.dumps(_rows(samples)), encoding="utf-8")
                new.replace(self._path)
                self._written = samples
            except OSError as exc:
                logger.debug("meters not written", extra={"error": type(exc).__name__})

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            self.write()


class MeterSum:
    """Adds up what the processes of one worker counted. Blocking; one thread at a time."""

    def __init__(self, folder: Path) -> None:
        """Read ``folder``, which belongs to this worker alone."""
        self._folder = folder
        self._gone: Samples = {}
        """Counters of processes that are no more."""
        self._one = threading.Lock()

    def expose(self, *others: Samples) -> bytes:
        """All metrics in Prometheus text format: the files, the dead, and ``others``."""
        with self._one:
            total = dict(self._gone)
            for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
                alive = _is_alive(path)  # before the look: who dies after it wrote is read next
                samples = _read(path)
                if not alive:
                    samples = only_counters(samples)
                    _add(self._gone, samples)
                    path.unlink(missing_ok=True)
                _add(total, samples)
        for samples in others:
            _add(total, samples)
        return exposition(total)


def only_counters(samples: Samples) -> Samples:
    """Without gauges: what a dead process had open or waiting is over."""
    gauges = {metric.name for metric in ALL if metric.kind == "gauge"}
    return {key: value for key, value in samples.items() if key[0] not in gauges}


def samples_of_text(text: bytes) -> Samples:
    """Read another process's exposition, without times of creation."""
    from prometheus_client.parser import text_string_to_metric_families

    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode("utf-8"))
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def exposition(samples: Samples) -> bytes:
    """Prometheus text format of our table with these values."""
    lines = []
    for metric in ALL:
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
        found = [(key, value) for key, value in samples.items() if _belongs(key[0], metric)]
        lines += [_line(*key, value) for key, value in sorted(found, key=_order)]
    return ("\n".join(lines) + "\n").encode()


def _belongs(name: str, metric: Metric) -> bool:
    if metric.kind != "histogram":
        return name == metric.name
    return name in {f"{metric.name}{end}" for end in ("_bucket", "_count", "_sum")}


def _order(item: tuple[tuple[str, tuple[tuple[str, str], ...]], float]) -> tuple[object, ...]:
    (name, labels), _ = item
    bound = float(dict(labels).get("le", "inf"))
    others = tuple(pair for pair in labels if pair[0] != "le")
    return others, name, bound


def _line(name: str, labels: tuple[tuple[str, str], ...], value: float) -> str:
    inner = ",".join(f'{label}="{text}"' for label, text in labels)
    return f"{name}{{{inner}}} {value!r}" if inner else f"{name} {value!r}"


def _add(total: Samples, samples: Samples) -> None:
    for key, value in samples.items():
        total[key] = total.get(key, 0.0) + value


def _rows(samples: Samples) -> list[list[object]]:
    return [[name, list(labels), value] for (name, labels), value in samples.items()]


def _read(path: Path) -> Samples:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {(n, tuple((a, b) for a, b in labels)): float(v) for n, labels, v in rows}
    except (OSError, ValueError, TypeError):
        return {}


def _is_alive(path: Path) -> bool:
    number, _, began = path.stem.partition("-")
    try:
        return bool(abs(psutil.Process(int(number)).create_time() - float(began)) < _SAME_START_S)
    except (psutil.Error, ValueError):
        return False
