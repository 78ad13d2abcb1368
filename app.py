"""The app in the browser: layout and events. Started by `pricing-assistant app`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

# Before gradio is imported: it would report its use, and nothing leaves the machine unasked.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr

from assistant import page as shown
from assistant import panels, report_page, tuning_page
from assistant.page import CHIPS, DECISION, EVIDENCE, THREADS, Changes
from assistant.report.shop_export import SHOPS
from assistant.session import UPLOAD_LIMIT_MB, Sessions, Visit
from assistant.tuning_report import WORDS
from assistant.wording import LANGUAGES, Language, Wording, preferred_language, wording

LONGEST_QUESTION = 2000
LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Addresses that no other machine reaches."""
TICK = 1.0
"""Seconds between two looks at a run."""

Page = dict[str, Any]
"""The components that events read and write, by the names that `assistant.page` calls them."""
Updates = dict[Any, Any]
"""New values and properties by component, as gradio takes them."""


def build(sessions: Sessions) -> gr.Blocks:
    """The page and what its parts do, over these sessions."""
    words, tuning = wording("en"), wording("en", WORDS)
    with gr.Blocks(title=words("title"), analytics_enabled=False) as blocks:
        page = _layout(words, tuning)
        _events(blocks, page, sessions)
    return blocks


def main(
    host: str = "127.0.0.1",
    port: int | None = None,
    data_dir: str | None = None,
    open_browser: bool = False,
    folders: Sequence[Path] = (),
) -> None:
    """Serve the app until interrupted.

    Parameters
    ----------
    port
        The first free one from 7860 where None.
    data_dir
        Folder of the shop; PRICING_ASSISTANT_HOME, else the platform's data folder, where None.
    folders
        Files in them may be imported by naming their path in the chat: only where the address is this
        machine's own.
    """
    if folders and host not in LOOPBACK:
        raise ValueError(f"Files are read by their path for this machine only, not for visitors at {host}.")
    # A server is stopped with SIGTERM: visitors' files are to be deleted then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sessions = Sessions(data_dir, folders=folders)
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
            allowed_paths=[str(sessions.reports)],
            theme=gr.themes.Base(primary_hue="blue", font=["sans-serif"], font_mono=["monospace"]),
            css=(files("assistant") / "style.css").read_text(encoding="utf-8"),
            js=(files("assistant") / "page.js").read_text(encoding="utf-8"),
        )
        print(f"Pricing Assistant is at {address}  (Ctrl+C stops it)", flush=True)
        blocks.block_thread()
    finally:
        if blocks.is_running:
            blocks.close(verbose=False)  # no page is served any more when the shop closes
        sessions.close()


def _layout(words: Wording, tuning: Wording) -> Page:
    page: Page = {name: gr.Timer(TICK, active=False) for name in ("tick", "report_tick")}
    with gr.Row(elem_id="head"):
        page["brand"] = gr.HTML(panels.brand(words), elem_id="brand")
        page["language"] = gr.Radio(
            [(name, code) for code, name in LANGUAGES.items()],
            value="en",
            show_label=False,
            container=False,
            elem_id="language",
        )
    with gr.Tabs(elem_id="tabs"):
        with gr.Tab(tuning("tab.prices"), id="prices") as page["prices_tab"], gr.Row(elem_id="body"):
            with gr.Column(scale=6, min_width=340, elem_id="talk"):
                _talk(page, words)
            with gr.Column(scale=5, min_width=340, elem_id="evidence", elem_classes="card"):
                _evidence(page, words)
        with (
            gr.Tab(wording("en", report_page.WORDS)("tab.name"), id="report") as page["report_tab"],
            gr.Row(elem_id="report", elem_classes="tuning"),
        ):
            _report(page)
        with gr.Tab(tuning("tab.tuning"), id="tuning") as page["tuning_tab"], gr.Row(elem_classes="tuning"):
            with gr.Column(scale=5, min_width=340):
                _run(page)
            with gr.Column(scale=6, min_width=340, elem_id="outcome", elem_classes="card"):
                page["result_title"] = gr.HTML()
                page["result"] = gr.HTML(elem_id="result")
                figure: dict[str, Any] = {"show_label": False, "visible": False, "elem_classes": "figure"}
                page |= {name: gr.Plot(**figure) for name in ("measures", "curve")}
    return page


