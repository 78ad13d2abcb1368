"""Long commands that are stopped: their work so far is kept, and the same command goes on."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""Exit status after Ctrl+C, as shells count it."""


@contextmanager
def ending(*signals: signal.Signals) -> Iterator[None]:
    """These signals end what is at work at once, as Ctrl+C does: by KeyboardInterrupt."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    with _handled(end, signals):
        yield


@contextmanager
def stopping(once_more: str, *signals: signal.Signals) -> Iterator[Callable[[], bool]]:
    """Whether one of these signals asked to stop: once lets what is at work be finished and kept, twice does
    not.

    Parameters
    ----------
    once_more
        Said at the first: what a second one does.
    """
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        print("\n" + once_more, file=sys.stderr, flush=True)

    with _handled(ask, signals):
        yield lambda: asked


@contextmanager
def _handled(handler: Callable[..., None], signals: Iterable[signal.Signals]) -> Iterator[None]:
    """These signals go to this handler meanwhile."""
    former = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, earlier in former.items():
            signal.signal(number, earlier)
