"""HTML of posts as the Markdown a model may learn to write, by markdownify (MIT)."""

import re
from typing import Any, Final

_LANGUAGE: Final = re.compile(r"^lang(?:uage)?-(?!none$)([\w+#.-]+)$")


def to_markdown(html: str) -> str:
    """Code blocks keep their language, text keeps its stars and underscores; no blank space around."""
    from markdownify import markdownify  # noqa: PLC0415 - only while something is collected

    text: str = markdownify(
        html,
        heading_style="ATX",
        bullets="-",
        escape_asterisks=False,
        escape_underscores=False,
        code_language_callback=_language,
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _language(block: Any) -> str:
    """From the class of a <pre>, or of the <code> in it, as Prism and highlight.js have it."""
    inner = block.find("code")
    classes = [*block.get("class", []), *(inner.get("class", []) if inner else [])]
    return next((found.group(1) for name in classes if (found := _LANGUAGE.match(name))), "")
