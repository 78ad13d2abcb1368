"""The app in the browser: layout and events. Started by `pricing-assistant app`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

# Before gradio is imported: it would report its use, and nothing leaves the machine unasked.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr

from assistant import panels
from assistant.agent import Answer
from assistant.session import UPLOAD_LIMIT_MB, Sessions, UploadTooLarge, Visit
from assistant.store.importing import error_text
from assistant.wording import LANGUAGES, Language, Wording, preferred_language, wording
from policy.history import HistoryError

LONGEST_QUESTION = 2000
EXAMPLES = 4

Updates = dict[Any, Any]
"""New values and properties by component, as gradio takes them."""


@dataclass(frozen=True)
class Page:
    """The components that events read and write."""

    brand: gr.HTML
    language: gr.Radio
    chat: gr.Chatbot
    chips: list[gr.Button]
    question: gr.Textbox
    asked: gr.State
    """The question being answered: the box is already empty by then."""
    product: gr.Dropdown
    headline: gr.HTML
    figure: gr.Plot
    facts: gr.HTML
    evidence_title: gr.HTML
    file_title: gr.HTML
    situation: gr.Markdown
    upload: gr.UploadButton
    back: gr.Button
    understood: gr.HTML
    aside: gr.Button

    @property
    def evidence(self) -> list[Any]:
        return [self.product, self.headline, self.figure, self.facts]

    @property
    def shop(self) -> list[Any]:
        """What depends on whose sales the page is about."""
        return [self.situation, self.back, self.upload, self.understood, self.aside, *self.chips]


def build(sessions: Sessions) -> gr.Blocks:
    """The page and what its parts do, over these sessions."""
    words = wording("en")
    with gr.Blocks(title=words("title"), analytics_enabled=False) as blocks:
        page = _layout(words)
        _events(blocks, page, sessions)
    return blocks


def main(
    host: str = "127.0.0.1",
    port: int | None = None,
    data_dir: str | None = None,
    open_browser: bool = False,
) -> None:
    """Serve the app until interrupted.

    Parameters
    ----------
    port
        The first free one from 7860 where None.
    data_dir
        Folder of the shop; PRICING_ASSISTANT_HOME, else the platform's data folder, where None.
    """
    # A server is stopped with SIGTERM: visitors' files are to be deleted then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sessions = Sessions(data_dir)
    blocks = build(sessions)
    try:
        _, address, _ = blocks.queue(default_concurrency_limit=4).launch(
            server_name=host,
            server_port=port,
            inbrowser=open_browser,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            ssr_mode=False,
            show_error=True,
            footer_links=[],
            # Above the limit that `Visit.open_file` explains in words: this one only guards the disk.
            max_file_size=f"{4 * UPLOAD_LIMIT_MB}mb",
            theme=gr.themes.Base(primary_hue="blue", font=["sans-serif"], font_mono=["monospace"]),
            css=(files("assistant") / "style.css").read_text(encoding="utf-8"),
        )
        print(f"Pricing Assistant is at {address}  (Ctrl+C stops it)", flush=True)
        blocks.block_thread()
    finally:
        sessions.close()


def _layout(words: Wording) -> Page:
    with gr.Row(elem_id="head"):
        brand = gr.HTML(panels.brand(words), elem_id="brand")
        language = gr.Radio(
            [(name, code) for code, name in LANGUAGES.items()],
            value="en",
            show_label=False,
            container=False,
            elem_id="language",
        )
    with gr.Row(elem_id="body"):
        with gr.Column(scale=6, min_width=340, elem_id="talk"):
            chat = gr.Chatbot(
                show_label=False,
                elem_id="chat",
                height=None,
                autoscroll=False,
                placeholder=words("chat.placeholder"),
                buttons=["copy"],
                feedback_options=None,
                layout="bubble",
                latex_delimiters=[],
            )
            with gr.Row(elem_id="chips"):
                chips = [gr.Button("", size="sm") for _ in range(EXAMPLES)]
            question = gr.Textbox(
                show_label=False,
                label=words("chat.input"),
                placeholder=words("chat.input"),
                submit_btn=words("chat.send"),
                max_length=LONGEST_QUESTION,
                autofocus=True,
                elem_id="ask",
            )
            asked = gr.State("")
            with gr.Column(elem_id="file", elem_classes="card"):
                with gr.Row(elem_id="source"):
                    with gr.Column(scale=1, min_width=240):
                        file_title = gr.HTML(panels.heading(words("data.title")))
                        situation = gr.Markdown(elem_id="situation")
                    with gr.Column(scale=0, min_width=190, elem_id="buttons"):
                        upload = gr.UploadButton(words("data.upload"), size="md", elem_id="upload")
                        back = gr.Button(words("data.back_shop"), visible=False, size="md", elem_id="back")
                understood = gr.HTML(visible=False, elem_id="understood")
                aside = gr.Button(words("data.set_aside"), visible=False, size="sm", elem_id="aside")
        with gr.Column(scale=5, min_width=340, elem_id="evidence", elem_classes="card"):
            evidence_title = gr.HTML(panels.heading(words("evidence.title")))
            product = gr.Dropdown(
                label=words("evidence.product"),
                show_label=False,
                container=False,
                visible=False,
                elem_id="product",
            )
            headline = gr.HTML(panels.empty(words("evidence.empty")), elem_id="headline")
            figure = gr.Plot(show_label=False, visible=False, elem_id="figure")
            facts = gr.HTML(visible=False, elem_id="facts")
    return Page(
        brand=brand,
        language=language,
        chat=chat,
        chips=chips,
        question=question,
        asked=asked,
        product=product,
        headline=headline,
        figure=figure,
        facts=facts,
        evidence_title=evidence_title,
        file_title=file_title,
        situation=situation,
        upload=upload,
        back=back,
        understood=understood,
        aside=aside,
    )


def _events(blocks: gr.Blocks, page: Page, sessions: Sessions) -> None:
    """What happens on each click; every handler finds its visit by the page's session."""

    def visit(request: gr.Request) -> Visit:
        return sessions.visit(str(request.session_hash))

    def arrive(request: gr.Request) -> Updates:
        language = preferred_language(request.headers.get("accept-language"))
        return {page.language: language} | speak(language, request)

    def speak(language: Language, request: gr.Request) -> Updates:
        return _in_language(page, language, visit(request))

    def take(text: str, history: list[Any], request: gr.Request) -> Updates:
        text = text.strip()
        if not text or not visit(request).take_turn():  # then the words stay in the box
            return {page.asked: ""}
        return {page.question: "", page.asked: text, page.chat: [*history, _said("user", text)]}

    def answer(
        question: str, history: list[Any], language: Language, request: gr.Request
    ) -> Iterator[Updates]:
        if not question:
            yield {page.chat: gr.skip()}  # a generator that yields nothing would clear the evidence
            return
        guest, words = visit(request), wording(language)
        try:
            if not guest.ready:
                yield {page.chat: [*history, _doing(words("chat.waking"))]}
            for step in guest.ask(question, language):
                if isinstance(step, Answer):
                    yield {page.chat: [*history, _said("assistant", step.text)]}
                elif guest.ready:
                    yield {page.chat: [*history, _doing(words(f"progress.{step.name}"))]}
        finally:
            guest.end_turn()
        yield _evidence(page, guest, 0) if guest.evidence else _no_evidence(page, words)

    def choose(index: int, request: gr.Request) -> Updates:
        return _evidence(page, visit(request), index)

    def restart(language: Language, request: gr.Request) -> Updates:
        visit(request).start_over()
        return _no_evidence(page, wording(language))

    def upload(path: str, language: Language, request: gr.Request) -> Iterator[Updates]:
        yield from load(Path(path), language, visit(request), skip_bad_rows=False)

    def set_aside(language: Language, request: gr.Request) -> Iterator[Updates]:
        guest = visit(request)
        if guest.refused is not None:
            yield from load(guest.refused, language, guest, skip_bad_rows=True)

    def load(file: Path, language: Language, guest: Visit, *, skip_bad_rows: bool) -> Iterator[Updates]:
        words = wording(language)
        reading = panels.pending(words("data.reading", file=file.name))
        yield {page.understood: _shown(reading), page.aside: gr.update(visible=False)}
        try:
            report = guest.open_file(file, language, skip_bad_rows=skip_bad_rows)
        except (HistoryError, UploadTooLarge) as error:
            text = error_text(error, language) if isinstance(error, HistoryError) else str(error)
            yield {
                page.understood: _shown(panels.notice(words("data.error"), text, kind="error")),
                page.aside: gr.update(visible=guest.refused is not None),
            }
            return
        understood = panels.notice(words("data.understood"), report.to_text(language), kind="done")
        products, rows = report.history.products, report.history.rows_out
        greeting = words("data.read", file=file.name, products=products, rows=rows)
        yield (
            _shop(page, guest, language)
            | _no_evidence(page, words)
            | {page.chat: [_said("assistant", greeting)], page.understood: _shown(understood)}
        )

    def back(language: Language, request: gr.Request) -> Updates:
        guest, words = visit(request), wording(language)
        if guest.report is None:
            guest.create_demo()
            greeting = words("data.demo_created")
        else:
            guest.close_file()
            greeting = words("data.back")
        return (
            _shop(page, guest, language)
            | _no_evidence(page, words)
            | {page.chat: [_said("assistant", greeting)], page.understood: _shown("")}
            | {page.aside: gr.update(visible=False)}
        )

    def leave(request: gr.Request) -> None:
        sessions.end(str(request.session_hash))

    hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    everything = [
        page.language, page.brand, page.chat, page.question, page.evidence_title, page.file_title,
        *page.evidence, *page.shop,
    ]  # fmt: skip
    blocks.load(arrive, None, everything, **hidden)
    page.language.input(speak, page.language, everything, **hidden)
    for source, trigger in [
        (page.question, page.question.submit),
        *((chip, chip.click) for chip in page.chips),
    ]:
        trigger(
            take, [source, page.chat], [page.question, page.asked, page.chat], queue=False, **hidden
        ).then(
            answer,
            [page.asked, page.chat, page.language],
            [page.chat, *page.evidence],
            api_visibility="private",
            show_progress_on=page.chat,
            trigger_mode="multiple",  # the default would lose a question asked while a figure is being drawn
        )
    page.chat.change(None, js=panels.TO_LATEST, **hidden)
    page.chat.clear(restart, page.language, page.evidence, **hidden)
    page.product.input(choose, page.product, page.evidence, api_visibility="private")
    moved = [page.chat, *page.evidence, *page.shop]
    page.upload.upload(
        upload,
        [page.upload, page.language],
        moved,
        api_visibility="private",
        show_progress_on=page.understood,
    )
    page.aside.click(
        set_aside, page.language, moved, api_visibility="private", show_progress_on=page.understood
    )
    page.back.click(back, page.language, moved, **hidden)
    blocks.unload(leave)


