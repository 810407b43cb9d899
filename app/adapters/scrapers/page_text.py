"""What a page says: its main text by trafilatura (Apache-2.0), its links, and passages of a useful length."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from app.domain.scraping import WebAnswer

_TEXT_TYPES: Final = ("text/plain", "text/markdown")
_PAGE_TYPES: Final = ("text/html", "application/xhtml+xml")
_FRONT_MATTER: Final = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_SENTENCE_END: Final = re.compile(r"(?<=[.!?。！？])\s+")


@dataclass(frozen=True)
class PageText:
    text: str
    title: str = ""
    author: str = ""
    license: str = ""
    date: str = ""


def media_type(answer: WebAnswer) -> str:
    return answer.headers.get("content-type", "text/html").partition(";")[0].strip().lower()


def read_page(answer: WebAnswer) -> PageText | None:
    """None for what is no text: an image, a PDF, a page of nothing but menus."""
    kind = media_type(answer)
    if kind in _TEXT_TYPES:
        return PageText(answer.body.decode("utf-8", "replace").strip())
    if kind not in _PAGE_TYPES:
        return None
    from trafilatura import extract_with_metadata  # noqa: PLC0415 - only while pages are collected

    found = extract_with_metadata(
        answer.body,
        url=answer.url,
        output_format="markdown",
        include_comments=False,
        date_extraction_params={"original_date": True, "extensive_search": False},
    )
    if found is None or not found.text:
        return None
    text = _FRONT_MATTER.sub("", found.text, count=1).strip()
    return PageText(text, found.title or "", found.author or "", found.license or "", found.date or "")


def links_of(answer: WebAnswer) -> list[str]:
    """Where the page leads to, in order, once each, without fragments; not what it marks as nofollow."""
    if media_type(answer) not in _PAGE_TYPES or not answer.body.strip():
        return []
    from lxml import html  # noqa: PLC0415

    try:
        page = html.document_fromstring(answer.body)
    except (ValueError, html.etree.LxmlError):
        return []
    found = []
    for link in page.iterfind(".//a[@href]"):
        if "nofollow" in (link.get("rel") or "").lower():
            continue
        try:
            target = urlsplit(urljoin(answer.url, link.get("href").strip()))
        except ValueError:
            continue
        if target.scheme in ("http", "https"):
            found.append(target._replace(fragment="").geturl())
    return list(dict.fromkeys(found))


def passages(text: str, longest: int) -> Iterator[str]:
    """The text cut between paragraphs; a paragraph that is too long, between sentences or words."""
    passage = ""
    for piece in _pieces(text, longest):
        if passage and len(passage) + 2 + len(piece) > longest:
            yield passage
            passage = ""
        passage = f"{passage}\n\n{piece}" if passage else piece
    if passage:
        yield passage


def _pieces(text: str, longest: int) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text):
        if len(paragraph) <= longest:
            if paragraph.strip():
                yield paragraph.rstrip()
            continue
        yield from _filled(_SENTENCE_END.split(paragraph), longest)


def _filled(sentences: list[str], longest: int) -> Iterator[str]:
    line = ""
    for sentence in sentences:
        for word in [sentence] if len(sentence) <= longest else _words(sentence, longest):
            if line and len(line) + 1 + len(word) > longest:
                yield line
                line = ""
            line = f"{line} {word}" if line else word
    if line:
        yield line


def _words(sentence: str, longest: int) -> Iterator[str]:
    for word in sentence.split():
        yield from (word[start : start + longest] for start in range(0, len(word), longest))
