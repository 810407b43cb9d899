"""A Hub on loopback with models of made-up sizes: what `huggingface_hub` 1.33 asks before a download.

Paths, headers and bodies as its documentation and source have them; refusals as in `tests.store.small_hub`.
"""

from dataclasses import dataclass, field

from tests.emulators.server import Emulator, Reply, Request

COMMIT = "1" * 40
CONFIG = '{"model_type": "llama", "hidden_size": 64}'


@dataclass
class HubModel:
    """Files by name with their sizes; `refusal` is (status, X-Error-Code, X-Error-Message)."""

    files: dict[str, int] = field(default_factory=dict)
    refusal: tuple[int, str, str] | None = None


class ModelHub(Emulator):
    def __init__(self) -> None:
        super().__init__()
        self.models: dict[str, HubModel] = {}
        self.datasets: dict[str, tuple[int, str, str] | None] = {}
        self.accounts: dict[str, dict] = {}
        """Token → what `whoami` answers."""

    def answer(self, request: Request) -> Reply:
        path = request.path
        if path == "/api/whoami-v2":
            return self._account(request)
        if path.startswith("/api/datasets/"):
            name = path.removeprefix("/api/datasets/").removesuffix("/auth-check")
            refusal = self.datasets.get(name, (404, "RepoNotFound", "Repository not found"))
            return _refused(refusal) if refusal else Reply({})
        name = path.removeprefix("/api/models/").partition("/resolve/")[0].strip("/")
        model = self.models.get(name, HubModel(refusal=(404, "RepoNotFound", "Repository not found")))
        if path.startswith("/api/models/"):
            return Reply(_described(name, model)) if not model.refusal else _refused(model.refusal)
        return _refused(model.refusal) if model.refusal else _file(model)

    def _account(self, request: Request) -> Reply:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token in self.accounts:
            return Reply(self.accounts[token])
        return _refused((401, "", "Invalid credentials in Authorization header"))


def sha_of(name: str) -> str:
    """The content of a large file, by its name."""
    return name.encode().hex().ljust(64, "0")[:64]


def _described(name: str, model: HubModel) -> dict:
    siblings = [
        {"rfilename": file, "size": size, "blobId": sha_of(file)[:40]}
        | ({"lfs": {"sha256": sha_of(file), "size": size, "pointerSize": 134}} if size > 10_000 else {})
        for file, size in model.files.items()
    ]
    return {"_id": name, "id": name, "sha": COMMIT, "private": False, "siblings": siblings}


def _file(model: HubModel) -> Reply:
    if "config.json" not in model.files:
        return _refused((404, "EntryNotFound", "Entry not found"))
    return Reply(CONFIG, headers={"ETag": f'"{sha_of("config.json")[:40]}"', "X-Repo-Commit": COMMIT})


def _refused(refusal: tuple[int, str, str]) -> Reply:
    status, code, message = refusal
    return Reply("", status, {"X-Error-Code": code, "X-Error-Message": message})
