"""Whether an export reads and answers as it was trained: a tick, or the exact reason; each check below."""

import flet as ft

from app.domain.exports import Certificate, Check, Export
from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.fields import Help


def CertificateView(export: Export, certificate: Certificate | None) -> ft.Control:
    """`certificate` is None where its file is gone; the verdict is known all the same."""
    head = verdict(export)
    lines = [_check(check) for check in certificate.checks] if certificate else []
    remarks: list[ft.Control] = [Help(remark) for remark in certificate.remarks] if certificate else []
    return ft.Column([head, *lines, *remarks], spacing=GAP, tight=True)


def verdict(export: Export) -> ft.Control:
    """In words as well as by colour and sign."""
    icon, color, said = _seen(export)
    row = ft.Row(
        [
            ft.Icon(icon, color=color, size=20),
            ft.Column([ft.Text(said, color=color, theme_style=ft.TextThemeStyle.TITLE_SMALL)], expand=True),
        ],
        spacing=GAP,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
    return Identified("export-verdict", row, live=True)


def _seen(export: Export) -> tuple[ft.IconData, ft.ColorValue, str]:
    if export.passed:
        return ft.Icons.CHECK_CIRCLE, ft.Colors.PRIMARY, text("inference.export.as_trained")
    if export.is_untried:
        return ft.Icons.HELP_OUTLINE, ft.Colors.ON_SURFACE_VARIANT, export.verdict
    return ft.Icons.ERROR, ft.Colors.ERROR, text("inference.export.not_as_trained", verdict=export.verdict)


def _check(check: Check) -> ft.Control:
    icon = ft.Icons.CHECK if check.passed else ft.Icons.CLOSE
    color = ft.Colors.PRIMARY if check.passed else ft.Colors.ERROR
    mark = ft.Icon(
        icon,
        color=color,
        size=18,
        semantics_label=text("inference.export.passed")
        if check.passed
        else text("inference.export.not_passed"),
    )
    texts = ft.Column([ft.Text(check.name), Help(check.text)], spacing=0, tight=True, expand=True)
    return ft.Row([mark, texts], spacing=GAP, vertical_alignment=ft.CrossAxisAlignment.START)
