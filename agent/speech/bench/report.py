"""The findings as a table for people and as one JSON object."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from agent.speech.bench.arms import LABELS, Arm
from agent.speech.bench.figures import PARTS, SLO_S, Findings, Quantiles, Saturated, Step

_MB = 1e6
TRANSPORT_GOAL_S = 0.002
RATIOS = {
    "kural_over_lock_30s": (Arm.KURAL, Arm.LOCK_LONG),
    "kural_over_model_each": (Arm.KURAL, Arm.MODEL_EACH),
    "short_context_alone": (Arm.LOCK_SHORT, Arm.LOCK_LONG),
    "batching_alone": (Arm.KURAL, Arm.LOCK_SHORT),
}
_SAID = {
    "kural_over_lock_30s": "kural over the lock at 30 s",
    "kural_over_model_each": "over a model per call",
    "short_context_alone": "of that the short context alone",
    "batching_alone": "batching alone",
}


def text_of(findings: Findings) -> str:
    """What is printed."""
    blocks = [_header(findings), _full_queue(findings), _open_load(findings), _link(findings)]
    blocks += ["\n".join(f"Note: {note}" for note in findings.notes)]
    return "\n\n".join(block for block in blocks if block)


def json_of(findings: Findings) -> dict[str, Any]:
    """The same and more, without numbers that JSON does not know: what never came is null."""
    transport = findings.transport
    return {
        "machine": findings.machine,
        "plan": findings.plan,
        "full_queue": {arm.value: _saturated(findings.saturated[arm]) for arm in findings.arms},
        "ratios": {name: findings.ratio(*arms) for name, arms in RATIOS.items()},
        "ratios_by_clock": {
            name: findings.ratio(*arms, by_clock=True) for name, arms in RATIOS.items()
        },
        "ratios_of_sessions": {
            name: findings.session_ratio(*arms) for name, arms in RATIOS.items()
        },
        "same_words": {
            "kural_and_lock_short": findings.same_words(Arm.KURAL, Arm.LOCK_SHORT),
            "kural_and_lock_30s": findings.same_words(Arm.KURAL, Arm.LOCK_LONG),
        },
        "memory": [
            {
                "arm": m.arm.value,
                "sessions": m.sessions,
                "pss_bytes": m.pss_bytes,
                "rss_bytes": m.rss_bytes,
            }
            for m in findings.memory
        ],
        "open_load": [_step(step) for step in findings.steps],
        "sessions_in_time": {arm.value: findings.capacity(arm) for arm in findings.arms},
        "transport": {
            "in_flight_64": _quantiles(transport.spread),
            "burst_of_64": _quantiles(transport.burst),
            "requests": transport.requests,
        }
        if transport
        else None,
        "notes": findings.notes,
    }


def _header(findings: Findings) -> str:
    machine, plan = findings.machine, findings.plan
    return (
        f"{machine['processor']}, {machine['cores']} cores, load {machine['load_before']} before; "
        f"{machine['date']}\n"
        f"model {plan['model']}, {plan['device']}, {plan['compute_type']}, "
        f"beam {plan['beam_size']}, {plan['threads']} thread(s); {plan.get('clips', 0)} clips of "
        f"{plan.get('clips_mean_s', 0)} s on average"
    )


def _full_queue(findings: Findings) -> str:
    if not findings.saturated:
        return ""
    sessions = sorted({m.sessions for m in findings.memory})
    head = ["full queue", "utt / CPU s", "utt / s", "CPU ms / utt", "mean batch"]
    head += [f"MB at {n}" for n in sessions]
    rows = [head]
    for arm in findings.arms:
        found = findings.saturated[arm]
        held = {m.sessions: m.pss_bytes for m in findings.memory if m.arm is arm}
        rows.append(
            [
                LABELS[arm],
                f"{found.per_cpu_s:.2f}",
                f"{found.per_s:.2f}",
                f"{1000 / found.per_cpu_s:.0f}" if found.per_cpu_s else "-",
                f"{found.mean_batch:.1f}",
                *(f"{held[n] / _MB:.0f}" if n in held else "-" for n in sessions),
            ]
        )
    lines = [_table(rows), *_ratios(findings)]
    if (ours := findings.saturated.get(Arm.KURAL)) is not None:
        sizes = ", ".join(f"{size}: {count}" for size, count in sorted(ours.batches.items()))
        lines.append(f"batches of kural by size: {sizes}")
    lost = sum(found.failed for found in findings.saturated.values())
    lines += [f"{lost} requests failed"] if lost else []
    return "\n".join(lines)


def _ratios(findings: Findings) -> list[str]:
    parts = [
        f"{_SAID[name]} {ratio:.2f}x"
        for name, arms in RATIOS.items()
        if (ratio := findings.ratio(*arms, by_clock=findings.on_gpu)) is not None
    ]
    if (same := findings.same_words(Arm.KURAL, Arm.LOCK_SHORT)) is not None:
        parts.append(f"same words with and without batches {100 * same:.0f} %")
    by = "by the clock" if findings.on_gpu else "by CPU"
    return [f"{by}: {'; '.join(parts)}"] if parts else []


def _open_load(findings: Findings) -> str:
    if not findings.steps:
        return ""
    head = ["open load", "sessions", "n", "refused", "lost", "p50", "p95", "p99"]
    head += [f"{part}" for part in PARTS]
    rows = [head]
    for arm in findings.arms:
        for step in sorted(_of(findings.steps, arm), key=lambda s: s.sessions):
            rows.append(
                [
                    LABELS[arm],
                    str(step.sessions),
                    str(step.asked),
                    str(step.refused),
                    str(step.lost),
                    *(_ms(v) for v in (step.latency.p50, step.latency.p95, step.latency.p99)),
                    *(_ms(step.parts[part].p50, step.parts[part].p95) for part in PARTS),
                ]
            )
    most = ", ".join(f"{LABELS[arm]} {findings.capacity(arm)}" for arm in findings.arms)
    ratios = [
        f"{_SAID[name]} {ratio:.1f}x"
        for name, arms in RATIOS.items()
        if (ratio := findings.session_ratio(*arms)) is not None
    ]
    return (
        f"{_table(rows)}\n(ms; the parts as p50/p95)\n"
        f"sessions at p95 <= {1000 * SLO_S:.0f} ms: {most}\nof sessions: {'; '.join(ratios)}"
    )


def _link(findings: Findings) -> str:
    if (found := findings.transport) is None:
        return ""
    verdict = "under" if found.spread.p95 < TRANSPORT_GOAL_S else "OVER"
    return (
        f"link alone, 64 requests of 5 s open: p50 {1000 * found.spread.p50:.2f} ms, p95 "
        f"{1000 * found.spread.p95:.2f} ms ({verdict} {1000 * TRANSPORT_GOAL_S:.0f} ms); all 64 "
        f"sent at once: p50 {1000 * found.burst.p50:.1f} ms, p95 {1000 * found.burst.p95:.1f} ms"
    )


def _of(steps: Sequence[Step], arm: Arm) -> list[Step]:
    return [step for step in steps if step.arm is arm]


def _ms(*seconds: float) -> str:
    return "/".join(f"{1000 * s:.0f}" if math.isfinite(s) else "never" for s in seconds)


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _saturated(found: Saturated) -> dict[str, Any]:
    return {
        "utterances": found.utterances,
        "failed": found.failed,
        "cpu_s": round(found.cpu_s, 3),
        "wall_s": round(found.wall_s, 3),
        "utterances_per_cpu_s": round(found.per_cpu_s, 3),
        "utterances_per_s": round(found.per_s, 3),
        "mean_batch": round(found.mean_batch, 2),
        "batches": {str(size): count for size, count in sorted(found.batches.items())},
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "arm": step.arm.value,
        "sessions": step.sessions,
        "seconds": round(step.seconds, 1),
        "asked": step.asked,
        "refused": step.refused,
        "lost": step.lost,
        "passed": step.passed,
        "latency_s": _quantiles(step.latency),
        "parts_s": {part: _quantiles(found) for part, found in step.parts.items()},
    }


def _quantiles(found: Quantiles) -> dict[str, float | None]:
    values = {"p50": found.p50, "p95": found.p95, "p99": found.p99}
    return {n: round(v, 5) if math.isfinite(v) else None for n, v in values.items()}
