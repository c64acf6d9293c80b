"use strict";
// A table of the class `sortable` sorts by a column: numbers by value, words by letter; empty cells stay last.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = table.tHead.rows[0].cells, body = table.tBodies[0];
  const value = (cell) => {
    const text = (cell.querySelector("b") || cell).textContent.trim().replace(/^below /, ""), number = parseFloat(text);
    return /^[+-]?[\d.]+(e[+-]?\d+)?( s|%.*|\*| (of|to) .*)?$/.test(text) && !Number.isNaN(number) ? number : text.toLowerCase();
  };
  for (const head of heads) {
    if (head.dataset.unsorted !== undefined) continue;
    const button = document.createElement("button"), label = head.querySelector("[data-label]");
    button.type = "button";
    button.textContent = (label || head).textContent;
    if (label) label.replaceWith(button);  // what else stands there, as the labels of an axis, stays
    else head.replaceChildren(button);
    button.onclick = () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      const rows = [...body.rows].map((row) => [value(row.cells[head.cellIndex]), row]);
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      rows.sort(([a], [b]) => {
        if (a === "" || b === "") return (a === "") - (b === "");
        const order = typeof a === typeof b ? (a > b) - (a < b) : typeof a === "number" ? -1 : 1;
        return down ? -order : order;
      });
      body.append(...rows.map(([, row]) => row));
    };
  }
}
