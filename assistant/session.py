"""What each open page looks at: the installed shop, or a visitor's own file, kept apart, then forgotten."""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast
from uuid import uuid4

from assistant.agent import Answer, Assistant, ToolCall
from assistant.confirmation import Proposal
from assistant.evidence import Evidence, View, evidence_of, figure_of
from assistant.follow_ups import follow_ups
from assistant.memory import Conversation
from assistant.reporting import Reporting
from assistant.store import Store
from assistant.store.demo import ACTOR as DEMO
from assistant.store.demo import create_demo
from assistant.store.importing import SOME_BAD, read_parts
from assistant.transcript import Said, transcript
from assistant.tuning import Tuning
from assistant.verdicts import Waiting
from assistant.wording import Language, wording
from policy.history import HistoryError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from assistant.desk import Desk
    from assistant.store.importing import ImportReport

UPLOAD_LIMIT_MB = 50
"""Largest file taken through the browser; larger ones go through `pricing-assistant import`."""


class UploadTooLarge(ValueError):
    """A file above the limit. `str()` is the message for the merchant, in the language asked for."""

    def __init__(self, file: str, size_mb: float, language: Language) -> None:
        super().__init__(
            wording(language)("data.too_big", file=file, size=f"{size_mb:,.0f}", limit=UPLOAD_LIMIT_MB)
        )


