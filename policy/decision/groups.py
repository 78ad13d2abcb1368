"""Rules on several products at once: one price for variants, packs cheaper a unit than single ones.

They are applied after each product's own rules, to all products of an outlet that they tie together. Variants
are one unit with one price; a pack hangs on the unit it is a pack of, so that units form trees. Of the prices
that every product's own rules permit, the joint ones are those with the highest value of all together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from policy.decision.bounds import Circumstances, is_frozen, pack_ceiling, pack_floor
from policy.decision.clauses import PackOf
from policy.decision.limits import Allowed, check, infeasible, violated
from policy.decision.recommendation import Clamp
from policy.decision.rules import Rules
from policy.decision.ties import Key, Ties

CANDIDATES = 200
"""Prices that are tried for a unit, about."""

NEIGHBOURHOOD = 1.25
"""Prices are tried from the lowest over this to the highest times this, of those now charged or wanted."""

_TRIES = 1000
"""Steps after which two price endings are taken to have no price in common."""

_SAME = 0.499
"""Minor units below which two prices are one: averages of a week's sales are no whole cents."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One product that is priced together with others."""

    rules: Rules
    now: Circumstances
    price: float
    """After its own rules, store currency."""
    held: bool
    """Whether it keeps its price whatever the others do: nothing is recommended for it."""
    value: Callable[[list[float]], NDArray[np.float64]]
    """Worth of prices, in any unit that adds up over products; shape (P,) for P prices."""


@dataclass(frozen=True, kw_only=True)
class Joint:
    """What the joint pass made of one product's price."""

    price: float
    clamp: Clamp | None = None
    """The rule that moved it; None where it keeps its current price since no change pays."""
    conflict: tuple[str, ...] = ()
    """The rules that leave no joint price; `price` is then the current one."""


@dataclass(eq=False)
class _Unit:
    """Products with one price, and the packs that hang on them. Prices in minor units."""

    keys: list[Key]
    members: list[Member]
    packs: list[tuple[_Unit, PackOf]] = field(default_factory=list)
    singles: list[_Unit] = field(default_factory=list)
    """What it is a pack of; more than one makes a tangle."""
    least: float = 0.0
    """The lowest price at which the unit and all that hangs on it can be priced."""
    prices: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    """Candidates, ascending, shape (P,)."""
    values: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    """Worth of the unit and the best of all that hangs on it, shape (P,)."""

    def __post_init__(self) -> None:
        self.unit = self.members[0].now.minor_units
        self.allowed = [Allowed.of(m.rules, m.now) for m in self.members if not m.held]
        kept = [m for m in self.members if m.held or is_frozen(m.rules, m.now)]
        self.fixed = sorted({float(round(m.now.current_price * self.unit)) for m in kept})
        """Prices that members must keep."""
        self.low = max((a.low for a in self.allowed), default=1)
        self.high = min((a.high for a in self.allowed), default=math.inf)

    def at_least(self, cents: float) -> float:
        """The first price from here on that the endings of all members permit; infinite where none does."""
        if self.fixed:
            return self.fixed[0] if cents <= self.fixed[0] + _SAME else math.inf
        for _ in range(_TRIES):
            following = max([a.at_least(cents) for a in self.allowed], default=math.ceil(cents))
            if following == cents:
                return float(cents)
            cents = following
        return math.inf

    def at_most(self, cents: float) -> float:
        """The last price up to here that the endings of all members permit; 0 where none does."""
        if self.fixed:
            return self.fixed[0] if cents >= self.fixed[0] - _SAME else 0.0
        for _ in range(_TRIES):
            before = min([a.at_most(cents) for a in self.allowed], default=math.floor(cents))
            if before == cents or before <= 0:
                return float(max(before, 0))
            cents = before
        return 0.0

    def inside(self, cents: Iterable[float]) -> NDArray[np.float64]:
        """Those prices that the members' rules permit, ascending and once each."""
        if self.fixed:
            return np.array(self.fixed[:1])
        own = {c for c in cents if self.low <= c <= self.high}
        return np.array(sorted(c for c in own if all(a.holds(c) for a in self.allowed)), dtype=float)

    def excluding(self, low: float, high: float) -> set[str]:
        """Rules of the members that forbid `low` as too high, or `high` as too low."""
        return {rule for a in self.allowed for rule in a.excluding(low, high)}


