"""The parts of RunPod's answers that we read, checked (REST API version 2).

Source: the published OpenAPI description, as of 20 August 2026. Fields we do not read may come and
go without harm.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from agent.errors import ProviderAway
from agent.scaling.provider import MachineState, Stock

Status = Literal["PROVISIONING", "STARTING", "RUNNING", "EXITED", "ERROR", "TERMINATED"]
Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]

STATES: dict[str, MachineState] = {
    "PROVISIONING": MachineState.STARTING,
    "STARTING": MachineState.STARTING,
    "RUNNING": MachineState.RUNNING,
    "EXITED": MachineState.FAILED,
    "ERROR": MachineState.FAILED,
}
"""What a pod's status means to us; TERMINATED pods are no machines any more."""


def _with_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Type(_Read):
    id: str


class PodName(_Read):
    """Enough of any pod to see whether it is ours."""

    name: str


class Pod(_Read):
    """A pod of ours."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    name: str
    status: Status
    cost: Usd
    createdAt: Annotated[datetime, AfterValidator(_with_zone)]  # noqa: N815 - RunPod's name
    gpu: _Type | None = None
    cpu: _Type | None = None

    @property
    def type_name(self) -> str:
        """Id of its GPU or CPU type; empty when RunPod does not say."""
        kind = self.gpu or self.cpu
        return kind.id if kind else ""


class _Place(_Read):
    id: str
    availability: Stock


class _InStock(_Read):
    id: str
    availability: Stock = Stock.NONE
    dataCenters: tuple[_Place, ...] = ()  # noqa: N815 - RunPod's name

    def stock(self, centers: tuple[str, ...]) -> Stock:
        """How many there are, in these data centres if any are named."""
        if not centers:
            return self.availability
        levels = [place.availability for place in self.dataCenters if place.id in centers]
        return max(levels, key=list(Stock).index, default=Stock.NONE)


class _GpuPrice(_Read):
    secure: Usd


class GpuType(_InStock):
    """A type of GPU."""

    price: _GpuPrice


class _CpuPrice(_Read):
    securePerVcpu: Usd  # noqa: N815 - RunPod's name


class _Range(_Read):
    min: Annotated[int, Field(ge=1)]
    max: int


class CpuType(_InStock):
    """A flavour of CPU machine, of which one orders a power of two of vCPUs."""

    vcpu: _Range
    ramGbPerVcpu: Annotated[float, Field(gt=0)]  # noqa: N815 - RunPod's name
    price: _CpuPrice

    def vcpus(self, least: int, memory_gb: float) -> int | None:
        """Least number to order for so many vCPUs and so much memory; None = there is none."""
        wanted = max(2, self.vcpu.min, least, math.ceil(memory_gb / self.ramGbPerVcpu))
        count = 1 << (wanted - 1).bit_length()
        return count if count <= self.vcpu.max else None


class _Totals(_Read):
    totalAmount: Usd  # noqa: N815 - RunPod's name


class BillRecord(_Totals):
    """What one pod cost in one stretch of time."""

    podId: str  # noqa: N815 - RunPod's name


Read = TypeVar("Read", bound=_Read)


def read_list(body: Any, key: str, kind: type[Read]) -> list[Read]:
    """Read ``{key: [...]}``.

    Raises:
        ProviderAway: it is something else; a list that cannot be read whole is no list.
    """
    items = body.get(key) if isinstance(body, dict) else None
    if not isinstance(items, list):
        raise ProviderAway(f"RunPod's answer has no list of {key}.", sent=True)
    return [read_one(item, kind) for item in items]


def read_one(item: Any, kind: type[Read]) -> Read:
    """Read one object.

    Raises:
        ProviderAway: it lacks something that we need, or has it in another form.
    """
    try:
        return kind.model_validate(item)
    except ValidationError as exc:
        where = ".".join(str(part) for part in exc.errors(include_input=False)[0]["loc"])
        raise ProviderAway(
            f"RunPod's answer is not what its description says (field {where or 'none'}).",
            sent=True,
        ) from None
