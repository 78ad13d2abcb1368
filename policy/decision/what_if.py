"""What if: a price of the merchant's choosing under circumstances of the merchant's choosing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date as Date

import numpy as np

from policy.decision.given import require_not_negative, require_positive
from policy.decision.joint import Luck
from policy.decision.limits import check
from policy.decision.margin import UnitEconomics
from policy.decision.outcomes import (
    WhatIf,
    chance_positive,
    gain_between,
    interval_at,
    outcome_at,
)
from policy.decision.product import Product
from policy.decision.recommend import rule_cautions, what_if_cautions
from policy.decision.rules import Rules
from policy.decision.settle import rules_by_product
from policy.decision.situation import known, pooled, posterior_by_period
from policy.decision.ties import Ties
from policy.decision.totals import DRAWS, SEED, PricePath, gain_over, totals
from policy.model.panel import Panel


def what_if(
    product: Product,
    *,
    price: float,
    unit_cost: float | None = None,
    competitor_price: float | None = None,
    stock: float | None = None,
    fee: float = 0.0,
    shipping: float = 0.0,
    periods: int | None = None,
    start: str | Date | None = None,
    until: str | Date | None = None,
) -> WhatIf:
    """What to expect at a price, against keeping the present one.

    Parameters
    ----------
    price, unit_cost, competitor_price
        Store currency; cost and competitor's price replace the known ones for this question only.
    stock
        Units on hand, which the periods asked for share; by default what the history says.
    fee, shipping
        As in `UnitEconomics`.
    periods, start, until
        As in `Product.window`; the next period by default.
    """
    require_positive(price=price, unit_cost=unit_cost, competitor_price=competitor_price)
    require_not_negative(stock=stock)
    window = product.window(periods=periods, start=start, until=until)
    on_hand = product.stock if stock is None else stock
    situation = product.situation(window.reach).with_future(
        cost=None if unit_cost is None else np.array([unit_cost]),
        competitor_price=None if competitor_price is None else np.array([competitor_price]),
        stock=None if on_hand is None else np.array([on_hand / window.periods]),
    )
    economics = UnitEconomics(unit_cost=known(situation.unit_cost[0]), fee=fee, shipping=shipping)
    (whole,) = posterior_by_period(product.network, [situation])
    by_period = window.of(whole)
    posterior = pooled(by_period, window.periods)
    current = product.current_price
    pair = np.array([price, current])
    units = posterior.component_units(pair[None, :])[0]  # (curves, 2)
    limit = np.inf if on_hand is None else on_hand / window.periods
    luck = Luck.drawn(np.random.default_rng(SEED), DRAWS, window.periods)
    gain = gain_between(economics.value(pair) * np.minimum(units, limit), posterior)
    paths = [np.full(window.periods, p) for p in pair]
    total_at, total_keep = (
        totals(by_period, path, economics=economics, stock=on_hand, luck=luck) for path in paths
    )
    cost = np.nan if economics.break_even is None else economics.break_even
    return WhatIf(
        sku=product.sku,
        store=product.store,
        name=product.label.name,
        currency=product.label.currency,
        period=product.period,
        objective=economics.objective,
        unit_cost=economics.unit_cost,
        competitor_price=known(situation.competitor_price[0]),
        at=outcome_at(posterior, situation, price, economics=economics),
        keep=outcome_at(posterior, situation, current, economics=economics),
        gain=gain,
        elasticity=interval_at(posterior.elasticity(situation.current_price)),
        known_low=float(product.evidence.known_low[0]),
        known_high=float(product.evidence.known_high[0]),
        cautions=what_if_cautions(product.evidence, 0, price, cost),
        verdicts=(),
        chance=chance_positive(gain),
        stock=on_hand,
        fee=fee,
        shipping=shipping,
        dates=window.dates,
        end=window.end,
        total_at=total_at,
        total_keep=total_keep,
        total_gain=gain_over(
            (
                PricePath(paths[0], by_period, economics.value(paths[0])),
                PricePath(paths[1], by_period, economics.value(paths[1])),
            ),
            stock=on_hand,
            luck=luck,
        ),
    )


def under_rules(
    found: WhatIf, product: Product, panel: Panel, *, rules: Rules | Mapping[str, Rules]
) -> WhatIf:
    """The same with what rules say of the price on the first day asked about.

    Parameters
    ----------
    product, panel
        The product that was asked about, and all of its table: those that it is priced together with are
        taken at their present prices.
    rules
        Limits for all products, or by sku (products left out have the default `Rules()`).
    """
    limits = rules_by_product(panel, rules)
    key, price = (product.store, product.sku), found.at.price
    now = product.circumstances(
        limits[key],
        day=found.dates[0],
        unit_cost=found.unit_cost,
        competitor_price=found.competitor_price,
    )
    prices = dict(zip(panel.keys, panel.last_known("price").tolist(), strict=True)) | {key: price}
    verdicts = check(price, limits[key], Ties(limits).given(key, now, prices))
    cautions = tuple(dict.fromkeys([*found.cautions, *rule_cautions(verdicts)]))
    return replace(found, verdicts=verdicts, cautions=cautions)
