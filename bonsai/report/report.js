// Sorting and filtering of tables, and folds that open on paper. Without it everything can be read.
"use strict";

const MANY = 400; // rows; of a longer table only the first are shown until all are asked for
const FIRST = 200;
const REVERSED = { ascending: "descending", descending: "ascending" };

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function valueOf(cell) {
  const text = "v" in cell.dataset ? cell.dataset.v : cell.textContent.trim();
  if (text === "") return null;
  const number = Number(text);
  return Number.isNaN(number) ? text.toLowerCase() : number;
}

function compare(a, b) {
  if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
  return typeof a === "number" ? -1 : 1;
}

// A table whose rows are sorted, filtered, and shown as far as `limit`.
function enliven(table, number) {
  const body = table.tBodies[0];
  const heads = Array.from(table.tHead.rows[0].cells);
  const things = `${heads[0].textContent}s`; // ideas or programs
  let rows = Array.from(body.rows);
  let wanted = [];
  let limit = rows.length > MANY ? FIRST : Infinity;
  const texts = new Map(
    rows.map((row) => [row, `${row.cells[0].textContent} ${row.cells[1].textContent}`.toLowerCase()]),
  );
  const count = make("span", { className: "soft" });
  count.setAttribute("role", "status");
  const all = make("button", { type: "button", hidden: limit === Infinity }, `Show all ${rows.length}`);

  function show() {
    const found = rows.filter((row) => wanted.every((word) => texts.get(row).includes(word)));
    const shown = found.slice(0, limit);
    body.replaceChildren(...shown);
    const some = shown.length < found.length ? `the first ${shown.length} of ` : "";
    const matching = wanted.length ? `${found.length} of ` : "";
    count.textContent = some || matching ? `${some}${matching}${rows.length} ${things}` : "";
    all.hidden = shown.length === found.length;
  }

  function sort(column, direction) {
    const sign = direction === "descending" ? -1 : 1;
    const keyed = rows.map((row) => [valueOf(row.cells[column]), row]);
    keyed.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null); // no value comes last
      return sign * compare(a, b);
    });
    rows = keyed.map(([, row]) => row);
    show();
  }

  heads.forEach((head, column) => {
    const button = make("button", { type: "button" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const first = head.classList.contains("n") ? "descending" : "ascending";
      const direction = REVERSED[head.getAttribute("aria-sort")] ?? first;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", direction);
      sort(column, direction);
    });
  });

  if (rows.length < 8) return;
  const id = `filter-${number}`;
  const input = make("input", { id, type: "search", placeholder: "a name, a verdict" });
  input.addEventListener("input", () => {
    wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    show();
  });
  all.addEventListener("click", () => {
    limit = Infinity;
    show();
    input.focus();
  });
  const label = make("label", { htmlFor: id }, `Show ${things} with`);
  table.parentElement.before(make("p", { className: "filter" }, label, input, count, all));
  show();
}

document.querySelectorAll("table.sortable").forEach(enliven);

const opened = new Set();
addEventListener("beforeprint", () => {
  document.querySelectorAll("details.print:not([open])").forEach((fold) => {
    fold.open = true;
    opened.add(fold);
  });
});
addEventListener("afterprint", () => {
  opened.forEach((fold) => { fold.open = false; });
  opened.clear();
});
