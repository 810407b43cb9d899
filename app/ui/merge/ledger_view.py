"""What became of every row: counts per source, and examples of what is left out."""

import flet as ft

from app.domain.merging import Example, Fate, Ledger
from app.ui.data.wording import shortened
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.merge.wording import balance, extras, other_place_of, place_of, title_of
from app.ui.texts import counted, text, text_in
from app.ui.theme import GAP, RADIUS


def LedgerView(ledger: Ledger) -> ft.Control:
    fates = [fate for fate in Fate if ledger.removed(fate)]
    lines: list[ft.Control] = [
        Identified("balance", ft.Text(balance(ledger)), live=True),
        ft.Row(
            [Identified("ledger", _table(ledger, fates), label=text("merge.ledger.title"))],
            scroll=ft.ScrollMode.AUTO,
        ),
    ]
    if ledger.disputed_prompts:
        count = ledger.disputed_prompts
        lines.append(ft.Text(counted("merge.ledger.disputed", count)))
    lines += [ft.Text(extras(account)) for account in ledger.accounts if account.extra_columns]
    for fate in Fate:
        if examples := [example for example in ledger.examples if example.fate is fate]:
            lines.append(_examples(ledger, fate, examples))
    return ft.Column(lines, spacing=GAP, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def _table(ledger: Ledger, fates: list[Fate]) -> ft.Control:
    def number(count: int) -> ft.DataCell:
        return ft.DataCell(ft.Text(f"{count:,}" if count else "–"))

    columns = [ft.DataColumn(label=ft.Text(text("merge.ledger.source")))]
    columns += [
        ft.DataColumn(label=ft.Text(title), numeric=True)
        for title in (text("merge.ledger.rows_in"), *map(title_of, fates), text("merge.ledger.rows_out"))
    ]
    return ft.DataTable(
        columns,
        [
            ft.DataRow(
                [
                    ft.DataCell(ft.Text(shortened(account.label, 40))),
                    number(account.rows_in),
                    *(number(account.removed.get(fate, 0)) for fate in fates),
                    number(account.rows_out),
                ],
                key=place,
            )
            for place, account in enumerate(ledger.accounts)
        ],
        column_spacing=24,
        horizontal_margin=8,
        data_row_min_height=36,
        heading_row_height=40,
    )


def _examples(ledger: Ledger, fate: Fate, examples: list[Example]) -> ft.Control:
    kept = fate is Fate.CONFLICT and not ledger.removed(fate)
    title = text("merge.ledger.conflicts_stay") if kept else title_of(fate)
    return ft.ExpansionTile(
        title=ft.Text(title, theme_style=ft.TextThemeStyle.LABEL_LARGE),
        subtitle=ft.Text(text_in("merge.wording.reasons", fate), theme_style=ft.TextThemeStyle.BODY_SMALL),
        controls=[
            Selectable(
                ft.Column(
                    [_example(ledger, example, place) for place, example in enumerate(examples)],
                    spacing=GAP,
                    horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
                )
            )
        ],
        key=fate.value,
    )


def _alike(example: Example) -> str:
    if example.similarity is None:
        return ""
    return f" · {text('merge.ledger.alike', similarity=example.similarity)}"


def _example(ledger: Ledger, example: Example, place: int) -> ft.Control:
    """The row that is left out and, where there is one, the row that stays in its place."""
    alike = _alike(example)
    sides = [_side(place_of(example, ledger) + alike, example.text or example.reason)]
    if other := other_place_of(example, ledger):
        sides.append(_side(other, example.other_text))
    return ft.Container(
        ft.ResponsiveRow(
            [ft.Container(side, col={"xs": 12, "md": 12 // len(sides)}) for side in sides], spacing=20
        ),
        bgcolor=ft.Colors.SURFACE_CONTAINER,
        border_radius=RADIUS - 4,
        padding=10,
        key=place,
    )


def _side(caption: str, text: str) -> ft.Control:
    return ft.Column(
        [
            ft.Text(caption, theme_style=ft.TextThemeStyle.LABEL_SMALL, color=ft.Colors.ON_SURFACE_VARIANT),
            ft.Text(text, max_lines=8, overflow=ft.TextOverflow.ELLIPSIS),
        ],
        spacing=2,
        tight=True,
    )
