"""A merchant's limits on a recommended price, and the trail of how each one moved it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from policy.decision.recommendation import Clamp

_ROUNDING = 1e-6
"""Cents by which a bound may miss a whole cent in floating point: 18.00 x 1.20 must allow 21.60."""


class RulesInfeasible(ValueError):
    """No price satisfies all rules. `rules` names those that exclude each other; keep the price."""

    def __init__(self, message: str, *, rules: tuple[str, ...]) -> None:
        super().__init__(message)
        self.rules = rules


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Limits a recommended price must respect, whatever the model says. None switches a rule off."""

    max_change: float | None = 0.20
    """Largest |price / current price - 1| in one step, a fraction >= 0."""
    min_margin: float | None = 0.10
    """Smallest (price - unit cost) / price, a fraction in [0, 1); asks nothing where cost is unknown."""
    allow_below_cost: bool = False
    """Whether a price under unit cost is permitted; a margin floor, where set, still holds."""
    price_ending: float | None = None
    """How prices end: 0.99 for 4.99, 0.9 for 4.90, 0.0 for whole numbers, 9 for 19, 29, 139, 99 for 199."""
    minimum_advertised_price: float | None = None
    """Lowest price the supplier permits, in store currency."""

    def __post_init__(self) -> None:
        change, margin, map_ = self.max_change, self.min_margin, self.minimum_advertised_price
        if change is not None and not (math.isfinite(change) and change >= 0):
            raise ValueError(f"`max_change` must be a fraction of at least 0, or None, got {change!r}.")
        if margin is not None and not 0 <= margin < 1:
            raise ValueError(f"`min_margin` must be in [0, 1), or None, got {margin!r}.")
        if map_ is not None and not (math.isfinite(map_) and map_ > 0):
            raise ValueError(f"`minimum_advertised_price` must be positive, or None, got {map_!r}.")
        ending = self.price_ending
        if ending is not None and not (
            0 <= ending < 10_000 and abs(ending * 100 - round(ending * 100)) < _ROUNDING
        ):
            raise ValueError(
                f"`price_ending` must be in [0, 10000) with at most two decimals, or None, got {ending!r}. "
                "Use 0.99 for prices such as 4.99, or 9 for prices such as 139."
            )

    def apply(
        self, price: float, *, current_price: float, unit_cost: float | None
    ) -> tuple[float, tuple[Clamp, ...]]:
        """The nearest price to `price` that every rule accepts, in whole cents.

        Order: largest change, margin floor, below-cost ban, minimum advertised price, price ending.

        Parameters
        ----------
        price, current_price
            The model's price and the price now, store currency, positive.
        unit_cost
            Cost of one unit in store currency, or None where unknown.

        Returns
        -------
        The price, and one `Clamp` per rule that moved it, in that order. Rounding to the cent is no clamp.

        Raises
        ------
        RulesInfeasible
            Where no price satisfies all rules: it names the rules that exclude each other.
        """
        for name, value in (("price", price), ("current_price", current_price)):
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"`{name}` must be a positive number, got {value!r}.")
        if unit_cost is not None and not (math.isfinite(unit_cost) and unit_cost >= 0):
            raise ValueError(f"`unit_cost` must be at least 0, or None where unknown, got {unit_cost!r}.")

        floors = self._floors(unit_cost)
        highest = math.inf if self.max_change is None else current_price * (1 + self.max_change)
        lowest = 0.0 if self.max_change is None else current_price * (1 - self.max_change)
        low = max(1, _cents_up(lowest))
        high = math.inf if math.isinf(highest) else _cents_down(highest)
        if low > high:
            raise _infeasible(("max_change",), current_price, unit_cost)

        clamps: list[Clamp] = []
        tolerance = _ROUNDING / 100
        if price > highest + tolerance:
            clamps.append(Clamp(rule="max_change", before=price, after=high / 100))
            price = high / 100
        elif price < lowest - tolerance:
            clamps.append(Clamp(rule="max_change", before=price, after=low / 100))
            price = low / 100
        change_low = low
        for rule, floor in floors:
            if price < floor - tolerance:
                clamps.append(Clamp(rule=rule, before=price, after=_cents_up(floor) / 100))
                price = _cents_up(floor) / 100
            low = max(low, _cents_up(floor))
        if low > high:
            broken = tuple(rule for rule, floor in floors if _cents_up(floor) > high)
            raise _infeasible(("max_change", *broken), current_price, unit_cost)

        cents = int(min(max(round(price * 100), low), high))
        if self.price_ending is not None:
            ended = self._nearest_ending(price, low, high, around=current_price)
            if ended is None:
                broken = self._behind_ending(floors, change_low, high)
                raise _infeasible(("max_change", *broken, "price_ending"), current_price, unit_cost)
            if ended != cents:
                clamps.append(Clamp(rule="price_ending", before=cents / 100, after=ended / 100))
                cents = ended
        return cents / 100, tuple(clamps)

    def _floors(self, unit_cost: float | None) -> list[tuple[str, float]]:
        """Rules that demand at least a price, in the order of application, store currency."""
        floors = []
        if unit_cost is not None and self.min_margin is not None:
            floors.append(("min_margin", unit_cost / (1 - self.min_margin)))
        if unit_cost is not None and not self.allow_below_cost:
            floors.append(("below_cost", unit_cost))
        if self.minimum_advertised_price is not None:
            floors.append(("map", self.minimum_advertised_price))
        return floors

    def _ending_cents(self) -> tuple[int, int]:
        """The ending and the step between prices with it, in cents: 0.99 is (99, 100), 9 is (900, 1000)."""
        assert self.price_ending is not None
        ending = round(self.price_ending * 100)
        return ending, 100 if ending < 100 else 10 ** len(str(ending))

    def _nearest_ending(self, price: float, low: int, high: float, *, around: float) -> int | None:
        """Cents of the nearest price in [low, high] with the ending; a tie goes to the smaller change."""
        ending, step = self._ending_cents()
        inside = min(max(price * 100, low), high)
        below = math.floor((inside - ending) / step) * step + ending
        choices = [c for c in (below, below + step) if low <= c <= high]
        return min(choices, key=lambda c: (abs(c - inside), abs(c - around * 100)), default=None)

    def _behind_ending(self, floors: list[tuple[str, float]], low: int, high: float) -> tuple[str, ...]:
        """The floors that exclude the last price with the ending that the largest change would allow."""
        ending, step = self._ending_cents()
        last = math.floor((high - ending) / step) * step + ending
        return tuple(rule for rule, floor in floors if last >= low and _cents_up(floor) > last)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Rules:
        """The inverse of `to_dict`; a rule that is left out has its default. Raises on unknown names."""
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(values) - set(known)):
            raise ValueError(f"Unknown rules {', '.join(unknown)}; the rules are {', '.join(known)}.")
        return cls(**values)

    @property
    def digest(self) -> str:
        """The same for equal rules, in any process: 16 hexadecimal digits."""
        numbers = {k: float(v) if isinstance(v, int) else v for k, v in asdict(self).items()}
        return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()[:16]


def _cents_up(price: float) -> int:
    return math.ceil(price * 100 - _ROUNDING)


def _cents_down(price: float) -> int:
    return math.floor(price * 100 + _ROUNDING)


def _infeasible(rules: tuple[str, ...], current_price: float, unit_cost: float | None) -> RulesInfeasible:
    cost = "unknown cost" if unit_cost is None else f"cost {unit_cost:g}"
    return RulesInfeasible(
        f"No price satisfies {' and '.join(rules)} together, from a price of {current_price:g} and {cost}. "
        "Relax one of these rules, or keep the price.",
        rules=rules,
    )