class Visit:
    """One open page: the shop it asks about, its conversation and the evidence of its last answer."""

    def __init__(self, key: str, shop: Assistant, tuning: Tuning, reporting: Reporting) -> None:
        self.key = key
        self.report: ImportReport | None = None
        """How the visitor's file was understood; None while they look at the installed shop."""
        self.refused: Path | None = None
        """An upload of which only some rows are bad, kept until the visitor decides about them."""
        self.answer: Answer | None = None
        """The last one of the conversation."""
        self.evidence: tuple[Evidence, ...] = ()
        """What stands behind it, part by part."""
        self.tuning = tuning
        """Fine-tuning on the sales that the page is about: the shop's, or the visitor's file's."""
        self.reporting = reporting
        """Reports of the same."""
        self.waiting: Waiting | None = None
        """What was decided beside the report and waits for a yes."""
        self._shop = shop
        self._shop_tuning, self._shop_reporting = tuning, reporting
        self._assistant = shop
        self._folder: Path | None = None
        self._thread = _new_thread(key)
        self._steps: Iterator[ToolCall | Answer] | None = None
        # One thing at a time: a page closed during an upload must not leave the file behind, nor an upload
        # take the store away from under an answer.
        self._busy = threading.RLock()
        self._turn = threading.Lock()
        self._question: str | None = None
        self._new = False

    @property
    def desk(self) -> Desk:
        """Of the shop that the page is about."""
        return self._assistant.desk

    @property
    def store(self) -> Store:
        """The same shop's."""
        return self.desk.store

    @property
    def ready(self) -> bool:
        """Whether the policy is loaded, so that an answer takes no longer than its own time."""
        return self._assistant.desk.ready

    def take_turn(self, question: str | None = None) -> bool:
        """Whether a question can be asked now: not while another is being answered. Ends with `end_turn`."""
        if not self._turn.acquire(blocking=False):
            return False
        self._question = question
        return True

    def question(self) -> str | None:
        """The question that the turn was taken for, once: whoever asks again has nothing to answer."""
        question, self._question = self._question, None
        return question

    def end_turn(self) -> None:
        self._turn.release()

    def ask(self, question: str, language: Language) -> Iterator[ToolCall | Answer]:
        """Each step as it begins, and the answer last; its evidence is kept for `figure`.

        `language` is of answers to questions that could be in any, e.g. a bare SKU.
        """
        yield from self._answering(
            lambda: self._assistant.stream(question, thread=self._thread, language=language)
        )

    def settle(self, approve: bool) -> Iterator[ToolCall | Answer]:
        """The steps and the answer after a yes or a no to what is `pending`."""
        yield from self._answering(lambda: self._assistant.settle(approve, thread=self._thread))

    @property
    def pending(self) -> tuple[Proposal, ...]:
        """What waits for a yes or a no in this conversation."""
        with self._busy:
            return self._assistant.pending(self._thread)

    def _answering(self, begin: Callable[[], Iterator[ToolCall | Answer]]) -> Iterator[ToolCall | Answer]:
        with self._busy:
            self._stop()
            self._steps = steps = begin()
        while True:
            # Not held between steps: whoever reads them may come from another thread, or stop reading.
            with self._busy:
                if steps is not self._steps:
                    return  # stopped: the conversation is gone
                step = next(steps, None)
                if step is None:
                    self._steps = None
                    return
                if isinstance(step, Answer):
                    self._take(step)
            yield step

    def answer_is_new(self) -> bool:
        """Whether an answer came since this was last asked."""
        new, self._new = self._new, False
        return new

    def _take(self, answer: Answer | None) -> None:
        self.answer, self._new = answer, answer is not None
        self.evidence = evidence_of(answer, self._assistant.desk) if answer else ()

    def _stop(self) -> None:
        """End an unfinished answer; it must not go on writing into a store that is about to close."""
        if self._steps is not None:
            cast(Generator, self._steps).close()
            self._steps = None

    @property
    def follow_ups(self) -> list[str]:
        """Questions that the last answer invites."""
        with self._busy:  # a new conversation begun on another thread forgets the answer in between
            if self.answer is None:
                return []
            names = {it.sku: it.name or it.sku for it in self._assistant.desk.store.products()}
            return follow_ups(self.answer, self.evidence, names)

    def figure(self, evidence: Evidence, view: View) -> Figure | None:
        """One of the figures of a part of the evidence; None where there is nothing to draw."""
        with self._busy:
            return figure_of(evidence, view, self._assistant.desk)

    @property
    def thread(self) -> str:
        """The conversation that goes on here."""
        return self._thread

    @property
    def conversations(self) -> list[Conversation]:
        """All about the shop or the file that the page is about, the last spoken in first."""
        with self._busy:
            return self._assistant.threads()

    def begin(self) -> None:
        """Begin a new conversation; the one so far is kept."""
        self.open(_new_thread(self.key))

    def open(self, thread: str) -> list[Said]:
        """Go on with a conversation: what was said in it, its last answer's evidence being shown again."""
        with self._busy:
            self._stop()
            self._thread = thread
            latest = self._assistant.latest(thread)
            self._take(latest)
            return [*transcript(self._assistant.messages(thread)), *_waiting(latest)]

    def forget(self) -> None:
        """Delete the conversation and begin a new one."""
        with self._busy:
            self._stop()
            self._assistant.forget(self._thread)
            self.begin()

    def open_file(self, path: Path, language: Language, *, skip_bad_rows: bool = False) -> ImportReport:
        """Answer about this file from now on, from a store of its own.

        Where the file cannot be used everything stays as it was. Raises `UploadTooLarge`, `HistoryError`.

        Parameters
        ----------
        path
            The server's copy of an upload. It is deleted, unless only some of its rows are bad: then it is
            `refused` until the visitor decides.
        language
            Of the error's text.
        skip_bad_rows
            Set unreadable rows aside instead of refusing the file.
        """
        with self._busy:
            previous, self.refused = self.refused, None
            if previous is not None and previous != path:
                previous.unlink(missing_ok=True)
            try:
                return self._open(path, language, skip_bad_rows)
            except HistoryError as error:
                if error.values.get("remedy_code", error.code) in SOME_BAD:
                    self.refused = path
                raise
            finally:
                if self.refused is None:
                    path.unlink(missing_ok=True)

    def _open(self, path: Path, language: Language, skip_bad_rows: bool) -> ImportReport:
        size_mb = path.stat().st_size / 2**20
        if size_mb > UPLOAD_LIMIT_MB:
            raise UploadTooLarge(path.name, size_mb, language)
        folder = Path(tempfile.mkdtemp(prefix="pricing-assistant-"))
        try:
            store = Store.open(home=folder)
            report, _ = store.import_parts(read_parts(path, skip_bad_rows=skip_bad_rows))
            tuning, reporting = Tuning(store), Reporting(store)
            assistant = Assistant(store, pipeline=self._shop.desk.warm(), tuning=tuning, reporting=reporting)
        except BaseException:
            shutil.rmtree(folder)
            raise
        self._leave_file()
        self._assistant, self._folder, self.report = assistant, folder, report
        self.tuning, self.reporting = tuning, reporting
        self.begin()
        return report

    def close_file(self) -> None:
        """Return to the installed shop and delete everything of the visitor's file."""
        with self._busy:
            if self.refused is not None:
                self.refused.unlink(missing_ok=True)
                self.refused = None
            self._leave_file()

    def _leave_file(self) -> None:
        self._stop()
        if self._folder is not None:
            self.tuning.close(keep=False)
            self.reporting.close(keep=False)
            _close(self._assistant)
            shutil.rmtree(self._folder)
        self._assistant, self._folder, self.report = self._shop, None, None
        self.tuning, self.reporting = self._shop_tuning, self._shop_reporting
        self.waiting = None
        self.begin()

    def create_demo(self) -> None:
        """Fill the installed shop, where it is empty, with the demo shop."""
        with self._busy:
            create_demo(self._shop.desk.store)

    @property
    def shop_is_empty(self) -> bool:
        return not self._shop.desk.store.products()

    def situation(self, language: Language) -> str:
        """One sentence on which shop the answers are about."""
        words = wording(language)
        if self.report is not None:
            return words("data.showing_file", file=self.report.file)
        store = self._shop.desk.store
        if not (products := len(store.products())):
            return words("data.showing_empty")
        return words("data.showing_demo" if _is_demo(store) else "data.showing_shop", products=products)

    def examples(self, language: Language) -> list[str]:
        """Questions to try; outside the demo shop they are about the product with the longest history."""
        words, store = wording(language), self._assistant.desk.store
        products = store.products()
        if not products:
            return []
        if self.report is None and _is_demo(store):
            return words.examples("demo")
        product = max(products, key=lambda it: it.periods)
        return [text.replace("{product}", product.name or product.sku) for text in words.examples("own")]


