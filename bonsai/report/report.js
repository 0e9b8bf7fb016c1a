// Sorting and filtering of tables, and folds that open on paper. Without it everything can be read.
"use strict";

const REVERSED = { ascending: "descending", descending: "ascending" };

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

function sort(table, column, direction) {
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => [valueOf(row.cells[column]), row]);
  const sign = direction === "descending" ? -1 : 1;
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null); // what has no value comes last
    return sign * compare(a, b);
  });
  body.replaceChildren(...rows.map(([, row]) => row));
}

function makeSortable(table) {
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const first = head.classList.contains("n") ? "descending" : "ascending";
      const direction = REVERSED[head.getAttribute("aria-sort")] ?? first;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", direction);
      sort(table, column, direction);
    });
  });
}

function makeFilter(table, number) {
  const rows = Array.from(table.tBodies[0].rows);
  if (rows.length < 8) return;
  const texts = rows.map((row) => `${row.cells[0].textContent} ${row.cells[1].textContent}`.toLowerCase());
  const field = document.createElement("p");
  field.className = "filter";
  const label = document.createElement("label");
  label.htmlFor = `filter-${number}`;
  label.textContent = "Show ideas with";
  const input = document.createElement("input");
  input.id = label.htmlFor;
  input.type = "search";
  input.placeholder = "a name, a verdict";
  const count = document.createElement("span");
  count.className = "soft";
  count.setAttribute("role", "status");
  field.append(label, input, count);
  table.parentElement.before(field);
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase().split(/\s+/);
    let shown = 0;
    rows.forEach((row, index) => {
      row.hidden = !wanted.every((word) => texts[index].includes(word));
      shown += !row.hidden;
    });
    count.textContent = `${shown} of ${rows.length}`;
  });
}

document.querySelectorAll("table.sortable").forEach((table, number) => {
  makeSortable(table);
  makeFilter(table, number);
});

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
