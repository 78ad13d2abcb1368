"""Prior-predictive check: do simulated logs look like real ones?

A prior is broad enough if what real series show lies well inside what it makes (Gelman et al. 2020, arXiv
2011.01808, section 2.4). For each summary statistic the table gives the 10th, 50th and 90th percentile over
series, of every real set and of the prior, and the share of real series inside the prior's central 98 %.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from policy.history import canonical_history
from policy.market import LoggingPolicies, Prior, Simulator, Trajectory, simulate_log
from policy.model.panel import make_panel

STATISTICS = {
    "units a period": "median of units",
    "dispersion": "variance about a running median beyond a count's, over the squared mean",
    "share of zeros": "periods without a sale",
    "autocorrelation": "of log units from period to period",
    "share of price moves": "periods whose price differs by 2 % or more from the one before",
    "depth of moves": "median size of those moves, in logs",
    "log-log slope": "least squares of log units on log price, where the price spreads by 3 % or more",
}
"""Summary statistics of a series, and what each is."""

SHORTEST = 20
"""Periods with both price and units below which a series is left out."""


def summarise(history: Trajectory) -> dict[str, NDArray]:
    """The summary statistics of B series; NaN where one is not defined. Shapes (B,)."""
    rows = [_one_series(price, units) for price, units in zip(history.price, history.units, strict=True)]
    return {name: np.array([row[name] for row in rows]) for name in STATISTICS}


def _one_series(price: NDArray, units: NDArray) -> dict[str, float]:
    known = np.isfinite(price) & np.isfinite(units)
    if known.sum() < SHORTEST:
        return dict.fromkeys(STATISTICS, np.nan)
    log_price, sold = np.log(price[known]), units[known]
    log_units = np.log(sold + 0.5)
    centred = log_units - log_units.mean()
    change = np.abs(np.diff(log_price))
    moved = change >= 0.02
    usual = pd.Series(sold).rolling(9, center=True, min_periods=5).median().to_numpy()
    around = sold - np.where(np.isfinite(usual), usual, np.median(sold))
    excess = (around**2).mean() - sold.mean()
    spread = log_price.std()
    variance = (centred**2).sum()
    return {
        "units a period": float(np.median(sold)),
        "dispersion": float(max(excess, 0.0) / max(sold.mean(), 0.1) ** 2),
        "share of zeros": float((sold <= 0).mean()),
        "autocorrelation": float((centred[1:] * centred[:-1]).sum() / variance) if variance > 0 else np.nan,
        "share of price moves": float(moved.mean()),
        "depth of moves": float(np.median(change[moved])) if moved.any() else np.nan,
        "log-log slope": float(((log_price - log_price.mean()) * centred).sum() / (len(sold) * spread**2))
        if spread >= 0.03
        else np.nan,
    }


def real_summaries(path: Path, *, series: int, seed: int) -> dict[str, NDArray]:
    """Summary statistics of at most `series` products of a sales table, drawn with `seed`."""
    file = path / "tidy.csv.gz" if path.is_dir() else path
    text = dict.fromkeys(("sku", "store"), "str")
    table, report = canonical_history(pd.read_csv(file, dtype=text, low_memory=False))
    panel = make_panel(table, report.period)
    enough = np.isfinite(panel.history.units).sum(axis=1) >= SHORTEST
    index = np.random.default_rng(seed).permutation(np.flatnonzero(enough))[:series]
    return summarise(panel.history.take(np.sort(index)))


def simulated_summaries(prior: Prior, *, series: int, periods: int, seed: int) -> dict[str, NDArray]:
    """The same of logs that sellers of the prior leave behind."""
    rng = np.random.default_rng(seed)
    markets = prior.sample(rng, series, periods)
    history, _ = simulate_log(Simulator(markets, rng), LoggingPolicies(markets, rng), periods)
    return summarise(history)


def prior_predictive(
    paths: list[Path], *, commit: str, series: int = 200, periods: int = 104, seed: int = 40_001
) -> list[dict[str, str]]:
    """One line per source and statistic: the prior first, then every real set.

    Parameters
    ----------
    paths
        Sales tables, or folders that hold a `tidy.csv.gz`.
    series
        Real series at most per set; ten times as many are simulated.
    """
    simulated = simulated_summaries(Prior(), series=10 * series, periods=periods, seed=seed)
    limits = {name: np.nanpercentile(values, [1, 99]) for name, values in simulated.items()}
    lines = []
    for source, summary in [
        ("prior", simulated),
        *(
            (path.name.removesuffix(".csv.gz"), real_summaries(path, series=series, seed=seed))
            for path in paths
        ),
    ]:
        for name, values in summary.items():
            defined = values[np.isfinite(values)]
            low, high = limits[name]
            inside = (defined >= low) & (defined <= high)
            p10, p50, p90 = np.percentile(defined, [10, 50, 90]) if len(defined) else [np.nan] * 3
            lines.append(
                {
                    "source": source,
                    "statistic": name,
                    "series": str(len(defined)),
                    "percentile_10": f"{p10:.3f}",
                    "median": f"{p50:.3f}",
                    "percentile_90": f"{p90:.3f}",
                    "inside_98": f"{inside.mean():.3f}" if len(defined) else "",
                    "periods": str(periods) if source == "prior" else "",
                    "seed": str(seed),
                    "commit": commit,
                }
            )
    return lines
