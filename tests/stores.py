"""A store's sales with known demand, for the tests of fine-tuning."""

from __future__ import annotations

import numpy as np
import pandas as pd


def sales(
    *, products: int = 8, weeks: int = 48, elasticity: float = -2.0, seed: int = 5, moving: bool = True
) -> pd.DataFrame:
    """Weekly sales of 40 at the usual price of 10, prices from 7 to 13 at random (or always 10)."""
    rng = np.random.default_rng(seed)
    week = np.arange(weeks)
    frames = []
    for number in range(products):
        factor = rng.choice([0.7, 0.85, 1.0, 1.15, 1.3], weeks) if moving else np.ones(weeks)
        level = 40.0 * (1 + 0.1 * number)
        frames.append(
            pd.DataFrame(
                {
                    "sku": f"P{number:02d}",
                    "date": pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * week, unit="D"),
                    "price": 10.0 * factor,
                    "units": rng.poisson(level * factor**elasticity).astype(float),
                    "cost": 4.0,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
