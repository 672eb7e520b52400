"""A telephone rings the line: SIP, LiveKit, worker, ears, voice and database, all of them real.

baresip calls over loopback; the caller hears the questions and answers them, as a person does.
"""

from __future__ import annotations

import asyncio
import csv
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray

from agent.callers.audio_io import LINE_RATE
from agent.callers.caller_voice import OneShotVoice, render_all, voice_for
from agent.callers.script_file import ScriptedCall, load_script, parse_call
from agent.callers.scripted_caller import Origin, Utterance, all_texts
from agent.callers.speakers import ScriptedSpeaker, Speaker
from agent.callers.telephone import resample
from agent.complaint import Slot
from agent.lab.phone import Phone
from agent.lab.phone_caller import PhoneCaller
from agent.lab.ports import LOOPBACK, free_port, free_sound_ports
from agent.lab.question_ear import QuestionEar, likeness
from agent.lab.server_process import program
from agent.lab.stack import NUMBERS, RINGS_FOR_S, Stack, missing_tools
from agent.lab.worker_process import LabWorker
from agent.settings import PROJECT_DIR, Settings
from agent.speech.voice import VOICE_SAMPLE_RATE, one_shot
from agent.tamil.speller import spell_ticket
from agent.tickets.repository import CallRecord, Ticket

MISSING = missing_tools("redis-server", "livekit-server", "livekit-sip", "baresip")
pytestmark = [
    pytest.mark.livekit,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        bool(MISSING), reason=f"not installed (.ci/run installs it): {', '.join(MISSING)}"
    ),
]

SEATS = dict(zip(NUMBERS, (18, 71, 150), strict=True))
"""Dialled number -> whose office it is."""
CALLS = 3
HELD_MS = 1_000 * (RINGS_FOR_S + 3)
"""A storm holds its calls until the others are given back, and not until the agent gives up."""
BROKEN_OFF = {
    "caller_turns_ta": ["[1]", "எங்க தெருவுல அஞ்சு நாளா குடிதண்ணி வரல சார்", "பல்லடம்"],
    "turn_slots": ["consent", "complaint", "place"],
    "hangs_up_at": "place",
}
"""Consent by key, the trouble ("for five days no water in our street"), and no more."""
DEPARTURE_S = 20.0
"""LiveKit closes a room so long after the last caller has left it: no slot may wait for that."""


@dataclass
class Office:
    """The line under test."""

    stack: Stack
    worker: LabWorker
    ear: QuestionEar

    def tickets(self) -> list[Ticket]:
        store = self.worker.store()
        try:
            return list(store.repository.search(unmask=True))
        finally:
            store.close()

    def calls(self) -> list[CallRecord]:
        store = self.worker.store()
        try:
            return list(store.repository.calls(unmask=True))
        finally:
            store.close()

    async def left_by(
        self, dialled: str, since: datetime, **fields: object
    ) -> tuple[CallRecord, Ticket]:
        """The row and the one ticket of the newest call to a number, once they are there."""
        async with asyncio.timeout(60):
            while True:
                calls, tickets = await asyncio.to_thread(lambda: (self.calls(), self.tickets()))
                newest = [c for c in calls if c.dialled == dialled and c.started_at >= since][-1:]
                found = [(c, t) for c in newest for t in tickets if t.call_id == c.id]
                if found:
                    break
                await asyncio.sleep(0.1)
        assert len(found) == 1
        call, ticket = found[0]
        assert {name: getattr(ticket, name) for name in fields} == fields
        return call, ticket

    async def free(self) -> float:
        """Seconds until no call holds a slot."""
        began = time.monotonic()
        async with asyncio.timeout(60):
            while True:
                if not await self.worker.active_calls():
                    return time.monotonic() - began
                await asyncio.sleep(0.02)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office() -> AsyncIterator[Office]:
    """One line for all tests here: its start takes longer than a call."""
    with TemporaryDirectory(prefix="kural-", dir="/tmp") as name:
        folder = Path(name)
        async with Stack(folder / "servers") as stack:
            worker = LabWorker(folder, Settings(), stack.environment(), capacity=CALLS)
            await asyncio.to_thread(worker.enter_lines, SEATS)
            async with worker:
                yield Office(stack, worker, QuestionEar.load(worker.settings))


