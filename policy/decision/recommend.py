"""Recommending prices: posterior, best price, rules, outcomes against keeping, reasons and abstentions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from policy.decision.bounds import Circumstances
from policy.decision.choice import best_price, component_objective, mean_objective, sales
from policy.decision.drivers import drivers
from policy.decision.evidence import FEW_MOVES, REMEDY, STEP_BEYOND, Evidence, weigh
from policy.decision.limits import apply, violated
from policy.decision.outcomes import gain_between, outcome_at
from policy.decision.recommendation import Confidence, Interval, Objective, Recommendation, Verdict
from policy.decision.rules import Rules, RulesInfeasible
from policy.decision.settle import Candidate, Settled, circumstances_of, rules_by_product, settle
from policy.decision.situation import (
    Situation,
    iso_date,
    known,
    posterior_of,
    price_head_of,
    situation_of,
)
from policy.decision.ties import Key
from policy.model.loading import LoadedModel
from policy.model.panel import Panel, product_keys
from policy.model.pool import FittedRows
from policy.model.posterior import Posterior

NORMAL_90 = float(ndtri(0.9))

WORTH_A_WARNING = ("resale_price_maintenance", "price_before_unknown")
"""Notes of verdicts that a reader must not miss."""

TEST_STEP = 0.10
"""A price test goes at most this far from the current price, a share."""


@dataclass(frozen=True)
class Label:
    """What a product is called, as far as its history says."""

    name: str | None
    currency: str | None


def labels_of(frame: pd.DataFrame) -> list[Label]:
    """Last known name and currency of each product, in order of (store, sku)."""
    keys = product_keys(frame)
    last: dict[str, list[str | None]] = {}
    for column in ("name", "currency"):
        if column in frame:
            found = frame[column].dropna().groupby(keys.codes[frame[column].notna().to_numpy()]).last()
            last[column] = [
                None if i not in found.index else str(found.loc[i]) for i in range(len(keys.names))
            ]
        else:
            last[column] = [None] * len(keys.names)
    return [Label(n, c) for n, c in zip(last["name"], last["currency"], strict=True)]


def recommend(
    model: LoadedModel,
    panel: Panel,
    labels: list[Label],
    *,
    objective: Objective,
    rules: Rules | Mapping[str, Rules],
    horizon: int,
    explore: bool,
    adapters: FittedRows | None = None,
    posterior: Posterior | None = None,
) -> list[Recommendation]:
    """One recommendation per product of the panel, in its order, by its adapter where it has one.

    Parameters
    ----------
    posterior
        What the network says of the panel's next `horizon` periods, where the caller has asked it already.

    Raises
    ------
    ValueError
        `rules` name products that the panel lacks: a limit that is misspelt would hold for nobody.
    """
    if not isinstance(rules, Rules) and (
        unknown := sorted(map(str, set(rules) - {k for _, k in panel.keys}))
    ):
        raise ValueError(
            f"`rules` name {len(unknown)} products that the history lacks, the first is {unknown[0]!r}. "
            "Their keys are skus; a sku's rules hold in every store that sells it."
        )
    situation = situation_of(panel, maximise_profit=objective == "profit", horizon=horizon, adapters=adapters)
    evidence = weigh(panel)
    if posterior is None:
        posterior = posterior_of(model.network, situation)
    low, high = search_range(evidence)
    wanted = best_price(
        posterior, unit_cost=situation.objective_cost, stock=situation.stock, low=low, high=high
    )
    tests = _test_prices(posterior, situation, low, high)
    if explore and adapters is not None:
        # A store's adapter has played whole trials in that store's markets: it knows what a test is worth.
        learned = np.array([adapters.hash_of(row) is not None for row in range(len(panel))])
        played = price_head_of(model.network, situation, low=low, high=high)
        tests = np.where(learned, _near(played, situation.current_price), tests)
    of_all = model.adapter_digest[:16] if model.adapter_digest else None
    cases = [
        Case(posterior.take(np.array([row])), situation.take(np.array([row])), evidence, row)
        for row in range(len(panel))
    ]
    limits = rules_by_product(panel, rules)
    settled = settle(
        {
            key: Candidate(
                rules=limits[key],
                now=circumstances_of(panel, situation, row, rules=limits[key], currency=labels[row].currency),
                wanted=None if evidence.abstain[row] else float(wanted[row]),
                off_sale=evidence.abstain[row] in ("stale_data", "out_of_stock"),
                mean_objective=cases[row].mean_objective,
            )
            for row, key in enumerate(panel.keys)
        }
    )
    decided = [not evidence.abstain[row] and not settled[key].conflict for row, key in enumerate(panel.keys)]
    rows = np.flatnonzero(decided)
    found = drivers(model.network, situation.take(rows), wanted[rows], low[rows], high[rows])
    reasons = dict(zip(rows.tolist(), found, strict=True))
    records = []
    for row, key in enumerate(panel.keys):
        record = _decide(
            cases[row],
            panel=panel,
            label=labels[row],
            rules=limits[key],
            settled=settled[key],
            wanted=float(wanted[row]),
            test_price=float(tests[row]),
            explore=explore,
        )
        records.append(
            replace(
                record,
                drivers=reasons.get(row, ()),
                model_hash=model.digest[:16],
                adapter_hash=of_all if adapters is None else adapters.hash_of(row),
                rules_hash=limits[key].digest,
                history_hash=panel.digest(row),
            )
        )
    return records


def circumstances_by_product(
    panel: Panel, labels: list[Label], *, rules: Rules | Mapping[str, Rules]
) -> dict[Key, Circumstances]:
    """What rules, for all products or by sku, ask about every product of a panel in its next period; prices
    of the products that it is priced together with are not among it."""
    situation = situation_of(panel, maximise_profit=True)
    limits = rules_by_product(panel, rules)
    return {
        key: circumstances_of(panel, situation, row, rules=limits[key], currency=labels[row].currency)
        for row, key in enumerate(panel.keys)
    }


def search_range(evidence: Evidence) -> tuple[NDArray, NDArray]:
    """Prices that the history can speak for: those charged, and a step beyond, shape (B,) each."""
    return evidence.known_low * (1 - STEP_BEYOND), evidence.known_high * (1 + STEP_BEYOND)


def what_if_cautions(evidence: Evidence, row: int, price: float, cost: float) -> tuple[str, ...]:
    """What a reader should know of a price of the merchant's own choosing, as codes."""
    cautions: list[str] = [] if evidence.abstain[row] is None else [str(evidence.abstain[row])]
    low, high = search_range(evidence)
    if not low[row] <= price <= high[row]:
        cautions.append("outside_known_range")
    if evidence.abstain[row] is None and evidence.moves[row] < FEW_MOVES:
        cautions.append("few_price_changes")
    if not np.isfinite(cost):
        cautions.append("cost_missing")
    elif price < cost:
        cautions.append("price_below_cost")
    return tuple(dict.fromkeys(cautions))