def _in_language(page: Page, language: Language, guest: Visit) -> Updates:
    """Every label of the page; what was said and shown stays in the language in which it was asked."""
    words = wording(language)
    updates: Updates = {
        page.brand: panels.brand(words),
        page.chat: gr.update(placeholder=words("chat.placeholder")),
        page.question: gr.update(placeholder=words("chat.input"), submit_btn=words("chat.send")),
        page.evidence_title: panels.heading(words("evidence.title")),
        page.file_title: panels.heading(words("data.title")),
    }
    if not guest.evidence:
        updates |= _no_evidence(page, words)
    return updates | _shop(page, guest, language)


def _shop(page: Page, guest: Visit, language: Language) -> Updates:
    """Whose sales the page is about, and questions that fit them."""
    words, own = wording(language), guest.report is not None
    examples = guest.examples(language)
    chips = [gr.update(value=text, visible=True) for text in examples] or [
        gr.update(visible=False)
    ] * EXAMPLES
    formats = "" if own else words("data.formats", limit=UPLOAD_LIMIT_MB)
    return {
        page.situation: f"{guest.situation(language)}\n\n<small>{formats}</small>",
        page.aside: words("data.set_aside"),
        page.upload: gr.update(label=words("data.upload_other" if own else "data.upload")),
        page.back: gr.update(
            value=words("data.back_shop" if own else "data.create_demo"), visible=own or guest.shop_is_empty
        ),
        **dict(zip(page.chips, chips or [gr.update(visible=False)] * EXAMPLES, strict=True)),
    }


def _evidence(page: Page, guest: Visit, index: int) -> Updates:
    """One part of the evidence behind the last answer, and the choice between its parts."""
    chosen = guest.evidence[index]
    words = wording(chosen.language)
    figure = guest.figure(chosen)
    titles = [(part.title, number) for number, part in enumerate(guest.evidence)]
    return {
        page.product: gr.update(choices=titles, value=index, visible=len(titles) > 1),
        page.headline: panels.headline(chosen),
        page.figure: gr.update(value=figure, visible=figure is not None),
        page.facts: _shown(panels.facts_table(chosen.facts, words)),
    }


def _no_evidence(page: Page, words: Wording) -> Updates:
    return {
        page.product: gr.update(visible=False),
        page.headline: panels.empty(words("evidence.empty")),
        page.figure: gr.update(value=None, visible=False),
        page.facts: _shown(""),
    }


def _shown(html: str) -> Any:
    """An update that takes no room where there is nothing to show."""
    return gr.update(value=html, visible=bool(html))


def _said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}


def _doing(text: str) -> dict[str, Any]:
    """A message that says what is going on until the answer takes its place."""
    return {"role": "assistant", "content": "", "metadata": {"title": text, "status": "pending"}}


if __name__ == "__main__":
    main()
