"""Which products are priced together, as their rules say: variants of one article, packs of another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from policy.decision.bounds import Circumstances, pack_ceiling, pack_floor
from policy.decision.clauses import PackOf
from policy.decision.rules import Rules

Key = tuple[str | None, str]
"""Outlet and SKU of a product: it is priced together with products of its own outlet only."""


class Ties:
    """The ties between the products of a table."""

    def __init__(self, rules: Mapping[Key, Rules]) -> None:
        self._rules = rules
        self._groups: dict[tuple[str | None, str], list[Key]] = {}
        self._packs: dict[Key, list[Key]] = {}
        for key, own in rules.items():
            store = key[0]
            if own.price_group is not None:
                self._groups.setdefault((store, own.price_group), []).append(key)
            if own.pack_of is not None and (single := (store, own.pack_of.sku)) in rules:
                self._packs.setdefault(single, []).append(key)

    def together(self) -> Iterator[list[Key]]:
        """Products with one price, for all products: alone where they share theirs with none."""
        yield from self._groups.values()
        yield from ([key] for key, own in self._rules.items() if own.price_group is None)

    def packs(self) -> Iterator[tuple[Key, Key, PackOf]]:
        """Each pack, the product that it is a pack of, and how."""
        for single, packs in self._packs.items():
            for key in packs:
                pack = self._rules[key].pack_of
                assert pack is not None
                yield key, single, pack

    def given(self, key: Key, now: Circumstances, prices: Mapping[Key, float]) -> Circumstances:
        """The circumstances of one product at these prices of those it is priced together with.

        Of variants whose prices differ, the one furthest from the product's own price counts.
        """
        store, own = key[0], self._rules[key]
        mates = [k for k in self._groups.get((store, own.price_group or ""), []) if k != key]
        ceiling: float | None = None
        if own.pack_of is not None and (single := (store, own.pack_of.sku)) in prices:
            ceiling = pack_ceiling(prices[single], own.pack_of, now.minor_units)
        floors = [
            pack_floor(prices[k], pack, now.minor_units)
            for k in self._packs.get(key, [])
            if (pack := self._rules[k].pack_of) is not None
        ]
        furthest = max((prices[k] for k in mates), key=lambda p: abs(p - prices[key]), default=None)
        return replace(now, group_price=furthest, pack_ceiling=ceiling, pack_floor=max(floors, default=None))


def families(rules: Mapping[str, Rules]) -> dict[str, frozenset[str]]:
    """By SKU, all SKUs that the rules price together, directly or through others; of those alone, nothing."""
    neighbours: dict[str, set[str]] = {}
    first: dict[str, str] = {}
    for sku, own in rules.items():
        ends = [] if own.price_group is None else [first.setdefault(own.price_group, sku)]
        ends += [] if own.pack_of is None or own.pack_of.sku not in rules else [own.pack_of.sku]
        for end in ends:
            neighbours.setdefault(sku, set()).add(end)
            neighbours.setdefault(end, set()).add(sku)
    found: dict[str, frozenset[str]] = {}
    for sku in neighbours:
        if sku in found:
            continue
        family, waiting = {sku}, [sku]
        while waiting:
            new = neighbours[waiting.pop()] - family
            family |= new
            waiting += new
        found |= dict.fromkeys(family, frozenset(family))
    return found


def related(rules: Mapping[str, Rules], skus: Iterable[str]) -> set[str]:
    """These SKUs and all that the rules price together with them."""
    found = families(rules)
    return {member for sku in skus for member in found.get(sku, {sku})}
