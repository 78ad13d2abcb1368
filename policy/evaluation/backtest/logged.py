"""What the policy would have charged in each period of the last quarter, and how the store priced it.

For each logged period the policy is asked with the history before it and with what a seller knows of the
period when pricing it: promotion, cost, competitor's price and stock. It answers within the rules, from the
price that the store charged the period before: a store that followed it for a whole quarter would have come
to other prices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from policy.decision.choice import best_price, mean_objective
from policy.decision.evidence import weigh
from policy.decision.recommend import search_range
from policy.decision.rules import Rules, RulesInfeasible
from policy.decision.settle import circumstances_of, price_within_rules
from policy.decision.situation import situation_of
from policy.evaluation.backtest.off_policy import Log, bandwidth_of, kernel
from policy.model.inference import infer
from policy.model.panel import Panel
from policy.model.posterior import Posterior
from policy.model.tokens import tokenise
from policy.model.transformer import PolicyModel

CHUNK = 16
"""Periods of a product that one pass answers for: each sees as many fewer of the oldest periods at most."""

SHARED = 8.0
"""Earlier prices of its own that weigh as much as the store's in the density of a product's prices."""

SAME = 0.005
"""Largest change of log price that is no change."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """N logged periods of the last quarter and what the policy made of them; shapes (N,), currency."""

    row: NDArray[np.int64]
    """Product, as a row of the panel."""
    column: NDArray[np.int64]
    """Period, as a column of the panel's history."""
    price: NDArray[np.float64]
    """Charged by the store."""
    policy_price: NDArray[np.float64]
    """What the policy would have charged; the price before where it would not have priced."""
    priced: NDArray[np.bool_]
    """Whether the policy would have priced: not after too little history, where the price had never moved, or
    where the rules excluded each other."""
    before: NDArray[np.float64]
    """Charged the period before."""
    cost: NDArray[np.float64]
    """Unit cost that counts in the objective; 0 where revenue is counted."""
    units: NDArray[np.float64]
    earned: NDArray[np.float64]
    at_charged: NDArray[np.float64]
    at_policy: NDArray[np.float64]
    """Expected earnings at either price, before the period."""
    of_profit: NDArray[np.bool_]
    """Whether earnings are profit; revenue where the cost is not known."""
    usual: NDArray[np.float64]
    """Log of the running mean of prices before the period."""

    def __len__(self) -> int:
        return len(self.row)

    def take(self, index: NDArray) -> Asked:
        """The periods at `index`."""
        return Asked(**{name: values[index] for name, values in vars(self).items()})


def ask(
    model: PolicyModel,
    panel: Panel,
    *,
    maximise_profit: bool,
    rules: Rules,
    currency: str | None,
    tested: float = 0.25,
) -> Asked:
    """Ask the policy about the last `tested` share of every product's periods."""
    horizon = panel.history.price.shape[1]
    count = panel.lengths - (panel.lengths * (1 - tested)).astype(np.int64)
    parts = []
    for stop in range(horizon, max(horizon - int(count.max()), 1), -CHUNK):
        start = max(stop - CHUNK, horizon - int(count.max()), 1)
        rows = np.flatnonzero(count > horizon - stop)
        known = panel.history.take(rows).window(0, stop)
        posterior, _ = infer(model, known, start_price=panel.first_price[rows], ahead=stop - start)
        for t in range(start, stop):
            # A period must have one before it, whose price could be kept.
            tests = (count[rows] >= horizon - t) & (panel.lengths[rows] > horizon - t)
            chosen = np.flatnonzero(tests)
            if len(chosen):
                own = posterior.take(chosen * (stop - start) + t - start)
                now = panel.take(rows[chosen])
                parts.append(_one_period(now, rows[chosen], t, own, maximise_profit, rules, currency))
    return Asked(**{name: np.concatenate([vars(p)[name] for p in parts]) for name in vars(parts[0])})


def _one_period(
    panel: Panel,
    rows: NDArray,
    t: int,
    posterior: Posterior,
    maximise_profit: bool,
    rules: Rules,
    currency: str | None,
) -> Asked:
    """Ask about column t of every product of a panel, shape (N,) each."""
    horizon, history = panel.history.price.shape[1], panel.history
    cut = Panel(panel.keys, history.window(0, t), panel.lengths - (horizon - t), panel.period)
    # Each product is asked in its own day: none is out of date.
    today = replace(cut, history=replace(cut.history, day=np.zeros_like(cut.history.day)))
    evidence = weigh(today)
    low, high = search_range(evidence)
    cost_now = history.cost[:, t]
    cost = np.where(np.isfinite(cost_now), cost_now, cut.last_known("cost"))
    of_profit = np.isfinite(cost) & maximise_profit
    counted = np.where(of_profit, cost, 0.0)
    stock, current, price = history.stock[:, t], cut.last_known("price"), history.price[:, t]
    rival_now = history.competitor_price[:, t]
    rival = np.where(np.isfinite(rival_now), rival_now, cut.last_known("competitor_price"))
    asked = situation_of(cut, maximise_profit=maximise_profit).with_future(cost=cost, competitor_price=rival)
    wanted = best_price(posterior, unit_cost=counted, stock=stock, low=low, high=high)
    policy_price, priced = current.copy(), np.zeros(len(panel), dtype=bool)
    for i in range(len(panel)):
        if evidence.abstain[i] is not None:
            continue
        one = slice(i, i + 1)
        own = posterior.take(np.array([i]))

        def worth(prices: list[float], one: slice = one, own: Posterior = own) -> NDArray:
            return mean_objective(own, np.array([prices]), counted[one], stock[one])[0]

        try:
            policy_price[i], _ = price_within_rules(
                worth,
                float(wanted[i]),
                rules=rules,
                now=circumstances_of(cut, asked, i, rules=rules, currency=currency),
            )
        except RulesInfeasible:
            continue
        priced[i] = True
    pair = np.stack([price, policy_price], axis=1)
    expected = mean_objective(posterior, pair, counted, stock)
    units = history.units[:, t]
    return Asked(
        row=rows,
        column=np.full(len(rows), t),
        price=price,
        policy_price=policy_price,
        priced=priced,
        before=current,
        cost=counted,
        units=units,
        earned=(price - counted) * units,
        at_charged=expected[:, 0],
        at_policy=expected[:, 1],
        of_profit=of_profit,
        usual=posterior.log_price,
    )


