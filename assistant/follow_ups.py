"""Questions that an answer invites, as the chips under it: which ones, by what was answered."""

from __future__ import annotations

from collections.abc import Mapping

from assistant.agent import Answer
from assistant.evidence import SEARCHES, Evidence
from assistant.wording import Wording, wording

MOST = 4
PRODUCT = "{product}"


def follow_ups(answer: Answer, evidence: tuple[Evidence, ...], names: Mapping[str, str]) -> list[str]:
    """At most `MOST`, in the answer's language; none where it waits for a yes or a no, or none fits.

    Parameters
    ----------
    evidence
        Of the answer; `{product}` in a question stands for its first product.
    names
        Of the shop's products, by SKU.
    """
    if answer.pending:
        return []
    calls = [call.name for call in answer.tool_calls if call.name not in SEARCHES]
    if not calls:  # which of several was meant: their names answer that
        found = list(dict.fromkeys(names[sku] for sku in answer.skus if sku in names))
        return found[:MOST] if len(found) > 1 else []
    texts = _questions(_kind(calls[-1], evidence), wording(answer.language))
    product = next((names[part.sku] for part in evidence if part.sku is not None and part.sku in names), None)
    fitting = [text for text in texts if product or PRODUCT not in text]
    return [text.replace(PRODUCT, product or "") for text in fitting][:MOST]


def _kind(tool: str, evidence: tuple[Evidence, ...]) -> str:
    """The tool, told apart by whether the answer is about one product, several, or one not priced."""
    products = {part.sku for part in evidence if part.sku is not None}
    if tool == "recommend" and any(fact.key == "abstained" for part in evidence for fact in part.facts):
        return "recommend_not"
    return f"{tool}_several" if tool in ("recommend", "forecast") and len(products) != 1 else tool


def _questions(kind: str, words: Wording) -> list[str]:
    try:
        return words.several(f"follow_ups.{kind}")
    except KeyError:
        return words.several("follow_ups.other")
