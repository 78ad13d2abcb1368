"""Making a report: plan, price batch by batch, record, put in words, print."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from assistant.report.batches import SIZE, Batch, batches, newest_first, rules_of_run
from assistant.report.checkpoints import ENTRIES, UNPRICED, Entries, Left, Work
from assistant.report.entry import Entry, Gone, Priced, Unpriced
from assistant.report.pricing import Plan, is_products_fault
from assistant.report.progress import FORMATS, Clock, Format, Made, Progress, ReportError, written_to
from assistant.report.workers import local_engine
from assistant.wording import Language

if TYPE_CHECKING:
    from assistant.store import Product, Store
    from policy.decision.recommendation import Objective
    from policy.decision.reference_price import Profile
    from policy.decision.rules import Rules
    from policy.pipeline import PricingPipeline

JUDGED = 13
"""Reports whose forecasts are held against what was sold: a quarter's, where one is made each week."""

WORK = ".unfinished"
"""Folder beside the reports in which runs keep what they have done, each shop's in a folder of its own."""

_RECORDED = 500
"""Recommendations that are written to the store at once. Whoever else writes there waits for no more."""


class Engine(Protocol):
    """Something that prices batches, in any order."""

    def __call__(self, todo: Sequence[Batch], plan: Plan) -> Iterator[tuple[int, str]]:
        """The number of each batch and its lines (`Pricer.lines`)."""


