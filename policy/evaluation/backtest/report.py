"""The whole backtest: its parts run on one file of sales, and what is written of them."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from policy.decision.recommendation import Objective
from policy.decision.rules import Rules
from policy.evaluation.backtest.conclusions import of_difference, of_estimates, of_forecasts
from policy.evaluation.backtest.forecasts import Forecasts, forecast
from policy.evaluation.backtest.logged import Asked, ask, log_of
from policy.evaluation.backtest.off_policy import Log, OffPolicy, off_policy
from policy.evaluation.backtest.replay import PERIODS, Replay, ReplayOutcome, replay
from policy.forecast.windows import LEVELS, Protocol, sales_of
from policy.history import HistoryError, Period
from policy.history.jumps import refuse_jumps
from policy.model.adapter_files import REPORT_FILE
from policy.model.adapter_folders import adapter_folder
from policy.model.loading import LoadedModel
from policy.model.panel import Panel, make_panel
from policy.pipeline import PricingPipeline

SEED = 7
"""Of the bootstraps and of the simulated markets: equal files, equal reports."""

Part = Literal["forecasts", "off_policy", "replay"]

OBJECTIVES: tuple[Objective, ...] = ("profit", "revenue")


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """What the policy would have done on a store's own past. Earnings are in currency per product and period:
    profit, and revenue of the products whose cost is not known."""

    file: str
    currency: str | None
    """None where the file does not say."""
    objective: Objective
    """What was asked for."""
    panel: Panel
    """The products that take part, B of them: those with `Protocol.shortest` periods, or a sample of them."""
    products: int
    """Products in the file."""
    model_hash: str
    adapter_hash: str | None
    adapter_tested_from: str | None
    """First day of the sales that the adapter was tested on and so did not learn from, ISO 8601, where its
    report says so."""
    rules: Rules
    forecasts: Forecasts
    asked: Asked
    """Periods of the last quarter in which the policy would have priced."""
    log: Log | None
    """The same periods as off-policy estimates see them; None where there are none."""
    off_policy: tuple[OffPolicy, ...]
    """One for each kind of earnings that there is. Observational, not an experiment."""
    replay: Replay | None
    """None where the policy would price too few products."""
    replayed: tuple[ReplayOutcome, ...]
    """One for each kind of earnings that there is. Simulated."""

    @property
    def tested(self) -> tuple[str, str]:
        """First and last day of the forecast periods, ISO 8601."""
        dates = self.forecasts.sales.table["date"].iloc[self.forecasts.sales.ahead.ravel()]
        return f"{dates.min():%Y-%m-%d}", f"{dates.max():%Y-%m-%d}"

    @property
    def seen_by_adapter(self) -> bool:
        """Whether the adapter has learned from some of the periods that are forecast."""
        return self.adapter_tested_from is not None and self.tested[0] < self.adapter_tested_from

    @property
    def costs_known(self) -> bool:
        """Whether every product has a cost on record."""
        return bool(np.isfinite(self.panel.last_known("cost")).all())

    @property
    def any_cost_known(self) -> bool:
        """Whether some product has a cost on record."""
        return bool(np.isfinite(self.panel.last_known("cost")).any())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; None for what is not known."""
        forecasts = self.forecasts
        shocks = self.replay and {
            "rho": self.replay.shock_rho, "sd": self.replay.shock_sd, "markets_per_product": self.replay.draws
        }  # fmt: skip
        found = {
            "file": self.file,
            "currency": self.currency,
            "period": self.panel.period,
            "objective": self.objective,
            "products": self.products,
            "products_used": len(self.panel),
            "tested": self.tested,
            "model_hash": self.model_hash,
            "adapter_hash": self.adapter_hash,
            "adapter_has_seen_part": self.seen_by_adapter,
            "rules": self.rules.to_dict(),
            "seed": SEED,
            "forecasts": {
                "what": "measured: forecasts at the prices really charged, from the history before them",
                "scores": {name: asdict(score) for name, score in forecasts.scores.items()},
                "against": {
                    name: asdict(gap) | {"policy_is": of_forecasts(gap)}
                    for name, gap in forecasts.gaps.items()
                },
                "share_below": {f"{q:g}": float(b) for q, b in zip(LEVELS, forecasts.below, strict=True)},
            },
            "off_policy": {
                "what": "observational, not an experiment",
                "results": [
                    asdict(result) | {"policy_earns": of_estimates(result.estimates)}
                    for result in self.off_policy
                ],
            },
            "replay": {
                "what": "simulated, in markets that the policy believes in",
                "periods": PERIODS,
                "shocks": shocks,
                "results": [
                    asdict(outcome)
                    | {"policy_earns": {it.against: of_difference(it) for it in outcome.differences}}
                    for outcome in self.replayed
                ],
            },
        }
        return dict(_plain(found))


