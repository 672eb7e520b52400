"""A run: engines up, every caller played in turn, rows read back and graded."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from agent.callers.caller_voice import OneShotVoice, render, render_all, voice_for
from agent.callers.grading import Said, grade
from agent.callers.live_view import LiveView
from agent.callers.outcome import rows_of
from agent.callers.play import Playing, play_call
from agent.callers.recording import write_recording
from agent.callers.report import CallReport
from agent.callers.script_file import ScriptedCall
from agent.callers.scripted_caller import Utterance, all_texts
from agent.callers.speakers import RecordedSpeaker, ScriptedSpeaker, Speaker
from agent.complaint import Slot
from agent.control.supervisor import Supervisor
from agent.errors import UsageError
from agent.speech.voice import VoiceClient
from agent.wiring import Parts, build_parts, render_fixed_prompts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from agent.callers.caller_voice import Speaks
    from agent.callers.played import Exchange, PlayedCall
    from agent.callers.sources import CallSource
    from agent.settings import Settings


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line chose."""

    audio: bool = True
    speed: float = 1.0
    voice: str | None = None
    """Voice of scripted callers; None: one never trained on, by call."""
    live: bool = False


async def run_calls(
    settings: Settings, sources: Sequence[CallSource], options: RunOptions, console: Console
) -> list[CallReport]:
    """Play all callers, one after another, against one set of parts.

    Raises:
        AgentError: ears, voice or database did not start.
    """
    reports: list[CallReport] = []
    async with AsyncExitStack() as stack:
        parts, speaks = await _ready(stack, settings, options)
        for number, source in enumerate(sources, 1):
            reports.append(await _run_one(parts, source, speaks, options, console))
            if not options.live:
                _progress(f"[{number}/{len(sources)}] {source.script.id}")
    return reports


async def record_call(
    settings: Settings, source: CallSource, path: Path, voice: str | None
) -> None:
    """Play one script in text, then write the caller's side of it as a recording.

    The turns are those the caller really took, default answers included, so that the recording
    fits the questions as the agent asks them today. The same script gives the same turns.

    Raises:
        UsageError: the call did not pass, or holds a silent turn.
    """
    parts = build_parts(settings, audio=False)
    try:
        report = await _play_and_grade(
            parts, source, ScriptedSpeaker(source.script), Playing(audio=False), None
        )
    finally:
        parts.store.close()
    if not report.passed:
        wrong = ", ".join(name for name, mark in report.marks.items() if not mark.ok)
        raise UsageError(f"{source.path} is not recorded: its own typed call fails in {wrong}.")
    turns = [e for e in report.played.exchanges if e.said is not None]
    if any(not e.said.text for e in turns if e.said):
        raise UsageError(f"{source.path} is not recorded: a silent turn has no sound.")
    script = _as_recorded(source.script, turns)
    speaker = voice or voice_for(script.id)
    clips = [await render(OneShotVoice(), text, speaker) for text in script.caller_turns_ta]
    await asyncio.to_thread(write_recording, path, script, clips)


async def _ready(
    stack: AsyncExitStack, settings: Settings, options: RunOptions
) -> tuple[Parts, Speaks | None]:
    """The agent's parts and, for sound, running engines and a voice for the callers."""
    if options.audio:
        _progress("Starting ears and voice ...")
        await stack.enter_async_context(Supervisor(settings))
    parts = build_parts(settings, audio=options.audio)
    stack.callback(parts.store.close)
    if not options.audio:
        return parts, None
    await render_fixed_prompts(settings, parts.script)
    token = settings.speech.token.get_secret_value()
    client = VoiceClient(settings.voice_url, token)
    stack.push_async_callback(client.aclose)
    return parts, client


async def _run_one(
    parts: Parts,
    source: CallSource,
    speaks: Speaks | None,
    options: RunOptions,
    console: Console,
) -> CallReport:
    voice = None
    if speaks is not None and source.clips is None:
        voice = options.voice or voice_for(source.script.id)
    speaker = await _speaker(source, speaks, voice)
    view = LiveView(console, parts.script.gloss) if options.live else None
    if view is not None:
        view.begin(source, voice)
    playing = Playing(audio=options.audio, speed=options.speed)
    report = await _play_and_grade(parts, source, speaker, playing, view)
    if view is not None:
        view.show_rows(report.rows)
    return report


async def _speaker(source: CallSource, speaks: Speaks | None, voice: str | None) -> Speaker:
    if speaks is None:
        return ScriptedSpeaker(source.script)
    if source.clips is None:
        texts = all_texts(source.script)
        return ScriptedSpeaker(source.script, by_text=await render_all(speaks, texts, voice or ""))
    if source.script.turn_slots:
        return ScriptedSpeaker(source.script, by_turn=source.clips)
    return RecordedSpeaker(source.clips)


async def _play_and_grade(
    parts: Parts, source: CallSource, speaker: Speaker, playing: Playing, view: LiveView | None
) -> CallReport:
    script = source.script
    played = await play_call(parts, script, speaker, playing, view)
    rows = await asyncio.to_thread(rows_of, parts.store.repository, played.call_id, script.caller)
    marks = {}
    if script.expected is not None:
        marks = grade(script.expected, rows, script.caller, said_in(played, script))
    return CallReport(script.id, played, rows, marks)


def said_in(played: PlayedCall, script: ScriptedCall) -> tuple[Said, ...]:
    """The turns by which the caller told something, as grading wants them."""
    return tuple(
        Said(word, exchange.said.text, exchange.heard)
        for exchange in played.exchanges
        if exchange.said is not None and (word := _answers(exchange.said, script))
    )


def _answers(said: Utterance, script: ScriptedCall) -> str | None:
    """What a turn answers; None for a default answer, which tells the agent nothing."""
    if said.turn is not None and script.turn_slots:
        return script.turn_slots[said.turn]
    tells = said.turn is not None or said.question is Slot.SAME_NUMBER
    return said.question.value if said.question and tells else None


def _as_recorded(script: ScriptedCall, turns: Sequence[Exchange]) -> ScriptedCall:
    """The script with exactly the turns that were taken, in their order."""
    said = [exchange.said for exchange in turns if exchange.said is not None]
    changed = {
        "caller_turns_ta": [one.text for one in said],
        "turn_slots": [_slot_word(one, script) for one in said],
        "notes": "The caller's side of the call of this id, recorded by kural call --record.",
    }
    kept = script.model_dump(mode="json", exclude_unset=True)
    return ScriptedCall.model_validate(kept | changed)


def _slot_word(said: Utterance, script: ScriptedCall) -> str:
    """What a recorded turn answers: the question it was given for, so that it fits again."""
    own = script.turn_slots[said.turn] if said.turn is not None else None
    if own is not None and (said.question is None or own in ("abuse", "human", "unclear", "close")):
        return own
    return said.question.value if said.question else "complaint"


def _progress(line: str) -> None:
    click.echo(line, file=sys.stderr)
