"""Whether a store's sales are enough to fine-tune on, counted against what `split` requires."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from policy.history import HistoryError, Period
from policy.learning.store.split import (
    FEWEST_MOVES,
    FEWEST_PRODUCTS,
    PROTOCOL,
    moved_before_test,
    split,
)
from policy.model.panel import product_keys


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """What there is, and what is needed."""

    period: Period
    products: int
    """In the history."""
    long_enough: int
    """Products with `periods_needed` periods of sales."""
    moved: int | None
    """Of those, products whose price moved `moves_needed` times or more before the last quarter, which is the
    test; None where it did not come to that."""
    refused: str | None
    """Code of the `HistoryError` that fine-tuning would end with; None where it can start."""
    products_needed: int = FEWEST_PRODUCTS
    periods_needed: int = PROTOCOL.shortest
    moves_needed: int = FEWEST_MOVES

    @property
    def enough(self) -> bool:
        """Whether fine-tuning can start. Whether it helps only the test says."""
        return self.refused is None


def readiness(frame: pd.DataFrame, period: Period) -> Readiness:
    """Count a canonical table against the thresholds of `split`."""
    lengths = pd.Series(product_keys(frame).codes).value_counts()
    moved, refused = None, None
    try:
        moved = int(moved_before_test(split(frame, period, seed=0).before_test).sum())
    except HistoryError as error:
        refused = error.code
        if refused == "prices_still":
            moved = int(error.values["found"])
    return Readiness(
        period=period,
        products=len(lengths),
        long_enough=int((lengths >= PROTOCOL.shortest).sum()),
        moved=moved,
        refused=refused,
    )
