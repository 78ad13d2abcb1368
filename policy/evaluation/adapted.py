"""Fine-tuned policies on real sales: what `fine-tune` makes of each set, on the quarter that it tests by.

The product's own path: the sampled series of a set are given to `PricingPipeline.fine_tune` as a store's
history, and the adapter's forecasts of the store's last quarter of sales, of whose days nothing was learned,
are scored beside the base's and the baselines'. A run that was stopped goes on, and one that is done is not
made again.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from policy.evaluation.forecast import pipeline_forecaster
from policy.forecast.baselines import GLM, LIGHTGBM, baselines
from policy.forecast.score import ForecastScore, score
from policy.forecast.windows import Protocol, Sales, read_sales
from policy.history import canonical_history
from policy.learning.store.fine_tune import FineTuneSettings
from policy.learning.store.split import split
from policy.model.loading import load_model
from policy.model.shelf import Shelf, Version
from policy.pipeline import PricingPipeline

SEED = 1
"""Of the fine-tuning."""

BASE, ADAPTED = "base", "adapted"


def adapted_rows(
    paths: tuple[Path, ...], runs: Path, protocol: Protocol, *, weights: str | None, commit: str
) -> list[dict[str, str]]:
    """Fine-tune on every set and score what came of it, printing as it goes; four rows of the file each.

    Parameters
    ----------
    runs
        Folder with one shelf a set.
    """
    model = load_model(weights)
    pipeline, table = PricingPipeline(model), []
    for path in paths:
        sales = read_sales(path, protocol)
        version = _fine_tuned(pipeline, sales, runs / sales.name, base=model.digest)
        report, tested = version.report, _tested(sales)
        others, adapted = baselines(), pipeline.with_adapter(version.folder)
        forecasters = {BASE: pipeline_forecaster(pipeline), ADAPTED: pipeline_forecaster(adapted)}
        forecasters |= {name: others[name] for name in (GLM, LIGHTGBM)}
        scores = {name: score(tested, foretell(tested)) for name, foretell in forecasters.items()}
        said = "promoted" if report["promoted"] else "kept the base"
        print(f"{sales.name}: {said} after {report['seconds']:.0f} s", flush=True)
        for name, found in scores.items():
            print(f"  {name:28s} WQL {found.wql:.4f}  moves {found.wql_moves:.4f}", flush=True)
            table.append(_row(sales, name, found, report, model.digest, version.digest, commit))
    return table


def _fine_tuned(pipeline: PricingPipeline, sales: Sales, shelf: Path, *, base: str) -> Version:
    """The set's version on this base; made where there is none."""
    settings = json.loads(json.dumps(asdict(FineTuneSettings(seed=SEED))))
    done = [v for v in Shelf(shelf).versions() if v.base == base and v.report["settings"] == settings]
    if done:
        return done[-1]
    began = time.monotonic()
    print(f"{sales.name}: fine-tuning on {len(sales.series_start)} series", flush=True)
    pipeline.fine_tune(sales.table, output=shelf, seed=SEED)
    print(f"  took {time.monotonic() - began:.0f} s", flush=True)
    return Shelf(shelf).versions()[-1]


def _tested(sales: Sales) -> Sales:
    """The windows that a fine-tuning on these sales is tested by."""
    frame, report = canonical_history(sales.table)
    return split(frame, report.period, seed=SEED).test


def _row(
    sales: Sales,
    name: str,
    found: ForecastScore,
    report: dict[str, Any],
    base: str,
    adapter: str,
    commit: str,
) -> dict[str, str]:
    ours = name == ADAPTED
    verdicts = {it["measure"]: it["verdict"] for it in report["measures"]}
    chosen = report["chosen"]
    return {
        "set": sales.name,
        "forecaster": name,
        "series": str(len(sales.series_start)),
        "wql": f"{found.wql:.4f}",
        "wql_error": f"{found.wql_error:.4f}",
        "wql_moves": f"{found.wql_moves:.4f}",
        "wql_moves_error": f"{found.wql_moves_error:.4f}",
        "cover80": f"{found.cover80:.3f}",
        "promoted": ("yes" if report["promoted"] else "no") if ours else "",
        "verdicts": " ".join(f"{k}:{v}" for k, v in verdicts.items()) if ours else "",
        "learning_rate": f"{chosen['learning_rate']:g}" if ours else "",
        "rank": str(chosen["rank"]) if ours else "",
        "steps": str(chosen["steps"]) if ours else "",
        "share": f"{chosen['share']:g}" if ours else "",
        "reinforcement_kept": ("yes" if report["reinforced"]["kept"] else "no") if ours else "",
        "seconds": f"{report['seconds']:.0f}" if ours else "",
        "seed": str(SEED),
        "model_hash": base[:12],
        "adapter_hash": adapter[:12] if ours else "",
        "commit": commit,
    }
