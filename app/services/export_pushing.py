"""Put an export on the Hub, with a card."""

from collections.abc import Callable
from dataclasses import replace

from app.domain.errors import StudioError
from app.domain.export_ports import Exporter, ExportStore, Tell
from app.domain.exports import Export, PushWish, Replacing
from app.domain.hub import may_be_a_name
from app.domain.ports import RunStore, Secrets
from app.domain.typed_paths import is_folder
from app.services.export_card import export_card


class ExportPushing:
    """Blocking: the UI calls it off the event loop."""

    def __init__(
        self,
        find: Callable[[str], Export],
        runs: RunStore,
        store: ExportStore,
        exporter: Exporter,
        secrets: Secrets,
        *,
        offline: Callable[[], str],
        version: str,
    ) -> None:
        """`find` gives an export by its id, and raises StudioError where there is none."""
        self._find = find
        self._runs = runs
        self._store = store
        self._exporter = exporter
        self._secrets = secrets
        self._offline = offline
        self._version = version

    def why_no_push(self) -> str:
        """Why nothing can be pushed now, as a sentence; empty if it can."""
        if reason := self._offline():
            return reason
        return "" if self._secrets.hf_token() else "There is no Hugging Face token: add one in Settings."

    def push(self, export_id: str, wish: PushWish, tell: Tell) -> Export:
        """Put an export on the Hub with a card, without its certificate, which quotes rows.

        Raises StudioError; also, before anything is sent, where files of a model would be replaced and the
        wish does not say that this is meant."""
        export = self._require_pushable(export_id, wish)
        if not wish.replaces and (there := self._replacing(export, wish)) is not None:
            raise StudioError(
                there.text, "Agree to that (`--replace`), or choose another name. Nothing was sent."
            )
        run = self._runs.get(export.run_id)
        card = export_card(run, export, self._version)
        token = self._secrets.hf_token() or ""
        address = self._exporter.push(export.folder, card, wish, token=token, tell=tell)
        pushed = replace(export, pushed_to=address)
        self._store.replace(pushed)
        return pushed

    def replacing(self, export_id: str, wish: PushWish) -> Replacing | None:
        """What a push would replace on the Hub; None where nothing is there. Raises StudioError."""
        return self._replacing(self._require_pushable(export_id, wish), wish)

    def _replacing(self, export: Export, wish: PushWish) -> Replacing | None:
        return self._exporter.replacing(export.folder, wish, token=self._secrets.hf_token() or "")

    def _require_pushable(self, export_id: str, wish: PushWish) -> Export:
        export = self._find(export_id)
        if reason := self.why_no_push():
            raise StudioError(f"The export cannot be pushed. {reason}", "Nothing was sent.")
        if not may_be_a_name(wish.repo):
            raise StudioError(
                f"'{wish.repo}' cannot be the name of a model on the Hub.",
                "Write it like this: your-name/ferry-talk",
            )
        if not is_folder(export.folder):
            raise StudioError(f"The export in {export.folder} is not there any more.", "Export it again.")
        return export
