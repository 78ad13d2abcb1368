"""What a product's records lack, and so what cannot be said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from policy.decision.recommendation import Recommendation
    from policy.decision.standing import Standing

Gap = Literal[
    "cost_missing", "price_never_varied", "too_little_history", "few_price_changes", "out_of_stock",
    "stale_data", "competitor_stale", "competitor_unknown", "stock_unknown",
]  # fmt: skip
"""The worst first; each has its words in `[issues]` of `labels.toml`."""
GAPS: tuple[Gap, ...] = get_args(Gap)


def gaps_of(it: Recommendation, standing: Standing, *, stocked: bool, watched: bool) -> list[Gap]:
    """What is missing of one product, the worst first.

    Parameters
    ----------
    stocked, watched
        Whether any product of the shop has a stock figure, a competitor's price: a column that no product
        has is not counted product by product.
    """
    holds: dict[Gap, bool] = {
        "cost_missing": it.unit_cost is None,
        "few_price_changes": "few_price_changes" in it.cautions,
        "competitor_stale": standing.competitor_stale,
        "competitor_unknown": watched and standing.competitor_price is None,
        "stock_unknown": stocked and standing.stock is None,
    }
    return [code for code in GAPS if holds.get(code) or it.abstained == code]
