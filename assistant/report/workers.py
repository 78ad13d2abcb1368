"""Processes that price batches beside each other: each has the shop open and the policy in memory."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.report.batches import Batch
from assistant.report.pricing import Plan, Pricer
from assistant.report.progress import ReportError
from assistant.store.database import FILE_NAME

if TYPE_CHECKING:
    from assistant.report.run import Engine
    from assistant.store import Store
    from policy.pipeline import PricingPipeline

ENOUGH = 8
"""Batches from which on processes of their own pay: each takes several seconds to load the policy."""


class Worker:
    """What one process keeps."""

    def __init__(self, home: str | None, shop: str, adapter: str | None, plan: Mapping[str, Any]) -> None:
        """`home` and `shop`: of the store, where it is (`home_of`) and its identity."""
        from assistant.store import Store, StoreError
        from policy import PricingPipeline

        store = Store.existing(home=home)
        # On a machine that does not reach it: an empty one must not be made there, nor another's be priced.
        if store is None or store.identity != shop:
            raise StoreError(
                f"The report's shop is not in {home} here. Put it where every worker reaches it."
                if home
                else "PRICING_ASSISTANT_DATABASE_URL does not lead to the report's shop here. Set it to the "
                "same address for every worker."
            )
        pipeline = PricingPipeline.from_pretrained(adapter=adapter)
        self._pricer = Pricer(store, pipeline, Plan.from_dict(plan))

    def priced(self, batch: Mapping[str, Any]) -> tuple[int, str]:
        """A batch's number and lines."""
        todo = Batch.from_dict(batch)
        return todo.number, self._pricer.lines(todo)


def home_of(store: Store) -> str | None:
    """Where another process opens the same shop: its folder, or None where PRICING_ASSISTANT_DATABASE_URL,
    which it has too, says so."""
    folder = store.lock.parent
    # In full: a cluster's workers stand in another folder than we do.
    return str(folder.absolute()) if Path(store.place) == folder / FILE_NAME else None


def local_engine(store: Store, pipeline: PricingPipeline, *, adapter: Path | None = None) -> Engine:
    """Prices on this machine: in this process, or in one a processor core where there is much to do.

    Parameters
    ----------
    adapter
        The shelf that `pipeline` prices with.
    """

    def priced(todo: Sequence[Batch], plan: Plan) -> Iterator[tuple[int, str]]:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if len(todo) < ENOUGH or cores == 1:
            pricer = Pricer(store, pipeline, plan)
            for batch in todo:
                yield batch.number, pricer.lines(batch)
            return
        shelf = None if adapter is None else str(adapter.absolute())
        told = home_of(store), store.identity, shelf, plan.to_dict()
        processes = min(cores, len(todo))
        with ProcessPoolExecutor(
            processes, mp_context=get_context("spawn"), initializer=_start, initargs=told
        ) as pool:
            coming = iter(todo)

            def submitted(count: int) -> set[Future[tuple[int, str]]]:
                return {pool.submit(_priced, batch.to_dict()) for batch in islice(coming, count)}

            try:
                # A future keeps its lines, so there are never more than a few: one at work and one that
                # waits for each process.
                waiting = submitted(2 * processes)
                while waiting:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    waiting |= submitted(len(done))
                    while done:
                        yield done.pop().result()
            except BrokenProcessPool as error:
                raise ReportError(
                    "A process that priced products was ended, perhaps for want of memory, or could not "
                    "start for a reason that stands above. Run the same command again: it goes on with what "
                    "is priced."
                ) from error
            finally:
                pool.shutdown(cancel_futures=True)

    return priced


_worker: Worker | None = None
"""Of a process of `local_engine`."""


def _start(home: str | None, shop: str, adapter: str | None, plan: Mapping[str, Any]) -> None:
    global _worker
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this process says when it stops
    os.environ["OMP_NUM_THREADS"] = "1"  # the other cores have processes of their own
    _worker = Worker(home, shop, adapter, plan)


def _end_with_the_run() -> None:
    """A run that is killed ends no process: each would wait for work for good, the policy in memory."""
    run = parent_process()
    assert run is not None
    run.join()
    os._exit(1)


def _priced(batch: Mapping[str, Any]) -> tuple[int, str]:
    assert _worker is not None
    return _worker.priced(batch)
