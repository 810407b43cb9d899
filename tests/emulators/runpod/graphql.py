"""GraphQL: executed by graphql-core, so that a query is held to its syntax and to the types.

The schema is what the SDK and runpodctl send and read; Runpod publishes none.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from graphql import GraphQLResolveInfo, build_schema, graphql_sync

from tests.emulators.runpod.account import Account, Refused, duration
from tests.emulators.runpod.pods import Pod, Wish
from tests.emulators.runpod.v2 import authorised

SCHEMA = build_schema("""
scalar Nothing
enum CloudType { SECURE COMMUNITY ALL }
input EnvironmentVariableInput { key: String! value: String! }
input GpuTypeFilter { id: String }
input PodFilter { podId: String! }
input PodStopInput { podId: String! }
input PodTerminateInput { podId: String! }
input PodResumeInput { podId: String! gpuCount: Int }
input GpuLowestPriceInput { gpuCount: Int dataCenterId: String secureCloud: Boolean }
input PodFindAndDeployOnDemandInput {
  name: String imageName: String cloudType: CloudType startSsh: Boolean startJupyter: Boolean
  gpuTypeId: String
  supportPublicIp: Boolean gpuCount: Int volumeInGb: Int containerDiskInGb: Int minVcpuCount: Int
  minMemoryInGb: Int
  allowedCudaVersions: [String!] dataCenterId: String countryCode: String dockerArgs: String ports:
  String
  volumeMountPath: String env: [EnvironmentVariableInput] templateId: String networkVolumeId: String
  minDownload: Int minUpload: Int stopAfter: String terminateAfter: String
}
type LowestPrice { minimumBidPrice: Float uninterruptablePrice: Float stockStatus: String }
type GpuType {
  id: String displayName: String memoryInGb: Int maxGpuCount: Int manufacturer: String cudaCores: Int
  secureCloud: Boolean communityCloud: Boolean securePrice: Float communityPrice: Float
  oneMonthPrice: Float
  threeMonthPrice: Float oneWeekPrice: Float communitySpotPrice: Float secureSpotPrice: Float
  lowestPrice(input: GpuLowestPriceInput): LowestPrice
}
type PodMachine { podHostId: String gpuDisplayName: String }
type PodPort { ip: String isIpPublic: Boolean privatePort: Int publicPort: Int type: String }
type PodRuntime { ports: [PodPort] }
type Pod {
  id: String! name: String imageName: String env: [String] desiredStatus: String costPerHr: Float
  machineId: String
  containerDiskInGb: Int dockerArgs: String dockerId: String gpuCount: Int lastStatusChange: String
  memoryInGb: Int
  podType: String port: Int ports: String uptimeSeconds: Int vcpuCount: Int volumeInGb: Int
  volumeMountPath: String
  runtime: PodRuntime machine: PodMachine
}
type NetworkVolume { id: String name: String size: Int dataCenterId: String }
type User {
  id: String pubKey: String clientBalance: Float currentSpendPerHr: Float spendLimit: Float
  pods: [Pod] networkVolumes: [NetworkVolume]
}
type Query { myself: User gpuTypes(input: GpuTypeFilter): [GpuType] pod(input: PodFilter): Pod }
type Mutation {
  podFindAndDeployOnDemand(input: PodFindAndDeployOnDemandInput): Pod
  podStop(input: PodStopInput!): Pod
  podResume(input: PodResumeInput!): Pod
  podTerminate(input: PodTerminateInput!): Nothing
}
""")


def answer(account: Account, asked: Any, key: str) -> tuple[int, Any]:
    """401 for a key that nobody knows; everything else is 200, errors too."""
    if authorised(account, key) is not None:
        return 200, {"errors": [{"message": "Unauthorized"}], "data": None}
    if not isinstance(asked, dict) or not isinstance(asked.get("query"), str):
        return 400, {"errors": [{"message": "Must provide query string."}]}
    root = _Root(account, may_change=key == account.key)
    done = graphql_sync(SCHEMA, asked["query"], root, variable_values=asked.get("variables"))
    status = 200 if done.data is not None or not done.errors or done.errors[0].path else 400
    body: dict[str, Any] = {"data": done.data}
    if done.errors:
        body["errors"] = [{"message": error.message} for error in done.errors]
    return status, body


class _Root:
    """Each method is a field of Query or Mutation."""

    def __init__(self, account: Account, *, may_change: bool) -> None:
        self._account = account
        self._may_change = may_change

    def myself(self, info: GraphQLResolveInfo) -> dict[str, Any]:
        account = self._account
        return {
            "id": "user_emulated",
            "clientBalance": account.balance,
            "currentSpendPerHr": account.spend_per_hour,
            "spendLimit": account.spend_limit,
            "pods": [_pod(pod) for pod in account.living],
            "networkVolumes": [
                volume.json() | {"dataCenterId": volume.region} for volume in account.volumes.values()
            ],
        }

    def gpuTypes(self, info: GraphQLResolveInfo, input: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        wanted = (input or {}).get("id")
        return [
            {
                "id": gpu.id, "displayName": gpu.name, "memoryInGb": gpu.memory, "maxGpuCount": gpu.most,
                "manufacturer": gpu.manufacturer, "secureCloud": gpu.secure > 0,
                "communityCloud": gpu.community > 0,
                "securePrice": gpu.secure, "communityPrice": gpu.community,
                "lowestPrice": {"uninterruptablePrice": gpu.secure},
            }
            for gpu in self._account.gpus.values()
            if wanted in (None, gpu.id)
        ]  # fmt: skip

    def pod(self, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any] | None:
        pod = self._account.pods.get(input["podId"])
        return _pod(pod) if pod and not pod.is_gone else None

    def podFindAndDeployOnDemand(self, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
        return _pod(self._change(lambda: self._account.rent(_wish(self._account, input))))

    def podStop(self, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
        pod = self._change(lambda: self._account.pod(input["podId"]))
        pod.stop()
        return _pod(pod)

    def podResume(self, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
        pod = self._change(lambda: self._account.pod(input["podId"]))
        pod.start()
        return _pod(pod)

    def podTerminate(self, info: GraphQLResolveInfo, input: dict[str, Any]) -> None:
        self._change(lambda: self._account.pod(input["podId"])).terminate()

    def _change(self, what: Callable[[], Pod]) -> Pod:
        if not self._may_change:
            raise ValueError("Unauthorized")
        try:
            return what()
        except Refused as refused:
            raise ValueError(refused.detail) from None


def _wish(account: Account, input: dict[str, Any]) -> Wish:
    if not input.get("gpuTypeId") or not input.get("imageName"):
        raise Refused(400, "gpuTypeId and imageName are required")
    return Wish(
        name=input.get("name", "pod"),
        image=input["imageName"],
        gpu=input["gpuTypeId"],
        count=input.get("gpuCount") or 1,
        regions=[input["dataCenterId"]] if input.get("dataCenterId") else [],
        volume_id=input.get("networkVolumeId") or "",
        mount_path=input.get("volumeMountPath") or "/workspace",
        persistent=input.get("volumeInGb") or 0,
        disk=input.get("containerDiskInGb") or 10,
        ports=[port.strip() for port in (input.get("ports") or "").split(",") if port.strip()],
        env={pair["key"]: pair["value"] for pair in input.get("env") or []},
        args=input.get("dockerArgs") or "",
        cloud="COMMUNITY" if input.get("cloudType") == "COMMUNITY" else "SECURE",
        terminate_after=_end(account, input.get("terminateAfter")),
        stop_after=_end(account, input.get("stopAfter")),
    )


def _end(account: Account, told: str | None) -> datetime | None:
    """A moment, or how long from now."""
    if not told:
        return None
    if length := duration(told):
        return account.clock.now() + length
    try:
        end = datetime.fromisoformat(told)
    except ValueError:
        raise Refused(400, f"terminateAfter {told} is no time") from None
    return end if end.tzinfo else end.replace(tzinfo=UTC)


def _pod(pod: Pod) -> dict[str, Any]:
    wish = pod.wish
    return {
        "id": pod.id, "name": wish.name, "imageName": wish.image,
        "env": [f"{k}={v}" for k, v in wish.env.items()],
        "desiredStatus": "RUNNING" if pod.cost else "EXITED", "costPerHr": pod.price, "machineId": "emulated",
        "containerDiskInGb": wish.disk, "dockerArgs": wish.args, "gpuCount": wish.count,
        "ports": ",".join(wish.ports),
        "uptimeSeconds": 0, "volumeInGb": wish.persistent, "volumeMountPath": wish.mount_path,
        "podType": "RESERVED",
        "runtime": None, "machine": {"podHostId": f"{pod.id}-64411eb2", "gpuDisplayName": wish.gpu},
    }  # fmt: skip