def log_of(panel: Panel, asked: Asked) -> Log:
    """The log that off-policy estimates need: how the store would have come to each price.

    The store is taken to keep the price of the period before with a chance, and else to draw a price: log
    price over the running mean of prices, from a kernel density of the prices that it changed to earlier in
    periods with as much promotion (any or none). Chance and density are a product's own, mixed with those of
    all the store's products, which weigh as much as `SHARED` earlier prices. Nothing of the period itself or
    after it is used of the product; of the store, what came before its products' last quarters.
    """
    habits = _Habits(panel, asked)
    h = bandwidth_of(np.log(asked.price) - asked.usual)
    charged, wanted, kept = (np.log(p) - asked.usual for p in (asked.price, asked.policy_price, asked.before))
    stay = habits.stay
    density = stay * kernel(charged - kept, h) + (1 - stay) * habits.density(charged, h)
    support = stay * (np.abs(wanted - kept) <= h) + (1 - stay) * habits.chance(wanted, h)
    return Log(
        product=asked.row,
        distance=wanted - charged,
        density=density,
        support=support,
        earned=asked.earned,
        at_charged=asked.at_charged,
        at_policy=asked.at_policy,
        bandwidth=h,
    )


class _Habits:
    """How a store changes prices: what it had done before each of N logged periods."""

    def __init__(self, panel: Panel, asked: Asked):
        history, horizon = panel.history, panel.history.price.shape[1]
        anchors = tokenise(history, start_price=panel.first_price).log_price[:, :-1]
        with np.errstate(invalid="ignore"):
            relative = np.log(history.price) - anchors  # (B, T)
            change = np.abs(np.diff(np.log(history.price), axis=1, prepend=np.nan)) > SAME
        follows = np.arange(horizon) > (horizon - panel.lengths)[:, None]  # a period of its own before it
        promoted = np.nan_to_num(history.promo) > 0
        first = np.full(len(panel), horizon)
        np.minimum.at(first, asked.row, asked.column)
        before_test = np.arange(horizon) < first[:, None]
        past = np.arange(horizon) < asked.column[:, None]  # (N, T)
        alike = promoted[asked.row] == promoted[asked.row, asked.column][:, None]
        own = past & alike & follows[asked.row]
        moved = own & change[asked.row]
        self._relative = np.where(moved, relative[asked.row], np.inf)  # (N, T)
        self._moves = moved.sum(axis=1)
        self._state = promoted[asked.row, asked.column].astype(int)
        pooled = [before_test & follows & (promoted == bool(state)) for state in (0, 1)]
        self._pool = [relative[p & change] for p in pooled]
        stays = np.array([1 - change[p].mean() if p.any() else 0.5 for p in pooled])
        kept = (own & ~change[asked.row]).sum(axis=1)
        self.stay = (kept + SHARED * stays[self._state]) / (own.sum(axis=1) + SHARED)
        """Chance that the price before is kept, shape (N,)."""

    def density(self, at: NDArray, bandwidth: float) -> NDArray:
        """Density of a changed price at relative log prices (N,), shape (N,)."""
        return self._mixed(at, lambda distance: kernel(distance, bandwidth))

    def chance(self, at: NDArray, bandwidth: float) -> NDArray:
        """Chance that a changed price lies within a bandwidth of relative log prices (N,), shape (N,)."""
        return self._mixed(at, lambda distance: (np.abs(distance) <= bandwidth).astype(float))

    def _mixed(self, at: NDArray, weigh_distance: Callable[[NDArray], NDArray]) -> NDArray:
        """A product's own mean over its earlier changes mixed with the store's, shape (N,)."""
        own = weigh_distance(np.where(np.isfinite(self._relative), at[:, None] - self._relative, np.inf))
        total = own.sum(axis=1)
        store = np.zeros_like(at)
        for state, pool in enumerate(self._pool):
            rows = np.flatnonzero(self._state == state)
            if len(pool):
                for part in np.array_split(rows, max(1, len(rows) * len(pool) // 4_000_000)):
                    store[part] = weigh_distance(at[part, None] - pool).mean(axis=1)
        return (total + SHARED * store) / (self._moves + SHARED)