def backtest(
    model: LoadedModel,
    table: pd.DataFrame,
    period: Period,
    *,
    file: str,
    adapter: str | Path | None = None,
    objective: Objective = "profit",
    rules: Rules | None = None,
    started: Callable[[Part], None] | None = None,
) -> Backtest:
    """Run all parts.

    Parameters
    ----------
    model
        What is tested, a store's adapter inside it where it has one.
    table
        A canonical history (`policy.history.canonical_history`) with periods of length `period`.
    adapter
        Where the adapter inside the model lies: an adapter's folder or a shelf.
    rules
        Limits within which the policy prices; the default ones where None.
    started
        Told the name of each part as it begins.

    Raises
    ------
    HistoryError
        No product has enough periods, nothing was sold, or stores have several currencies.
    """
    rules = Rules() if rules is None else rules
    tell = started or (lambda part: None)
    currency = _currency(table)
    refuse_jumps(table)
    sales = sales_of(table, Protocol(), name=file)
    if not sales.path("units")[sales.ahead].sum():
        raise HistoryError(
            "nothing_sold_lately",
            "Nothing was sold in the last quarter of {file}, so nothing of it can be measured. Check the "
            "column of units, or cut the file where sales end.",
            file=file,
        )
    panel = make_panel(_part_taking(table, sales.table), period)
    profit = objective == "profit"
    forecast_luck, replay_luck = np.random.SeedSequence(SEED).spawn(2)
    tell("forecasts")
    forecasts = forecast(PricingPipeline(model), sales)
    tell("off_policy")
    asked = ask(model.network, panel, maximise_profit=profit, rules=rules, currency=currency)
    asked = asked.take(np.flatnonzero(asked.priced))
    log = log_of(panel, asked) if len(asked) else None
    estimates = tuple(_estimates(asked, log, objective, np.random.default_rng(forecast_luck)))
    tell("replay")
    rng = np.random.default_rng(replay_luck)
    played = replay(model.network, panel, rng, maximise_profit=profit, rules=rules, currency=currency)
    outcomes = [played.outcome(kind, rng) for kind in OBJECTIVES] if played else []
    return Backtest(
        file=file,
        currency=currency,
        objective=objective,
        panel=panel,
        products=table.groupby([c for c in ("store", "sku") if c in table]).ngroups,
        model_hash=model.digest[:16],
        adapter_hash=model.adapter_digest[:16] if model.adapter_digest else None,
        adapter_tested_from=_tested_from(adapter),
        rules=rules,
        forecasts=forecasts,
        asked=asked,
        log=log,
        off_policy=estimates,
        replay=played,
        replayed=tuple(outcome for outcome in outcomes if outcome),
    )


def _estimates(
    asked: Asked, log: Log | None, objective: Objective, rng: np.random.Generator
) -> Iterator[OffPolicy]:
    """Estimates for each kind of earnings; of nothing where the policy would never have priced."""
    if log is None:
        nothing = np.empty(0)
        empty = Log(
            product=np.empty(0, dtype=np.int64),
            **dict.fromkeys(("distance", "density", "support", "earned", "at_charged", "at_policy"), nothing),
            bandwidth=math.nan,
        )
        yield off_policy(empty, objective=objective, rng=rng)
        return
    for kind in OBJECTIVES:
        rows = np.flatnonzero(asked.of_profit == (kind == "profit"))
        if len(rows):
            yield off_policy(log.take(rows), objective=kind, rng=rng)


