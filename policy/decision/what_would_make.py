"""The reverse question: which single change would make the policy recommend a given price."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from policy.decision.choice import best_price, mean_objective
from policy.decision.given import require_positive
from policy.decision.limits import apply
from policy.decision.product import Product
from policy.decision.recommend import search_range
from policy.decision.recommendation import AbstentionCode
from policy.decision.rules import Rules, RulesInfeasible
from policy.decision.settle import circumstances_of, price_within_rules
from policy.decision.situation import Situation, posteriors_of
from policy.model.posterior import Posterior

POINTS = 25
"""Values of an input tried at once, in a pass over the history that reads all of them."""

ROUNDS = 3
"""Each narrows the range to the step that holds the answer: 24^3 steps in all."""

TOLERANCE = 0.005
"""A price within this share of the one asked for is that price."""

COST_RANGE = (0.1, 1.1)
"""Unit costs tried, over the present price: a little farther than markets in training went."""

RIVAL_RANGE = (0.5, 2.0)
"""Competitors' prices tried, over their usual one: about as far as markets in training went."""

STOCK_RANGE = (0.05, 20.0)
"""Units on hand tried, over what is expected to sell in a period at the present price."""

InputName = Literal["unit_cost", "competitor_price", "stock"]
Why = Literal["not_in_range", "rules", "gain_not_worthwhile"]
"""Why no value of an input makes the price: the policy's own price never gets there within the range; rules
keep it from there; it would get there, but the change is not expected to pay, so the price is kept."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one input would have to be, all else as it is."""

    name: InputName
    now: float | None
    """Its present value; None where stock is not on record and so does not limit sales."""
    needed: float | None
    """Nearest to the present one; None where no value in the range does it."""
    price: float
    """What the policy recommends at `needed`, found by asking it; without one, the recommendation closest to
    the price asked for."""
    closest: float
    """The input's value at which it does."""
    tried: tuple[float, float]
    """The range of values searched."""
    why: Why | None
    """Set where `needed` is None."""


@dataclass(frozen=True, kw_only=True)
class WhatWouldMake:
    """Answers to the reverse question for one product."""

    sku: str
    store: str | None
    name: str | None
    currency: str | None
    period: str
    price: float
    """Asked for."""
    current_price: float
    recommended: float
    """As things are."""
    model_price: float
    """As things are, without rules."""
    changes: tuple[Change, ...]
    """One an input that is known, those that reach the price first, smallest relative change first."""
    forbidden_by: tuple[str, ...]
    """Rules that do not permit the price as things are."""
    without_these: float | None
    """What the policy would recommend without them; None where they are none, or cannot be switched off."""
    abstained: AbstentionCode | None
    """Where the policy recommends nothing, `changes` are empty."""


def what_would_make(product: Product, *, price: float, rules: Rules | None = None) -> WhatWouldMake:
    """Search the policy itself for the single change that makes it recommend a price in the next period.

    Every value is put to the policy itself: the network reads the history with it, the best price is sought
    and the product's own rules are applied; what ties its price to other products' (variants, packs) is not.
    The search is over a grid, narrowed `ROUNDS` times around the crossing nearest to the
    present value, so it needs no monotone response; what it finds is what the policy then answers.

    Raises
    ------
    QuestionError
        `price` is not positive.
    """
    require_positive(price=price)
    limits = rules or Rules()
    answers = _Policy(product, limits)
    now, wanted = answers.at(answers.situation)
    forbidden = _forbidden(limits, price, product)
    abstained = product.evidence.abstain[0]
    changes = [] if abstained is not None else [_change(answers, name, price) for name in _known(product)]
    return WhatWouldMake(
        sku=product.sku,
        store=product.store,
        name=product.label.name,
        currency=product.label.currency,
        period=product.period,
        price=price,
        current_price=product.current_price,
        recommended=product.current_price if abstained is not None else now,
        model_price=wanted,
        changes=tuple(sorted(changes, key=_effort)),
        forbidden_by=forbidden,
        without_these=_relaxed(product, limits, forbidden) if forbidden and abstained is None else None,
        abstained=abstained,
    )


class _Policy:
    """What the policy answers for a product under other inputs."""

    def __init__(self, product: Product, rules: Rules) -> None:
        self.product, self.rules = product, rules
        self.situation = product.situation(1)
        self._low, self._high = search_range(product.evidence)

    def at(self, situation: Situation) -> tuple[float, float]:
        """Recommended price and the model's own."""
        (answer,) = self.at_all([situation])
        return answer

    def at_all(self, situations: list[Situation]) -> list[tuple[float, float]]:
        """The same for several situations, read at once."""
        answers = []
        for posterior, situation in zip(
            posteriors_of(self.product.network, situations), situations, strict=True
        ):
            wanted = float(
                best_price(
                    posterior,
                    unit_cost=situation.objective_cost,
                    stock=situation.stock,
                    low=self._low,
                    high=self._high,
                )[0]
            )
            answers.append((self._recommended(posterior, situation, wanted), wanted))
        return answers

    def _recommended(self, posterior: Posterior, situation: Situation, wanted: float) -> float:
        def worth(prices: list[float]) -> NDArray:
            return mean_objective(posterior, np.array([prices]), situation.objective_cost, situation.stock)[0]

        now = circumstances_of(
            self.product.panel, situation, 0, rules=self.rules, currency=self.product.label.currency
        )
        try:
            return price_within_rules(worth, wanted, rules=self.rules, now=now)[0]
        except RulesInfeasible:
            return self.product.current_price

    def with_input(self, name: InputName, value: float) -> Situation:
        """The situation with one input at another value."""
        column = np.array([value])
        if name == "unit_cost":
            return self.situation.with_future(cost=column)
        if name == "competitor_price":
            return self.situation.with_future(competitor_price=column)
        return self.situation.with_future(stock=column)


