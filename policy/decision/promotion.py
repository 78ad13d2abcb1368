"""Promotions: what a temporary cut brings, what it gives away, what it leaves behind, and how deep to go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date as Date

import numpy as np

from policy.decision.aftermath import LASTS, aftermath
from policy.decision.bounds import Circumstances
from policy.decision.given import QuestionError, require_fraction, require_positive
from policy.decision.joint import Luck
from policy.decision.limits import check, permitted, violated
from policy.decision.margin import UnitEconomics
from policy.decision.outcomes import Totals, chance_positive
from policy.decision.product import Product, Window
from policy.decision.recommend import what_if_cautions
from policy.decision.recommendation import Interval, Objective
from policy.decision.rules import Rules
from policy.decision.situation import posterior_by_period
from policy.decision.totals import DRAWS, SEED, PricePath, gain_over, totals

DEPTHS = tuple(round(0.05 * i, 2) for i in range(1, 11))
"""Cuts that are compared, shares of the present price."""

FEWEST_PROMOTED = 3
"""With fewer promoted periods on record than this, the effect of a promotion beside its price is not learned
from this product, and not counted."""


@dataclass(frozen=True, kw_only=True)
class DepthOutcome:
    """A promotion of one depth, over all promoted periods."""

    depth: float
    """Share of the present price that is taken off, after rules and rounding."""
    price: float
    totals: Totals
    gain: Interval
    """Objective in the promoted periods more than without a promotion: the average, with the 80 % interval of
    what is not known of demand."""
    net_gain: Interval
    """The same less what sales brought forward take from the periods after, as far as that was measured."""
    chance: float
    """Chance that the net gain is above zero."""


@dataclass(frozen=True, kw_only=True)
class Lift:
    """Units that the promotion adds in the promoted periods, on average."""

    total: Interval
    of_price: Interval
    """By the lower price alone."""
    of_flag: Interval
    """By being a promotion, at that price: shown, announced, advertised."""
    needed: float | None
    """Units that must be added for the promotion to earn as much as none; None where no number does."""


@dataclass(frozen=True, kw_only=True)
class After:
    """The `LASTS` periods after the promotion."""

    promotions: int
    """Past ones that could be measured."""
    change: Interval | None
    """Measured change of full-price units after past promotions, a fraction, taken to be the same after any
    depth; None where they are too few."""
    units: Interval | None
    """Full-price units that this amounts to; negative where sales are brought forward."""
    value: Interval | None
    """And in the objective."""


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """A promotion of one product against none."""

    sku: str
    store: str | None
    name: str | None
    currency: str | None
    period: str
    objective: Objective
    unit_cost: float | None
    current_price: float
    dates: tuple[str, ...]
    end: str
    """Last day of the promotion, ISO 8601."""
    asked: DepthOutcome | None
    """At the depth asked about."""
    none: Totals
    """Over the same periods at the present price."""
    lift: Lift | None
    """Of the depth asked about."""
    given_away: float | None
    """Revenue forgone on units that would have sold at full price in the promoted periods, currency."""
    after: After
    depths: tuple[DepthOutcome, ...]
    """Every depth of the grid that rules permit."""
    best: DepthOutcome | None
    """The one with the highest expected net gain; None where no promotion earns more than none."""
    promoted_periods: int
    """On record."""
    broken_rules: tuple[str, ...]
    """Rules that the depth asked about breaks."""
    cautions: tuple[str, ...]
    """As of a what-if, and: `promotion_not_learned` (too few promotions on record: `of_flag` is what other
    products' promotions do, and neither totals nor gains count it), `after_not_known` (too few to measure
    what they leave behind, so that gains may be too high), `stock_below_forecast`."""


def promotion(
    product: Product,
    *,
    depth: float | None = None,
    periods: int | None = None,
    start: str | Date | None = None,
    until: str | Date | None = None,
    rules: Rules | None = None,
    unit_cost: float | None = None,
    fee: float = 0.0,
    shipping: float = 0.0,
) -> Promotion:
    """A temporary price cut against none: units, profit, lift by cause, what it leaves, the best depth.

    All depths are read from one pass over the history and meet the same draws.

    Parameters
    ----------
    depth
        Share of the present price to take off, in (0, 1); None for the best depth alone.
    periods, start, until
        As in `Product.window`.
    rules
        Limits on the promotional price; the default rules where None. The depth asked about is answered for
        whatever they say, and `broken_rules` names those that it breaks.
    unit_cost
        In place of the known one.
    fee, shipping
        As in `UnitEconomics`.

    Raises
    ------
    QuestionError
        A number is out of its range, or dates are not ahead.
    """
    require_fraction(depth=depth)
    require_positive(depth=depth, unit_cost=unit_cost)
    window = product.window(periods=periods, start=start, until=until)
    economics = product.economics(unit_cost=unit_cost, fee=fee, shipping=shipping)
    limits = rules or Rules()
    current = product.current_price
    cost = economics.unit_cost
    now = product.circumstances(limits, unit_cost=cost)
    on_grid = {p for d in DEPTHS if (p := _permitted(limits, now, window, d)) is not None}
    asked_price = None if depth is None else round(current * (1 - depth), 2)
    if asked_price is not None and asked_price <= 0:
        raise QuestionError("not_positive", "A depth of {depth:g} leaves no price.", depth=depth)
    promoted = int((np.nan_to_num(product.panel.history.promo) > 0).sum())
    learned = promoted >= FEWEST_PROMOTED
    cuts = sorted({*on_grid, *(() if asked_price is None else (asked_price,))}, reverse=True)
    reader = _Reader(product, window, economics)
    plain, *plain_cuts = reader.read([(current, 0.0), *((p, 0.0) for p in cuts)])
    flagged_cuts = reader.read([(p, 1.0) for p in cuts]) if cuts else []
    luck = Luck.drawn(np.random.default_rng(SEED), DRAWS, window.periods)
    after = _after(product, plain, economics, luck)
    outcomes = {
        price: _depth_outcome(path, plain, current, economics, after, luck)
        for price, path in zip(cuts, flagged_cuts if learned else plain_cuts, strict=True)
    }
    found = tuple(outcomes[price] for price in sorted(on_grid, reverse=True))
    best = max(found, key=lambda o: o.net_gain.mean, default=None)
    none = totals(plain.posterior, plain.prices, economics=economics, stock=None, luck=luck)
    asked = None if asked_price is None else outcomes[asked_price]
    lift = None
    if asked_price is not None:
        row = cuts.index(asked_price)
        lift = _lift(plain, plain_cuts[row], flagged_cuts[row], economics, none, learned, luck)
    shown = asked or best
    cautions = list(
        what_if_cautions(
            product.evidence,
            0,
            current if shown is None else shown.price,
            economics.break_even or np.nan,
        )
    )
    cautions += [] if learned else ["promotion_not_learned"]
    cautions += [] if after.change is not None else ["after_not_known"]
    if shown is not None and product.stock is not None and product.stock < shown.totals.units.mean:
        cautions.append("stock_below_forecast")
    return Promotion(
        sku=product.sku,
        store=product.store,
        name=product.label.name,
        currency=product.label.currency,
        period=product.period,
        objective=economics.objective,
        unit_cost=economics.unit_cost,
        current_price=current,
        dates=window.dates,
        end=window.end,
        asked=asked,
        none=none,
        lift=lift,
        given_away=None if asked_price is None else none.units.mean * (current - asked_price),
        after=after,
        depths=found,
        best=best if best is not None and best.net_gain.mean > 0 else None,
        promoted_periods=promoted,
        broken_rules=() if asked_price is None else _broken(limits, now, window, asked_price),
        cautions=tuple(cautions),
    )


def _permitted(rules: Rules, now: Circumstances, window: Window, depth: float) -> float | None:
    """The promotional price of a depth where rules permit one near it, else None."""
    current = now.current_price
    wanted = current * (1 - depth)
    price = permitted(wanted, rules, replace(now, date=Date.fromisoformat(window.dates[0])))
    # An ending moves a price a little; a rule that moves it by more than a fortieth forbids the depth.
    if price is None or price >= current or abs(price / wanted - 1) > 0.025:
        return None
    return None if _broken(rules, now, window, price) else price


def _broken(rules: Rules, now: Circumstances, window: Window, price: float) -> tuple[str, ...]:
    """Rules that a promotional price breaks: as a change on the first day, or as the price that is kept in a
    later period, when an exception may have ended or an emergency begun."""
    before = [now.current_price, *[price] * (window.periods - 1)]
    days = [
        replace(now, date=Date.fromisoformat(day), current_price=current)
        for day, current in zip(window.dates, before, strict=True)
    ]
    return tuple(dict.fromkeys(rule for then in days for rule in violated(check(price, rules, then))))


class _Reader:
    """Reads a product's history with promotions of several prices ahead, several at once."""

    def __init__(self, product: Product, window: Window, economics: UnitEconomics) -> None:
        self._product, self._window, self._economics = product, window, economics
        cost = economics.unit_cost
        self._situation = product.situation(window.reach).with_future(
            cost=None if cost is None else np.array([cost]), stock=np.array([np.nan])
        )

    def read(self, promotions: Sequence[tuple[float, float]]) -> list[PricePath]:
        """For every promotional price and flag, the promoted periods with what is believed of them."""
        during = np.arange(self._window.reach) >= self._window.first
        future = self._situation.future
        futures = [
            replace(
                self._situation,
                future=replace(
                    future,
                    price=np.where(during, price, future.price),
                    promo=np.where(during & (flag > 0), flag, future.promo),
                ),
            )
            for price, flag in promotions
        ]
        found = posterior_by_period(self._product.network, futures)
        prices = [np.full(self._window.periods, price) for price, _ in promotions]
        return [
            PricePath(path, self._window.of(posterior), self._economics.value(path))
            for path, posterior in zip(prices, found, strict=True)
        ]


