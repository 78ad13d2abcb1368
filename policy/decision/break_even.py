"""Break-even: the price that loses nothing, and the volume at which another price earns as much as now."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policy.decision.given import require_cost, require_positive
from policy.decision.margin import UnitEconomics
from policy.decision.outcomes import chance_positive, gain_between
from policy.decision.product import Product
from policy.decision.recommend import what_if_cautions
from policy.decision.recommendation import Interval
from policy.decision.situation import posterior_of
from policy.model.posterior import Posterior


@dataclass(frozen=True, kw_only=True)
class Margin:
    """What a unit leaves at a price, after fee, shipping and cost."""

    price: float
    unit_profit: float
    """Store currency per unit."""
    margin: float
    """Unit profit over price, a fraction; negative below break-even."""


@dataclass(frozen=True, kw_only=True)
class Volume:
    """Units that another price must sell to earn what the present one does, against those expected of it."""

    needed: float | None
    """Units per period at which the profit is that expected now; None where a unit earns nothing at the
    price and no volume does."""
    change_needed: float | None
    """Needed units over present ones minus 1: m / m' - 1 for unit profits m now and m' then, which for a
    price change d is the textbook's -d / (m + d) (Nagle and Mueller, The Strategy and Tactics of Pricing).
    A fraction; None as `needed`."""
    change_expected: Interval
    """Expected units over present ones minus 1, a fraction, with the 80 % interval of what is not known."""
    gain: Interval
    """Profit at the price minus profit now, per period."""
    chance: float
    """Chance that the price earns at least what the present one does."""


@dataclass(frozen=True, kw_only=True)
class BreakEven:
    """Break-even of one product. Per period where units are counted."""

    sku: str
    store: str | None
    name: str | None
    currency: str | None
    period: str
    unit_cost: float
    fee: float
    shipping: float
    lowest_price: float
    """Loses nothing: (unit cost + shipping) / (1 - fee)."""
    now: Margin
    units_now: Interval
    """Units expected per period at the present price, with the 80 % interval of the expectation."""
    at: Margin | None
    """At the price asked about, if any."""
    volume: Volume | None
    cautions: tuple[str, ...]
    """As of a what-if; `price_below_cost` where the price asked about is below `lowest_price`."""


def break_even(
    product: Product,
    *,
    price: float | None = None,
    unit_cost: float | None = None,
    fee: float = 0.0,
    shipping: float = 0.0,
) -> BreakEven:
    """The lowest price that loses nothing, margins, and the volume that another price needs.

    Parameters
    ----------
    price
        The other price, store currency.
    unit_cost
        In place of the known one.
    fee, shipping
        As in `UnitEconomics`.

    Raises
    ------
    QuestionError
        The cost is unknown, or a number is out of its range.
    """
    require_positive(price=price, unit_cost=unit_cost)
    cost = require_cost(product.unit_cost if unit_cost is None else unit_cost, product.sku)
    economics = UnitEconomics(unit_cost=cost, fee=fee, shipping=shipping)
    situation = product.situation(1).with_future(cost=np.array([cost]))
    posterior = posterior_of(product.network, situation)
    current = product.current_price
    low, high = posterior.mean_units_band(np.array([[current]]))
    units = float(posterior.mean_units(np.array([[current]]))[0, 0])
    lowest = (cost + shipping) / (1 - fee)
    return BreakEven(
        sku=product.sku,
        store=product.store,
        name=product.label.name,
        currency=product.label.currency,
        period=product.period,
        unit_cost=cost,
        fee=fee,
        shipping=shipping,
        lowest_price=lowest,
        now=margin_at(economics, current),
        units_now=Interval(mean=units, low=float(low[0, 0]), high=float(high[0, 0])),
        at=None if price is None else margin_at(economics, price),
        volume=None if price is None else volume_needed(posterior, economics, price=price, now=current),
        cautions=what_if_cautions(product.evidence, 0, current if price is None else price, lowest),
    )


def price_for_margin(economics: UnitEconomics, margin: float) -> float | None:
    """The price with this share of it left after fee, shipping and cost: (cost + shipping) / (1 - fee -
    margin). None where no price has it, or the cost is unknown."""
    share = 1 - economics.fee - margin
    if economics.unit_cost is None or share <= 0:
        return None
    return (economics.unit_cost + economics.shipping) / share


def margin_at(economics: UnitEconomics, price: float) -> Margin:
    """What a unit leaves at a price, where its cost is known."""
    profit = float(economics.profit(np.array(price)))
    return Margin(price=price, unit_profit=profit, margin=profit / price)


def volume_needed(posterior: Posterior, economics: UnitEconomics, *, price: float, now: float) -> Volume:
    """Units that a price must sell to earn what the present one does, for a posterior of one row."""
    pair = np.array([price, now])
    units = posterior.component_units(pair[None, :])[0]  # (K, 2)
    at, before = (float(v) for v in economics.profit(pair))
    weights = posterior.weights[0]
    needed = change = None
    if at > 0:
        # Where a unit loses money now, selling none at the other price already does better.
        change = max(before, 0.0) / at - 1.0
        needed = float(weights @ units[:, 1]) * (change + 1.0)
    gain = gain_between(economics.profit(pair) * units, posterior)
    log_ratio = np.log(units[:, 0] / units[:, 1])
    centre = float(weights @ log_ratio)
    reach = posterior.calibration.units * float(np.sqrt(weights @ (log_ratio - centre) ** 2))
    mean = float(weights @ units[:, 0] / (weights @ units[:, 1])) - 1.0
    return Volume(
        needed=needed,
        change_needed=change,
        change_expected=Interval(
            mean=mean,
            low=min(float(np.expm1(centre - reach)), mean),
            high=max(float(np.expm1(centre + reach)), mean),
        ),
        gain=gain,
        chance=chance_positive(gain),
    )
