"""Chats that were kept: find one, go on with it, name it, take it along, delete it and take that back."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, cast

import flet as ft

from app.domain.conversations import ChatFormat, Conversation
from app.domain.errors import EngineError
from app.domain.sessions import Session
from app.domain.talkers import ModelRef
from app.services.conversing import ConversationService
from app.ui.actions import use_action, use_doing
from app.ui.data.wording import rows as rows_in_words
from app.ui.inference.draft import InferenceDraft, Talk
from app.ui.inference.format_menu import FormatMenu
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.foldable import Foldable
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.texts import text, text_in
from app.ui.theme import COMPACT, GAP
from app.ui.training.fields import Help, Wrap
from app.ui.training.mounting import Unwatched, keyed
from app.ui.training.watching import use_answer

_MOST_SHOWN: Final = 30
_TYPING_SECONDS: Final = 0.3
_FORMATS: Final = (ChatFormat.TEXT, ChatFormat.MARKDOWN, ChatFormat.JSONL)


@ft.component
def ChatBar(chats: ConversationService, draft: InferenceDraft, talk: Talk) -> ft.Control:
    """The chat on the screen: its name, and what can be done with it; a new one; the others below."""
    kept, set_kept = ft.use_state(cast(Conversation | None, None))
    said, say = ft.use_state("")
    is_renaming, set_renaming = ft.use_state(False)
    doing = use_doing()
    current = talk.conversation
    use_answer(
        lambda: chats.get(current) if current is not None else None, set_kept, on=(current, talk.changes)
    )

    def begin_anew() -> None:
        talk.conversation = None
        talk.problem, talk.notice = None, ""
        say("")

    def renamed(_: object) -> None:
        set_renaming(False)
        talk.changes += 1

    async def bring_back() -> None:
        if current is not None:
            await doing.run(lambda: chats.undelete(current), renamed)

    async def export(kind: ChatFormat) -> None:
        if current is not None:
            await doing.run(lambda: chats.export(current, kind), _exported)

    def _exported(path: Path) -> None:
        say(text("inference.chats.exported", path=path))

    async def learn() -> None:
        if current is not None:
            await doing.run(lambda: chats.make_session([current]), _made)

    def _made(session: Session) -> None:
        say(text("inference.chats.made", name=session.name, rows=rows_in_words(session.row_count)))

    title = (
        kept.name if kept is not None and kept.id == current and kept.name else text("inference.chats.new")
    )
    is_idle = current is not None and not talk.is_busy and not doing.is_busy
    buttons: list[ft.Control] = [
        ft.OutlinedButton(
            text("inference.chats.new"),
            icon=ft.Icons.ADD,
            style=COMPACT,
            disabled=talk.is_busy,
            on_click=begin_anew,
        ),
        IconAction(
            ft.Icons.DRIVE_FILE_RENAME_OUTLINE,
            text("inference.chats.rename"),
            lambda: set_renaming(True),
            disabled=not is_idle,
        ),
        FormatMenu(
            text("inference.chats.export"),
            [
                (text_in("inference.chats.formats", kind.name.lower()), partial(export, kind))
                for kind in _FORMATS
            ],
            disabled=not is_idle,
        ),
        IconAction(
            ft.Icons.SCHOOL_OUTLINED, text("inference.chats.make_session"), learn, disabled=not is_idle
        ),
    ]
    name = (
        keyed(NameField, f"name-{kept.id}", chats, kept, renamed, lambda: set_renaming(False))
        if is_renaming and kept is not None
        else Identified("chat-name", ft.Text(title, theme_style=ft.TextThemeStyle.TITLE_SMALL))
    )
    lines: list[ft.Control] = [name, Wrap(buttons)]
    if said:
        lines.append(Identified("chat-said", Selectable(ft.Text(said)), live=True))
    if kept is not None and kept.id == current and kept.deleted_at is not None:
        lines.append(_gone_line(bring_back))
    lines += [
        ErrorBanner(doing.problem, on_dismiss=doing.dismiss),
        keyed(SavedChats, "saved", chats, Unwatched(draft), talk, begin_anew),
    ]
    return ft.Column(lines, spacing=GAP / 2, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def _gone_line(bring_back: Callable[[], object]) -> ft.Control:
    said = Identified("chat-gone", ft.Text(text("inference.chats.gone")), live=True)
    return Wrap(
        [said, ft.TextButton(text("inference.chats.bring_back"), icon=ft.Icons.UNDO, on_click=bring_back)]
    )


@ft.component
def SavedChats(
    chats: ConversationService,
    draft: Unwatched[InferenceDraft],
    talk: Talk,
    begin_anew: Callable[[], None],
) -> ft.Control:
    """Folded away; searched by the words in them."""
    found, set_found = ft.use_state(cast(tuple[Conversation, ...], ()))
    deleted, set_deleted = ft.use_state(cast(Conversation | None, None))
    words = use_typed()
    doing = use_doing()
    use_answer(
        lambda: tuple(chats.find(words.now())),
        set_found,
        on=(words.shown, talk.changes, talk.conversation),
        delay_seconds=_TYPING_SECONDS if words.shown else 0,
    )

    async def open_chat(conversation: Conversation) -> None:
        def opened(notice: str) -> None:
            if talk.is_busy or talk.conversation != shown:  # a question is, or a new chat was begun meanwhile
                return
            talk.conversation = conversation.id
            talk.typing.system = conversation.system
            talk.problem, talk.notice, talk.undo = None, notice, None
            talk.notice_of = str(chosen) if notice else ""
            draft.value.settings.take(conversation.sampling)
            if not notice:
                draft.value.model.pick(ModelRef.parse(conversation.model))

        chosen, shown = draft.value.model.ref, talk.conversation
        await doing.run(lambda: _who_answers(chats, conversation, chosen), opened)

    async def delete(conversation: Conversation) -> None:
        def done(_: None) -> None:
            set_deleted(conversation)
            if talk.conversation == conversation.id:
                begin_anew()
            talk.changes += 1

        await doing.run(lambda: chats.delete(conversation.id), done)

    async def undo() -> None:
        def done(_: object) -> None:
            set_deleted(None)
            talk.changes += 1

        if deleted is not None:
            gone = deleted.id
            await doing.run(lambda: chats.undelete(gone), done)

    def rows() -> Sequence[ft.Control]:
        search = TextField(
            label=text("inference.chats.search"), value=words.shown, dense=True, on_change=words.edit
        )
        lines: list[ft.Control] = [search, *_undo_line(deleted, undo)]
        if not found:
            lines.append(
                Help(text("inference.chats.none_found") if words.shown else text("inference.chats.none_kept"))
            )
        lines += [_row(one, talk, open_chat, delete) for one in found[:_MOST_SHOWN]]
        if len(found) > _MOST_SHOWN:
            lines.append(Help(text("inference.chats.more", count=len(found) - _MOST_SHOWN)))
        return [*lines, ErrorBanner(doing.problem, on_dismiss=doing.dismiss)]

    return Foldable(text("inference.chats.title", count=len(found)), rows, identifier="saved-chats")


def _who_answers(chats: ConversationService, conversation: Conversation, chosen: ModelRef | None) -> str:
    """What to say where the model of a chat cannot go on; empty where it can."""
    reason = chats.missing(conversation.id)
    if not reason:
        return ""
    try:
        label = chats.label_of(chosen) if chosen is not None else ""
    except EngineError:
        label = ""
    model = conversation.model_label
    if label:
        return text("inference.chats.other_answers", model=model, reason=reason, other=label)
    return text("inference.chats.none_answers", model=model, reason=reason)


def _undo_line(deleted: Conversation | None, undo: Callable[[], object]) -> list[ft.Control]:
    if deleted is None:
        return []
    said = Identified("chat-deleted", ft.Text(text("inference.chats.deleted", name=deleted.name)), live=True)
    return [Wrap([said, ft.TextButton(text("inference.chats.undo"), icon=ft.Icons.UNDO, on_click=undo)])]


def _row(
    one: Conversation,
    talk: Talk,
    open_chat: Callable[[Conversation], object],
    delete: Callable[[Conversation], object],
) -> ft.Control:
    tile = ft.ListTile(
        title=ft.Text(
            one.name or text("inference.chats.unnamed"), max_lines=1, overflow=ft.TextOverflow.ELLIPSIS
        ),
        subtitle=ft.Text(f"{one.model_label}, {one.updated_at.astimezone():%d %b %H:%M}"),
        selected=one.id == talk.conversation,
        dense=True,
        disabled=talk.is_busy,
        on_click=partial(open_chat, one),
        trailing=IconAction(
            ft.Icons.DELETE_OUTLINE,
            text("inference.chats.delete", name=one.name),
            partial(delete, one),
            disabled=talk.is_busy,
            size=18,
        ),
    )
    tile.key = f"chat-{one.id}"
    return tile


@ft.component
def NameField(
    chats: ConversationService,
    kept: Conversation,
    on_done: Callable[[object], None],
    on_cancel: Callable[[], None],
) -> ft.Control:
    """In the place of the name."""
    name = use_typed(kept.name)
    save = use_action(lambda: chats.rename(kept.id, name.now()), on_done=on_done)
    row = ft.Row(
        [
            TextField(
                label=text("inference.chats.name"),
                value=name.shown,
                dense=True,
                expand=True,
                on_change=name.edit,
                on_submit=save.run,
            ),
            ft.FilledButton(
                text("inference.chats.save_name"), style=COMPACT, disabled=save.is_busy, on_click=save.run
            ),
            ft.TextButton(text("inference.chats.cancel"), style=COMPACT, on_click=on_cancel),
        ],
        spacing=GAP,
    )
    return ft.Column([row, ErrorBanner(save.problem, on_dismiss=save.dismiss)], tight=True)
