"""deploy/k8s: strict by Kubernetes' own schemas where they are installed, and by our own rules."""

import copy
import itertools
import json
import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from agent.cli import COMMANDS
from agent.observability import metrics
from agent.settings import Settings
from tests.deployed import KNOWN, KUBERNETES, read

KUSTOMIZATION = read(KUBERNETES / "kustomization.yaml")[0]
FILES = [*KUSTOMIZATION["resources"], "secret.example.yaml"]
DOCUMENTS = [one for name in FILES for one in read(KUBERNETES / name)]
DEPLOYMENTS = {one["metadata"]["name"]: one for one in DOCUMENTS if one["kind"] == "Deployment"}
WORKER = DEPLOYMENTS["kural-worker"]
SCHEMA = Path(__file__).parent / "data" / "keda-scaledobject.schema.json"
VERSION = "1.34"
"""Of Kubernetes; the manifests use nothing younger than 1.29."""


def one(kind, name="kural-worker"):
    found = [
        document
        for document in DOCUMENTS
        if document["kind"] == kind and document["metadata"]["name"] == name
    ]
    assert len(found) == 1, (kind, name)
    return found[0]


def container(deployment):
    return deployment["spec"]["template"]["spec"]["containers"][0]


def labels(deployment):
    return deployment["spec"]["template"]["metadata"]["labels"]


def test_every_file_is_applied_but_the_example_of_the_secret():
    there = {path.name for path in KUBERNETES.iterdir()}
    assert there == {*FILES, "kustomization.yaml"}


@pytest.mark.parametrize(
    "document",
    [one for one in DOCUMENTS if one["kind"] != "ScaledObject"],
    ids=lambda document: f"{document['kind']}-{document['metadata']['name']}",
)
def test_kubernetes_takes_it_strictly(document):
    validate = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed"
    )
    validate.validate(document, VERSION, strict=True)


def test_a_slip_of_the_pen_in_a_manifest_is_seen():
    validate = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed"
    )
    slip = copy.deepcopy(WORKER)
    slip["spec"]["template"]["spec"]["terminationGracePeriod"] = 3660
    with pytest.raises(validate.ValidationError):
        validate.validate(slip, VERSION, strict=True)


def test_keda_takes_the_scaling_strictly():
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.validate(one("ScaledObject"), schema)
    slip = copy.deepcopy(one("ScaledObject"))
    slip["spec"]["minReplicas"] = 2
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(slip, schema)


def test_the_settings_and_secrets_exist():
    given = one("ConfigMap", "kural")["data"]
    secret = one("Secret", "kural")["stringData"]
    own = {entry["name"] for deployment in DEPLOYMENTS.values() for entry in _env(deployment)}
    assert {*given, *secret, *own} <= set(KNOWN)
    assert all(KNOWN[name] is SecretStr for name in secret)
    assert not [name for name in given if KNOWN[name] is SecretStr]
    assert set(secret.values()) == {""}
    assert all(isinstance(value, str) for value in given.values())


def _env(deployment):
    return container(deployment).get("env", [])


def test_what_a_container_is_given_from_map_and_secret_is_in_them():
    for deployment in DEPLOYMENTS.values():
        for entry in _env(deployment):
            source = entry.get("valueFrom", {})
            if "configMapKeyRef" in source:
                assert source["configMapKeyRef"]["key"] in one("ConfigMap", "kural")["data"]
            if "secretKeyRef" in source:
                assert source["secretKeyRef"]["key"] in one("Secret", "kural")["stringData"]


def test_the_settings_are_accepted(monkeypatch, tmp_path):
    from agent import settings

    monkeypatch.chdir(tmp_path)
    for name in KNOWN:
        monkeypatch.delenv(name, raising=False)
    for name, value in one("ConfigMap", "kural")["data"].items():
        monkeypatch.setenv(name, value)
    read_back = settings.load()
    assert read_back.livekit.max_calls == 20
    assert read_back.tickets.disk == "vanishing"


def test_a_worker_that_goes_has_the_time_to_end_its_calls():
    pod = WORKER["spec"]["template"]["spec"]
    drain_s = float(one("ConfigMap", "kural")["data"]["LIVEKIT__DRAIN_TIMEOUT_S"])
    assert pod["terminationGracePeriodSeconds"] > drain_s > Settings().call.max_call_s
    assert "lifecycle" not in container(WORKER)  # a preStop would only put the signal off


