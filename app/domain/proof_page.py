"""The head of a report on what was learnt: the numbers, before the answers they were made of."""

from html import escape
from typing import Final

from app.domain.proofs import Findings, Proof

_ABOUT: Final = (
    "Exact: the answer is the one of the data, word by word. ROUGE-L: words in common with it in the same "
    "order, from 0 to 1. Both say little where many answers would be right: read the answers below."
)


def numbers_of(labels: tuple[str, str], proof: Proof, found: Findings) -> str:
    """As HTML."""
    base, tuned = map(escape, labels)
    lines = ["<h2>What was learnt</h2>", f"<p>{escape(proof.what_they_are)}</p>"]
    lines += ["<table>", f"<tr><th></th><th>{base}</th><th>{tuned}</th></tr>", _loss(proof)]
    if found.scores is not None:
        before, after = found.scores
        lines.append(
            f"<tr><th>Exact, of {found.compared}</th><td>{before.exact}</td><td>{after.exact}</td></tr>"
            f"<tr><th>ROUGE-L</th><td>{before.rouge_l:.3f}</td><td>{after.rouge_l:.3f}</td></tr>"
        )
    lines += ["</table>", f"<p>{_ABOUT}</p>", "<h2>What may be forgotten</h2>", f"<p>{_forgotten(found)}</p>"]
    return "\n".join(lines) + "\n"


def _loss(proof: Proof) -> str:
    if proof.loss is None:
        said = "not measured: the run kept no rows aside, or did not measure its base model"
        return f'<tr><th>Loss on rows kept aside</th><td colspan="2">{said}</td></tr>'
    before, after = proof.loss
    return f"<tr><th>Loss on rows kept aside</th><td>{before:.3f}</td><td>{after:.3f}</td></tr>"


def _forgotten(found: Findings) -> str:
    if not found.general:
        return "No general prompt was answered by both."
    return (
        f"{found.changed} of {found.general} general prompts, which have nothing to do with the data, are "
        f"answered otherwise than before; {found.likeness:.0%} of the words are the same. A change is no "
        "fault by itself: read them at the end."
    )
