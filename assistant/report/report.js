// Tables that can be searched, filtered, sorted and leafed through, and product pages in a panel.
// Everything is in the page: `html.py` writes the first rows and pages as markup and packs the rest.
"use strict";
(() => {
  const PHONE = matchMedia("(max-width: 760px)").matches; // rows are cards there, as `report.css` has it
  const PAGE = PHONE ? 10 : 50, PRINTED = 300, FEW = 12; // rows on screen, on paper, that need no controls
  const CHOICES = 200; // values that a filter offers at most
  const SHORT = 25; // rows that are shown at full height
  const READ = 50; // rows of anything but products that are read as they stand
  // Letters above which a text is given a wide column, as in `html.py`.
  const LONG = document.documentElement.lang.startsWith("zh") ? 12 : 24;
  const words = JSON.parse(document.getElementById("words").textContent);
  const digits = new Intl.NumberFormat(document.documentElement.lang);
  const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });
  const say = (sentence, values) =>
    sentence.replace(/\{(\w+)\}/g, (_, name) =>
      typeof values[name] === "number" ? digits.format(values[name]) : values[name]);

  function make(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes ?? {})) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  // No line ends between a number and its sign; `html.py` has the same.
  function whole(text) {
    return text.split(/(^|[^A-Za-z0-9])([-+][A-Z]{0,3}[$¥€£₹₩]?\u00a0?\d(?:[\d.,]*\d)?%?)/)
      .map((part, place) => place % 3 === 2 ? make("span", { class: "whole" }, part) : part);
  }

  async function unpack(block) {
    const bytes = Uint8Array.from(atob(block.textContent), (letter) => letter.charCodeAt(0));
    const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return JSON.parse(await new Response(plain).text());
  }

  class Table {
    constructor(table) {
      this.table = table;
      this.body = table.tBodies[0];
      this.name = table.id.replace(/^table-/, "");
      this.heads = [...table.tHead.rows[0].cells];
      this.rows = [...this.body.rows].map((row) => this.read(row));
      this.blocks = [...document.querySelectorAll("script[data-rows]")]
        .filter((block) => block.dataset.rows === this.name);
      this.found = this.rows;
      this.start = 0;
      this.sorted = { column: -1, down: false };
      this.selects = [];
    }

    read(row) {
      const link = row.cells[0].querySelector("a");
      const cells = [...row.cells].map((cell) => {
        const small = cell.querySelector("small")?.textContent ?? "";
        const value = "v" in cell.dataset ? Number(cell.dataset.v) : null;
        const text = [...cell.childNodes].filter((node) => node.nodeName !== "SMALL")
          .map((node) => node.textContent).join("");
        return [small ? text.trimEnd() : text, value, small];
      });
      return this.keep(link ? link.getAttribute("href").slice(1) : "", cells);
    }

    keep(page, cells) {
      return { page, cells, words: cells.map((cell) => cell[0]).join("\n").toLowerCase() };
    }

    async load() {
      for (const block of this.blocks) {
        for (const [page, ...cells] of await unpack(block)) {
          this.rows.push(this.keep(page, cells.map((cell) =>
            typeof cell === "string" ? [cell, null, ""] : [cell[0], cell[1], cell[2] ?? ""])));
        }
        block.remove();
      }
      this.loaded = true;
      this.table.dataset.loaded = "";
      // A column in which no row has anything only takes room.
      this.heads.forEach((head, column) => {
        head.hidden = this.rows.length > 0 && !this.rows.some((row) => row.cells[column][0]);
      });
      if (this.search) this.addFilters();
      this.apply();
    }

    addControls() {
      if (!this.rows.some((row) => row.page) && this.rows.length <= READ) return;
      if (this.rows.length > 3) this.heads.forEach((head, column) => this.addSort(head, column));
      if (this.rows.length <= FEW) return;
      this.search = make("input", { type: "search", placeholder: words.search, "aria-label": words.search });
      this.search.addEventListener("input", () => this.apply());
      this.clear = make("button", { type: "button", hidden: "" }, words.clear);
      this.clear.addEventListener("click", () => {
        for (const field of [this.search, ...this.selects]) field.value = "";
        this.apply();
        this.search.focus();
      });
      this.filters = make("span", { class: "filters" });
      this.count = make("output", { "aria-live": "polite" });
      this.back = make("button", { type: "button", "aria-label": words.previous }, "‹");
      this.next = make("button", { type: "button", "aria-label": words.next }, "›");
      this.back.addEventListener("click", () => this.leaf(-PAGE));
      this.next.addEventListener("click", () => this.leaf(PAGE));
      const box = this.table.parentElement, leaf = make("span", { class: "leaf" }, this.back, this.next);
      const controls = make("div", { class: "controls" }, this.search, this.filters, this.clear,
        this.sorting(), this.count);
      box.before(controls);
      if (PHONE) box.after(leaf); // where one has read to
      else controls.append(leaf);
    }

    // Cards have no headings to sort by.
    sorting() {
      this.order = make("select", { "aria-label": words.sort },
        make("option", { value: -1 }, words.as_listed));
      this.heads.forEach((head, column) => {
        const label = say(words.sort_by, { column: head.textContent });
        this.order.append(make("option", { value: column }, label));
      });
      this.order.addEventListener("change", () => this.sort(Number(this.order.value)));
      const said = { "aria-label": words.turn, title: words.turn };
      this.turn = make("button", { type: "button", disabled: "", ...said }, "↓");
      this.turn.addEventListener("click", () => this.sort(this.sorted.column, !this.sorted.down));
      return make("span", { class: "sorting" }, this.order, this.turn);
    }

    // What a cell is filtered by: itself, or each of the phrases that it lists.
    parts(row, column) {
      const between = this.heads[column].dataset.filter, text = row.cells[column][0];
      if (!between) return [text];
      return text.split(between).map((part) => part.charAt(0).toUpperCase() + part.slice(1));
    }

    addFilters() {
      this.heads.forEach((head, column) => {
        if (!("filter" in head.dataset)) return;
        const values = new Set(this.rows.flatMap((row) => this.parts(row, column)));
        if (values.size < 2 || values.size > CHOICES) return;
        const label = head.textContent;
        const select = make("select", { "aria-label": label },
          make("option", { value: "" }, say(words.filter, { column: label })));
        for (const value of [...values].sort(collator.compare)) {
          select.append(make("option", { value: `=${value}` }, value || words.empty));
        }
        select.column = column;
        select.addEventListener("change", () => this.apply());
        this.selects.push(select);
        this.filters.append(select);
      });
    }

    addSort(head, column) {
      const button = make("button", { type: "button" }, ...head.childNodes);
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        this.sort(column, this.sorted.column === column ? !this.sorted.down : undefined);
      });
    }

    sort(column, down = !["text", "code"].includes(this.heads[column]?.dataset.kind)) {
      this.sorted = { column, down };
      this.heads.forEach((it, place) => {
        if (place === column) it.setAttribute("aria-sort", down ? "descending" : "ascending");
        else it.removeAttribute("aria-sort");
      });
      if (this.order) {
        this.order.value = column;
        this.turn.textContent = down ? "↓" : "↑";
        this.turn.disabled = column < 0;
      }
      this.apply();
    }

    apply() {
      const wanted = this.search ? this.search.value.trim().toLowerCase().split(/\s+/).filter(Boolean) : [];
      const chosen = this.selects.filter((select) => select.value);
      this.found = this.rows.filter((row) =>
        wanted.every((word) => row.words.includes(word)) &&
        chosen.every((select) => this.parts(row, select.column).includes(select.value.slice(1))));
      const { column, down } = this.sorted;
      if (column >= 0) {
        const sign = down ? -1 : 1;
        this.found.sort((a, b) => {
          const [left, right] = [a.cells[column], b.cells[column]];
          if (!left[0] || !right[0]) return (left[0] ? 0 : 1) - (right[0] ? 0 : 1); // unknown comes last
          return sign * (left[1] === null ? collator.compare(left[0], right[0]) : left[1] - right[1]);
        });
      }
      if (this.clear) this.clear.hidden = !wanted.length && !chosen.length;
      this.start = 0;
      this.show();
    }

    leaf(by) {
      this.start = Math.max(0, Math.min(this.start + by, this.found.length - 1));
      this.show();
      if (PHONE) this.table.scrollIntoView();
      else this.table.parentElement.scrollTop = 0;
    }

    show(most = this.search ? PAGE : Infinity) {
      const shown = this.found.slice(this.start, this.start + most);
      this.body.replaceChildren(...shown.map((row) => this.draw(row)));
      this.table.parentElement.classList.toggle("short", shown.length <= SHORT);
      if (!this.search) return;
      const values = { first: this.start + 1, last: this.start + shown.length, found: this.found.length,
                       count: this.rows.length };
      this.count.textContent = !this.loaded ? words.loading : !shown.length ? words.nothing
        : say(this.found.length === this.rows.length ? words.rows : words.of_all, values);
      this.back.hidden = this.next.hidden = this.rows.length <= PAGE;
      this.back.disabled = this.start === 0;
      this.next.disabled = values.last >= this.found.length;
    }

    draw(row) {
      const line = document.createElement("tr");
      row.cells.forEach(([text, , small], place) => {
        const cell = document.createElement(place ? "td" : "th");
        if (!place) cell.scope = "row";
        const name = this.heads[place].className || (text.length > LONG ? "long" : "");
        if (name) cell.className = name;
        cell.hidden = this.heads[place].hidden;
        if (!place && row.page) cell.append(make("a", { href: `#${row.page}` }, text));
        else cell.append(...whole(text));
        if (small) cell.append(" ", make("small", {}, ...whole(small)));
        line.append(cell);
      });
      return line;
    }

    print() {
      this.start = 0;
      this.show(PRINTED);
      if (this.found.length <= PRINTED) return;
      const values = { shown: PRINTED, found: this.found.length };
      this.note = make("p", { class: "note" }, say(words.printed, values));
      this.table.parentElement.after(this.note);
    }

    printed() {
      this.note?.remove();
      this.show();
    }
  }

  class Panel {
    constructor() {
      this.folds = [...document.querySelectorAll("details.product")];
      this.blocks = [...document.querySelectorAll("script[data-pages]")];
      this.places = new Map();
      this.order = [];
      for (const fold of this.folds) this.add(fold.id, fold);
      for (const block of this.blocks) {
        block.dataset.pages.split(" ").forEach((id, place) => this.add(id, { block, place }));
      }
      // A link opens the panel; the page behind it stays where it is.
      for (const fold of this.folds) fold.removeAttribute("id");
      const button = (label, sign, act) => {
        const made = make("button", { type: "button", "aria-label": label, title: label }, sign);
        made.addEventListener("click", act);
        return made;
      };
      this.title = make("h2", { id: "panel-title" });
      this.move = make("p", { class: "move" });
      this.article = make("div", { class: "page" });
      this.back = button(words.previous, "‹", () => this.step(-1));
      this.next = button(words.next, "›", () => this.step(1));
      this.dialog = make("dialog", { "aria-labelledby": "panel-title" },
        make("div", { class: "head" }, make("div", {}, this.title, this.move),
          make("div", { class: "leaf" }, this.back, this.next,
            button(words.close, "×", () => this.dialog.close()))),
        this.article);
      document.body.append(this.dialog);
      this.dialog.addEventListener("close", () => {
        this.empty();
        if (location.hash.startsWith("#product-")) {
          history.replaceState(null, "", location.href.replace(/#.*/, ""));
        }
      });
      this.dialog.addEventListener("click", (event) => {
        if (event.target === this.dialog) this.dialog.close();
      });
      addEventListener("hashchange", () => this.follow());
    }

    add(id, place) {
      this.places.set(id, place);
      this.order.push(id);
    }

    async follow() {
      const id = location.hash.slice(1);
      if (!id.startsWith("product-")) {
        if (this.dialog.open) this.dialog.close();
        return;
      }
      this.id = id;
      const place = this.places.get(id);
      this.empty();
      let title = words.no_page, move = "";
      if (place instanceof Element) {
        title = place.querySelector("h3").textContent;
        move = place.querySelector("summary span").textContent;
        this.borrowed = place.querySelector("article");
        this.home = place;
        this.article.append(this.borrowed);
      } else if (place) {
        place.block.pages ??= unpack(place.block);
        const [name, shift, page] = (await place.block.pages)[place.place];
        if (this.id !== id) return;
        [title, move] = [name, shift];
        const article = make("article");
        article.innerHTML = page; // our own markup, escaped where it was written
        this.article.replaceChildren(article);
      }
      this.title.textContent = title;
      this.move.textContent = move;
      const at = this.order.indexOf(id);
      this.back.disabled = at <= 0;
      this.next.disabled = at < 0 || at >= this.order.length - 1;
      if (!this.dialog.open) this.dialog.showModal();
      this.dialog.scrollTop = 0;
    }

    empty() {
      if (this.borrowed) this.home.append(this.borrowed);
      this.borrowed = null;
      this.article.replaceChildren();
    }

    step(by) {
      location.replace(`#${this.order[this.order.indexOf(this.id) + by]}`);
    }
  }

  async function start() {
    const tables = [...document.querySelectorAll("table[id^='table-']")].map((table) => new Table(table));
    for (const table of tables) {
      table.addControls();
      table.show();
    }
    const panel = new Panel();
    let opened = [];
    addEventListener("beforeprint", () => {
      panel.dialog.close();
      for (const table of tables) table.print();
      opened = [...document.querySelectorAll("details:not([open])")];
      for (const fold of opened) fold.open = true;
    });
    addEventListener("afterprint", () => {
      for (const fold of opened) fold.open = false;
      for (const table of tables) table.printed();
    });
    const packed = document.querySelector("script[data-rows], script[data-pages]");
    if (packed && !("DecompressionStream" in window)) {
      document.getElementById("report").prepend(make("p", { class: "note warning" }, words.unreadable));
      return;
    }
    panel.follow();
    for (const table of tables) {
      await table.load();
      await new Promise((resolve) => setTimeout(resolve));
    }
    document.documentElement.dataset.ready = "";
  }

  start();
})();
