"""The ladder against a server that is right, slow, wrong, rude or gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from agent.breaker import OPEN_AFTER, SharedBreaker
from agent.complaint import Category, Intent, Slot
from agent.errors import ExtractionFailed
from agent.understanding.chain import ModelChain, Patience
from agent.understanding.endpoint import Endpoint, EndpointAddress
from agent.understanding.extract import Extractor
from agent.understanding.rules import Rules
from tests.understanding.model_server import BAD, Manner, ModelServer, serving

UNCLEAR = "அந்த விசயம் சொல்லணும் பல்லடம் ஆபீசுல"
"""Nothing in our tables says what this is about."""
PATIENCE = Patience(first_token_s=0.4, deadline_s=1.0)

Build = Callable[..., Extractor]


def pointing(question: dict[str, str]) -> dict[str, Any]:
    """A model that reads a bribe in whatever is said."""
    words = question["said"].split()
    return {
        "intent": "complaint",
        "intent_words": words[0],
        "complaints": [{"code": "CORRUPTION", "words": words[0]}],
    }


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
async def primary(stack: AsyncExitStack) -> ModelServer:
    return await stack.enter_async_context(serving(ModelServer(pointing)))


@pytest.fixture
async def second(stack: AsyncExitStack) -> ModelServer:
    return await stack.enter_async_context(serving(ModelServer(pointing)))


@pytest.fixture
def build(stack: AsyncExitStack, tmp_path: Path, rules: Rules) -> Build:
    """An extractor over servers; all call processes of a machine share `tmp_path`."""

    def make(*servers: ModelServer, share: float = 0.0) -> Extractor:
        names = ("primary", "second")[: len(servers)]
        chain = ModelChain(
            [
                Endpoint(EndpointAddress(name, server.url, "stand-in"))
                for name, server in zip(names, servers, strict=True)
            ],
            "Read the turn.",
            {name: SharedBreaker(tmp_path / name) for name in names},
            PATIENCE,
            share,
        )
        extractor = Extractor(rules, chain)
        stack.push_async_callback(extractor.aclose)
        return extractor

    return make


@pytest.mark.parametrize("manner", [Manner.RIGHT, Manner.FENCED, Manner.THINKING])
async def test_a_model_names_what_the_rules_do_not_know(
    build: Build, primary: ModelServer, manner: Manner
) -> None:
    primary.behave(manner)
    turn = await build(primary).understand(UNCLEAR, Slot.COMPLAINT)
    assert turn.categories == (Category.CORRUPTION,)
    assert turn.intent is Intent.COMPLAINT
    assert "model" in {d.by for d in turn.decisions}


async def test_where_the_rules_are_sure_nobody_is_asked(build: Build, primary: ModelServer) -> None:
    extractor = build(primary)
    for text, slot in [
        ("எங்க தெருவுல அஞ்சு நாளா குடிதண்ணி வரல", Slot.COMPLAINT),
        ("கம்பி அறுந்து ரோட்டுல கிடக்கு", Slot.COMPLAINT),
        ("பல்லடம்", Slot.PLACE),
        ("ஆமா", Slot.CONFIRM),
        ("ஒம்பது எட்டு", Slot.PHONE),
    ]:
        await extractor.understand(text, slot)
    assert primary.asked == []
    assert extractor.tally.share == 0.0


async def test_only_the_turn_and_the_question_leave_the_process(
    build: Build, primary: ModelServer
) -> None:
    await build(primary).understand(UNCLEAR, Slot.COMPLAINT, call="phone-+919000000001")
    headers, body = primary.asked[0]
    question = json.loads(body["messages"][-1]["content"])
    assert question.keys() == {"asked", "said"}
    assert "9000000001" not in json.dumps([headers, body])
    assert not [name for name in headers if name.lower().startswith("x-livekit-")]
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["temperature"] == 0


@pytest.mark.parametrize("manner", BAD)
async def test_a_primary_that_fails_costs_nothing_where_a_second_answers(
    build: Build, primary: ModelServer, second: ModelServer, manner: Manner
) -> None:
    primary.behave(manner)
    turn = await build(primary, second).understand(UNCLEAR, Slot.COMPLAINT)
    if manner is Manner.STALLS or manner is Manner.INJECTED:
        return  # it had begun well, so nobody else was asked: see below
    assert turn.categories == (Category.CORRUPTION,)


@pytest.mark.parametrize("manner", BAD)
async def test_whatever_a_model_does_the_rules_stand_and_the_deadline_holds(
    build: Build, primary: ModelServer, rules: Rules, manner: Manner
) -> None:
    primary.behave(manner)
    loop = asyncio.get_running_loop()
    began = loop.time()
    turn = await build(primary).understand(UNCLEAR, Slot.COMPLAINT)
    waited = loop.time() - began
    assert turn == rules.understand(UNCLEAR, Slot.COMPLAINT)
    assert waited < 10  # it ended by itself; the table of benchmarks says how exactly


async def test_a_server_that_is_not_there_is_one_sentence(build: Build) -> None:
    gone = ModelServer(url="http://127.0.0.1:9/v1")
    chain = build(gone).chain
    assert chain is not None
    with pytest.raises(ExtractionFailed) as caught:
        await chain.ask(UNCLEAR, None)
    assert UNCLEAR not in str(caught.value)


async def test_three_failures_are_known_to_every_call_process(
    build: Build, primary: ModelServer, second: ModelServer
) -> None:
    primary.behave(Manner.BROKEN)
    for _ in range(OPEN_AFTER):
        await build(primary, second).understand(UNCLEAR, Slot.COMPLAINT)
    asked = len(primary.asked)
    assert asked == OPEN_AFTER
    turn = await build(primary, second).understand(UNCLEAR, Slot.COMPLAINT)
    assert turn.categories == (Category.CORRUPTION,)
    assert len(primary.asked) == asked


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.1, 2, 40), (1.0, 200, 200)])
async def test_traffic_moves_to_the_second_by_calls(
    build: Build, primary: ModelServer, second: ModelServer, share: float, least: int, most: int
) -> None:
    chain = build(primary, second, share=share).chain
    assert chain is not None
    first = [chain.order(f"call-{n}")[0].name for n in range(200)]
    assert least <= first.count("second") <= most
    assert first == [chain.order(f"call-{n}")[0].name for n in range(200)]


async def test_what_was_asked_early_is_not_asked_again(build: Build, primary: ModelServer) -> None:
    extractor = build(primary)
    extractor.prepare(UNCLEAR, Slot.COMPLAINT, call="a")
    extractor.prepare(UNCLEAR, Slot.COMPLAINT, call="a")
    turn = await extractor.understand(UNCLEAR, Slot.COMPLAINT, call="a")
    assert turn.categories == (Category.CORRUPTION,)
    assert len(primary.asked) == 1


async def test_an_early_answer_to_other_words_is_thrown_away(
    build: Build, primary: ModelServer
) -> None:
    primary.behave(Manner.HANGS, Manner.RIGHT)
    extractor = build(primary)
    extractor.prepare("அந்த விசயம் சொல்லணும்", Slot.COMPLAINT, call="a")
    await asyncio.sleep(0.05)
    turn = await extractor.understand(UNCLEAR, Slot.COMPLAINT, call="a")
    assert turn.categories == (Category.CORRUPTION,)
    assert turn.text == UNCLEAR


async def test_a_caller_who_hangs_up_cancels_the_question(
    build: Build, primary: ModelServer
) -> None:
    primary.behave(Manner.HANGS)
    extractor = build(primary)
    extractor.prepare(UNCLEAR, Slot.COMPLAINT, call="a")
    waiting = asyncio.create_task(extractor.understand(UNCLEAR, Slot.COMPLAINT, call="a"))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    extractor.forget("a")


async def test_a_turn_of_any_length_is_asked_about_in_part(
    build: Build, primary: ModelServer
) -> None:
    await build(primary).understand("அந்த விசயம் " * 3_000, Slot.COMPLAINT)
    assert len(json.loads(primary.asked[0][1]["messages"][-1]["content"])["said"]) <= 2_000