def _tested_from(adapter: str | Path | None) -> str | None:
    """First day of an adapter's own test, by the report that lies beside it."""
    folder = None if adapter is None else adapter_folder(adapter)
    if folder is None or not (folder / REPORT_FILE).exists():
        return None
    dates = json.loads((folder / REPORT_FILE).read_text(encoding="utf-8")).get("dates", {})
    return str(dates["test"][0]) if dates.get("test") else None


def _currency(table: pd.DataFrame) -> str | None:
    found = sorted(table["currency"].dropna().unique()) if "currency" in table else []
    if len(found) > 1:
        raise HistoryError(
            "currencies_by_store",
            "Prices are in several currencies ({found}), whose sums mean nothing. Give a file for each.",
            found=", ".join(map(str, found)),
        )
    return str(found[0]) if found else None


def _part_taking(table: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """The rows of the products that forecasts are measured on, with all that is recorded of them."""
    store = table["store"].astype(str) if "store" in table else pd.Series("", index=table.index)
    keys = pd.MultiIndex.from_arrays([store, table["sku"].astype(str)])
    wanted = pd.MultiIndex.from_frame(chosen[["store", "sku"]].astype(str).drop_duplicates())
    return table[keys.isin(wanted)].reset_index(drop=True)


def write_report(report: Backtest, folder: Path) -> list[Path]:
    """Write `report.json` and a CSV for each part that has rows; figures are drawn by `figures`.

    Returns
    -------
    The files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "report.json"]
    text = json.dumps(report.to_dict(), ensure_ascii=False, indent=2)
    written[0].write_text(text + "\n", encoding="utf-8")
    for name, header, rows in _files(report):
        path = folder / f"{name}.csv"
        with path.open("w", newline="", encoding="utf-8") as lines:
            writer = csv.writer(lines, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
        written.append(path)
    return written


def _files(report: Backtest) -> Iterator[tuple[str, Sequence[str], Iterable[Sequence[Any]]]]:
    yield "forecasts", ("store", "sku", "date", "price", "units", *map(str, LEVELS)), _forecasts(report)
    header: tuple[str, ...]
    if report.log is not None:
        header = ("store", "sku", "date", "price", "policy_price", "objective", "earned", "expected_at_price",
                  "expected_at_policy_price", "density", "support", "weight")  # fmt: skip
        yield "off_policy", header, _logged(report, report.log)
    if report.replay is not None:
        header = ("store", "sku", "objective", "policy", "period", "expected")
        yield "replay", header, _played(report, report.replay)


def _forecasts(report: Backtest) -> Iterator[Sequence[Any]]:
    sales = report.forecasts.sales
    rows = sales.table.iloc[sales.ahead.ravel()]
    quantiles = report.forecasts.quantiles.reshape(len(rows), -1)
    paths = (rows[c] for c in ("store", "sku", "date", "price", "units"))
    for (store, sku, date, price, units), q in zip(zip(*paths, strict=True), quantiles, strict=True):
        yield store, sku, f"{date:%Y-%m-%d}", price, units, *(f"{value:g}" for value in q)


def _logged(report: Backtest, log: Log) -> Iterator[Sequence[Any]]:
    asked, history = report.asked, report.panel.history
    weights = log.weights
    for i in range(len(asked)):
        store, sku = report.panel.keys[asked.row[i]]
        day = np.datetime64(int(history.day[asked.row[i], asked.column[i]]), "D")
        values = (asked.earned, asked.at_charged, asked.at_policy, log.density, log.support, weights)
        kind = "profit" if asked.of_profit[i] else "revenue"
        yield store, sku, day, asked.price[i], asked.policy_price[i], kind, *(f"{v[i]:.6g}" for v in values)


def _played(report: Backtest, played: Replay) -> Iterator[Sequence[Any]]:
    for i, row in enumerate(played.rows):
        kind = "profit" if played.of_profit[i] else "revenue"
        for name, path in played.paths.items():
            for t, value in enumerate(path[i]):
                yield *report.panel.keys[row], kind, name, t + 1, f"{value:.6g}"


def _plain(value: Any) -> Any:
    """The same in JSON's types: NaN is None."""
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