def make_report(
    store: Store,
    out: Path,
    *,
    pipeline: PricingPipeline,
    languages: Sequence[Language] = ("en",),
    formats: Sequence[Format] = FORMATS,
    pages: int = 50,
    objective: Objective = "profit",
    layers: Mapping[str, Mapping[str, Any]] | None = None,
    profile: Profile | None = None,
    since_last: bool = False,
    engine: Engine | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Made:
    """Price a shop's whole catalogue and print the report into `out/<date of the priced period>`.

    Whoever calls holds `only_run`. A run that was killed or stopped goes on where it was when it is called
    again for the same sales, rules and policy, and prints the same bytes.

    Parameters
    ----------
    pipeline
        The policy, with the shop's adapter where it has one.
    pages
        Product pages of the PDF; the other formats have all.
    layers
        Rules of this run (`batches.rules_of_run`).
    profile
        Whose law the announcement of cuts is checked by; None for no check.
    since_last
        List for action only what changed since the last report, and print nothing where nothing did.
    engine
        What prices the batches; `local_engine` of the pipeline without an adapter where None.

    Raises
    ------
    ReportError
        The shop is empty, it changed meanwhile, or the folder cannot be written to.
    Stopped
        `stop` said so.
    """
    clock = Clock(told=progress, stop=stop)
    work = Work(out / WORK / store.identity)
    with written_to(out), clock.stage("plan", 1) as reached:
        products = store.products()
        if not products:
            raise ReportError(
                f"The shop in {store.place} has no sales yet, so there is nothing to report on. Name a file "
                "of sales, or load one with `pricing-assistant import FILE`."
            )
        out.mkdir(parents=True, exist_ok=True)
        rules = rules_of_run(store, layers)
        settings = {"objective": objective, "profile": profile, "size": SIZE}
        basis = _basis(store, pipeline, rules, settings)
        made_before = store.reports.made(JUDGED)
        last = made_before[0] if made_before else {}  # older versions noted less of it
        last_report = last.get("made_at")
        laid = _plan(store, pipeline, products, objective, profile, made_before)
        plan = Plan.from_dict(work.begin(basis, {"run": laid.to_dict()})["run"])
        todo = list(batches(products, rules, size=SIZE))
        reached(1)
    resumed = _price(work, out, todo, plan, engine or local_engine(store, pipeline), clock)
    inputs = store.reports.inputs()  # before the check: a file that comes after it is not in the numbers
    set_aside, newest_import = store.reports.set_aside(after=last.get("import", 0))
    if _basis(store, pipeline, rules_of_run(store, layers), settings) != basis:
        raise ReportError(
            "The shop's sales, rules or adapter changed while the report was being made. Run it again."
        )
    with written_to(out):
        told = set(last.get("gone", ()))
        newest = max(product.last_date for product in products).isoformat()
        counts = _record(store, work, len(products), told, newest, clock)
        gone = _gone(store, products, Left(work.folder / UNPRICED))
        ended = [it for id, it in gone if id not in told]
        made = Made(
            folder=None,
            files=(),
            products=len(products),
            abstained=counts["abstained"],
            unpriced=counts["unpriced"],
            unchanged=counts["unchanged"],
            silent=counts["silent"],
            gone=len(ended),
            set_aside=sum(it.count for it in set_aside),
            made_at=plan.made_at,
            last_report=last_report,
            resumed=resumed,
            seconds=clock.seconds,
        )
        known = counts["unchanged"] + counts["unpriced"] == len(products) and not ended
        known &= counts["left"] == last.get("left", "") and not set_aside
        if since_last and known:
            work.remove()
            return made
        priced = Priced(
            entries=Entries(work.folder / ENTRIES),
            unpriced=Left(work.folder / UNPRICED),
            made_at=here(plan.made_at),
            last_report=last_report and here(last_report),
            newest=newest,
            manifest=_manifest(pipeline, rules, plan, basis, inputs, counts),
            gone=ended,
            set_aside=set_aside,
            rulings=store.reports.rulings(),
            since_last=since_last,
        )
        asked = {"languages": [*languages], "formats": [*formats], "pages": pages, "since_last": since_last}
        if (there := work.moved(out, asked)) is not None:  # and killed before the shop knew of it
            folder, files = there
        else:
            files = _write(priced, store, work, languages, formats, pages, clock)
            folder = _free(out, counts["date"])
            work.move(folder, files, asked)
        # Noted once it is there to be read: what changed since the last report is told by this.
        store.reports.note(
            {
                "made_at": plan.made_at,
                "basis": basis,
                "last_report": last_report,
                "left": counts["left"],
                "import": newest_import,
                "gone": [id for id, _ in gone],
            }
        )
        work.remove()
    return replace(made, folder=folder, files=files)


def here(moment: str) -> str:
    """A moment, ISO 8601, by the clock of this place: a report of Monday morning in Shanghai is Monday's."""
    return dt.datetime.fromisoformat(moment).astimezone().isoformat(timespec="seconds")


def _plan(
    store: Store,
    pipeline: PricingPipeline,
    products: Sequence[Product],
    objective: Objective,
    profile: Profile | None,
    made_before: Sequence[Mapping[str, Any]],
) -> Plan:
    """What holds for all batches, decided once."""
    end = store.sales_end()
    assert end is not None  # there are products, and so sales
    _, period = end
    for rider in newest_first(products):
        try:  # a product that the policy cannot read would spoil every batch
            pipeline.appraise(store.history([rider.sku]), period=period)
            break
        except Exception as error:
            if not is_products_fault(error):
                raise
    return Plan(
        made_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        period=period,
        outlets=any(product.store for product in products),
        rider=(rider.sku, rider.store),
        objective=objective,
        profile=profile,
        judged_since=made_before[-1]["made_at"] if made_before else None,
    )


def _basis(
    store: Store, pipeline: PricingPipeline, rules: Mapping[str, Rules], settings: Mapping[str, Any]
) -> str:
    """What the numbers of a report rest on, as one hash."""
    said = {
        "version": version("pricing-assistant"),
        "shop": store.identity,
        "state": store.reports.state(),
        "rules": _digests(rules),
        "model": pipeline.model_hash,
        "adapter": pipeline.adapter_of(),
        **settings,
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _digests(rules: Mapping[str, Rules]) -> dict[str, str]:
    """Hash of each article's rules."""
    digests = {key: it.digest for key, it in {id(it): it for it in rules.values()}.items()}  # most are shared
    return {sku: digests[id(it)] for sku, it in rules.items()}


def _price(work: Work, out: Path, every: Sequence[Batch], plan: Plan, engine: Engine, clock: Clock) -> int:
    """Price what is not yet priced; returns how many products were."""
    size = {batch.number: batch.products for batch in every}
    ready = work.priced()
    before = done = sum(size[number] for number in ready)
    with clock.stage("price", sum(size.values()), before=before) as reached:
        for number, lines in engine([batch for batch in every if batch.number not in ready], plan):
            with written_to(out):
                work.put(number, lines)
            done += size[number]
            reached(done)
    return before


def _record(
    store: Store, work: Work, total: int, gone: Collection[str], newest: str, clock: Clock
) -> dict[str, Any]:
    """Keep the recommendations in the shop, give each its id, and lay the entries down in order; returns
    counts, the last `date`, and the hash of what is `left` without a look, empty where nothing is.

    `gone`: ids of what was said last of products that the last report called gone. `newest`: first day of
    the shop's newest period on record, ISO 8601.
    """
    counts: dict[str, Any] = {"abstained": 0, "unpriced": 0, "unchanged": 0, "silent": 0, "date": ""}
    done, left_hash = 0, hashlib.sha256()
    with (
        clock.stage("record", total) as reached,
        (work.folder / ENTRIES).open("w", encoding="utf-8", newline="\n") as entries,
        (work.folder / UNPRICED).open("w", encoding="utf-8", newline="\n") as unpriced,
    ):
        found = work.products(total)
        while some := list(islice(found, _RECORDED)):
            left = [it["unpriced"] for it in some if "unpriced" in it]
            for it in left:
                line = json.dumps(it, ensure_ascii=False) + "\n"
                unpriced.write(line)
                left_hash.update(line.encode())
            counts["unpriced"] += len(left)
            priced = [Entry.from_dict(it["entry"]) for it in some if "entry" in it]
            ids = store.reports.record([it.recommendation for it in priced])
            for entry, id in zip(priced, ids, strict=True):
                # A product that is back as it was is news: the last report called it gone.
                kept = replace(entry, decision_id=id, earlier=None if id in gone else entry.earlier)
                entries.write(json.dumps(kept.to_dict(), ensure_ascii=False) + "\n")
                counts["abstained"] += kept.recommendation.abstained is not None
                counts["unchanged"] += kept.unchanged
                counts["silent"] += kept.unchanged and kept.silent(newest)
                counts["date"] = max(counts["date"], kept.recommendation.date[:10])
            done += len(some)
            reached(done)
    return counts | {"left": left_hash.hexdigest() if counts["unpriced"] else ""}


def _gone(store: Store, products: Sequence[Product], unread: Iterable[Unpriced]) -> list[tuple[str, Gone]]:
    """What earlier reports spoke of and this one cannot, each with the id of its last recommendation."""
    last_dates = {(it.sku, it.store): it.last_date.isoformat() for it in products}
    priced = last_dates.keys() - {(it.sku, it.store) for it in unread}
    found = []
    for said in store.reports.gone(priced):
        record = said.record
        key = record["sku"], record["store"] or None
        it = Gone(
            sku=key[0],
            store=key[1],
            name=record["name"],
            currency=record["currency"],
            suggested=None if record["abstained"] else record["price"],
            last_date=last_dates.get(key),
            why="unread" if key in last_dates else "missing",
        )
        found.append((said.id, it))
    return found


def _manifest(
    pipeline: PricingPipeline,
    rules: Mapping[str, Rules],
    plan: Plan,
    basis: str,
    inputs: Sequence[Mapping[str, Any]],
    counts: Mapping[str, Any],
) -> dict[str, Any]:
    """How the report came about, as JSON: enough to make it again."""
    libraries = ("torch", "transformers", "numpy", "pandas")
    in_force = json.dumps(_digests(rules), sort_keys=True).encode()
    return {
        "version": version("pricing-assistant"),
        "basis": basis,
        "model": pipeline.model_hash,
        "adapter": pipeline.adapter_of(),
        "rules": hashlib.sha256(in_force).hexdigest()[:16],
        "libraries": {name: version(name) for name in libraries},
        "settings": {"objective": plan.objective, "reference": plan.profile, "period": plan.period},
        "inputs": inputs,
        "unpriced": counts["unpriced"],
    }


def _write(
    priced: Priced,
    store: Store,
    work: Work,
    languages: Sequence[Language],
    formats: Sequence[Format],
    pages: int,
    clock: Clock,
) -> tuple[str, ...]:
    """Put the report in words and print it, in a folder a language where there are several."""
    from assistant.report.compose import compose
    from assistant.report.printing import print_report

    statuses = store.reports.verdicts()
    printed = work.printing()
    names: list[str] = []
    with clock.stage("write", len(languages) * (1 + len(formats))) as reached:
        done = 0
        for language in languages:
            folder = printed / language if len(languages) > 1 else printed
            folder.mkdir(parents=True, exist_ok=True)
            began = time.monotonic()
            document = compose(priced, language, statuses=statuses, folder=work.folder)
            clock.spent("compose", began)
            reached(done := done + 1)
            for form in formats:
                began = time.monotonic()
                names += [
                    path.relative_to(printed).as_posix()
                    for path in print_report(document, form, folder, pages=pages)
                ]
                clock.spent(form, began)
                reached(done := done + 1)
    return tuple(names)


def _free(out: Path, date: str) -> Path:
    """The folder of a new report: the date, numbered where that day has reports already."""
    name = date or dt.date.today().isoformat()
    number = 1
    while (place := out / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return place
