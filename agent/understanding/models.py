"""The language models that the settings name."""

from __future__ import annotations

from pathlib import Path

from agent.breaker import SharedBreaker
from agent.settings import Settings
from agent.understanding.chain import ModelChain, Patience
from agent.understanding.endpoint import Endpoint, EndpointAddress
from agent.understanding.instructions import load_instructions


def build_chain(settings: Settings) -> ModelChain:
    """The chain of ``LLM__*``; call it in the main thread and with LLM__URL set.

    Raises:
        ConfigurationError: the instructions cannot be read.
    """
    llm = settings.llm
    addresses = [
        EndpointAddress("primary", llm.url, llm.model, llm.api_key.get_secret_value()),
        EndpointAddress(
            "second", llm.second_url, llm.second_model, llm.second_api_key.get_secret_value()
        ),
    ]
    addresses = [address for address in addresses if address.url]
    return ModelChain(
        [Endpoint(address) for address in addresses],
        load_instructions(settings.call.prompts_dir),
        {a.name: SharedBreaker(_state_file(settings, a.name)) for a in addresses},
        Patience(llm.first_token_s, llm.deadline_s),
        llm.second_share,
    )


def _state_file(settings: Settings, name: str) -> Path:
    return settings.data_dir / "run" / f"model-{name}.breaker"
