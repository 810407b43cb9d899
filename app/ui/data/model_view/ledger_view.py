"""What becomes of every row, bucket by bucket, each with its rows and the reasons."""

from collections.abc import Callable, Mapping
from typing import Final

import flet as ft

from app.domain.previews import Fate, Survey
from app.domain.timeline import BUCKETS
from app.services.previews import PreviewService
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.paging_bar import PagingBar
from app.ui.kit.selectable import Selectable
from app.ui.pages import use_pages
from app.ui.texts import text
from app.ui.theme import GAP
from trainer_image.config import RunConfig
from trainer_image.lengths import NOT_LOST, lost_share

_PAGE: Final = 20


def LedgerView(
    previews: PreviewService,
    survey: Survey,
    config: RunConfig,
    chosen: str,
    on_choose: Callable[[str], None],
    on_open: Callable[[int], None],
) -> ft.Control:
    """`on_open` is told a row's number from 0."""
    buckets = survey.table.outlook(config).buckets
    lines: list[ft.Control] = [
        Identified(
            "ledger",
            ft.Text(sentence(buckets, is_sample=survey.is_sample, is_part=survey.source.is_part)),
            live=True,
            label=text("data.model.ledger.title"),
        ),
        _stop(buckets, config),
        _chips(buckets, chosen, on_choose),
    ]
    if chosen and chosen in buckets:
        key = f"{survey.path.name} {config.model_dump_json()} {chosen}"
        lines.append(ft.Container(Fates(previews, survey, config, chosen, on_open), key=key))
    return ft.Column(lines, spacing=GAP, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def sentence(buckets: Mapping[str, int], *, is_sample: bool, is_part: bool = False) -> str:
    """ "1,000 in → 962 trained: 21 with an empty answer, 12 too long"."""
    total, trained = sum(buckets.values()), buckets.get("trained", 0)
    rest = ", ".join(
        f"{count:,} {BUCKETS.get(bucket, bucket)}"
        for bucket, count in sorted(buckets.items(), key=lambda item: -item[1])
        if bucket != "trained"
    )
    said = text("data.model.ledger.trained", total=total, trained=trained)
    if rest:
        said = text("data.model.ledger.trained_rest", total=total, trained=trained, rest=rest)
    if is_part:
        return text("data.model.ledger.first_rows", said=said)
    return text("data.model.ledger.sample", said=said) if is_sample else said


def _stop(buckets: Mapping[str, int], config: RunConfig) -> ft.Control:
    share = lost_share(buckets)
    if not share:
        return ft.Container(visible=False)
    stops = share > config.max_lost_share
    lost, most = 100 * share, 100 * config.max_lost_share
    said = text("data.model.ledger.lost", share=lost, most=most)
    if stops:
        said = text("data.model.ledger.lost_stops", share=lost, most=most)
    color = ft.Colors.ERROR if stops else ft.Colors.ON_SURFACE_VARIANT
    icon = ft.Icons.BLOCK if stops else ft.Icons.INFO_OUTLINE
    return Identified(
        "lost-share",
        ft.Row([ft.Icon(icon, color=color, size=18), ft.Text(said, color=color, expand=True)], spacing=GAP),
        live=True,
    )


def _chips(buckets: Mapping[str, int], chosen: str, on_choose: Callable[[str], None]) -> ft.Control:
    cells: list[ft.Control] = []
    for bucket, count in sorted(buckets.items(), key=lambda item: -item[1]):
        is_chosen = bucket == chosen
        choose = _choosing(on_choose, "" if is_chosen else bucket)
        cells.append(ft.Container(_chip(bucket, count, is_chosen=is_chosen, on_click=choose)))
    return ft.Row(cells, wrap=True, spacing=GAP, run_spacing=GAP)


def _choosing(on_choose: Callable[[str], None], bucket: str) -> Callable[[], None]:
    return lambda: on_choose(bucket)


def _chip(bucket: str, count: int, *, is_chosen: bool, on_click: Callable[[], None]) -> ft.Control:
    name = BUCKETS.get(bucket, bucket.replace("_", " "))
    icon = ft.Icons.EXPAND_LESS if is_chosen else ft.Icons.EXPAND_MORE
    kind = ft.OutlinedButton if bucket in NOT_LOST else ft.FilledTonalButton
    return kind(f"{count:,} {name}", icon=icon, on_click=on_click)


@ft.component
def Fates(
    previews: PreviewService, survey: Survey, config: RunConfig, bucket: str, on_open: Callable[[int], None]
) -> ft.Control:
    """The rows of one bucket, page by page. Give it another key for another bucket."""
    pages = use_pages(lambda start: previews.fates(survey, config, bucket, start=start, limit=_PAGE))
    total = survey.table.outlook(config).buckets.get(bucket, 0)

    return ft.Column(
        [
            ErrorBanner(pages.load.problem, retry=(text("data.model.ledger.again"), pages.load.run)),
            Identified(
                "fates", Selectable(ft.Column([_fate(f, on_open) for f in pages.rows], spacing=0, tight=True))
            ),
            PagingBar(pages.start, _PAGE, total, pages.move),
        ],
        spacing=GAP,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _fate(fate: Fate, on_open: Callable[[int], None]) -> ft.Control:
    tokens = (
        text("data.model.ledger.tokens", count=fate.length)
        if fate.length is not None and str(fate.length) not in fate.reason
        else ""
    )
    return ft.Row(
        [
            ft.TextButton(
                text("data.model.ledger.row", row=fate.number + 1), on_click=lambda: on_open(fate.number)
            ),
            ft.Text(" · ".join(filter(None, [fate.reason, tokens])), expand=True),
        ],
        key=fate.number,
        spacing=GAP,
    )
