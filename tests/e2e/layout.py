"""What of a page is cut off at its side or lies over something else, by what a screen reader is given."""

from itertools import combinations
from typing import Any, Final

from tests.e2e.flet_ui import FletUI

_MOST: Final = 3
"""Pixels by which boxes may meet: lines of a font are a little higher than their letters."""

_BOXES: Final = """() => {
    const box = node => { const r = node.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom] };
    const out = [];
    for (const node of document.querySelectorAll('flt-semantics')) {
        if (node.querySelector('flt-semantics')) continue;
        const field = node.querySelector('input, textarea');
        const text = node.getAttribute('aria-label') || node.innerText || (field && field.value) || '';
        if (!text.trim()) continue;
        const whole = box(node), seen = [...whole];
        let slides = false;
        for (let up = node.parentElement; up && up.tagName.startsWith('FLT'); up = up.parentElement) {
            if (up.tagName !== 'FLT-SEMANTICS') continue;
            const [left, top, right, bottom] = box(up);
            if (right - left < 1 || bottom - top < 1) continue;
            slides = slides || getComputedStyle(up).overflowX === 'scroll';
            seen[0] = Math.max(seen[0], left); seen[1] = Math.max(seen[1], top);
            seen[2] = Math.min(seen[2], right); seen[3] = Math.min(seen[3], bottom);
        }
        out.push({text: text.trim().slice(0, 60), whole, seen, slides});
    }
    return out;
}"""


def faults_of_layout(ui: FletUI) -> list[str]:
    """A sentence each; empty if all is well. What lies below the fold of a list can be scrolled to."""
    boxes = [box for box in ui.page.evaluate(_BOXES) if _can_be_seen(box)]
    assert len(boxes) > 5, boxes
    cut = [f"cut off: {box['text']!r}" for box in boxes if not box["slides"] and _is_cut(box)]
    over = [f"{a['text']!r} over {b['text']!r}" for a, b in combinations(boxes, 2) if _overlap(a, b)]
    return cut + over


def height_of(ui: FletUI, text: str) -> float:
    """Of the line or lines that begin with it, as far as they can be seen; 0 if they cannot."""
    found = [box for box in ui.page.evaluate(_BOXES) if box["text"].startswith(text) and _can_be_seen(box)]
    return max((box["seen"][3] - box["seen"][1] for box in found), default=0.0)


def _can_be_seen(box: dict[str, Any]) -> bool:
    left, top, right, bottom = box["seen"]
    return right - left > _MOST and bottom - top > _MOST


def _is_cut(box: dict[str, Any]) -> bool:
    return bool(box["seen"][0] - box["whole"][0] > _MOST or box["whole"][2] - box["seen"][2] > _MOST)


def _overlap(a: dict[str, Any], b: dict[str, Any]) -> bool:
    left, top, right, bottom = a["seen"]
    other = b["seen"]
    width = min(right, other[2]) - max(left, other[0])
    height = min(bottom, other[3]) - max(top, other[1])
    return bool(width > _MOST and height > _MOST)
