"""Work that goes on beside the chat, in a process of its own: begun after a yes, ended by an undo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from assistant.desk import DeskError
from assistant.tools.result import Runner, Turn
from assistant.tools.writing import Staged, words_of
from assistant.wording import Language


@dataclass(frozen=True, kw_only=True)
class Beside:
    """One kind of such work, and what it is called."""

    runner_of: Callable[[Turn], Runner | None]
    word: str
    """In the words of `prompts/`."""
    entry: str
    """In the audit log."""

    def ready(self, turn: Turn) -> Runner:
        """What would run it. Raises `DeskError` where there is nothing, or it is at work."""
        runner = self._runner(turn)
        if runner.run is not None and runner.run.going:
            raise DeskError(f"{self.word}_already")
        return runner

    def begin(self, turn: Turn, language: Language) -> None:
        """Start it, and note that it runs once it does. Raises `DeskError` where it does not."""
        runner = self._runner(turn)
        if not runner.start(language):
            raise DeskError(f"{self.word}_already")
        if runner.run is not None and runner.run.status == "failed":
            raise DeskError(f"{self.word}_failed", error=runner.run.error)
        try:
            turn.desk.store.note(f"{self.entry}_started", {"language": language}, actor=turn.user)
        except Exception:
            runner.stop()  # nothing goes on that the log does not know
            raise

    def take_back(self, turn: Turn, _: Mapping[str, Any]) -> Staged:
        """The work asked to stop."""
        runner, words = self._runner(turn), words_of(turn)

        def end() -> None:
            runner.stop()
            turn.desk.store.note(f"{self.entry}_stopped", {}, actor=turn.user)

        return Staged(
            summary=words(f"summary.stop_{self.word}"),
            done=words(f"done.stop_{self.word}"),
            commit=lambda: None,
            then=end,
        )

    def _runner(self, turn: Turn) -> Runner:
        if (runner := self.runner_of(turn)) is None:
            raise DeskError(f"no_{self.word}_here")
        return runner