def _units(path: PricePath) -> PricePath:
    return replace(path, value=np.ones_like(path.prices))


def _lift(
    plain: PricePath,
    cut: PricePath,
    flagged: PricePath,
    economics: UnitEconomics,
    none: Totals,
    learned: bool,
    luck: Luck,
) -> Lift:
    counted = flagged if learned else cut
    margin = float(economics.value(cut.prices)[0])
    before = float(plain.value[0])
    needed = none.units.mean * (max(before, 0.0) / margin - 1.0) if margin > 0 else None
    return Lift(
        total=gain_over((_units(counted), _units(plain)), stock=None, luck=luck),
        of_price=gain_over((_units(cut), _units(plain)), stock=None, luck=luck),
        of_flag=gain_over((_units(flagged), _units(cut)), stock=None, luck=luck),
        needed=needed,
    )


def _after(product: Product, plain: PricePath, economics: UnitEconomics, luck: Luck) -> After:
    """What past promotions left behind, in units and value of the periods after this one."""
    slope = float(plain.posterior.take(np.array([0])).elasticity(plain.prices[:1])[0][0])
    measured = aftermath(product.panel.history, elasticity=slope)
    change = measured.change
    if change is None:
        return After(promotions=measured.promotions, change=None, units=None, value=None)
    usual = LASTS * float(plain.posterior.mean_units(plain.prices[:, None])[-1, 0])
    return After(
        promotions=measured.promotions,
        change=change,
        units=change.times(usual),
        value=change.times(usual * float(plain.value[-1])),
    )


def _depth_outcome(
    path: PricePath,
    plain: PricePath,
    current: float,
    economics: UnitEconomics,
    after: After,
    luck: Luck,
) -> DepthOutcome:
    gain = gain_over((path, plain), stock=None, luck=luck)
    net = gain if after.value is None else _sum(gain, after.value)
    price = float(path.prices[0])
    return DepthOutcome(
        depth=1 - price / current,
        price=price,
        totals=totals(path.posterior, path.prices, economics=economics, stock=None, luck=luck),
        gain=gain,
        net_gain=net,
        chance=chance_positive(net),
    )


def _sum(a: Interval, b: Interval) -> Interval:
    """Of two quantities known independently of each other: reaches add like standard deviations."""
    mean = a.mean + b.mean
    return Interval(
        mean=mean,
        low=mean - float(np.hypot(a.mean - a.low, b.mean - b.low)),
        high=mean + float(np.hypot(a.high - a.mean, b.high - b.mean)),
    )