def joint_prices(members: Mapping[Key, Member], *, worthwhile: float) -> dict[Key, Joint]:
    """What rules on several products change, given prices that each product's own rules permit.

    Parameters
    ----------
    worthwhile
        Share of the value of keeping all prices of products tied together that changing them must gain;
        where it does not, and the current prices are within all rules, all of them are kept.

    Returns
    -------
    The products whose price or standing changes. Nothing where the prices are within the joint rules.
    """
    changed: dict[Key, Joint] = {}
    for component in _components(members):
        if _satisfied(component, lambda member: member.price):
            continue
        changed |= _solved(component, worthwhile)
    return changed


def _components(members: Mapping[Key, Member]) -> Iterator[list[_Unit]]:
    """Units that hang together, of those with anything to agree on."""
    ties = Ties({key: member.rules for key, member in members.items()})
    units: dict[Key, _Unit] = {}
    for keys in ties.together():
        unit = _Unit(keys, [members[key] for key in keys])
        units |= dict.fromkeys(keys, unit)
    for key, single, pack in ties.packs():
        above, below = units[single], units[key]
        above.packs.append((below, pack))
        if above not in below.singles:
            below.singles.append(above)
    seen: set[int] = set()
    for unit in units.values():
        if id(unit) in seen:
            continue
        component, waiting = [], [unit]
        while waiting:
            one = waiting.pop()
            if id(one) not in seen:
                seen.add(id(one))
                component.append(one)
                waiting += [*one.singles, *(below for below, _ in one.packs)]
        if len(component) > 1 or len(unit.keys) > 1 or unit.packs:
            yield component


def _satisfied(component: list[_Unit], price_of: Callable[[Member], float]) -> bool:
    """Whether these prices are within the joint rules."""
    for one in component:
        prices = [price_of(member) * one.unit for member in one.members]
        if max(prices) - min(prices) > _SAME:
            return False
        for below, pack in one.packs:
            most = pack_ceiling(prices[0] / one.unit, pack, one.unit) * one.unit
            if any(price_of(member) * one.unit > most + _SAME for member in below.members):
                return False
    return True


def _solved(component: list[_Unit], worthwhile: float) -> dict[Key, Joint]:
    """The best prices within all rules, or the rules that leave none."""
    everyone = [(key, m) for one in component for key, m in zip(one.keys, one.members, strict=True)]
    roots = [one for one in component if not one.singles]
    order = _from_the_root(roots[0]) if len(roots) == 1 else []
    if len(order) != len(component) or any(one.unit != component[0].unit for one in component):
        conflict = {"pack"} | ({"price_group"} if any(len(one.keys) > 1 for one in component) else set())
    else:
        conflict = _least_prices(order)
    if conflict:
        names = infeasible(conflict, everyone[0][1].now).rules
        return {key: Joint(price=m.now.current_price, conflict=names) for key, m in everyone if not m.held}
    for one in order:
        one.prices = one.inside(_candidates(one))
    for one in reversed(order):
        one.values = _values(one)
    chosen = {id(order[0]): int(order[0].values.argmax())}
    for one in order:
        for below, pack in one.packs:
            last = _last_below(below, one, pack)[chosen[id(one)]]
            chosen[id(below)] = int(below.values[: last + 1].argmax())
    keeping = sum(float(member.value([member.now.current_price])[0]) for _, member in everyone)
    gain, least = float(order[0].values.max()) - keeping, worthwhile * abs(keeping)
    if gain < least and _may_keep(component, everyone, loses=gain < -least):
        return {key: Joint(price=m.now.current_price) for key, m in everyone if not m.held}
    result: dict[Key, Joint] = {}
    for one in order:
        price = float(one.prices[chosen[id(one)]]) / one.unit
        # Where the variants' own prices agreed, it is packs that moved them.
        apart = max(m.price for m in one.members) - min(m.price for m in one.members) > 1e-6
        rule = "price_group" if apart else "pack"
        for key, member in zip(one.keys, one.members, strict=True):
            if not member.held and abs(price - member.price) * one.unit > _SAME:
                result[key] = Joint(price=price, clamp=Clamp(rule=rule, before=member.price, after=price))
    return result


def _from_the_root(root: _Unit) -> list[_Unit]:
    """A tree's units, each after what it is a pack of; fewer than all where they are no tree."""
    order = [root]
    for one in order:
        order += [below for below, _ in one.packs if below.singles == [one] and below not in order]
    return order