class Fingers:
    """A caller who never speaks: keys by question, one entry each time it is put."""

    def __init__(self, **keys: list[str]) -> None:
        self._keys = {Slot(slot): list(rest) for slot, rest in keys.items()}

    def respond(self, asked: Slot | None) -> Utterance | None:
        waiting = self._keys.get(asked, []) if asked is not None else []
        keys = waiting.pop(0) if waiting else ""
        return Utterance(f"[{keys}]" if keys else "", Origin.SCRIPT, question=asked)

    def sound(self, said: Utterance) -> None:
        return None


async def voice_of(script: ScriptedCall) -> ScriptedSpeaker:
    clips = await render_all(OneShotVoice(), all_texts(script), voice_for(script.id))
    return ScriptedSpeaker(script, by_text=clips)


async def talk(
    office: Office, phone: Phone, speaker: Speaker, *, number: str = NUMBERS[0]
) -> PhoneCaller:
    """Call, and hold the conversation to its end."""
    caller = PhoneCaller(phone, speaker, office.ear, seed=number)
    assert await phone.dial(number, office.stack.sip_port)
    async with asyncio.timeout(240):
        await caller.converse()
        await phone.over.wait()
    return caller


async def spelled(number: str) -> NDArray[np.int16]:
    """A ticket number as the line's own voice says it, int16 mono at 16 kHz."""
    speech = Settings().speech
    pcm = await one_shot(spell_ticket(number), voice=speech.voice, rate=speech.voice_rate)
    return resample(np.frombuffer(pcm, np.int16), VOICE_SAMPLE_RATE, LINE_RATE)


async def heard_as(phone: Phone, number: str) -> float:
    """How much what the caller heard holds this number rather than others.

    Its likeness, less that of the likest other number; others differ in one digit or more. Our own
    ears are no judge here: they count the noughts of a first ticket wrong.
    """
    heard = phone.heard.since(0.0)
    others = [number[:at] + str((int(number[at]) + 1) % 10) + number[at + 1 :] for at in range(9)]
    own = likeness(heard, await spelled(number))
    return own - max([likeness(heard, await spelled(other)) for other in others])


async def test_a_caller_tells_a_whole_complaint_and_hears_its_ticket_number(
    office: Office, tmp_path: Path
):
    """The place he names counts, not the office he has dialled."""
    script, since = load_script(PROJECT_DIR / "examples" / "first-call.json"), datetime.now(UTC)
    async with Phone(tmp_path, caller="+910000000001") as phone:
        caller = await talk(office, phone, await voice_of(script))
    asked = [question.prompt if question else None for question, _ in caller.asked]
    assert phone.ending == "by_other_side", asked
    told = {"category": "WATER", "constituency_no": 115, "days_since": 5, "phone": "9842113576"}
    call, ticket = await office.left_by(NUMBERS[0], since, **told, name="முருகன்", partial=False)
    assert (call.caller, call.outcome) == ("+910000000001", "filed")
    assert await heard_as(phone, ticket.number) > 0


async def test_a_caller_who_only_presses_keys_leaves_a_complaint(office: Office, tmp_path: Path):
    """Key 9 is an emergency; silence at the question for the place, and the offer to be called."""
    fingers = Fingers(consent=["1"], complaint=["9"], place=["", "", "1"], call_back=["1"])
    since = datetime.now(UTC)
    async with Phone(tmp_path, caller="+910000000002") as phone:
        await talk(office, phone, fingers, number=NUMBERS[1])
    told = {"category": "EMERGENCY", "constituency_no": 71, "phone": "+910000000002"}
    await office.left_by(NUMBERS[1], since, **told)