def _known(product: Product) -> list[InputName]:
    names: list[InputName] = []
    if product.unit_cost is not None:
        names.append("unit_cost")
    if product.competitor_price is not None:
        names.append("competitor_price")
    return [*names, "stock"]  # what is on hand can always be given


def _tried(answers: _Policy, name: InputName) -> tuple[float, float]:
    product = answers.product
    current = product.current_price
    if name == "unit_cost":
        return COST_RANGE[0] * current, COST_RANGE[1] * current
    if name == "competitor_price":
        path = product.panel.history.competitor_price[0]
        usual = float(np.nanmedian(path))
        return RIVAL_RANGE[0] * usual, RIVAL_RANGE[1] * usual
    unlimited = answers.situation.with_future(stock=np.array([np.nan]))
    (posterior,) = posteriors_of(product.network, [unlimited])
    units = float(posterior.mean_units(np.array([[current]]))[0, 0])
    return STOCK_RANGE[0] * units, STOCK_RANGE[1] * units


def _change(answers: _Policy, name: InputName, price: float) -> Change:
    """Search one input's range, evenly in logs."""
    present = {
        "unit_cost": answers.product.unit_cost,
        "competitor_price": answers.product.competitor_price,
        "stock": answers.product.stock,
    }[name]
    tried = _tried(answers, name)
    start = np.log(tried[1] if present is None else np.clip(present, *tried))
    low, high = np.log(tried)
    model_gets_there = False
    for _ in range(ROUNDS):
        grid = np.linspace(low, high, POINTS)
        found = answers.at_all([answers.with_input(name, float(np.exp(x))) for x in grid])
        prices, wanted = (np.array(v) for v in zip(*found, strict=True))
        model_gets_there |= bool(wanted.min() <= price <= wanted.max())
        # Rounding to a cent or an ending makes steps; among equally close values the nearest to now counts.
        at = int(np.lexsort((np.abs(grid - start), np.abs(prices - price)))[0])
        crossings = np.flatnonzero(np.diff(np.sign(prices - price)) != 0)
        if len(crossings):
            left = int(crossings[np.abs(grid[crossings] - start).argmin()])
            low, high = grid[left], grid[left + 1]
        else:
            low, high = grid[max(at - 1, 0)], grid[min(at + 1, POINTS - 1)]
    reached = abs(prices[at] / price - 1) <= TOLERANCE
    why: Why | None = None
    if not reached:
        permitted = not _forbidden(answers.rules, price, answers.product)
        why = "not_in_range" if not model_gets_there else "gain_not_worthwhile" if permitted else "rules"
    value = float(np.exp(grid[at]))
    return Change(
        name=name,
        now=present,
        needed=value if reached else None,
        price=float(prices[at]),
        closest=value,
        tried=(float(tried[0]), float(tried[1])),
        why=why,
    )


def _effort(change: Change) -> tuple[bool, float]:
    if change.needed is None:
        return True, 0.0
    now = change.tried[1] if change.now is None or change.now <= 0 else change.now
    return False, abs(float(np.log(change.needed / now)))


def _forbidden(rules: Rules, price: float, product: Product) -> tuple[str, ...]:
    try:
        allowed, clamps = apply(price, rules, product.circumstances(rules))
    except RulesInfeasible as conflict:
        return conflict.rules
    if abs(allowed / price - 1) <= TOLERANCE:
        return ()
    return tuple(dict.fromkeys(clamp.rule for clamp in clamps))


_OFF: dict[str, dict[str, Any]] = {
    "max_change": {"max_change": None},
    "max_increase": {"max_increase": None},
    "max_decrease": {"max_decrease": None},
    "lowest_price": {"lowest_price": None},
    "highest_price": {"highest_price": None},
    "freeze": {"freezes": ()},
    "min_margin": {"min_margin": None},
    "below_cost": {"allow_below_cost": True},
    "map": {"minimum_advertised_price": None, "minimum_by_market": ()},
    "competitor_index": {"competitor_index": None},
    "price_ending": {"price_ending": None},
}
"""How each rule is switched off, of those that are the merchant's own to switch off: the emergency cap is the
law's, and the floor of a below-cost exception is what it was granted for."""


def _relaxed(product: Product, rules: Rules, forbidden: tuple[str, ...]) -> float | None:
    if not set(forbidden) <= set(_OFF):
        return None
    off: dict[str, Any] = {}
    for rule in forbidden:
        off |= _OFF[rule]
    answers = _Policy(product, replace(rules, **off))
    return answers.at(answers.situation)[0]
