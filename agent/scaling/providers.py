"""The provider the settings name."""

from __future__ import annotations

from pydantic import SecretStr

from agent.errors import ConfigurationError
from agent.scaling.pod_plan import PodPlan, plan_of
from agent.scaling.provider import Provider
from agent.settings import Settings


def open_provider(settings: Settings) -> Provider:
    """The provider of ``SCALE__PROVIDER``; nothing is asked of it yet. Close it.

    Raises:
        ConfigurationError: none is named, or one of its settings is missing.
    """
    match settings.scale.provider:
        case "runpod":
            return open_runpod(settings, plan_of(settings))
        case "kubernetes":
            from agent.scaling.kubernetes import Kubernetes

            return Kubernetes(settings.scale)
        case "local":
            from agent.scaling.local_processes import LocalProcesses

            return LocalProcesses(settings)
    raise ConfigurationError(
        "Set SCALE__PROVIDER to where machines come from: runpod, kubernetes or local."
    )


def open_runpod(settings: Settings, plan: PodPlan) -> Provider:
    """RunPod with pods of this plan, whatever ``SCALE__PROVIDER`` says.

    Raises:
        ConfigurationError: there is no key.
    """
    from agent.scaling.runpod import RunPod

    if not settings.runpod_api_key.get_secret_value():
        raise ConfigurationError(
            "Set RUNPOD_API_KEY to a key of the RunPod account with access to pods."
        )
    scale = settings.scale
    return RunPod(settings.runpod_api_key, plan, url=scale.runpod_url, proxy=scale.runpod_proxy)


def control_token(settings: Settings) -> SecretStr:
    """The shared secret of control ports, which every machine gets with the settings."""
    return settings.control.token
