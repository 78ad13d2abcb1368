"""Which products of a shop are priced together: in pieces that fit in memory, each judged as in the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.store import Product, Store
    from policy.decision.rules import Rules

SIZE = 256
"""Products of a batch, about: as many as the network reads at once (`policy.model.inference.BLOCK`)."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Products that are priced in one go, in plain JSON types: what another process needs to know of them."""

    number: int
    """From 0, in the order of pricing."""
    skus: tuple[str, ...]
    """In every outlet that sells them. Rules tie products of one batch only."""
    products: int
    """SKUs and outlets."""
    rules: Mapping[str, Mapping[str, Any]]
    """Rules in force by their digest, as `Rules.to_dict`; most products share theirs."""
    rules_of: tuple[str, ...]
    """Digest of each SKU's rules."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Batch:
        """The inverse of `to_dict`."""
        lists = {name: tuple(values[name]) for name in ("skus", "rules_of")}
        return cls(**(dict(values) | lists))

    def halves(self) -> tuple[Batch, Batch] | None:
        """Two batches of the same products, which no rule ties; None where that cannot be."""
        from policy.decision.rules import Rules

        limits = {digest: Rules.from_dict(fields) for digest, fields in self.rules.items()}
        own = {sku: limits[digest] for sku, digest in zip(self.skus, self.rules_of, strict=True)}
        families = _families(self.skus, own)
        if len(families) == 1:
            return None
        first = {sku for family in families[: len(families) // 2] for sku in family}
        return self._only(first), self._only(set(self.skus) - first)

    def _only(self, skus: set[str]) -> Batch:
        kept = [pair for pair in zip(self.skus, self.rules_of, strict=True) if pair[0] in skus]
        named, digests = zip(*kept, strict=True)
        return replace(self, skus=named, products=len(named), rules_of=digests)


def batches(products: Sequence[Product], rules: Mapping[str, Rules], *, size: int = SIZE) -> Iterator[Batch]:
    """A shop's products in batches, the same for the same shop.

    Products that rules price together are in one batch, and so are an article's outlets; a batch is larger
    than `size` only where that asks for it.
    """
    outlets: dict[str, int] = {}
    for product in products:
        outlets[product.sku] = outlets.get(product.sku, 0) + 1
    waiting: list[str] = []
    count = number = 0
    for family in _families(sorted(outlets), rules):
        more = sum(outlets[sku] for sku in family)
        if waiting and count + more > size:
            yield _batch(number, waiting, count, rules)
            waiting, count, number = [], 0, number + 1
        waiting += family
        count += more
    if waiting:
        yield _batch(number, waiting, count, rules)


def newest_first(products: Sequence[Product]) -> list[Product]:
    """Products by their last sale, of equals the one longest on record first.

    The first rides along with every batch, since by it the policy tells what is out of date.
    """
    order = sorted(products, key=lambda it: (it.last_date, it.periods, it.sku, it.store or ""))
    return order[::-1]


def rules_of_run(store: Store, layers: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Rules]:
    """The rules of every article: the shop's, and those of one run, each before the shop's of its scope.

    Parameters
    ----------
    layers
        Rules of the run by name: `store`, `categories` by category, `products` by SKU.

    Raises
    ------
    ValueError
        Rules that cannot be.
    """
    from policy.decision.rules import Rules

    if not layers or not any(layers.values()):
        return store.rules_for()
    own = {(it.scope, it.key): it.fields for it in store.rules_in_force()}
    category: dict[str, str | None] = {}
    for product in store.products():
        category[product.sku] = category.get(product.sku) or product.category
    shared: dict[str | None, Rules] = {}
    rules = {}
    for sku, of in category.items():
        wider = [
            own.get(("store", None), {}),
            layers.get("store", {}),
            own.get(("category", of), {}),
            layers.get("categories", {}).get(of or "", {}),
        ]
        nearest = [own.get(("product", sku), {}), layers.get("products", {}).get(sku, {})]
        if not any(nearest) and of not in shared:
            shared[of] = Rules.layered(wider)
        rules[sku] = Rules.layered([*wider, *nearest]) if any(nearest) else shared[of]
    return rules


def _families(skus: Sequence[str], rules: Mapping[str, Rules]) -> list[tuple[str, ...]]:
    """SKUs that rules price together, in the order of the first of each."""
    from policy.decision.ties import families

    tied = families({sku: rules[sku] for sku in skus})
    seen: set[str] = set()
    found = []
    for sku in skus:
        if sku not in seen:
            family = tuple(sorted(tied.get(sku, {sku})))
            seen |= set(family)
            found.append(family)
    return found


def _batch(number: int, skus: Sequence[str], count: int, rules: Mapping[str, Rules]) -> Batch:
    own = {sku: rules[sku] for sku in skus}
    fields: dict[str, Mapping[str, Any]] = {}
    digests: dict[int, str] = {}  # products share the same object where they share rules
    rules_of = []
    for limits in own.values():
        digest = digests.setdefault(id(limits), "") or limits.digest
        digests[id(limits)] = digest
        if digest not in fields:
            fields[digest] = limits.to_dict()
        rules_of.append(digest)
    return Batch(number=number, skus=tuple(own), products=count, rules=fields, rules_of=tuple(rules_of))
