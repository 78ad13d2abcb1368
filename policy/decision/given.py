"""What a caller gives with a question, checked where it comes in."""

from __future__ import annotations

from typing import Any

import numpy as np


class QuestionError(ValueError):
    """A question that cannot be answered as it is put: what was given, and what to give instead.

    The message's placeholders are filled with `values`; with `code` they say the same to whoever words it
    in another language.
    """

    def __init__(self, code: str, message: str, **values: Any) -> None:
        super().__init__(message.format(**values))
        self.code = code
        self.values = values


def require_positive(**given: float | None) -> None:
    """Raise QuestionError unless every number that is given is positive."""
    for name, value in given.items():
        if value is not None and not (np.isfinite(value) and value > 0):
            raise QuestionError(
                "not_positive", "`{name}` must be a positive number, got {value!r}.", name=name, value=value
            )


def require_fraction(**given: float | None) -> None:
    """Raise QuestionError unless every number that is given is in [0, 1)."""
    for name, value in given.items():
        if value is not None and not 0 <= value < 1:
            raise QuestionError(
                "not_a_fraction",
                "`{name}` must be a fraction in [0, 1), got {value!r}.",
                name=name,
                value=value,
            )


def require_not_negative(**given: float | None) -> None:
    """Raise QuestionError unless every number that is given is at least 0."""
    for name, value in given.items():
        if value is not None and not (np.isfinite(value) and value >= 0):
            raise QuestionError(
                "negative", "`{name}` must be a number of at least 0, got {value!r}.", name=name, value=value
            )


def require_cost(unit_cost: float | None, sku: str) -> float:
    """The cost; raises QuestionError where it is unknown."""
    if unit_cost is None:
        raise QuestionError(
            "cost_missing",
            "The unit cost of '{sku}' is unknown, so what it earns is too. "
            "Give `unit_cost`, or a `cost` column in the history.",
            sku=sku,
        )
    return unit_cost
