"""Which provider the settings name."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from agent.errors import ConfigurationError
from agent.scaling.kubernetes import Kubernetes
from agent.scaling.local_processes import LocalProcesses
from agent.scaling.pod_plan import bare_plan
from agent.scaling.providers import open_provider, open_runpod
from agent.scaling.runpod import RunPod
from agent.settings import ScaleSettings, Settings


def settings(tmp_path, **scale):
    return Settings(data_dir=tmp_path, scale=ScaleSettings(**scale), runpod_api_key=SecretStr(""))


async def test_the_settings_choose_the_provider(tmp_path):
    local = open_provider(settings(tmp_path, provider="local"))
    cluster = open_provider(settings(tmp_path, provider="kubernetes", kubernetes_ca_file=""))
    assert isinstance(local, LocalProcesses)
    assert isinstance(cluster, Kubernetes)
    for provider in (local, cluster):
        await provider.aclose()


def test_no_provider_and_no_key_are_one_sentence_each(tmp_path):
    with pytest.raises(ConfigurationError, match="Set SCALE__PROVIDER"):
        open_provider(settings(tmp_path))
    with pytest.raises(ConfigurationError, match="Set RUNPOD_API_KEY"):
        open_runpod(settings(tmp_path), bare_plan(settings(tmp_path)))


async def test_a_key_opens_runpod(tmp_path):
    given = settings(tmp_path).model_copy(update={"runpod_api_key": SecretStr("hunter2")})
    provider = open_runpod(given, bare_plan(given))
    assert isinstance(provider, RunPod)
    assert "hunter2" not in repr(vars(provider))
    await provider.aclose()
