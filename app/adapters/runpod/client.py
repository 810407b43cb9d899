"""One account at Runpod: `RunpodCloud` by REST v2, and by GraphQL where only that knows."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

from app.adapters.runpod import ordering, refusals, sdk, shapes
from app.adapters.runpod.log_stream import SILENT_SECONDS, PodLog
from app.adapters.runpod.places import Places, places
from app.adapters.runpod.rest import AnswerLostError, Rest
from app.domain.runpod_ports import (
    Balance,
    Bill,
    GpuOffer,
    KeyRefusedError,
    LogSource,
    LogStream,
    NetworkVolume,
    NotFoundAtRunpodError,
    Pod,
    PodOrder,
    PodStatus,
    PodTemplate,
    Region,
)
from app.domain.tokens import TokenPlace, TokenSource

Named = TypeVar("Named", NetworkVolume, PodTemplate)
_BALANCE = "query { myself { clientBalance currentSpendPerHr spendLimit } }"


class RunpodClient:
    """Implements `RunpodCloud`. The key is looked for anew at each question."""

    def __init__(
        self,
        tokens: TokenSource,
        *,
        where: Callable[[], Places] = places,
        pause: Callable[[float], None] = time.sleep,
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        self._tokens = tokens
        self._where = where
        self._pause = pause
        self._silent = silent_seconds
        self._rest = Rest(self._key, where, pause)

    def offers(self, *, count: int = 1, least_cuda: str = "") -> Sequence[GpuOffer]:
        least: dict[str, str | int] = {"minCudaVersion": least_cuda} if least_cuda else {}
        found = self._rest.all(
            "/catalog/gpus",
            "gpus",
            include="AVAILABILITY",
            product="POD",
            count=count,
            cloud="SECURE",
            **least,
        )
        return [
            shapes.read(shapes.offer, gpu)
            for gpu in found
            if gpu.get("manufacturer") == "NVIDIA" and gpu.get("secure")
        ]

    def regions(self) -> Sequence[Region]:
        return shapes.read_all(shapes.region, self._rest.all("/catalog/datacenters", "dataCenters"))

    def volumes(self) -> Sequence[NetworkVolume]:
        return shapes.read_all(shapes.volume, self._rest.all("/network-volumes", "networkVolumes"))

    def create_volume(self, name: str, *, size_gb: int, region: str) -> NetworkVolume:
        body = {"name": name, "size": size_gb, "dataCenter": region}
        return self._made("/network-volumes", body, shapes.volume, self.volumes)

    def grow_volume(self, volume_id: str, *, size_gb: int) -> NetworkVolume:
        answer = self._rest.end("PATCH", f"/network-volumes/{_of(volume_id)}", "volume", {"size": size_gb})
        return shapes.read(shapes.volume, answer)

    def delete_volume(self, volume_id: str) -> None:
        self._gone(f"/network-volumes/{_of(volume_id)}", "volume")

    def templates(self) -> Sequence[PodTemplate]:
        return shapes.read_all(shapes.template, self._rest.all("/templates", "templates"))

    def create_template(
        self,
        name: str,
        *,
        image: str,
        disk_gb: int,
        ports: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> PodTemplate:
        body = {
            "name": name,
            "image": image,
            "disk": disk_gb,
            "ports": list(ports),
            "env": dict(environment or {}),
            "public": False,
            "serverless": False,
            "startSsh": False,  # both are on unless one says otherwise
            "startJupyter": False,
        }
        return self._made("/templates", body, shapes.template, self.templates)

    def delete_template(self, template_id: str) -> None:
        self._gone(f"/templates/{_of(template_id)}", "template")

    def pods(self) -> Sequence[Pod]:
        found = shapes.read_all(shapes.pod, self._rest.all("/pods", "pods"))
        return [pod for pod in found if pod.status is not PodStatus.TERMINATED]

    def pod(self, pod_id: str) -> Pod | None:
        try:
            found = shapes.read(shapes.pod, self._rest.read(f"/pods/{_of(pod_id)}", "pod"))
        except NotFoundAtRunpodError:
            return None
        return None if found.status is PodStatus.TERMINATED else found

    def create_pod(self, order: PodOrder) -> Pod:
        return ordering.rent(order, self._rest, self._key, self._pause, self.pods)

    def stop_pod(self, pod_id: str) -> None:
        now = self.pod(pod_id)
        if now is not None and now.status.is_billed:
            self._rest.end("POST", f"/pods/{_of(pod_id)}/action", "pod", {"action": "stop"})

    def terminate_pod(self, pod_id: str) -> None:
        self._gone(f"/pods/{_of(pod_id)}", "pod")

    def log(
        self, pod_id: str, *, after: str = "", tail: int = 1000, source: LogSource | None = None
    ) -> LogStream:
        address = f"{self._where().rest}/pods/{_of(pod_id)}/logs"
        return PodLog(address, self._key, after=after, tail=tail, source=source, silent_seconds=self._silent)

    def balance(self) -> Balance:
        try:
            me = sdk.ask(_BALANCE, self._key())["myself"]
            limit = me.get("spendLimit")
            return Balance(
                float(me["clientBalance"]),
                float(me.get("currentSpendPerHr") or 0),
                None if limit is None else float(limit),
            )
        except AnswerLostError as error:
            raise error.means from None
        except (KeyError, TypeError, ValueError, AttributeError):
            raise refusals.not_understood() from None

    def bills(self, *, since: datetime, pod_id: str = "") -> Sequence[Bill]:
        query: dict[str, str | int] = {
            "startTime": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "bucketSize": "hour",
        }
        if pod_id:
            query["podId"] = pod_id
        return shapes.read_all(shapes.bill, self._rest.all("/billing/pods", "records", **query))

    def address(self, pod_id: str, port: int) -> str:
        return self._where().pod(pod_id, port)

    def _key(self) -> str:
        found = self._tokens.find(TokenPlace.RUNPOD)
        if found is None:
            raise KeyRefusedError(
                "There is no key for Runpod.",
                f"Make one at {TokenPlace.RUNPOD.page} and keep it in Settings.",
            )
        return found[0]

    def _made(
        self,
        path: str,
        body: Mapping[str, Any],
        shape: Callable[[Mapping[str, Any]], Named],
        look: Callable[[], Sequence[Named]],
    ) -> Named:
        """Once only: a lost answer is looked for by the name."""
        before = {thing.id for thing in look()}
        try:
            return shapes.read(shape, self._rest.make("POST", path, "region", body))
        except AnswerLostError as error:
            found = [thing for thing in look() if thing.name == body["name"] and thing.id not in before]
            if found:
                return found[0]
            raise error.means from None

    def _gone(self, path: str, what: str) -> None:
        try:
            self._rest.end("DELETE", path, what)
        except NotFoundAtRunpodError:
            return


def _of(identity: str) -> str:
    """An id as one part of a path, whatever is in it."""
    return quote(identity, safe="")
