"""Command `pricing-assistant evaluate --suite assistant`: asks a question set and scores the answers."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from assistant.evaluation.questions import (
    FILES,
    INTENTS,
    QUICK,
    Question,
    QuestionsError,
    digest,
    few,
    read_questions,
)
from policy.evaluation.command import current_commit
from policy.evaluation.tables import Rows, answers_table, has_markers, markers, write_readme, write_rows

if TYPE_CHECKING:
    from assistant.evaluation.run import DemoShop
    from assistant.evaluation.score import Score

SUITE = "assistant"
ALL = "all"
"""The intent of the lines that are about all of them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Ask, score, print, and write what was asked for; returns the exit status."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.readme and not args.out:
        parser.error("--readme needs --out: it is made from the file there")
    if args.readme and (args.quick or args.questions or args.intent):
        parser.error("--readme shows the whole set: leave out --quick, --questions and --intent")
    for page in args.readme or ():
        if not has_markers(page.read_text(encoding="utf-8"), SUITE):
            parser.error(f"{page} lacks {' and '.join(markers(SUITE))}, where the table belongs")
    files = tuple(args.questions or FILES)
    try:
        questions = read_questions(files)
    except QuestionsError as error:
        print(error, file=sys.stderr)
        return 1
    questions = [question for question in questions if not args.intent or question.intent in args.intent]
    if args.quick:
        questions = few(questions)

    # Before a minute of questions, not after it.
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
    from assistant.models import ModelUnavailable, chosen_model, name_of

    try:
        model = chosen_model()
    except ModelUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    from assistant.evaluation.run import DemoShop

    shop = DemoShop(model)
    try:
        scores = [_asked(shop, question, verbose=args.verbose) for question in questions]
    finally:
        shop.close()
    settings = {"language_model": name_of(model), "questions_hash": digest(files), "commit": current_commit()}
    rows = answer_rows(scores, settings)
    print(f"\n{answers_table(rows)}\n\n{failed_checks(scores)}")
    if args.out:
        write_rows(args.out / f"{SUITE}.csv", rows)
        write_rows(args.out / f"{SUITE}_questions.csv", question_rows(scores))
        print(f"Wrote {args.out / SUITE}.csv and {args.out / SUITE}_questions.csv.")
    for page in args.readme or ():
        write_readme(page, args.out / f"{SUITE}.csv")
        print(f"Renewed the table of {SUITE} in {page}.")
    return 0


def answer_rows(scores: Sequence[Score], settings: dict[str, str]) -> Rows:
    """One line a language and intent, and one a language for all of them."""
    rows: Rows = []
    for language in dict.fromkeys(score.question.language for score in scores):
        spoken = [score for score in scores if score.question.language == language]
        for intent in (*INTENTS, ALL):
            those = [score for score in spoken if intent in (score.question.intent, ALL)]
            if not those:
                continue
            counts = {
                "questions": len(those),
                "behavior_right": sum(score.behavior_right for score in those),
                "right": sum(score.right for score in those),
                "unsupported_numbers": sum(score.unsupported_numbers for score in those),
                "broken_rules": sum(score.broken_rules for score in those),
                "obeyed_injections": sum("injection" in score.wrong for score in those),
                "unconfirmed_writes": sum("written" in score.wrong for score in those),
                "dropped_sentences": sum(len(score.played.dropped) for score in those),
            }
            seconds = median(score.played.seconds for score in those)
            row = {"language": language, "intent": intent} | {k: str(v) for k, v in counts.items()}
            rows.append(row | {"median_seconds": f"{seconds:.2f}"} | settings)
    return rows


def question_rows(scores: Sequence[Score]) -> Rows:
    """One line a question: what was accepted, what was seen, and which checks failed. What traces it is in
    the file of `answer_rows`."""
    return [
        {
            "id": score.question.id,
            "intent": score.question.intent,
            "accepted": " ".join(score.question.behaviors),
            "seen": " ".join(score.seen),
            "failed": " ".join(score.wrong),
            "seconds": f"{score.played.seconds:.2f}",
        }
        for score in scores
    ]


def failed_checks(scores: Sequence[Score]) -> str:
    """How many questions failed each check, the most frequent first."""
    counts = Counter(check for score in scores for check in score.wrong)
    if not counts:
        return f"All {len(scores)} questions are answered right."
    listed = ", ".join(f"{check} {number}" for check, number in counts.most_common())
    return f"Questions of {len(scores)} that fail a check: {listed}."


def _asked(shop: DemoShop, question: Question, *, verbose: bool) -> Score:
    from assistant.evaluation.score import score

    scored = score(question, shop.play(question), shop.limits)
    if verbose and not scored.right:
        print("\n".join(_told(scored)), flush=True)
    return scored


def _told(score: Score) -> list[str]:
    """A failure for people: the conversation, what was called, what was said and what is wrong."""
    question, played = score.question, score.played
    calls = [
        f"{use.name}({', '.join(f'{k}={v!r}' for k, v in use.arguments.items())})" for use in played.uses
    ]
    return [
        "",
        f"{question.id} {question.intent}",
        *(f"  before: {message}" for message in question.before),
        f"  asked:  {question.text}",
        f"  called: {'; '.join(calls) or 'nothing'}",
        f"  said:   {' / '.join(filter(None, map(str.strip, played.text.splitlines())))}",
        f"  wanted: {' or '.join(question.behaviors)}; seen: {', '.join(score.seen) or 'nothing'}",
        *(f"  wrong:  {check}: {what}" for check, what in score.wrong.items()),
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pricing-assistant evaluate",
        description="Ask the assistant a set of questions about a fresh demo shop and score its answers: "
        "behaviour, tools, facts, language, numbers without support, broken rules, obeyed injections. "
        "PRICING_ASSISTANT_MODEL says which language model answers.",
        epilog="Example:\n  pricing-assistant evaluate --suite assistant --quick --verbose",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--suite", nargs=1, choices=[SUITE], metavar=SUITE, help="this suite runs alone")
    parser.add_argument(
        "--questions", nargs="+", type=Path, metavar="FILE", help="other questions, one a line as JSON"
    )
    parser.add_argument("--intent", nargs="+", choices=INTENTS, metavar="INTENT", help="only these intents")
    parser.add_argument("--quick", action="store_true", help=f"a first look: {QUICK} questions a language")
    parser.add_argument("--verbose", action="store_true", help="print every answer that fails, and why")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write two CSV files into this folder")
    parser.add_argument(
        "--readme", type=Path, nargs="+", metavar="FILE", help="with --out: renew the table on these pages"
    )
    return parser
