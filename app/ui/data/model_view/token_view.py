"""One row as the model sees it: each token with its mark, learnt or only read, and the special ones named."""

from collections.abc import Sequence
from typing import Final

import flet as ft

from app.domain.previews import marked
from app.domain.timeline import BUCKETS
from app.ui.kit.identified import Identified
from app.ui.kit.section import Card
from app.ui.kit.selectable import Selectable
from app.ui.texts import text, text_in
from app.ui.theme import CODE_FONT, GAP, TEXT_FONT
from trainer_image.look_protocol import Shown, ShownToken

BRACKETS: Final = ("«", "»")
"""Around what is learnt; the fonts have no rarer ones."""
_SPECIAL_FONT: Final = f"{TEXT_FONT} SemiBold"
"""Not the code font: it draws `<|` as one sign."""


def TokenView(shown: Shown) -> ft.Control:
    """Learnt tokens are underlined on a tint, the others plain; no mark is made by colour alone."""
    if not shown.tokens:
        return Card(
            Identified("tokens", ft.Text(_left_out(shown) or text("data.tokens.no_tokens")), live=True),
            padding=14,
        )
    lines: list[ft.Control] = [_summary(shown), _legend(), _tokens(shown)]
    lines += [_finding(said) for said in _findings(shown)]
    lines.append(_as_text(shown))
    return ft.Column(lines, spacing=GAP, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def _summary(shown: Shown) -> ft.Control:
    special = sum(bool(token.role) for token in shown.tokens)
    said = text("data.tokens.counts", count=shown.count, learnt=shown.trained, special=special)
    part = len(shown.tokens)
    if shown.count > part:
        said = text(
            "data.tokens.counts_part", count=shown.count, learnt=shown.trained, special=special, shown=part
        )
    return Identified("token-counts", ft.Text(said, theme_style=ft.TextThemeStyle.TITLE_SMALL), live=True)


def _legend() -> ft.Control:
    sample = [
        ft.TextSpan(
            text("data.tokens.learnt"),
            _style(ShownToken(id=0, text="", trained=True), is_odd=False, is_cut=False),
        ),
        ft.TextSpan("   "),
        ft.TextSpan(
            text("data.tokens.read_only"),
            _style(ShownToken(id=0, text="", trained=False), is_odd=False, is_cut=False),
        ),
        ft.TextSpan("   "),
        ft.TextSpan(
            text("data.tokens.special"),
            _style(ShownToken(id=0, text="", trained=False, role="special"), is_odd=False, is_cut=False),
        ),
        ft.TextSpan(text("data.tokens.legend")),
    ]
    return ft.Text(spans=sample, size=12.5, color=ft.Colors.ON_SURFACE_VARIANT)


def _tokens(shown: Shown) -> ft.Control:
    spans: list[ft.TextSpan] = []
    for at, token in enumerate(shown.tokens, start=shown.start):
        is_cut = 0 < shown.kept <= at
        spans.append(ft.TextSpan(_visible(token), _style(token, is_odd=bool(at % 2), is_cut=is_cut)))
        if token.role:
            spans.append(ft.TextSpan(f" {text_in('data.tokens.roles', token.role)} ", _NAME))
    said = ft.Text(spans=spans, font_family=CODE_FONT, size=13.5)
    label = text("data.tokens.label", tokens=marked(shown, BRACKETS))
    box = ft.Container(
        Selectable(said), bgcolor=ft.Colors.SURFACE_CONTAINER_LOW, border_radius=GAP, padding=14
    )
    return Identified("tokens", box, label=label[:2000])


def _visible(token: ShownToken) -> str:
    return token.text.replace("\n", "↵\n").replace("\t", "⇥")


_NAME: Final = ft.TextStyle(
    size=10.5, font_family=f"{TEXT_FONT} SemiBold", color=ft.Colors.TERTIARY, letter_spacing=0.3
)


def _style(token: ShownToken, *, is_odd: bool, is_cut: bool) -> ft.TextStyle:
    shade = 1.0 if is_odd else 0.62
    if is_cut:
        return ft.TextStyle(
            color=ft.Colors.ON_SURFACE_VARIANT,
            decoration=ft.TextDecoration.LINE_THROUGH,
        )
    if token.trained:
        return ft.TextStyle(
            color=ft.Colors.ON_PRIMARY_CONTAINER,
            bgcolor=ft.Colors.with_opacity(shade, ft.Colors.PRIMARY_CONTAINER),
            decoration=ft.TextDecoration.UNDERLINE,
            decoration_color=ft.Colors.PRIMARY,
            decoration_thickness=2,
            font_family=_SPECIAL_FONT if token.role else None,
        )
    if token.role:
        return ft.TextStyle(
            color=ft.Colors.ON_TERTIARY_CONTAINER,
            bgcolor=ft.Colors.TERTIARY_CONTAINER,
            font_family=_SPECIAL_FONT,
        )
    tint = ft.Colors.SURFACE_CONTAINER_HIGHEST if is_odd else ft.Colors.SURFACE_CONTAINER
    return ft.TextStyle(color=ft.Colors.ON_SURFACE_VARIANT, bgcolor=tint)


def _findings(shown: Shown) -> Sequence[str]:
    return [*filter(None, [_left_out(shown)]), *shown.findings]


def _left_out(shown: Shown) -> str:
    if shown.bucket:
        return text(
            "data.tokens.left_out", bucket=BUCKETS.get(shown.bucket, shown.bucket), reason=shown.reason
        )
    if 0 < shown.kept < shown.count:
        return text("data.tokens.cut", count=shown.kept)
    return ""


def _finding(typed: str) -> ft.Control:
    return ft.Row(
        [
            ft.Icon(
                ft.Icons.WARNING_AMBER,
                color=ft.Colors.TERTIARY,
                size=18,
                semantics_label=text("data.tokens.warning"),
            ),
            ft.Text(typed, expand=True),
        ],
        spacing=GAP,
    )


def _as_text(shown: Shown) -> ft.Control:
    body = Selectable(
        Identified("tokens-as-text", ft.Text(marked(shown, BRACKETS), font_family=CODE_FONT, size=12.5))
    )
    return ft.ExpansionTile(
        title=ft.Text(text("data.tokens.as_text"), theme_style=ft.TextThemeStyle.LABEL_LARGE),
        controls=[ft.Row([ft.Container(body, expand=True)])],
        tile_padding=ft.Padding.all(0),
        shape=ft.RoundedRectangleBorder(),
    )
