"""How fast the product answers, beside what the same machine's matrix product could do.

Throughput is that of whole calls, from a table to a table. The share of the matrix rate counts the network's
own arithmetic only, 2 operations per weight and token and the causal half of attention's 4 T^2 D a layer, so
that all else (table, tokens, norms, quantiles) shows as what is missing from 100 %.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from policy.market import LoggingPolicies, Prior, Simulator, simulate_log
from policy.model.inference import POSITIONS
from policy.model.transformer import PolicyModel
from policy.pipeline import PricingPipeline


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is asked of the product."""

    products: int = 600
    periods: int = 104
    """Weeks of history."""
    ahead: int = 4
    """Periods forecast in the longer of the two forecasts."""
    repeats: int = 5
    """Times that a batch is answered; one product's question is asked five times as often. Medians count."""
    seed: int = 20_031

    def __post_init__(self) -> None:
        for name in ("products", "periods", "ahead", "repeats"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1, got {getattr(self, name)}.")


def sales_table(load: Load) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Weekly sales of simulated products as a merchant would have them, and the weeks after them at the
    last prices: history and future as `predict_demand` takes them."""
    rng = np.random.default_rng(load.seed)
    markets = Prior(period_chances=(0.0, 1.0, 0.0)).sample(rng, load.products, load.periods)
    log, _ = simulate_log(Simulator(markets, rng), LoggingPolicies(markets, rng), load.periods)
    sku = np.char.add("P", np.arange(load.products).astype(str))
    monday = pd.Timestamp("2024-01-01")

    def week(first: int, count: int) -> pd.Series:
        dates = monday + pd.to_timedelta(7 * np.arange(first, first + count), unit="D")
        return pd.Series(np.tile(dates, load.products))

    history = pd.DataFrame({"sku": np.repeat(sku, load.periods), "date": week(0, load.periods)})
    for name in ("price", "units", "cost", "competitor_price", "promo"):
        history[name] = getattr(log, name).ravel()
    future = pd.DataFrame({"sku": np.repeat(sku, load.ahead), "date": week(load.periods, load.ahead)})
    future["price"] = np.repeat(log.price[:, -1], load.ahead)
    return history, future


def operations(model: PolicyModel, *, tokens: int, ahead: int) -> float:
    """Floating-point operations that the network needs for one product's forecast.

    Parameters
    ----------
    tokens
        Positions that the decoder reads.
    ahead
        Positions at which the heads answer.
    """
    heads = (model.demand_head, model.price_head)
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    read = sum(m.weight.numel() for m in linear if m not in heads)
    config = model.backbone.config
    attention = config.num_hidden_layers * 2.0 * tokens**2 * config.hidden_size
    return 2.0 * tokens * read + attention + 2.0 * ahead * sum(m.weight.numel() for m in heads)


def matrix_rate(model: PolicyModel, *, repeats: int) -> float:
    """This machine's float32 matrix product in operations per second, in the shape of the decoder's widest
    layer and with PyTorch's present threads: median of `repeats` runs of a fifth of a second."""
    width = model.backbone.config.hidden_size
    wide = getattr(model.backbone.config, "intermediate_size", 4 * width)
    a, b = torch.ones(POSITIONS, width), torch.ones(width, wide)
    rates = []
    for _ in range(repeats + 1):  # the first warms up
        done, began = 0, time.perf_counter()
        while (spent := time.perf_counter() - began) < 0.2:
            torch.mm(a, b)
            done += 1
        rates.append(2.0 * POSITIONS * width * wide * done / spent)
    return float(np.median(rates[1:]))


def processor() -> str:
    """Name of this machine's processor."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text().splitlines() if listing.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _median_seconds(call: Callable[[], object], repeats: int) -> float:
    """Median time of a call, once warm."""
    call()
    spent = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        spent.append(time.perf_counter() - began)
    return float(np.median(spent))


def speed_rows(
    pipeline: PricingPipeline, model: PolicyModel, load: Load, *, model_hash: str, commit: str
) -> list[dict[str, str]]:
    """Time every task, printing as it goes; one row of the results file each.

    Parameters
    ----------
    model
        The network that `pipeline` runs.
    """
    history, future = sales_table(load)
    one = history[history["sku"] == "P0"].reset_index(drop=True)
    next_week = future.groupby("sku", sort=False).head(1).reset_index(drop=True)
    one_week = next_week.head(1)
    tasks: list[tuple[str, int, int, Callable[[], object]]] = [
        ("predict_demand", load.products, 1, lambda: pipeline.predict_demand(history, next_week)),
        ("predict_demand", load.products, load.ahead, lambda: pipeline.predict_demand(history, future)),
        ("recommend", load.products, 1, lambda: pipeline.recommend(history)),
        ("predict_demand", 1, 1, lambda: pipeline.predict_demand(one, one_week)),
        ("recommend", 1, 1, lambda: pipeline.recommend(one)),
    ]
    rate = matrix_rate(model, repeats=load.repeats)
    chip, threads = processor(), torch.get_num_threads()
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{threads} threads of {chip}; float32 matrix product {rate / 1e9:.0f} GFLOP/s", flush=True)
    rows = []
    for task, products, ahead, call in tasks:
        repeats = load.repeats if products > 1 else 5 * load.repeats
        spent = _median_seconds(call, repeats)
        # A recommendation runs the network again for its reasons, as often as they need.
        share = ""
        if task == "predict_demand":
            tokens = min(load.periods + ahead, max(model.config.context, ahead))
            share = f"{operations(model, tokens=tokens, ahead=ahead) * products / spent / rate:.3f}"
        rows.append(
            {
                "task": task,
                "products": str(products),
                "periods": str(load.periods),
                "ahead": str(ahead),
                "repeats": str(repeats),
                "milliseconds": f"{1e3 * spent:.1f}",
                "products_per_second": f"{products / spent:.1f}",
                "share_of_matrix_rate": share,
                "matrix_gflops": f"{rate / 1e9:.1f}",
                "parameters": str(parameters),
                "threads": str(threads),
                "processor": chip,
                "seed": str(load.seed),
                "model_hash": model_hash,
                "commit": commit,
            }
        )
        print(
            "  {task:15s} {products:>4s} products, {ahead} ahead: {milliseconds} ms, {products_per_second} a"
            " second  {share_of_matrix_rate}".format(**rows[-1]).rstrip(),
            flush=True,
        )
    return rows
