"""The comparison: every way to adapt, on every store, with more and more of its history."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from policy.evaluation.adaptation.bayes import PARTICLES, bayes_posteriors
from policy.evaluation.adaptation.networks import METHODS, fit_to_store, network_posterior, sales_of_store
from policy.evaluation.adaptation.stores import KINDS, Kind, Measured, Store, measure, open_store
from policy.learning.store.fit import FitSettings, Rehearsal
from policy.model.posterior import Posterior
from policy.model.transformer import PolicyModel

FROZEN, KNOWN = "frozen base", "known demand (oracle)"
BAYES, REFITTED = "Bayes with the training prior", "Bayes with a refitted prior"
ALL = "all stores"

MORE_IS_BETTER = "captured"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is compared, and how much work it may be; written beside the results."""

    kinds: tuple[Kind, ...] = KINDS
    """One store of each."""
    products: int = 40
    """Of each store."""
    histories: tuple[int, ...] = (16, 32, 64, 128)
    """Periods before today that methods are shown."""
    ahead: int = 12
    """Periods on which they are judged."""
    fit: FitSettings = field(default_factory=lambda: FitSettings(steps=20, look_every=20, batch_size=16))
    """Of every network that is fitted, to each of its candidates."""
    particles: int = PARTICLES
    seed: int = 20_061


@dataclass(frozen=True)
class Answer:
    """What one method said of one store."""

    posterior: Posterior
    chosen: str
    """What its search chose, where it has one."""
    seconds: float


def answers(
    store: Store, periods: int, base: PolicyModel, rehearsal: Rehearsal, setting: Setting
) -> Iterator[tuple[str, Answer]]:
    """Every method's posterior for the periods ahead, from the last `periods` of a store."""
    began = time.perf_counter()

    def answer(posterior: Posterior, chosen: str = "") -> Answer:
        nonlocal began
        spent, began = time.perf_counter() - began, time.perf_counter()
        return Answer(posterior, chosen, spent)

    yield FROZEN, answer(network_posterior(base, store, periods))
    sales = sales_of_store(store, periods)
    for method in METHODS:
        fitted = fit_to_store(method, base, sales, rehearsal, setting.fit, seed=setting.seed)
        yield method.name, answer(network_posterior(fitted.network, store, periods), fitted.chosen)
    bayes = bayes_posteriors(store, periods, seed=setting.seed, particles=setting.particles)
    yield BAYES, answer(bayes.as_trained)
    yield REFITTED, answer(bayes.refitted)
    yield KNOWN, answer(store.known)


def adaptation_rows(
    base: PolicyModel, setting: Setting, *, model_hash: str, commit: str
) -> list[dict[str, str]]:
    """Run the comparison, printing as it goes; one row of the results file for each store, history and
    method, those of all stores together last."""
    rehearsal = Rehearsal(seed=setting.seed)
    settings = (
        f"{setting.products} products a store; {setting.ahead} periods ahead; "
        + "; ".join(f"{name} {value}" for name, value in asdict(setting.fit).items())
        + f"; particles {setting.particles}"
    )
    traced = {"settings": settings, "seed": str(setting.seed), "model_hash": model_hash, "commit": commit}
    rows: list[dict[str, str]] = []
    found: dict[tuple[str, int], list[Measured]] = {}
    for number, kind in enumerate(setting.kinds):
        longest = max(setting.histories)
        store = open_store(
            kind,
            seed=setting.seed + number,
            products=setting.products,
            periods=longest,
            ahead=setting.ahead,
        )
        print(f"{store.name}: {len(store)} products", flush=True)
        for periods in setting.histories:
            frozen = None
            for name, answer in answers(store, periods, base, rehearsal, setting):
                measured = measure(store, answer.posterior)
                frozen = frozen or measured
                found.setdefault((name, periods), []).append(measured)
                head = {"store": store.name, "method": name, "history": str(periods)}
                told = {"chosen": answer.chosen, "seconds": f"{answer.seconds:.1f}"}
                rows.append(head | measured_columns(measured, frozen) | told | traced)
                print(
                    "  {history:>4s} {method:30s} wql {wql}  units {units_error}  elasticity"
                    " {elasticity_error}  captured {captured}  {chosen}".format(**rows[-1]),
                    flush=True,
                )
    for (name, periods), parts in found.items():
        head = {"store": ALL, "method": name, "history": str(periods)}
        columns = measured_columns(together(parts), together(found[FROZEN, periods]))
        rows.append(head | columns | {"chosen": "", "seconds": ""} | traced)
    return rows


def together(parts: list[Measured]) -> Measured:
    """The products of several stores."""
    names = vars(parts[0])
    return Measured(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def measured_columns(measured: Measured, frozen: Measured) -> dict[str, str]:
    """Means over products with their standard errors, and how much better than the frozen base, product by
    product."""
    columns = {"products": str(len(measured.wql))}
    for name, values in vars(measured).items():
        sign = 1.0 if name == MORE_IS_BETTER else -1.0
        for column, path in ((name, values), (f"{name}_gain", sign * (values - getattr(frozen, name)))):
            columns[column], columns[f"{column}_standard_error"] = _mean(path)
    return columns


def _mean(values: NDArray) -> tuple[str, str]:
    """Mean and standard error over the products in which there is a value."""
    values = values[np.isfinite(values)]
    return f"{values.mean():.4f}", f"{values.std(ddof=1) / np.sqrt(len(values)):.4f}"
