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
    say.textContent = `Sorted by ${head.textContent}, ${order}: ${body.rows[0].querySelector("button").textContent} first.`;
  };

  const mark = (key) => {
    for (const row of body.rows) {
      const isIt = row.dataset.recipe === key;
      row.classList.toggle("marked", isIt);
      row.querySelector("button").setAttribute("aria-pressed", isIt);
    }
    const marked = new Set();
    for (const part of document.querySelectorAll("svg [data-of]")) {
      const isIt = key !== null && part.dataset.of.split(" ").includes(key);
      part.classList.toggle("marked", isIt);
      if (isIt) marked.add(part.closest("figure svg, svg"));
    }
    for (const svg of document.querySelectorAll("svg:has([data-of])")) svg.classList.toggle("has-mark", marked.has(svg));
    const figures = new Set([...marked].map((svg) => svg.closest("figure")).filter(Boolean));
    const row = [...body.rows].find((one) => one.dataset.recipe === key);
    say.textContent = row
      ? `${row.querySelector("button").textContent} is marked in ${figures.size} figures: ${row.children[1].textContent}, `
        + `${row.children[3].textContent}, ${row.children[4].textContent} parameters.`
      : "No recipe is marked.";
  };

  const fromAddress = () => {
    const key = decodeURIComponent(location.hash.slice(1));
    const row = key.startsWith("recipe-") && document.getElementById(key);
    if (row && body.contains(row)) mark(row.dataset.recipe);
  };

  heads.forEach((head, place) => {
    if (!head.dataset.sort) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sortBy(place));
    head.replaceChildren(button);
  });
  body.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const row = button.closest("tr");
    mark(row.classList.contains("marked") ? null : row.dataset.recipe);
  });
  root.querySelector(".hint span").hidden = false;
  addEventListener("hashchange", fromAddress);
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", fromAddress);
  else fromAddress();
})();
