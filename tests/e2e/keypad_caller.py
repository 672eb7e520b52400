"""A caller over WebRTC who speaks with his fingers: rings up, presses keys, hangs up.

To the worker he looks like a caller LiveKit SIP brings in: numbers in the same attributes, keys as
the same events. His room asks for the agent by name, as the dispatch rule of a trunk does.
"""

from __future__ import annotations

import asyncio
import uuid

from livekit import api, rtc

AGENT = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
_CODES = {"*": 10, "#": 11}


class KeypadCaller:
    """One call; ring() begins it, hang_up() ends it, in every case."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()
        """The agent's sound has come: on a telephone the ringing ends."""
        self.over = asyncio.Event()
        """The call was ended, by whomever."""
        self.call_id = ""
        """What the worker calls it, once it was answered."""
        self.room = rtc.Room()
        self.room.on("track_subscribed", self._heard)
        self.room.on("disconnected", lambda _: self.over.set())

    async def ring(self, stack, *, caller="+919842100001", dialled="+914400000001", agent="kural"):
        """Join a new room that wants the agent; an empty ``caller`` hides his number."""
        given = {"sip.phoneNumber": caller, "sip.trunkPhoneNumber": dialled}
        name = f"call-{uuid.uuid4().hex[:8]}"
        wanted = api.RoomAgentDispatch(agent_name=agent)
        token = (
            api.AccessToken(stack.api_key, stack.api_secret)
            .with_identity(f"sip_{name}")
            .with_attributes({key: value for key, value in given.items() if value})
            .with_grants(api.VideoGrants(room_join=True, room=name))
            .with_room_config(api.RoomConfiguration(agents=[wanted], departure_timeout=20))
        )
        await self.room.connect(stack.url, token.to_jwt())
        return self

    async def press(self, keys):
        """Press keys as a person does, five a second."""
        for key in keys:
            code = _CODES.get(key, int(key) if key.isdecimal() else 0)
            await self.room.local_participant.publish_dtmf(code=code, digit=key)
            await asyncio.sleep(0.2)

    async def hang_up(self):
        """Leave."""
        await self.room.disconnect()

    def _heard(self, _track, _publication, participant):
        if participant.kind == AGENT:
            self.call_id = participant.identity.removeprefix("agent-")
            self.answered.set()