class Sessions:
    """The visits of all open pages, by the page's key. Safe to use from several threads."""

    def __init__(self, home: str | None = None, *, folders: Iterable[Path] = ()) -> None:
        """`folders` hold files that whoever opens the page may import into the shop by naming their path."""
        store = Store.open(home=home)
        self._tuning, self._reporting = Tuning(store), Reporting(store)
        self._shop = Assistant(store, tuning=self._tuning, reporting=self._reporting, folders=folders)
        self._visits: dict[str, Visit] = {}
        self._lock = threading.Lock()

    @property
    def reports(self) -> Path:
        """The folder of the shop's reports: what of the shop's folder may be downloaded."""
        return self._reporting.folder

    def visit(self, key: str) -> Visit:
        """The page's visit, begun where it is new."""
        with self._lock:
            if key not in self._visits:
                self._visits[key] = Visit(key, self._shop, self._tuning, self._reporting)
            return self._visits[key]

    def end(self, key: str) -> None:
        """Forget a page that was closed, its file included."""
        with self._lock:
            visit = self._visits.pop(key, None)
        if visit is not None:
            visit.close_file()

    def close(self) -> None:
        """Forget every page and let go of the shop."""
        for key in list(self._visits):
            self.end(key)
        self._tuning.close()
        self._reporting.close()
        _close(self._shop)


def _is_demo(store: Store) -> bool:
    """Whether all of the store's sales are the demo shop's."""
    imports = [entry for entry in store.audit(limit=sys.maxsize) if entry.action == "import"]
    return bool(imports) and all(entry.actor == DEMO for entry in imports)


def _new_thread(key: str) -> str:
    return f"app-{key}-{uuid4().hex[:12]}"


def _waiting(answer: Answer | None) -> list[Said]:
    """What waits for a yes or a no was shown, though it is no message of the conversation."""
    return [Said("assistant", answer.text)] if answer is not None and answer.pending else []


def _close(assistant: Assistant) -> None:
    assistant.close()
    assistant.desk.store.close()
