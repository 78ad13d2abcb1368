"""Random rules and circumstances, and every rule checked from its own definition."""

from __future__ import annotations

import datetime as dt

from hypothesis import strategies as st

from policy.decision.bounds import Circumstances
from policy.decision.clauses import BelowCostException, CompetitorIndex, Freeze, MarketMinimum
from policy.decision.rules import Rules

TODAY = dt.date(2026, 11, 23)
NEVER = dt.date(2020, 1, 1)


def prices(low: float = 0.05, high: float = 1e5) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


def shares(high: float) -> st.SearchStrategy[float]:
    return st.floats(0, high)


days = st.sampled_from([TODAY - dt.timedelta(days=d) for d in (40, 1, 0, -1, -40)])
exceptions = st.builds(
    BelowCostException,
    granted_by=st.just("Ann"),
    reason=st.just("expires"),
    until=days,
    floor=st.floats(0.1, 1.0),
)
indexes = st.tuples(st.floats(0.5, 1.0), st.floats(1.0, 1.5), st.integers(0, 30)).map(
    lambda it: CompetitorIndex(low=it[0], high=it[1], max_age_days=it[2])
)
minimums = st.lists(
    st.builds(MarketMinimum, market=st.sampled_from(["DE", "US"]), price=prices()),
    max_size=2,
    unique_by=lambda it: it.market,
).map(tuple)
freezes = st.lists(days.map(lambda day: Freeze(start=day, end=day)), max_size=1).map(tuple)
endings = st.none() | st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 5, 9, 9.99, 99])

rule_sets = st.builds(
    Rules,
    max_change=st.none() | shares(1.5),
    max_increase=st.none() | shares(1.5),
    max_decrease=st.none() | shares(1.0),
    lowest_price=st.none() | prices(),
    highest_price=st.none() | prices(),
    freezes=st.just(()) | freezes,
    min_margin=st.none() | shares(0.9),
    allow_below_cost=st.booleans(),
    below_cost_exception=st.none() | exceptions,
    minimum_advertised_price=st.none() | prices(),
    minimum_by_market=st.just(()) | minimums,
    market=st.sampled_from([None, "DE", "us"]),
    essential=st.booleans(),
    emergency_since=st.none() | days,
    competitor_index=st.none() | indexes,
    price_ending=endings,
)

circumstances = st.builds(
    Circumstances,
    current_price=prices(),
    unit_cost=st.none() | prices(0, 1e5),
    date=st.sampled_from([None, TODAY]),
    currency=st.sampled_from([None, "USD", "JPY", "KWD", "EUR"]),
    market=st.sampled_from([None, "DE", "Main Street"]),
    competitor_price=st.none() | prices(),
    competitor_age_days=st.integers(0, 40),
    price_before_emergency=st.none() | prices(),
)


def demands(rules: Rules, price: float, now: Circumstances) -> dict[str, bool]:
    """Every rule of one product that asks something here, by its own definition, and whether a price obeys.

    Up to a millionth of a minor unit and of the price's own size: money is not exact in floating point.
    """
    slack = 1e-6 / now.minor_units + 1e-12 * price
    change, cost, asked = price / now.current_price - 1, now.unit_cost, {}
    drift = slack / now.current_price
    if rules.max_change is not None:
        asked["max_change"] = abs(change) <= rules.max_change + drift
    if rules.max_increase is not None:
        asked["max_increase"] = change <= rules.max_increase + drift
    if rules.max_decrease is not None:
        asked["max_decrease"] = change >= -rules.max_decrease - drift
    if rules.lowest_price is not None:
        asked["lowest_price"] = price >= rules.lowest_price - slack
    if rules.highest_price is not None:
        asked["highest_price"] = price <= rules.highest_price + slack
    if now.date and any(f.start <= now.date <= f.end for f in rules.freezes):
        asked["freeze"] = price == now.current_price
    exception = rules.below_cost_exception
    if cost is not None and exception and now.date and now.date <= exception.until:
        asked["below_cost_floor"] = price >= exception.floor * cost - slack
    elif cost is not None:
        if rules.min_margin is not None:
            asked["min_margin"] = price - cost >= rules.min_margin * price - slack
        if not rules.allow_below_cost:
            asked["below_cost"] = price >= cost - slack
    market = (rules.market or now.market or "").upper()
    minimum = {m.market: m.price for m in rules.minimum_by_market}.get(market, rules.minimum_advertised_price)
    if minimum is not None:
        asked["map"] = price >= minimum - slack
    if rules.essential and rules.emergency_since and now.date and now.date >= rules.emergency_since:
        before = now.price_before_emergency
        asked["essential_cap"] = price <= (now.current_price if before is None else 1.1 * before) + slack
    index, rival = rules.competitor_index, now.competitor_price
    if index is not None and rival is not None and now.competitor_age_days <= index.max_age_days:
        assert index.low is not None and index.high is not None
        asked["competitor_index"] = index.low * rival - slack <= price <= index.high * rival + slack
    if rules.price_ending is not None:
        asked["price_ending"] = written_so(price, rules.price_ending, now.minor_units)
    return asked


def written_so(price: float, ending: float, minor_units: int) -> bool:
    """Whether a price's digits end as the rule says, compared as text."""
    decimals = len(str(minor_units)) - 1
    written, wanted = f"{price:.{decimals}f}", f"{ending:.{decimals}f}"
    if abs(price - float(written)) * minor_units > 1e-4 or float(wanted) != ending:
        return False  # an average of several prices, or an ending that the currency does not have
    digits, tail = written.replace(".", ""), wanted.replace(".", "")
    if ending < 1:
        tail = tail[1:]
    return float(written) >= ending and digits.endswith(tail)
