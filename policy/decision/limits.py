"""What rules permit of one product together: the nearest price within them, and the verdict on any price."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy.decision.bounds import (
    ORDER,
    ROUNDING,
    Bound,
    Circumstances,
    bounds,
    ends_so,
    is_frozen,
    lattice,
    slack,
    whole_down,
    whole_up,
)
from policy.decision.recommendation import Clamp, Verdict, VerdictStatus

if TYPE_CHECKING:
    from policy.decision.rules import Rules

_OF_OTHER_PRICES = ("freeze", "price_group", "pack")


class RulesInfeasible(ValueError):
    """No price satisfies all rules. `rules` names those that exclude each other; keep the price."""

    def __init__(self, message: str, *, rules: tuple[str, ...]) -> None:
        super().__init__(message)
        self.rules = rules


def check(price: float, rules: Rules, now: Circumstances) -> tuple[Verdict, ...]:
    """What every rule that is set says of a price, anybody's, in `ORDER`.

    The one place where a price is judged: recommendations, what-if answers and reports show its verdicts.
    """
    if not (math.isfinite(price) and price > 0):
        raise ValueError(f"`price` must be a positive number, got {price!r}.")
    unit = now.minor_units
    verdicts = [_verdict(price, bound, unit) for bound in bounds(rules, now)]
    if rules.price_ending is not None:
        ended = ends_so(price * unit, lattice(rules.price_ending, unit))
        verdicts.append(Verdict(rule="price_ending", status="holds" if ended else "violated"))
    return tuple(sorted(verdicts, key=lambda verdict: ORDER.index(verdict.rule)))


def violated(verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """The rules that a price breaks."""
    return tuple(verdict.rule for verdict in verdicts if verdict.status == "violated")


def _verdict(price: float, bound: Bound, unit: int) -> Verdict:
    status: VerdictStatus
    if not bound.applies:
        return Verdict(rule=bound.rule, status="not_applicable", note=bound.note)
    cents, low, high = price * unit, bound.low * unit, bound.high * unit
    # Prices on record may be averages of a period's sales: a price is another's to the cent.
    miss = 0.499 if bound.rule in _OF_OTHER_PRICES else slack(cents)
    if not low - miss <= cents <= high + miss:
        status = "violated"
    else:
        at_low = bound.low > 0 and round(cents) <= whole_up(low)
        at_high = math.isfinite(high) and round(cents) >= whole_down(high)
        status = "binds" if at_low or at_high else "holds"
    if bound.rule not in _OF_OTHER_PRICES:  # shown to the cent, an end must still be inside
        low, high = whole_up(low), whole_down(high)
    return Verdict(
        rule=bound.rule,
        status=status,
        low=low / unit if low > 0 else None,
        high=high / unit if math.isfinite(high) else None,
        note=bound.note,
    )


def apply(price: float, rules: Rules, now: Circumstances) -> tuple[float, tuple[Clamp, ...]]:
    """The nearest price to `price` that every rule accepts, in whole minor units of the currency.

    Parameters
    ----------
    price
        The model's price, store currency, positive.

    Returns
    -------
    The price, and one `Clamp` per rule that moved it, in `ORDER`. Rounding to the cent is no clamp. In a
    freeze the current price comes back as it is.

    Raises
    ------
    RulesInfeasible
        Where no price satisfies all rules: it names the rules that exclude each other.
    """
    if not (math.isfinite(price) and price > 0):
        raise ValueError(f"`price` must be a positive number, got {price!r}.")
    unit, current = now.minor_units, now.current_price
    if is_frozen(rules, now):
        if broken := violated(check(current, rules, now)):
            raise infeasible(("freeze", *broken), now)
        moves = abs(price - current) * unit >= 0.5
        return current, (Clamp(rule="freeze", before=price, after=current),) if moves else ()
    allowed = Allowed.of(rules, now)
    if conflict := allowed.conflict():
        raise infeasible(conflict, now)
    clamps: list[Clamp] = []
    for bound in allowed.bounds:
        cents = price * unit
        if cents > bound.high * unit + slack(cents):
            after = whole_down(bound.high * unit) / unit
        elif cents < bound.low * unit - slack(cents):
            after = whole_up(bound.low * unit) / unit
        else:
            continue
        clamps.append(Clamp(rule=bound.rule, before=price, after=after))
        price = after
    cents = int(min(max(round(price * unit), allowed.low), allowed.high))
    ended = allowed.nearest(price, around=current)
    if ended != cents:
        clamps.append(Clamp(rule="price_ending", before=cents / unit, after=ended / unit))
    return ended / unit, tuple(clamps)


def permitted(price: float, rules: Rules, now: Circumstances) -> float | None:
    """The price that `apply` makes of one; None where no price satisfies all rules."""
    try:
        return apply(price, rules, now)[0]
    except RulesInfeasible:
        return None


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """The prices that all rules together permit, in whole minor units."""

    bounds: tuple[Bound, ...]
    """Those that apply."""
    low: int
    high: float
    """First and last whole minor unit within all bounds; infinite where nothing caps the price."""
    ending: tuple[int, int] | None
    """First price with the ending and the step between such prices; (0, 1) where any will do, None where
    the currency has no such ending."""
    unit: int
    """Minor units in one unit of the currency."""

    @classmethod
    def of(cls, rules: Rules, now: Circumstances) -> Allowed:
        """What a product's rules permit."""
        unit = now.minor_units
        applying = tuple(bound for bound in bounds(rules, now) if bound.applies)
        low = max([1, *(whole_up(bound.low * unit) for bound in applying)])
        high = min([math.inf, *(whole_down(bound.high * unit) for bound in applying)])
        ending = (0, 1) if rules.price_ending is None else lattice(rules.price_ending, unit)
        return cls(bounds=applying, low=low, high=high, ending=ending, unit=unit)

    def conflict(self) -> tuple[str, ...]:
        """The rules that leave no price, in `ORDER`; empty where there is one.

        Every price breaks one of those named: what is too high for the lowest price permitted, and too low
        for the highest; with an ending, for the ended prices to either side of the gap.
        """
        if self.ending is None:
            return ("price_ending",)
        if self.low > self.high:
            return self.excluding(self.low, self.high)
        if self.at_least(self.low) <= self.high:
            return ()
        above = self.at_least(self.low)
        return tuple(dict.fromkeys((*self.excluding(above, above - self.ending[1]), "price_ending")))

    def excluding(self, low: float, high: float) -> tuple[str, ...]:
        """The rules that forbid a price of `low` as too high, or one of `high` as too low, minor units."""
        return tuple(
            bound.rule
            for bound in self.bounds
            if whole_down(bound.high * self.unit) < low or whole_up(bound.low * self.unit) > high > 0
        )

    def at_least(self, cents: float) -> int:
        """The first price with the ending from here on."""
        first, step = self.ending or (0, 1)
        return max(first, math.ceil((cents - first - ROUNDING) / step) * step + first)

    def at_most(self, cents: float) -> int:
        """The last price with the ending up to here; not positive where there is none."""
        first, step = self.ending or (0, 1)
        return math.floor((cents - first + ROUNDING) / step) * step + first

    def nearest(self, price: float, *, around: float) -> int:
        """Minor units of the permitted price nearest to one; a tie goes to that nearer to `around`."""
        if self.ending == (0, 1):
            return int(min(max(round(price * self.unit), self.low), self.high))
        inside = min(max(price * self.unit, self.low), self.high)
        choices = [c for c in (self.at_most(inside), self.at_least(inside)) if self.low <= c <= self.high]
        return min(choices, key=lambda c: (abs(c - inside), abs(c - around * self.unit)))

    def holds(self, cents: float) -> bool:
        """Whether a price in minor units is permitted."""
        return self.low <= cents <= self.high and ends_so(cents, self.ending)


def infeasible(names: Iterable[str], now: Circumstances) -> RulesInfeasible:
    """The error that names rules which exclude each other, in `ORDER`."""
    rules = tuple(sorted(set(names), key=ORDER.index))
    cost = "unknown cost" if now.unit_cost is None else f"cost {now.unit_cost:g}"
    return RulesInfeasible(
        f"No price satisfies {' and '.join(rules)} together, from a price of {now.current_price:g} and "
        f"{cost}. Relax one of these rules, or keep the price.",
        rules=rules,
    )
