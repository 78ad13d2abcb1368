"""From the prices that the model wants to prices within all rules, for all products of a panel."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from policy.decision.bounds import Circumstances
from policy.decision.groups import Member, joint_prices
from policy.decision.limits import apply, check, violated
from policy.decision.recommendation import Clamp, Verdict
from policy.decision.rules import Rules, RulesInfeasible
from policy.decision.situation import Situation, date_of, known
from policy.decision.ties import Key, Ties
from policy.model.panel import Panel

WORTHWHILE = 0.005
"""A change must be expected to gain at least this share of the objective; below it the price is kept."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One product, and the price that the model wants for it."""

    rules: Rules
    now: Circumstances
    wanted: float | None
    """Store currency; None where the policy abstains, so that the price is kept."""
    off_sale: bool = False
    """Whether it is not sold now: it keeps its price, but what it is priced together with need not wait."""
    mean_objective: Callable[[list[float]], NDArray]
    """Expected objective at a list of prices, currency per period."""


@dataclass(frozen=True, kw_only=True)
class Settled:
    """The price of one product after all rules."""

    price: float
    now: Circumstances
    """With the prices of the products that it is priced together with."""
    verdicts: tuple[Verdict, ...]
    """Of `price`."""
    clamps: tuple[Clamp, ...] = ()
    conflict: tuple[str, ...] = ()
    """The rules that leave no price, where they do; the price is then the current one."""


def settle(candidates: Mapping[Key, Candidate]) -> dict[Key, Settled]:
    """Prices within all rules: each product's own first, then those that tie products together.

    Every price is judged once more at the end. One that breaks a rule is never given out: the current one is
    kept, and the rules that it would have broken are named.
    """
    own = {key: _within_own_rules(it) for key, it in candidates.items()}
    members = {
        key: Member(
            rules=it.rules,
            now=it.now,
            price=own[key].price,
            held=it.wanted is None or bool(own[key].conflict),
            value=it.mean_objective,
        )
        for key, it in candidates.items()
        if not it.off_sale
    }
    for key, joint in joint_prices(members, worthwhile=WORTHWHILE).items():
        clamps = () if joint.clamp is None else (*own[key].clamps, joint.clamp)
        own[key] = _Own(price=joint.price, clamps=clamps, conflict=joint.conflict)
    ties = Ties({key: it.rules for key, it in candidates.items()})
    on_sale = Ties({key: member.rules for key, member in members.items()})
    while True:
        prices = {key: it.price for key, it in own.items()}
        now = {
            k: (on_sale if k in members else ties).given(k, it.now, prices) for k, it in candidates.items()
        }
        verdicts = {key: check(prices[key], it.rules, now[key]) for key, it in candidates.items()}
        wrong = {
            key: broken
            for key, it in candidates.items()
            if prices[key] != it.now.current_price and (broken := violated(verdicts[key]))
        }
        if not wrong:
            break
        for key, broken in wrong.items():
            own[key] = _Own(price=candidates[key].now.current_price, clamps=(), conflict=broken)
    return {
        key: Settled(
            price=it.price, now=now[key], verdicts=verdicts[key], clamps=it.clamps, conflict=it.conflict
        )
        for key, it in own.items()
    }


@dataclass(frozen=True, kw_only=True)
class _Own:
    price: float
    clamps: tuple[Clamp, ...] = ()
    conflict: tuple[str, ...] = ()


def _within_own_rules(it: Candidate) -> _Own:
    if it.wanted is None:
        return _Own(price=it.now.current_price)
    try:
        price, clamps = price_within_rules(it.mean_objective, it.wanted, rules=it.rules, now=it.now)
    except RulesInfeasible as conflict:
        return _Own(price=it.now.current_price, conflict=conflict.rules)
    return _Own(price=price, clamps=clamps)


def price_within_rules(
    mean_objective: Callable[[list[float]], NDArray], wanted: float, *, rules: Rules, now: Circumstances
) -> tuple[float, tuple[Clamp, ...]]:
    """The model's price after rules, or the current one where a change is not expected to pay.

    The ending is a matter of looks: where reaching it is expected to cost `WORTHWHILE` or more, the price
    stays as it is.

    Parameters
    ----------
    mean_objective
        Expected objective at a list of prices, currency per period.

    Raises
    ------
    RulesInfeasible
        No price satisfies all rules.
    """
    current = now.current_price
    price, clamps = apply(wanted, rules, now)
    means = mean_objective([price, current])
    least = WORTHWHILE * abs(means[1])
    if price != current and means[0] - means[1] < least:
        loses = means[0] - means[1] < -least
        required = replace(rules, price_ending=None) if loses else rules
        kept, kept_clamps = apply(current, required, now)
        if not kept_clamps and abs(kept - current) < 0.005:
            return current, ()
    return price, clamps


def rules_by_product(panel: Panel, rules: Rules | Mapping[str, Rules]) -> dict[Key, Rules]:
    """The rules of every product of a panel, from those of all or by sku; those left out have the default."""
    return {key: rules if isinstance(rules, Rules) else rules.get(key[1], Rules()) for key in panel.keys}


def circumstances_of(
    panel: Panel, situation: Situation, row: int, *, rules: Rules, currency: str | None
) -> Circumstances:
    """What rules ask about one product of a panel that is about to be priced.

    Parameters
    ----------
    situation
        Of the same products as the panel's, in its order.
    """
    day = panel.history.day[row]
    seen = np.flatnonzero(np.isfinite(panel.history.competitor_price[row]))
    rival = float(situation.competitor_price[row])
    # A price given for this question is no older than the question.
    recorded = len(seen) > 0 and np.isclose(panel.history.competitor_price[row, seen[-1]], rival)
    return Circumstances(
        current_price=float(situation.current_price[row]),
        unit_cost=known(situation.unit_cost[row]),
        date=date_of(situation.future.day[row, 0]),
        currency=currency,
        market=panel.keys[row][0],
        competitor_price=known(rival),
        competitor_age_days=int(day[-1] - day[seen[-1]]) if recorded else 0,
        price_before_emergency=_price_before(panel, row, rules.emergency_since),
    )


def _price_before(panel: Panel, row: int, since: dt.date | None) -> float | None:
    """The price of the last whole period before a day, None where there is none on record."""
    if since is None:
        return None
    price = panel.history.price[row]
    for t in np.flatnonzero(np.isfinite(price))[::-1]:
        start = date_of(panel.history.day[row, t])
        if panel.period == "month":
            following = (start.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
        else:
            following = start + dt.timedelta(days=7 if panel.period == "week" else 1)
        if following <= since:
            return float(price[t])
    return None