def _least_prices(order: Sequence[_Unit]) -> set[str]:
    """Set the lowest possible price of every unit, packs first; returns the rules that leave one none."""
    for one in reversed(order):
        several = {"price_group"} if len(one.keys) > 1 else set()
        required, because = float(one.low), one
        for below, pack in one.packs:
            floor = pack_floor(below.least / one.unit, pack, one.unit) * one.unit
            if floor > required:
                required, because = floor, below
        if one.fixed:
            price = one.fixed[0] / one.unit
            broken = {r for m in one.members if not m.held for r in violated(check(price, m.rules, m.now))}
            if len(one.fixed) > 1 or broken:
                return broken | several | _freezes(one)
            if because is not one and required > one.fixed[0] + _SAME:
                return {"pack"} | several | _freezes(one) | _behind(because)
            one.least = one.fixed[0]
            continue
        one.least = one.at_least(required)
        if one.least <= one.high:
            continue
        names = several | ({"price_ending"} if any(a.ending != (0, 1) for a in one.allowed) else set())
        if math.isfinite(one.least):
            names |= one.excluding(one.least, one.at_most(one.high))
        return names if because is one else names | {"pack"} | _behind(because)
    return set()


def _behind(one: _Unit) -> set[str]:
    """The rules that keep a unit from costing less than its least."""
    names = _freezes(one) | {
        bound.rule
        for a in one.allowed
        for bound in a.bounds
        if math.ceil(bound.low * a.unit - 1e-6) >= one.low > 1
    }
    if any(a.ending != (0, 1) for a in one.allowed):
        names |= {"price_ending"}
    for below, pack in one.packs:
        if pack_floor(below.least / one.unit, pack, one.unit) * one.unit > one.low:
            names |= {"pack"} | _behind(below)
    return names


def _freezes(one: _Unit) -> set[str]:
    return {"freeze"} if any(not m.held and is_frozen(m.rules, m.now) for m in one.members) else set()


def _candidates(one: _Unit) -> set[float]:
    """Prices worth trying, minor units: around those now charged or wanted, and where rules meet."""
    known = [p * one.unit for m in one.members for p in (m.price, m.now.current_price)]
    for below, pack in one.packs:
        known += [pack_floor(m.price, pack, one.unit) * one.unit for m in below.members]
    ends = [float(one.low)] + ([float(one.high)] if math.isfinite(one.high) else [])
    first = max(one.low, min(known) / NEIGHBOURHOOD)
    last = max(min(one.high, max(known) * NEIGHBOURHOOD), first)
    step = max([a.ending[1] for a in one.allowed if a.ending], default=1)
    stride = max(1, math.ceil((last - first) / step / CANDIDATES)) * step
    start = one.at_least(first)
    tried = set(np.arange(start, last + 1, stride).tolist()) if math.isfinite(start) else set()
    if one.singles:
        # The most a pack may cost at each price of the single one.
        above = one.singles[0]
        pack = next(pack for below, pack in above.packs if below is one)
        tried |= {
            one.at_most(pack_ceiling(p / one.unit, pack, one.unit) * one.unit) for p in above.prices.tolist()
        }
    return tried | {one.least} | {x for p in (*known, *ends) for x in (one.at_least(p), one.at_most(p))}


def _values(one: _Unit) -> NDArray[np.float64]:
    """Worth of the unit and the best of what hangs on it at each candidate, shape (P,).

    A price on which the members agree counts as their best: by their own rules it is, if only because no
    other is worth a change.
    """
    prices = (one.prices / one.unit).tolist()
    total = np.sum([member.value(prices) for member in one.members], axis=0)
    wanted = [member.price * one.unit for member in one.members]
    if max(wanted) - min(wanted) < _SAME:
        agreed = np.abs(one.prices - wanted[0]) < _SAME
        total = np.where(agreed, total.max() + 1e-9 * (1 + np.abs(total).max()), total)
    for below, pack in one.packs:
        last = _last_below(below, one, pack)
        best = np.maximum.accumulate(below.values)
        total = total + np.where(last >= 0, best[np.maximum(last, 0)], -np.inf)
    return np.asarray(total, dtype=float)


def _last_below(below: _Unit, one: _Unit, pack: PackOf) -> NDArray[np.int64]:
    """Index of a pack's dearest candidate at each price of the single one, -1 where none, shape (P,)."""
    most = [pack_ceiling(p / one.unit, pack, one.unit) * one.unit + _SAME for p in one.prices.tolist()]
    return np.searchsorted(below.prices, most, side="right") - 1


def _may_keep(component: list[_Unit], everyone: list[tuple[Key, Member]], *, loses: bool) -> bool:
    """Whether the current prices are within all rules. An ending is a matter of looks: not at a loss."""
    if not _satisfied(component, lambda member: member.now.current_price):
        return False
    for _, member in everyone:
        broken = violated(check(member.now.current_price, member.rules, member.now))
        if not member.held and set(broken) - ({"price_ending"} if loses else set()):
            return False
    return True
