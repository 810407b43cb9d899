"""A name for a piece of the screen, for screen readers and for tests."""

import flet as ft


def Identified(
    identifier: str, control: ft.Control, *, label: str = "", live: bool = False, expand: bool | int = False
) -> ft.Semantics:
    """Wrap `control` so that it can be found.

    Args:
        identifier: Stable, for tests: `flt-semantics-identifier` in the page.
        label: What a screen reader says before the content.
        live: Changes are read aloud (a status, a progress).
    """
    return ft.Semantics(
        identifier=identifier,
        label=label or None,
        live_region=live or None,
        container=True,
        content=control,
        expand=expand or None,  # False makes Flet 1.0.5 draw a grey box inside a wrapping row
    )
