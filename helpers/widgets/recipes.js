(() => {
  const root = document.currentScript.previousElementSibling;
  const body = root.querySelector("tbody"), say = root.querySelector(".say");
  const heads = [...root.querySelectorAll("thead th")];
  const valueOf = (row, place) => row.children[place].dataset.value;

  const sortBy = (place) => {
    const head = heads[place], was = head.getAttribute("aria-sort");
    const first = head.dataset.sort === "down" ? "descending" : "ascending";
    const order = was === null ? first : was === "ascending" ? "descending" : "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const compare = place === 0
      ? (a, b) => a.dataset.recipe.localeCompare(b.dataset.recipe)
      : (a, b) => valueOf(a, place) - valueOf(b, place);
    [...body.rows].sort((a, b) => sign * compare(a, b)).forEach((row) => body.append(row));
    say.textContent = `Sorted by ${head.textContent}, ${order}: ${body.rows[0].children[0].textContent} first.`;
  };

  const mark = (key) => {
    for (const row of body.rows) {
      const isIt = row.dataset.recipe === key;
      row.classList.toggle("marked", isIt);
      row.querySelector("button").setAttribute("aria-pressed", isIt);
    }
    const figures = new Set();
    for (const part of document.querySelectorAll("figure [data-of]")) {
      const isIt = part.dataset.of.split(" ").includes(key);
      part.classList.toggle("marked", isIt);
      if (isIt) figures.add(part.closest("figure"));
    }
    for (const figure of document.querySelectorAll("figure")) figure.classList.toggle("has-mark", figures.has(figure));
    const row = [...body.rows].find((one) => one.dataset.recipe === key);
    say.textContent = row
      ? `${row.children[0].textContent} is marked in ${figures.size} figure${figures.size === 1 ? "" : "s"}: ${row.children[1].textContent}, `
        + `${row.children[3].textContent}, ${row.children[4].textContent} parameters.`
      : "No recipe is marked.";
  };

  const fromAddress = () => {
    let key = location.hash.slice(1);
    try { key = decodeURIComponent(key); } catch { /* an address with a percent sign that encodes nothing */ }
    const row = key.startsWith("recipe-") && document.getElementById(key);
    if (row && body.contains(row)) mark(row.dataset.recipe);
  };

  const asButton = (cell, onClick) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = cell.textContent;
    button.addEventListener("click", onClick);
    cell.replaceChildren(button);
    return button;
  };
  heads.forEach((head, place) => { if (head.dataset.sort) asButton(head, () => sortBy(place)); });
  for (const row of body.rows) {
    const toggle = () => mark(row.classList.contains("marked") ? null : row.dataset.recipe);
    asButton(row.children[0], toggle).setAttribute("aria-pressed", "false");
  }
  root.querySelector(".hint span").hidden = false;
  addEventListener("hashchange", fromAddress);
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", fromAddress);
  else fromAddress();
})();
