"""Hands a caller to a person: cold (the trunk's REFER) or warm (the person joins the room).

The framework's ``WarmTransferTask`` (livekit-agents 1.8.9) is not used: it wants a language model
that briefs the person and calls a tool to connect. Here the person is simply rung into the caller's
room; both hear each other as soon as he answers, and the agent keeps quiet from then on.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

import aiohttp
from google.protobuf.duration_pb2 import Duration
from livekit import api

if TYPE_CHECKING:
    from livekit.api.sip_service import SipService

logger = logging.getLogger(__name__)

RING_S = 23
"""How long the person's telephone rings: an answer fits into the 25 s a caller waits (peers.md
section 4)."""
_ANSWER_S = RING_S + 1.5
"""How long LiveKit may take to say how it went; its client waits longer than it is told to."""
PERSON = "kural-person"
"""Identity of the person in the room of a warm transfer."""


class SipApi(Protocol):
    """The client of LiveKit's API, as a job context has it."""

    @property
    def sip(self) -> SipService:
        """Its SIP service."""


class ColdTransfer:
    """The caller's own line is sent on; LiveKit has no part in the call any more.

    Args:
        client: LiveKit's API.
        room: name of the caller's room.
        caller: identity of the caller in it.
        to: ``tel:`` or ``sip:`` URI.
    """

    bridged = False
    """The room is of no use after the transfer."""

    def __init__(self, client: SipApi, room: str, caller: str, to: str) -> None:
        self._client = client
        self._request = api.TransferSIPParticipantRequest(
            room_name=room,
            participant_identity=caller,
            transfer_to=to,
            play_dialtone=True,
            ringing_timeout=Duration(seconds=RING_S),
        )

    async def transfer(self) -> bool:
        """Try; whether a person has the caller now."""
        try:
            async with asyncio.timeout(_ANSWER_S):
                answer = await self._client.sip.transfer_sip_participant(self._request)
        except (api.ServerError, aiohttp.ClientError, TimeoutError) as exc:
            logger.warning("transfer failed", extra={"error": type(exc).__name__})
            return False
        return _went_well(answer)


class WarmTransfer:
    """The person is rung and joins the caller's room.

    Args:
        client: LiveKit's API.
        room: name of the caller's room.
        to: the person's number or SIP URI.
        trunk: id of the outbound trunk.
    """

    def __init__(self, client: SipApi, room: str, to: str, trunk: str) -> None:
        self._client = client
        self._request = api.CreateSIPParticipantRequest(
            sip_trunk_id=trunk,
            sip_call_to=to.removeprefix("tel:"),
            room_name=room,
            participant_identity=PERSON,
            wait_until_answered=True,
            ringing_timeout=Duration(seconds=RING_S),
        )
        self._answered = asyncio.Event()

    @property
    def bridged(self) -> bool:
        """Whether caller and person talk in the room, which must then stay."""
        return self._answered.is_set()

    async def transfer(self) -> bool:
        """Try; whether a person has the caller now."""
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._client.sip.create_sip_participant(self._request)
        except (api.ServerError, aiohttp.ClientError, TimeoutError) as exc:
            logger.warning("transfer failed", extra={"error": type(exc).__name__})
            return False
        self._answered.set()
        return True


def _went_well(answer: api.TransferSIPParticipantResponse) -> bool:
    """Whether the transfer succeeded. Older servers say nothing, and raise when it failed."""
    silent = not answer.transfer_id and answer.status == api.STS_TRANSFER_ONGOING
    return silent or answer.status == api.STS_TRANSFER_SUCCESSFUL