def rule_cautions(verdicts: tuple[Verdict, ...]) -> list[str]:
    """What a reader should know of what rules say, as codes: `breaks_` and a rule, and notes."""
    noted = [verdict.note for verdict in verdicts if verdict.note in WORTH_A_WARNING]
    return [*(f"breaks_{rule}" for rule in violated(verdicts)), *filter(None, noted)]


@dataclass(frozen=True)
class Case:
    """One product's posterior and situation (single rows), and the panel's evidence."""

    posterior: Posterior
    situation: Situation
    evidence: Evidence
    row: int

    def objective_at(self, prices: list[float]) -> NDArray:
        """Objective per curve at prices, currency per period, shape (K, P)."""
        return component_objective(
            self.posterior,
            np.array([prices]),
            self.situation.objective_cost,
            self.situation.stock,
        )[0]

    def units_at(self, prices: list[float]) -> NDArray:
        """Units per curve at prices, per period, limited by stock, shape (K, P)."""
        return sales(self.posterior.component_units(np.array([prices])), self.situation.stock)[0]

    def mean_objective(self, prices: list[float]) -> NDArray:
        """Expected objective at prices, currency per period, shape (P,)."""
        of = self.situation
        return mean_objective(self.posterior, np.array([prices]), of.objective_cost, of.stock)[0]


def _decide(
    case: Case,
    *,
    panel: Panel,
    label: Label,
    rules: Rules,
    settled: Settled,
    wanted: float,
    test_price: float,
    explore: bool,
) -> Recommendation:
    row, evidence, situation = case.row, case.evidence, case.situation
    store, sku = panel.keys[row]
    current = float(situation.current_price[0])
    cost = known(situation.unit_cost[0])
    abstained = evidence.abstain[row]
    profit = situation.maximise_profit and cost is not None
    cautions, remedies = _cautions(case, asked_profit=situation.maximise_profit, cost=cost)
    price, clamps = settled.price, settled.clamps
    if settled.conflict:
        abstained = "rules_infeasible"
        cautions += [f"conflict_{rule}" for rule in settled.conflict]
    if abstained is None and price == current and abs(wanted / current - 1) > 1e-9 and not clamps:
        cautions.append("gain_not_worthwhile")
        if "price_ending" in violated(settled.verdicts):
            cautions.append("ending_not_worthwhile")
    cautions += [verdict.note for verdict in settled.verdicts if verdict.note in WORTH_A_WARNING]
    if abstained is not None:
        remedies.insert(0, REMEDY[abstained])
    lowest, highest = evidence.known_low[row], evidence.known_high[row]
    if abstained is None and price != current and not lowest * 1.001 < price < highest * 0.999:
        cautions.append("at_edge_of_known_prices")
        remedies.append("run_price_test")
    speaks = abstained in (None, "price_never_varied", "rules_infeasible", "stale_data")
    keep = outcome_at(case.posterior, situation, current) if speaks else None
    take = outcome_at(case.posterior, situation, price) if abstained is None else None
    pair = [price, current]
    units = case.units_at(pair)
    gain, units_gain, revenue_gain = (
        gain_between(values, case.posterior) if take else None
        for values in (case.objective_at(pair), units, units * pair)
    )
    slope, slope_low, slope_high = case.posterior.elasticity(situation.current_price)
    elasticity = Interval(mean=float(slope[0]), low=float(slope_low[0]), high=float(slope_high[0]))
    return Recommendation(
        sku=sku,
        store=store,
        name=label.name,
        currency=label.currency,
        period=panel.period,
        date=iso_date(situation.future.day[0, 0]),
        periods_of_history=int(evidence.periods[row]),
        objective="profit" if profit else "revenue",
        current_price=current,
        price=price,
        model_price=wanted if abstained in (None, "rules_infeasible") else None,
        unit_cost=cost,
        competitor_price=known(situation.competitor_price[0]),
        take=take,
        keep=keep,
        gain=gain,
        units_gain=units_gain,
        revenue_gain=revenue_gain,
        elasticity=elasticity if abstained in (None, "rules_infeasible", "stale_data") else None,
        clamps=clamps,
        verdicts=settled.verdicts,
        confidence=_confidence(case, [price, current], elasticity) if abstained is None else "low",
        cautions=tuple(dict.fromkeys(cautions)),
        abstained=abstained,
        remedies=tuple(dict.fromkeys(remedies)),
        test_price=_test_within_rules(test_price, rules, settled.now)
        if explore or abstained == "price_never_varied"
        else None,
    )


