"""FlowLLM: the flow in the shape of a LiveKit language model.

LiveKit asks its LLM for a reply in two moments. On a *preflight* transcript the caller may still go
on speaking: the flow only considers it and waits. On the *committed* turn
(``Agent.on_user_turn_completed`` has run, effects are durable) the words are handed over. If the
final transcript equals the preflight, LiveKit adopts the waiting stream, which then speaks the
committed step; if not, it cancels the stream and asks again. So a preflight leaves no trace.

Without any LLM object a session stays silent, and preemptive generation is off: that is why the
flow comes in this shape (docs/decisions/0002-flow-as-llm.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from livekit.agents import llm
from livekit.agents.types import (
    DEFAULT_API_CONNECT_OPTIONS,
    NOT_GIVEN,
    APIConnectOptions,
    NotGivenOr,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agent.conversation.dialogue import Dialogue, Spoken


class FlowLLM(llm.LLM[Any]):
    """Hands the flow's committed words to LiveKit. One per call.

    Args:
        dialogue: the call's conversation.
        spoken_input: whether turns come as speech (and are committed by the agent's turn hook) or
            as typed text (and are committed here, because no hook runs for them).
        commit_typed: commits a typed line, which may be keys.
        on_speak: called with what is about to be spoken, before its first word leaves; also when
            there are no words.
    """

    def __init__(
        self,
        dialogue: Dialogue,
        *,
        spoken_input: Callable[[], bool],
        commit_typed: Callable[[str], Awaitable[Spoken]],
        on_speak: Callable[[Spoken], None],
    ) -> None:
        super().__init__()
        self.dialogue = dialogue
        self.spoken_input = spoken_input
        self.commit_typed = commit_typed
        self.on_speak = on_speak
        self.committed_message: str | None = None
        """Id of the message whose turn was committed last."""

    @property
    def model(self) -> str:
        """Name for metrics."""
        return "flow"

    @property
    def provider(self) -> str:
        """Name for metrics."""
        return "kural"

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> llm.LLMStream:
        """Open a stream for the last user message of ``chat_ctx``."""
        return _FlowStream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _FlowStream(llm.LLMStream):
    def __init__(
        self,
        flow: FlowLLM,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool],
        conn_options: APIConnectOptions,
    ) -> None:
        self._flow = flow
        # Read now: a commit between opening and running must count as a commit after opening.
        self._commits_before = flow.dialogue.commits
        super().__init__(flow, chat_ctx=chat_ctx, tools=tools, conn_options=conn_options)

    async def _run(self) -> None:
        spoken = await self._spoken()
        if spoken is None:
            return
        self._flow.on_speak(spoken)
        if not spoken.text:
            return
        self._event_ch.send_nowait(
            llm.ChatChunk(
                id=uuid4().hex, delta=llm.ChoiceDelta(role="assistant", content=spoken.text)
            )
        )

    async def _spoken(self) -> Spoken | None:
        dialogue = self._flow.dialogue
        message = _last_user_message(self._chat_ctx)
        if message is None:
            return dialogue.last
        if message.id == self._flow.committed_message:
            return dialogue.last
        text = message.raw_text_content or ""
        if not self._flow.spoken_input():
            return await self._flow.commit_typed(text)
        dialogue.consider(text)
        return await dialogue.next_commit(after=self._commits_before)


def _last_user_message(chat_ctx: llm.ChatContext) -> llm.ChatMessage | None:
    for item in reversed(chat_ctx.items):
        if isinstance(item, llm.ChatMessage) and item.role == "user":
            return item
    return None