def test_nobody_moves_a_worker_for_the_sake_of_room():
    notes = WORKER["spec"]["template"]["metadata"]["annotations"]
    assert notes["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
    assert notes["karpenter.sh/do-not-disrupt"] == "true"
    assert WORKER["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_budget_of_disruptions_selects_exactly_its_pods(name):
    budget = one("PodDisruptionBudget", name)["spec"]
    assert budget["selector"]["matchLabels"] == labels(DEPLOYMENTS[name])
    assert DEPLOYMENTS[name]["spec"]["selector"]["matchLabels"] == labels(DEPLOYMENTS[name])
    assert budget["maxUnavailable"] == 1


def test_the_service_and_the_wall_around_the_ears_select_the_ears():
    ears = labels(DEPLOYMENTS["kural-ears"])
    assert one("Service", "kural-ears")["spec"]["selector"] == ears
    wall = one("NetworkPolicy", "kural-ears")["spec"]
    assert wall["podSelector"]["matchLabels"] == ears
    assert wall["ingress"][0]["from"] == [{"podSelector": {"matchLabels": labels(WORKER)}}]


def test_workers_ask_the_ears_where_they_answer():
    port = one("Service", "kural-ears")["spec"]["ports"][0]["port"]
    ears = container(DEPLOYMENTS["kural-ears"])
    url = one("ConfigMap", "kural")["data"]["SPEECH__EARS_URL"]
    assert url == f"tcp://kural-ears:{port}"
    assert ears["args"][-1] == f"tcp://0.0.0.0:{port}"
    assert ears["args"][1] in COMMANDS


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_probes_name_ports_the_container_has(name):
    box = container(DEPLOYMENTS[name])
    ports = {port["name"] for port in box["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        how = box.get(probe, {})
        for asked in (how.get("httpGet"), how.get("tcpSocket")):
            assert asked is None or asked["port"] in ports


def test_calls_that_found_nobody_are_looked_after_once_for_all_workers():
    assert one("ConfigMap", "kural")["data"]["LIVEKIT__REDISPATCH"] == "false"
    pod = DEPLOYMENTS["kural-redispatch"]
    box = container(pod)
    assert box["args"][1] in COMMANDS
    port = one("Service", "kural-redispatch")["spec"]["ports"][0]["port"]
    assert box["args"][-1] == f"0.0.0.0:{port}"
    assert one("Service", "kural-redispatch")["spec"]["selector"] == labels(pod)
    assert pod["spec"]["replicas"] >= 2


def test_the_worker_is_ready_when_it_says_so_and_dead_only_after_long():
    box = container(WORKER)
    control = {port["name"]: port["containerPort"] for port in box["ports"]}
    assert control["control"] == Settings().control.port
    assert control["livekit"] == Settings().control.worker_port
    assert box["readinessProbe"]["httpGet"]["path"] == "/ready"
    live = box["livenessProbe"]
    assert live["httpGet"]["path"] == "/health"
    assert live["periodSeconds"] * live["failureThreshold"] >= 60


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_pod_is_nobody_special(name):
    pod = DEPLOYMENTS[name]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == 10001
    box = container(DEPLOYMENTS[name])["securityContext"]
    assert box["readOnlyRootFilesystem"] is True
    assert box["allowPrivilegeEscalation"] is False
    assert box["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_every_mount_has_its_volume(name):
    pod = DEPLOYMENTS[name]["spec"]["template"]["spec"]
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert {mount["name"] for mount in container(DEPLOYMENTS[name])["volumeMounts"]} == volumes


def test_images_are_named_in_one_place_with_a_version():
    renamed = {image["name"]: image["newTag"] for image in KUSTOMIZATION["images"]}
    for deployment in DEPLOYMENTS.values():
        name, _, tag = container(deployment)["image"].partition(":")
        assert renamed[name] == tag
        assert re.fullmatch(r"\d+\.\d+\.\d+", tag)


def test_the_scaling_turns_on_metrics_that_exist_for_a_deployment_that_exists():
    spec = one("ScaledObject")["spec"]
    assert spec["scaleTargetRef"]["name"] in DEPLOYMENTS
    assert "replicas" not in WORKER["spec"]
    queries = " ".join(trigger["metadata"].get("query", "") for trigger in spec["triggers"])
    asked = set(re.findall(r"kural_\w+", queries))
    assert asked
    assert asked <= {metric.name for metric in metrics.ALL}


def test_scaling_goes_down_slowly_and_never_to_nothing():
    spec = one("ScaledObject")["spec"]
    down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down["stabilizationWindowSeconds"] >= 600
    assert all(policy["type"] == "Pods" for policy in down["policies"])
    assert spec["minReplicaCount"] >= 2
    cron = [trigger["metadata"] for trigger in spec["triggers"] if trigger["type"] == "cron"]
    assert all(hours["timezone"] == "Asia/Kolkata" for hours in cron)


def test_names_are_not_used_twice():
    names = [(one["kind"], one["metadata"]["name"]) for one in DOCUMENTS]
    assert [name for name, group in itertools.groupby(sorted(names)) if len(list(group)) > 1] == []