def _cautions(case: Case, *, asked_profit: bool, cost: float | None) -> tuple[list[str], list[str]]:
    """Codes of what a reader should know, and of what would help."""
    cautions, remedies = [], []
    current = float(case.situation.current_price[0])
    if asked_profit and cost is None:
        cautions.append("cost_missing")
        remedies.append("add_cost")
    if cost is not None and current < cost:
        cautions.append("price_below_cost")
    if case.evidence.abstain[case.row] is None and case.evidence.moves[case.row] < FEW_MOVES:
        cautions.append("few_price_changes")
        remedies.append("run_price_test")
    stock = case.situation.stock[0]
    if np.isfinite(stock) and stock > 0:
        demand = float(case.posterior.mean_units(np.array([[current]]))[0, 0])
        if stock < demand:
            cautions.append("stock_limits_sales")
            remedies.append("restock")
    return cautions, remedies


def _confidence(case: Case, prices: list[float], elasticity: Interval) -> Confidence:
    """High where the change pays with a chance of nine in ten (or, for keeping, where the response is known
    narrowly) and the price has moved often; low where the chance is below seven in ten. Always low where
    profit was wanted and the cost is unknown: more revenue may well be less profit."""
    if case.situation.maximise_profit and not np.isfinite(case.situation.unit_cost[0]):
        return "low"
    often = case.evidence.moves[case.row] >= 2 * FEW_MOVES
    if prices[0] == prices[1]:
        width = (elasticity.high - elasticity.low) / max(abs(elasticity.mean), 0.5)
        return "high" if width < 0.6 and often else "medium" if width < 1.2 else "low"
    value = case.objective_at(prices)
    mean, low, _ = case.posterior.gain_interval((value[:, 0] - value[:, 1])[None, :])
    reach = max(float(mean[0] - low[0]), 1e-12)  # as far as the calibrated interval goes to either side
    pays = float(ndtr(NORMAL_90 * mean[0] / reach))
    return "high" if pays >= 0.9 and often else "medium" if pays >= 0.7 else "low"


def _test_prices(posterior: Posterior, situation: Situation, low: NDArray, high: NDArray) -> NDArray:
    """The price whose trial would teach most: toward the best price of the curve, among those with weight,
    that disagrees most with the current price; at most `TEST_STEP` away, shape (B,)."""
    b, k = posterior.weights.shape
    row = np.repeat(np.arange(b), k)
    single = Posterior(
        np.ones((b * k, 1)),
        posterior.log_units.reshape(b * k, 1, -1),
        posterior.dispersion.reshape(b * k, 1),
        posterior.log_price[row],
    )
    own = best_price(
        single,
        unit_cost=situation.objective_cost[row],
        stock=situation.stock[row],
        low=low[row],
        high=high[row],
    ).reshape(b, k)
    current = situation.current_price[:, None]
    # With weight is what has a third of an even share: 5 % of six curves.
    distance = np.where(posterior.weights > 0.3 / k, np.abs(np.log(own / current)), -1.0)
    pick = own[np.arange(b), distance.argmax(axis=1)]
    return _near(pick, current[:, 0])


def _near(price: NDArray, current: NDArray) -> NDArray:
    """Prices at most `TEST_STEP` from the current ones, shape (B,)."""
    return np.clip(price, current * (1 - TEST_STEP), current * (1 + TEST_STEP))


def _test_within_rules(price: float, rules: Rules, now: Circumstances) -> float | None:
    """A price to test; None where the rules leave none, or it is tied to that of variants."""
    if now.group_price is not None:
        return None
    try:
        tested, _ = apply(price, rules, now)
    except RulesInfeasible:
        return None
    return None if abs(tested / now.current_price - 1) < 0.01 else tested