def _talk(page: Page, words: Wording) -> None:
    """The chat, the conversations so far, and whose sales they are about."""
    with gr.Row(elem_id="talks"):
        with gr.Accordion("", open=False, visible=False, elem_id="drawer") as page["drawer"]:
            page["threads"] = gr.Radio(show_label=False, container=False, elem_id="threads")
            page["forget"] = gr.Button("", visible=False, size="sm", elem_id="forget")
        page["begin"] = gr.Button("", size="sm", elem_id="begin")
    page["chat"] = gr.Chatbot(
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
    with gr.Row(elem_id="decision"):
        page["confirm"] = gr.Button("", visible=False, size="sm", elem_id="confirm", elem_classes="main")
        page["reject"] = gr.Button("", visible=False, size="sm", elem_id="reject")
    with gr.Row(elem_id="chips"):
        page |= {name: gr.Button("", size="sm") for name in CHIPS}
    page["question"] = gr.Textbox(
        show_label=False,
        label=words("chat.input"),
        placeholder=words("chat.input"),
        submit_btn=words("chat.send"),
        max_length=LONGEST_QUESTION,
        autofocus=True,
        elem_id="ask",
    )
    with gr.Column(elem_id="file", elem_classes="card"):
        with gr.Row(elem_id="source"):
            with gr.Column(scale=1, min_width=240):
                page["file_title"] = gr.HTML(panels.heading(words("data.title")))
                page["situation"] = gr.Markdown(elem_id="situation")
            with gr.Column(scale=0, min_width=190, elem_id="buttons"):
                page["upload"] = gr.UploadButton(words("data.upload"), size="md", elem_id="upload")
                page["back"] = gr.Button("", visible=False, size="md", elem_id="back")
        page["understood"] = gr.HTML(visible=False, elem_id="understood")
        page["aside"] = gr.Button("", visible=False, size="sm", elem_id="aside")


def _evidence(page: Page, words: Wording) -> None:
    """The figure and the facts behind an answer."""
    page["evidence_title"] = gr.HTML(panels.heading(words("evidence.title")))
    page["product"] = gr.Dropdown(show_label=False, container=False, visible=False, elem_id="product")
    page["headline"] = gr.HTML(panels.empty(words("evidence.empty")), elem_id="headline")
    page["view"] = gr.Radio(show_label=False, container=False, visible=False, elem_id="view")
    page["figure"] = gr.Plot(show_label=False, visible=False, elem_id="figure", elem_classes="figure")
    page["facts"] = gr.HTML(visible=False, elem_id="facts")


def _report(page: Page) -> None:
    """Making a report and its files on one side, what it says and what is decided on the other."""
    with gr.Column(scale=5, min_width=340):
        with gr.Column(elem_id="report-run", elem_classes="card"):
            page["report_title"] = gr.HTML()
            page["report_what"] = gr.Markdown()
            page["report_shop"] = gr.Markdown(elem_classes="quiet")
            with gr.Row(elem_classes="actions"):
                page["make"] = gr.Button("", elem_id="make", elem_classes="main")
                page["halt"] = gr.Button("", visible=False, elem_id="halt")
            page["making"] = gr.HTML(visible=False, elem_id="making", elem_classes="progress")
            page |= {name: gr.HTML(visible=False, elem_id=name) for name in ("unmade", "filed")}
            with gr.Row(elem_id="files", elem_classes="actions"):
                page |= {name: gr.DownloadButton("", visible=False, size="sm") for name in report_page.FILES}
        with gr.Column(elem_id="report-export", elem_classes="card"):
            page["export_title"] = gr.HTML()
            page["export_what"] = gr.Markdown()
            page["export_shop"] = gr.Radio(list(SHOPS), value="woocommerce", elem_id="export-shop")
            page["catalogue"] = gr.File(visible=False, file_types=[".csv"], height=120, elem_id="catalogue")
            with gr.Row(elem_classes="actions"):
                page["export"] = gr.Button("", elem_id="export")
                page["get_export"] = gr.DownloadButton("", visible=False, elem_id="get-export")
            page["exported"] = gr.HTML(visible=False, elem_id="exported")
    with gr.Column(scale=6, min_width=340):
        with gr.Column(elem_id="in-short", elem_classes="card"):
            page |= {name: gr.HTML() for name in ("in_short_title", "in_short")}
        with gr.Column(elem_id="decide", elem_classes="card"):
            page["decide_title"] = gr.HTML()
            page["decide_what"] = gr.Markdown()
            page["open_only"] = gr.Checkbox(value=True, visible=False, elem_id="open-only")
            page["rows"] = gr.CheckboxGroup(visible=False, elem_id="rows")
            page["choice"] = gr.Radio(value="approve", visible=False, elem_id="verdict")
            page["own_price"] = gr.Number(visible=False, elem_id="own-price")
            page["reason"] = gr.Textbox(visible=False, max_length=500, elem_id="reason")
            with gr.Row(elem_classes="actions"):
                page["show"] = gr.Button("", visible=False, elem_id="show", elem_classes="main")
                page["workbook"] = gr.UploadButton(
                    "", visible=False, elem_id="workbook", file_types=[".xlsx"]
                )
            page["proposal"] = gr.Markdown(visible=False, elem_id="proposal")
            with gr.Row(elem_classes="actions"):
                page["agree"] = gr.Button("", visible=False, elem_id="agree", elem_classes="main")
                page["leave"] = gr.Button("", visible=False, elem_id="leave")
            page["decided"] = gr.HTML(visible=False, elem_id="decided")


def _run(page: Page) -> None:
    """What fine-tuning is, its start and progress, and the versions that came of it."""
    with gr.Column(elem_id="run", elem_classes="card"):
        page["tuning_title"] = gr.HTML()
        page["tuning_what"] = gr.Markdown()
        page["tuning_shop"] = gr.Markdown(elem_classes="quiet")
        with gr.Row(elem_classes="actions"):
            page["start"] = gr.Button("", elem_id="start", elem_classes="main")
            page["stop"] = gr.Button("", visible=False, elem_id="stop")
        page |= {name: gr.HTML(visible=False, elem_id=name) for name in ("progress", "ended")}
    with gr.Column(elem_id="versions", elem_classes="card"):
        page["versions_title"] = gr.HTML()
        page["in_use"] = gr.HTML(visible=False)
        page["versions"] = gr.Radio(show_label=False, container=False, visible=False, elem_id="choice")
        with gr.Row(elem_classes="actions"):
            page |= {name: gr.Button("", visible=False, elem_id=name) for name in ("use", "undo")}


def _events(blocks: gr.Blocks, page: Page, sessions: Sessions) -> None:
    """What happens on each click; every handler finds its visit by the page's session."""

    def visit(request: gr.Request) -> Visit:
        return sessions.visit(str(request.session_hash))

    def updates(changes: Changes) -> Updates:
        return {page[name]: gr.update(**properties) for name, properties in changes.items()}

    def tabs(guest: Visit, language: Language) -> Changes:
        return report_page.report_tab(guest, language) | tuning_page.tuning_tab(guest, language)

    def on(
        event: Any, change: Callable[..., Changes], given: Sequence[str], outputs: Any, **own: Any
    ) -> None:
        """Call a change with the visit and the values of what is given."""

        def handle(request: gr.Request, *values: Any) -> Updates:
            return updates(change(visit(request), *values))

        event(handle, [page[name] for name in given], outputs, **(hidden | own))

    def arrive(request: gr.Request) -> Updates:
        language = preferred_language(request.headers.get("accept-language"))
        return {page["language"]: language} | speak(language, request)

    def speak(language: Language, request: gr.Request) -> Updates:
        guest = visit(request)
        return updates(shown.in_language(guest, language) | tabs(guest, language))

    def take(text: str, history: list[Any], request: gr.Request) -> Updates:
        text = text.strip()
        if not text or not visit(request).take_turn(text):  # then the words stay in the box
            return {page["chat"]: gr.skip()}
        return {page["question"]: "", page["chat"]: [*history, shown.said("user", text)]}

    def answer(history: list[Any], language: Language, request: gr.Request) -> Iterator[Updates]:
        guest = visit(request)
        if (question := guest.question()) is None:
            yield {page["chat"]: gr.skip()}  # a generator that yields nothing would clear the evidence
            return
        yield from map(updates, shown.answering(guest, question, history, language))

    def settle(approve: bool) -> Callable[..., Iterator[Updates]]:
        """A handler of the buttons under an answer that waits."""

        def handle(history: list[Any], language: Language, request: gr.Request) -> Iterator[Updates]:
            guest = visit(request)
            if guest.take_turn():
                yield from map(updates, shown.settling(guest, approve, history, language))
            else:
                yield {page["chat"]: gr.skip()}

        return handle

    def told(language: Language, request: gr.Request) -> Updates:
        return updates(shown.told(visit(request), language)) or {page["headline"]: gr.skip()}

    def upload(path: str, language: Language, request: gr.Request) -> Iterator[Updates]:
        yield from load(Path(path), language, visit(request), skip_bad_rows=False)

    def set_aside(language: Language, request: gr.Request) -> Iterator[Updates]:
        if (file := visit(request).refused) is not None:
            yield from load(file, language, visit(request), skip_bad_rows=True)

    def load(file: Path, language: Language, guest: Visit, *, skip_bad_rows: bool) -> Iterator[Updates]:
        yield from map(updates, shown.opening(guest, file, language, skip_bad_rows=skip_bad_rows))
        yield updates(tabs(guest, language))

    def back(guest: Visit, language: Language) -> Changes:
        return shown.returning(guest, language) | tabs(guest, language)

    def leave(request: gr.Request) -> None:
        sessions.end(str(request.session_hash))

    # What is no stream of steps goes past the queue: the result of an event that joins the queue just as its
    # connection closes would be lost.
    hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    spoken: dict[str, Any] = {"api_visibility": "private", "show_progress_on": page["chat"]}
    evidence = [page[name] for name in EVIDENCE]
    answered = [page["chat"], *(page[name] for name in (*DECISION, *CHIPS))]
    behind = [*evidence, *(page[name] for name in THREADS)]
    conversation = [*answered, *behind]
    tab = [page[name] for name in tuning_page.PARTS]
    report = [page[name] for name in report_page.PARTS]
    shop = [page[name] for name in shown.SHOP if name not in (*CHIPS, *THREADS)]
    moved = [*conversation, *shop, *tab, *report]
    labelled = [page[name] for name in shown.LABELS if name not in ("chat", *DECISION)]
    everything = [page["language"], *labelled, *moved]
    blocks.load(arrive, None, everything, **hidden)
    page["language"].input(speak, page["language"], everything, **hidden)
    for source, trigger in [
        (page["question"], page["question"].submit),
        *((page[name], page[name].click) for name in CHIPS),
    ]:
        # Several at once, since the default would lose a question asked while a figure is being drawn.
        trigger(take, [source, page["chat"]], [page["question"], page["chat"]], **hidden).then(
            answer, [page["chat"], page["language"]], answered, trigger_mode="multiple", **spoken
        ).then(told, page["language"], behind, trigger_mode="multiple", **hidden)
    for name, approve in zip(DECISION, (True, False), strict=True):
        page[name].click(settle(approve), [page["chat"], page["language"]], answered, **spoken).then(
            told, page["language"], behind, trigger_mode="multiple", **hidden
        )
    page["chat"].change(None, js=panels.TO_LATEST, **hidden)
    page["facts"].change(None, js=panels.CITE, **hidden)
    for name in ("product", "view"):
        on(page[name].input, shown.evidence, ["product", "view"], evidence)
    on(page["begin"].click, shown.beginning, ["language"], conversation)
    on(page["threads"].input, shown.resuming, ["threads", "language"], conversation)
    on(page["forget"].click, shown.forgetting, ["language"], conversation)
    reading: dict[str, Any] = {
        "api_visibility": "private",
        "show_progress_on": page["understood"],
        "trigger_mode": "multiple",  # the default would lose a file given while another is being shown
    }
    page["upload"].upload(upload, [page["upload"], page["language"]], moved, **reading)
    page["aside"].click(set_aside, page["language"], moved, **reading)
    on(page["back"].click, back, ["language"], moved)
    of_tuning: list[tuple[Any, Callable[..., Changes]]] = [
        (page["start"].click, tuning_page.start),
        (page["stop"].click, tuning_page.stop),
        (page["tick"].tick, tuning_page.tick),
        (page["tuning_tab"].select, tuning_page.look),
        (page["versions"].input, tuning_page.choose),
        (page["use"].click, tuning_page.use),
        (page["undo"].click, tuning_page.undo),
    ]
    for event, change in of_tuning:
        on(event, change, ["language", "versions"], tab)
    # What the policy has to look at waits in the queue, and is seen to be worked on.
    slow: dict[str, Any] = {"queue": True, "show_progress": "full", "show_progress_on": page["decide_what"]}
    of_report: list[tuple[Any, Callable[..., Changes], list[str], dict[str, Any]]] = [
        (page["make"].click, report_page.make, [], {}),
        (page["halt"].click, report_page.halt, [], {}),
        (page["report_tick"].tick, report_page.tick, ["open_only"], {}),
        (page["report_tab"].select, report_page.look, ["open_only"], {}),
        (page["open_only"].input, report_page.listed, ["open_only"], {}),
        (page["choice"].input, report_page.choosing, ["choice"], {}),
        (page["show"].click, report_page.asking, ["rows", "choice", "own_price", "reason"], slow),
        (page["workbook"].upload, report_page.reading, ["workbook"], slow),
        (page["agree"].click, report_page.agreeing, ["open_only"], slow),
        (page["leave"].click, report_page.leaving, [], {}),
        (page["export_shop"].input, report_page.choosing_shop, ["export_shop"], {}),
        (page["export"].click, report_page.exporting, ["export_shop", "catalogue"], {}),
    ]
    for event, change, given, settings in of_report:
        on(event, change, ["language", *given], report, **settings)
    blocks.unload(leave)


if __name__ == "__main__":
    main()
