"""Form fields over the draft: the text stays as typed, and what is wrong with it is said right below."""

from collections.abc import Callable, Collection, Sequence
from typing import Final

import flet as ft

from app.ui.kit.dropdown import Dropdown
from app.ui.kit.entered import first_of, is_on, text_of
from app.ui.kit.identified import Identified
from app.ui.kit.text_field import TextField
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training import typed_numbers
from app.ui.training.draft import TrainingDraft
from app.ui.training.mounting import keyed

_WIDE: Final = "wide"
MOST_LINES: Final = 20
"""Under a field: more than any sentence needs in the narrowest column, so that none is cut off."""

Option = tuple[str, str]
"""Key and label of a choice."""


def NumberField(draft: TrainingDraft, name: str) -> ft.Control:
    """A number of the config, by its field name."""

    def edit(event: ft.Event[ft.TextField]) -> None:
        draft.type_number(name, text_of(event))

    return TextField(
        label=typed_numbers.label_of(name),
        value=draft.numbers[name],
        helper=typed_numbers.help_of(name),
        helper_max_lines=MOST_LINES,
        error=draft.number_problem(name) or None,
        error_max_lines=MOST_LINES,
        keyboard_type=ft.KeyboardType.NUMBER,
        on_change=edit,
    )


def TextInput(
    label: str,
    value: str,
    on_edit: Callable[[str], None],
    *,
    help_text: str = "",
    error: str = "",
    hint: str = "",
    disabled: bool = False,
) -> ft.Control:
    """One line of text."""

    def edit(event: ft.Event[ft.TextField]) -> None:
        on_edit(text_of(event))

    return TextField(
        label=label,
        value=value,
        helper=help_text or None,
        helper_max_lines=MOST_LINES,
        error=error or None,
        error_max_lines=MOST_LINES,
        hint_text=hint or None,
        disabled=disabled,
        on_change=edit,
    )


def Choice(
    identifier: str,
    label: str,
    value: str,
    options: Sequence[Option],
    on_choose: Callable[[str], None],
    *,
    help_text: str = "",
    hint: str = "",
    disabled: Collection[str] = (),
) -> ft.Control:
    """A dropdown over the whole width; `value` "" shows `hint`. Keys in `disabled` cannot be chosen."""

    # A dropdown tells a screen reader neither its label nor what is chosen.
    name = f"{label}: {dict(options).get(value) or text('window.kit.nothing_chosen')}"
    dropdown = keyed(
        Dropdown,
        identifier,
        name,
        label,
        value or None,
        [ft.DropdownOption(key=key, text=text, disabled=key in disabled) for key, text in options],
        on_choose,
        hint=hint,
        menu_height=360,
    )
    row = Identified(identifier, dropdown, label=name)
    # The dropdown's own helper text is cut off.
    return ft.Column([row, Help(help_text)], spacing=GAP / 2, tight=True) if help_text else row


def Segments(
    identifier: str,
    label: str,
    value: str,
    options: Sequence[Option],
    on_choose: Callable[[str], None],
    *,
    disabled: Collection[str] = (),
) -> ft.Control:
    """Two or three choices side by side; a `value` that is not among them leaves all unchosen.

    Those whose key is in `disabled` are shown and cannot be chosen.
    """

    def choose(event: ft.Event[ft.SegmentedButton]) -> None:
        if chosen := first_of(event):
            on_choose(chosen)

    buttons = ft.SegmentedButton(
        segments=[
            ft.Segment(value=key, label=_in_one_line(text), disabled=key in disabled) for key, text in options
        ],
        selected=[value] if any(key == value for key, _ in options) else [],
        allow_empty_selection=True,
        show_selected_icon=False,
        style=ft.ButtonStyle(padding=ft.Padding.symmetric(horizontal=8)),  # fits a window of 420 pixels
        on_change=choose,
    )
    caption = ft.Text(label, theme_style=ft.TextThemeStyle.LABEL_MEDIUM, color=ft.Colors.ON_SURFACE_VARIANT)
    row = ft.Row([buttons], scroll=ft.ScrollMode.AUTO)
    return Identified(identifier, ft.Column([caption, row], spacing=GAP / 2, tight=True))


def _in_one_line(text: str) -> ft.Text:
    """Where the font came after the button had been given its width, the padding takes what is wider."""
    return ft.Text(text, no_wrap=True, overflow=ft.TextOverflow.VISIBLE)


def Toggle(
    label: str,
    value: bool,
    on_toggle: Callable[[bool], None],
    *,
    help_text: str = "",
    identifier: str = "",
    disabled: bool = False,
) -> ft.Control:
    """A switch with a sentence under it. Its label does not wrap, so a grid gives it a whole line."""

    def toggle(event: ft.Event[ft.Switch]) -> None:
        on_toggle(is_on(event))

    lines: list[ft.Control] = [ft.Switch(label=label, value=value, disabled=disabled, on_change=toggle)]
    if help_text:
        lines.append(Help(help_text))
    column = ft.Column(lines, spacing=0, tight=True)
    shown = Identified(identifier, column) if identifier else column
    shown.data = _WIDE
    return shown


def Help(text: str) -> ft.Control:
    return ft.Text(text, theme_style=ft.TextThemeStyle.BODY_SMALL, color=ft.Colors.ON_SURFACE_VARIANT)


def Wrap(controls: Sequence[ft.Control]) -> ft.Control:
    """Small things side by side, on as many lines as they need."""
    # In containers: Flet 1.0.5 cannot draw a control whose `expand` is set, even to False, in a wrapping row.
    cells: list[ft.Control] = [ft.Container(control) for control in controls]
    return ft.Row(
        cells,
        wrap=True,
        spacing=GAP,
        run_spacing=GAP,
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )


def Grid(controls: Sequence[ft.Control], *, columns: int = 2) -> ft.Control:
    """Fields in equal columns; one column in a very narrow window."""
    width = 12 // columns
    cells: list[ft.Control] = [
        ft.Container(control, col={"xs": 12, "sm": 12 if control.data == _WIDE else width})
        for control in controls
    ]
    return ft.ResponsiveRow(cells, spacing=GAP * 1.5, run_spacing=GAP * 2)