async def test_three_dialled_numbers_land_in_three_constituencies(office: Office, tmp_path: Path):
    """At once, one of them with a hidden number; each hangs up before a place is named."""

    async def call(index: int) -> None:
        script = parse_call(tmp_path, BROKEN_OFF | {"id": f"phone-{index}"})
        number = "" if index == 0 else f"+91000000001{index}"
        async with Phone(tmp_path / str(index), caller=number) as phone:
            await talk(office, phone, await voice_of(script), number=NUMBERS[index])

    since = datetime.now(UTC)
    async with asyncio.TaskGroup() as calls:
        for index in range(len(NUMBERS)):
            calls.create_task(call(index))
    left = [await office.left_by(number, since, partial=True) for number in NUMBERS]
    assert [ticket.constituency_no for _, ticket in left] == list(SEATS.values())
    assert [row.caller for row, _ in left] == [None, "+910000000011", "+910000000012"]


async def test_a_caller_who_hangs_up_in_a_sentence_leaves_a_partial_ticket_and_a_free_slot(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """No slot waits until LiveKit closes the empty room."""
    broken = BROKEN_OFF | {"id": "phone-9", "hangs_up_while_speaking": True}
    script = parse_call(tmp_path, broken)
    await office.free()
    since = datetime.now(UTC)
    async with Phone(tmp_path / "phone", caller="+910000000019") as phone:
        await talk(office, phone, await voice_of(script))
        held_s = await office.free()
    with capsys.disabled():
        print(f"\nslot free {held_s:.2f} s after the caller hung up")
    assert held_s < DEPARTURE_S
    call, _ = await office.left_by(
        NUMBERS[0], since, category="WATER", days_since=5, constituency_no=18, partial=True
    )
    assert (call.caller, call.outcome) == ("+910000000019", "hung_up")


@pytest.mark.skipif(bool(missing_tools("sipp")), reason="sipp is not installed (.ci/run)")
async def test_a_storm_fills_every_slot_and_no_more(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Eight calls at once on a line for three: the agent holds three, never more.

    The others ring until the overload agent takes them, or the network has them back.
    """
    await office.free()
    held: list[int] = []
    async with asyncio.TaskGroup() as both:
        watch = both.create_task(note_calls(office.worker, held))
        answered, given_back = await storm(office.stack, tmp_path, calls=8)
        watch.cancel()
    with capsys.disabled():
        print(f"\nof 8 calls at once {answered} were answered, {given_back} were given back")
    assert max(held) == CALLS
    assert answered >= CALLS
    assert answered + given_back == 8
    await office.free()
    async with Phone(tmp_path / "phone", caller="+910000000029") as phone:
        assert await phone.dial(NUMBERS[0], office.stack.sip_port)
        await phone.hang_up()
        await asyncio.wait_for(phone.over.wait(), 60)


async def note_calls(worker: LabWorker, held: list[int]) -> None:
    """Note how many calls it holds until cancelled."""
    while True:
        held.append(await worker.active_calls())
        await asyncio.sleep(0.1)


async def storm(stack: Stack, folder: Path, *, calls: int) -> tuple[int, int]:
    """So many calls at once, each held longer than the line rings: how many were taken or not."""
    sipp = await asyncio.create_subprocess_exec(
        *(program("sipp"), f"{LOOPBACK}:{stack.sip_port}", "-sn", "uac", "-s", NUMBERS[0]),
        *("-m", str(calls), "-r", str(calls), "-l", str(calls), "-d", str(HELD_MS)),
        *("-i", LOOPBACK, "-p", str(free_port(udp=True)), "-mp", str(free_sound_ports(8))),
        *("-trace_stat", "-stf", "storm.csv", "-fd", "1", "-nostdin"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        await asyncio.wait_for(sipp.wait(), 180)
    finally:
        if sipp.returncode is None:
            sipp.kill()
            await sipp.wait()
    lines = await asyncio.to_thread((folder / "storm.csv").read_text)
    rows = list(csv.DictReader(lines.splitlines(), delimiter=";"))
    return int(rows[-1]["SuccessfulCall(C)"]), int(rows[-1]["FailedCall(C)"])
