"""The plain API of a Kubernetes cluster, as far as replicas of one Deployment need it."""

from __future__ import annotations

import ssl
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.errors import (
    ConfigurationError,
    Conflict,
    KeyRefused,
    OutcomeUnknown,
    ProviderAway,
    ProviderError,
    RateLimited,
    RequestRefused,
)
from agent.scaling.rest import Answer, Rest
from agent.settings import ScaleSettings

_MERGE = "application/merge-patch+json"
_FINISHED = ("Succeeded", "Failed")


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Meta(_Read):
    """Who a pod is."""

    name: str
    uid: str
    creationTimestamp: datetime  # noqa: N815 - names of Kubernetes, here and below
    deletionTimestamp: datetime | None = None  # noqa: N815
    annotations: dict[str, str] = Field(default_factory=dict)


class Condition(_Read):
    """One of the things Kubernetes says about a pod."""

    type: str
    status: str


class PodStatus(_Read):
    """How far a pod is."""

    phase: str = "Pending"
    podIP: str = ""  # noqa: N815
    conditions: tuple[Condition, ...] = ()


class PodSpec(_Read):
    """Where a pod is."""

    nodeName: str = ""  # noqa: N815


class Pod(_Read):
    """A pod of the Deployment."""

    metadata: Meta
    spec: PodSpec
    status: PodStatus

    @property
    def rank(self) -> tuple[bool, bool, bool]:
        """Smaller goes first when the number of replicas falls."""
        ready = any(one.type == "Ready" and one.status == "True" for one in self.status.conditions)
        return bool(self.spec.nodeName), self.status.phase == "Running", ready


class ScaleMeta(_Read):
    """Which reading of the number this is."""

    resourceVersion: str  # noqa: N815


class ScaleSpec(_Read):
    """How many replicas are wanted."""

    replicas: int = 0


class ScaleStatus(_Read):
    """By which labels they are found."""

    selector: str


class Scale(_Read):
    """The number of replicas."""

    metadata: ScaleMeta
    spec: ScaleSpec = ScaleSpec()
    status: ScaleStatus


T = TypeVar("T", bound=_Read)


class Cluster:
    """One Deployment of one cluster. Belongs to one event loop; close it."""

    def __init__(self, settings: ScaleSettings, within_s: float) -> None:
        """Bind cluster and Deployment; no request is made.

        Raises:
            ConfigurationError: the file of the authority is missing or wrong.
        """
        self._token_file = settings.kubernetes_token_file
        self._deployment = settings.kubernetes_deployment
        space = quote(settings.kubernetes_namespace, safe="")
        self._pods_path = f"/api/v1/namespaces/{space}/pods"
        self._scale_path = (
            f"/apis/apps/v1/namespaces/{space}/deployments/{quote(self._deployment, safe='')}/scale"
        )
        self._rest = Rest(
            "The cluster",
            settings.kubernetes_url,
            headers=self._headers,
            verify=_trusted(settings.kubernetes_url, settings.kubernetes_ca_file),
            within_s=within_s,
        )

    async def scale(self) -> Scale:
        """How many replicas are wanted."""
        return _read((await self._ask("GET", self._scale_path)).body, Scale)

    async def pods(self, selector: str) -> list[Pod]:
        """Pods of the Deployment that have not finished, the oldest first."""
        answer = await self._ask(
            "GET", f"{self._pods_path}?{urlencode({'labelSelector': selector})}"
        )
        items = answer.body.get("items") if isinstance(answer.body, dict) else None
        if not isinstance(items, list):
            raise ProviderAway("The cluster's answer has no list of pods.", sent=True)
        pods = [_read(item, Pod) for item in items]
        pods.sort(key=lambda pod: (pod.metadata.creationTimestamp, pod.metadata.uid))
        return [pod for pod in pods if pod.status.phase not in _FINISHED]

    async def set_replicas(self, scale: Scale, count: int) -> None:
        """Change the number, if nobody else has since it was read."""
        change = {
            "metadata": {"resourceVersion": scale.metadata.resourceVersion},
            "spec": {"replicas": count},
        }
        try:
            await self._ask("PATCH", self._scale_path, change)
        except ProviderAway as exc:
            if not exc.sent:
                raise
            raise OutcomeUnknown(
                "The cluster may or may not have changed the number of replicas: read it again."
            ) from exc

    async def annotate(self, pod: str, annotations: dict[str, str]) -> None:
        """Write annotations of a pod; doing so twice changes nothing."""
        path = f"{self._pods_path}/{quote(pod, safe='')}"
        await self._ask("PATCH", path, {"metadata": {"annotations": annotations}})

    async def aclose(self) -> None:
        """Close connections."""
        await self._rest.aclose()

    async def _ask(self, method: str, path: str, change: object = None) -> Answer:
        answer = await self._rest.ask(method, path, body=change, content_type=_MERGE)
        if not 200 <= answer.status < 300:
            raise self._problem(answer)
        return answer

    def _problem(self, answer: Answer) -> ProviderError:
        match answer.status:
            case 401:
                return KeyRefused(
                    "The cluster does not know this token: check SCALE__KUBERNETES_TOKEN_FILE."
                )
            case 403:
                return KeyRefused(
                    "The service account may not do this: it needs get, list and patch on pods, "
                    "get and patch on deployments/scale."
                )
            case 404:
                return RequestRefused(
                    f"The cluster has no Deployment {self._deployment} or pod of that name in this "
                    "namespace: check SCALE__KUBERNETES_NAMESPACE and SCALE__KUBERNETES_DEPLOYMENT."
                )
            case 409:
                return Conflict("Somebody else is changing the number of replicas: try again.")
            case 429:
                wait = answer.headers.get("retry-after", "")
                wait_s = float(wait) if wait.isascii() and wait.isdigit() else 1.0
                return RateLimited(f"The cluster is busy: wait {wait_s:.0f} s.", wait_s)
            case status if status >= 500 or status < 400:
                return ProviderAway(f"The cluster has trouble (status {status}).", sent=True)
            case status:
                return RequestRefused(f"The cluster refused the request (status {status}).")

    def _headers(self) -> dict[str, str]:
        if not self._token_file:
            return {}
        try:
            token = Path(self._token_file).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise ConfigurationError(
                "The file of SCALE__KUBERNETES_TOKEN_FILE cannot be read: name the token of the "
                "service account."
            ) from None
        return {"Authorization": f"Bearer {token}"}


def _trusted(url: str, ca_file: str) -> ssl.SSLContext | bool:
    if not url.startswith("https://") or not ca_file:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        raise ConfigurationError(
            "The file of SCALE__KUBERNETES_CA_FILE is no certificate in PEM form: name that of the "
            "cluster's authority, or leave it empty."
        ) from None


def _read(item: Any, kind: type[T]) -> T:
    try:
        return kind.model_validate(item)
    except ValidationError:
        raise ProviderAway(
            "The cluster's answer is not of the form we know (apps/v1).", sent=True
        ) from None
