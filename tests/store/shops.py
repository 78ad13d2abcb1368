"""Small shops, and what a store holds of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import sqlalchemy as sa

from assistant.store.schema import Base

MONDAYS = pd.date_range("2026-01-05", periods=4, freq="7D")


def sales(**columns: object) -> pd.DataFrame:
    """Four weeks of one product, with columns replaced."""
    base = {"sku": "A", "date": MONDAYS, "price": [10.0, 10.0, 12.0, 12.0], "units": [5.0, 6.0, 3.0, 4.0]}
    return pd.DataFrame(base | columns)


def shop(products: int, weeks: int) -> pd.DataFrame:
    """Every product in every week, canonical."""
    rng = np.random.default_rng(0)
    rows = products * weeks
    return pd.DataFrame(
        {
            "sku": np.repeat([f"S{i:05d}" for i in range(products)], weeks),
            "date": np.tile(pd.date_range("2020-01-06", periods=weeks, freq="7D"), products),
            "price": rng.choice([9.99, 12.5, 14.0], rows),
            "units": rng.poisson(20, rows).astype(float),
            "cost": 5.0,
        }
    )


def contents(engine: sa.Engine) -> dict[str, int]:
    """Number of rows per table."""
    with engine.connect() as connection:
        count = sa.select(sa.func.count())
        return {t.name: connection.scalars(count.select_from(t)).one() for t in Base.metadata.sorted_tables}
