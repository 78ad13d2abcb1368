// Binds every checked number of the latest answer to its fact: underlined in the chat, told on pointing or
// tapping, and found again in the table of facts. The text of the answer is left as it is.
() => {
  if (!("highlights" in CSS)) return; // an older browser shows the same facts in the table alone
  let bound = [];
  const note = document.createElement("div");
  note.id = "cite";
  note.setAttribute("role", "tooltip");
  document.body.append(note);

  // The text of an element as one string, with the place of every character in it.
  const textOf = (element) => {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    let text = "";
    const places = [];
    for (let node; (node = walker.nextNode()); ) {
      for (let i = 0; i < node.length; i++) places.push([node, i]);
      text += node.data;
    }
    return [text, places];
  };

  const clear = () => {
    note.className = "";
    CSS.highlights.delete("cited-now");
    document.querySelectorAll("#facts tr.now").forEach((row) => row.classList.remove("now"));
  };

  const bind = () => {
    bound = [];
    clear();
    const cited = JSON.parse(document.querySelector("#facts [data-cited]")?.dataset.cited ?? "[]");
    const answer = [...document.querySelectorAll("#chat .message.bot")].pop();
    if (answer && cited.length) {
      const [text, places] = textOf(answer);
      let from = 0;
      for (const it of cited) {
        const start = text.indexOf(it.text, from);
        if (start < 0) continue;
        from = start + it.text.length;
        const range = new Range();
        range.setStart(...places[start]);
        const [node, offset] = places[from - 1];
        range.setEnd(node, offset + 1);
        bound.push([range, it]);
      }
    }
    CSS.highlights.set("cited", new Highlight(...bound.map(([range]) => range)));
  };
  window.citeNumbers = () => setTimeout(bind, 250); // once the answer and its table are drawn

  const at = (event) =>
    bound.find(([range]) =>
      [...range.getClientRects()].some(
        (it) => event.clientX >= it.left && event.clientX <= it.right && event.clientY >= it.top && event.clientY <= it.bottom,
      ),
    );

  const show = (event, scroll) => {
    if (!event.target.closest?.("#chat")) return clear();
    const found = at(event);
    clear();
    if (!found) return;
    const [range, it] = found;
    CSS.highlights.set("cited-now", new Highlight(range));
    const label = document.createElement("span");
    label.textContent = it.label;
    const value = document.createElement("b");
    value.textContent = it.value;
    note.replaceChildren(label, value);
    const box = range.getBoundingClientRect();
    note.className = "shown";
    const left = Math.min(box.left, innerWidth - note.offsetWidth - 8);
    note.style.left = `${Math.max(8, left)}px`;
    note.style.top = `${box.bottom + 6}px`;
    const row = [...document.querySelectorAll("#facts tr[data-fact]")].find((row) => row.dataset.fact === it.fact);
    if (!row) return;
    row.classList.add("now");
    const fold = row.closest("details");
    if (scroll && fold) fold.open = true;
    if (scroll && innerWidth > 780) row.scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("pointermove", (event) => event.pointerType === "mouse" && show(event, false));
  document.addEventListener("click", (event) => show(event, true));
  document.addEventListener("scroll", clear, true);
}
