"""The product's forecasts and the baselines' on real sales, by the priced-forecast protocol."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from policy.forecast.score import score
from policy.forecast.windows import LEVELS, Forecaster, Protocol, Sales, read_sales, tables

if TYPE_CHECKING:
    from policy.pipeline import PricingPipeline

BATCH = 512
"""Windows that one call forecasts: keeps memory flat."""


def pipeline_forecaster(pipeline: PricingPipeline) -> Forecaster:
    """The product's own forecasts, many windows a call: a window becomes a product of its own, named by
    sku and origin, with the history that a merchant would have had."""

    def forecast(sales: Sales) -> NDArray[np.float64]:
        quantiles = np.empty((len(sales), sales.horizon, len(LEVELS)))
        # Windows of like length share a call, so that short histories are not padded to the longest.
        order = np.argsort(sales.origin - sales.start, kind="stable")
        for begin in range(0, len(order), BATCH):
            windows = order[begin : begin + BATCH]
            answer = pipeline.predict_demand(*tables(sales, windows), quantile_levels=LEVELS)
            values = answer[[f"{q:g}" for q in LEVELS]].to_numpy(dtype=float)
            quantiles[windows] = values.reshape(len(windows), sales.horizon, len(LEVELS))
        return quantiles

    return forecast


def forecast_rows(
    paths: Sequence[Path],
    forecasters: dict[str, Forecaster],
    protocol: Protocol,
    *,
    model_hash: str,
    commit: str,
) -> list[dict[str, str]]:
    """Measure every forecaster on every set, printing as it goes; one row of the results file each."""
    table = []
    for path in paths:
        sales = read_sales(path, protocol)
        print(f"{sales.name}: {len(sales.series_start)} series, {len(sales)} windows", flush=True)
        for name, forecaster in forecasters.items():
            began = time.perf_counter()
            found = score(sales, forecaster(sales))
            spent = time.perf_counter() - began
            table.append(
                {
                    "set": sales.name,
                    "forecaster": name,
                    "series": str(len(sales.series_start)),
                    "rows": str(found.rows),
                    "moves": str(found.moves),
                    "horizon": str(protocol.horizon),
                    "wql": f"{found.wql:.4f}",
                    "wql_error": f"{found.wql_error:.4f}",
                    "wql_moves": f"{found.wql_moves:.4f}",
                    "wql_moves_error": f"{found.wql_moves_error:.4f}",
                    "cover80": f"{found.cover80:.3f}",
                    "milliseconds_per_window": f"{1e3 * spent / len(sales):.2f}",
                    "seed": str(protocol.seed),
                    "model_hash": model_hash,
                    "commit": commit,
                }
            )
            line = table[-1]
            print(
                f"  {name:32s} WQL {line['wql']} ± {line['wql_error']}"
                f"  moves {line['wql_moves']}  in the 80 % interval {line['cover80']}",
                flush=True,
            )
    return table
