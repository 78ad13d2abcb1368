"""What a caller gives, checked where it comes in."""

from __future__ import annotations

import numpy as np


def require_positive(**given: float | None) -> None:
    """Raise ValueError unless every number that is given is positive."""
    for name, value in given.items():
        if value is not None and not (np.isfinite(value) and value > 0):
            raise ValueError(f"`{name}` must be a positive number, got {value!r}.")


def require_fraction(**given: float | None) -> None:
    """Raise ValueError unless every number that is given is in [0, 1)."""
    for name, value in given.items():
        if value is not None and not 0 <= value < 1:
            raise ValueError(f"`{name}` must be a fraction in [0, 1), got {value!r}.")


def require_not_negative(**given: float | None) -> None:
    """Raise ValueError unless every number that is given is at least 0."""
    for name, value in given.items():
        if value is not None and not (np.isfinite(value) and value >= 0):
            raise ValueError(f"`{name}` must be a number of at least 0, got {value!r}.")
