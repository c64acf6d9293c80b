"use strict";
{
  const runs = JSON.parse(document.getElementById("data").textContent), table = document.getElementById("runs");
  const MOST = 12, NS = "http://www.w3.org/2000/svg";
  const COLOURS = ["accent", "error", "green", "purple", "brown", "grey"].map((name) => `var(--chart-${name})`);
  const rows = table ? [...table.tBodies[0].rows] : [], runOf = (row) => runs[row.dataset.run];
  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, content] of Object.entries(attributes)) made.setAttribute(name, content);
    made.append(...children);
    return made;
  };
  const drawn = (tag, attributes, text = "") => {
    const made = document.createElementNS(NS, tag);
    for (const [name, content] of Object.entries(attributes)) made.setAttribute(name, content);
    made.textContent = text;
    return made;
  };

  // Filters and order: what a row is, and what it is sorted by.
  const form = document.getElementById("choose"), count = document.getElementById("count");
  const traits = { dataset: (row) => runOf(row).dataset, recipe: (row) => runOf(row).recipe, state: (row) => row.dataset.kind };
  const last = (row, curve) => runOf(row).history?.[curve]?.at(-1);
  const ORDERS = {
    validation: (row) => -last(row, "validation_accuracy"),
    loss: (row) => last(row, "validation_loss"),
    seconds: (row) => runOf(row).history?.seconds?.reduce((sum, more) => sum + more, 0),
    name: (row) => runOf(row).name.toLowerCase(),
  };
  const TROUBLE = "failed or stopped", troubled = (kind) => kind === "failed" || kind === "stopped";
  const sorted = (key) => {
    const keyed = rows.map((row) => [key(row), row]), none = (value) => value === undefined || Number.isNaN(value);
    keyed.sort(([a], [b]) => none(a) || none(b) ? none(a) - none(b) : (a > b) - (a < b));
    return keyed.map(([, row]) => row);
  };
  let order = "";
  const choose = () => {
    const wanted = Object.fromEntries(new FormData(form)), key = ORDERS[wanted.order];
    const shows = (row) => Object.entries(traits).every(([name, trait]) => !wanted[name] || trait(row) === wanted[name]
      || (wanted[name] === TROUBLE && troubled(trait(row))));
    let shown = 0;
    for (const row of rows) {
      row.hidden = !shows(row);
      if (!row.hidden) shown += 1;
    }
    if (wanted.order !== order) {
      order = wanted.order;
      table.tBodies[0].append(...(key ? sorted(key) : rows));
    }
    count.textContent = `${shown} of ${rows.length} runs`;
  };
  const offer = (name, trait) => {
    const counts = new Map();
    rows.map(trait).filter(Boolean).forEach((value) => counts.set(value, (counts.get(value) || 0) + 1));
    const both = name === "state" && counts.has("failed") && counts.has("stopped");
    if (both) counts.set(TROUBLE, counts.get("failed") + counts.get("stopped"));
    for (const [value, number] of counts) form.elements[name].append(element("option", { value }, `${value} (${number})`));
    form.elements[name].closest("label").hidden = counts.size < 2;
  };

  // Ticked runs: each has a letter and a colour for as long as it is ticked.
  const bar = document.getElementById("bar"), compare = document.getElementById("compare"), ticked = [];
  const letter = (place) => String.fromCharCode(65 + place);
  const look = (place) => ({ colour: COLOURS[place % COLOURS.length], dash: place < COLOURS.length ? "" : "7 4" });
  const badge = (place) => element("span", { class: "letter", style: `border-color:${look(place).colour}` }, letter(place));
  const picked = () => ticked.map((run, place) => ({ run, place })).filter(({ run }) => run);
  const tick = (run, on) => {
    if (on) {
      const free = ticked.findIndex((one) => !one);
      ticked[free < 0 ? ticked.length : free] = run;
    } else ticked[ticked.indexOf(run)] = undefined;
    show();
  };
  const boxes = new Map();
  const show = () => {
    const chosen = picked();
    bar.hidden = compare.hidden = !chosen.length;
    const full = chosen.length === MOST;
    boxes.forEach((box, run) => { box.checked = ticked.includes(run); box.disabled = full && !box.checked; });
    document.getElementById("ticked").textContent = `${chosen.length} ticked${full ? ", which is the most" : ""}`;
    document.getElementById("chips").replaceChildren(...chosen.map(({ run, place }) => {
      const label = `untick ${letter(place)}, ${run.name}`;
      const chip = element("button", { type: "button", "aria-label": label }, badge(place), ` ${run.name} \u00d7`);
      chip.onclick = () => tick(run, false);
      return chip;
    }));
    showTable(chosen);
    showCurves(chosen);
    showMatrices(chosen);
  };

  // What the ticked runs are; what is not the same in all of them is bold.
  const FACTS = {
    dataset: (run) => run.dataset, recipe: (run) => run.recipe, epochs: (run) => run.epochs, seed: (run) => run.seed,
    "validation accuracy": (run) => `${(100 * run.history.validation_accuracy.at(-1)).toFixed(2)}%`,
    "validation loss": (run) => run.history.validation_loss.at(-1).toFixed(4),
    "test accuracy": (run) => run.accuracy.replace("95% interval ", ""), training: (run) => run.seconds,
  };
  const showTable = (chosen) => {
    const facts = Object.entries(FACTS).map(([name, fact]) => [name, chosen.map(({ run }) => String(fact(run) ?? ""))]);
    const body = facts.map(([name, values]) => element("tr", {}, element("th", { scope: "row" }, name),
      ...values.map((value) => element("td", new Set(values).size > 1 ? { class: "differs" } : {}, value))));
    const head = element("tr", {}, element("td"), ...chosen.map(({ run, place }) =>
      element("th", { scope: "col", class: "long-name" }, badge(place), ` ${run.name}`)));
    const whole = element("table", { class: "chosen" }, element("thead", {}, head), element("tbody", {}, ...body));
    document.getElementById("chosen").replaceChildren(element("div", { class: "output" }, whole));
  };

  // Round values of a logarithmic axis: at least three, whatever its range.
  const ticks = (low, high) => {
    const within = (values) => values.filter((v) => Math.log10(v) >= low - 1e-9 && Math.log10(v) <= high + 1e-9);
    const powers = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, place) => Math.floor(low) + place);
    for (const marks of [[1], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 6, 8]]) {
      const found = within(powers.flatMap((power) => marks.map((mark) => mark * 10 ** power)));
      if (found.length >= 3) return found;
    }
    for (let power = Math.ceil(high); power > -12; power--) for (const step of [5, 2, 1]) {
      const width = step * 10 ** power, first = Math.ceil(10 ** low / width);
      const number = Math.max(0, Math.min(40, Math.floor(10 ** high / width) - first + 1));
      const found = within(Array.from({ length: number }, (_, n) => (first + n) * width));
      if (found.length >= 3) return found;
    }
    return [10 ** low];
  };
  const spell = (value) => String(parseFloat(value.toPrecision(3)));
  const showChart = (holder, chosen, title, unit, valuesOf) => {
    const width = Math.max(280, Math.round(holder.clientWidth)), height = 280, left = 58, right = 30, top = 10, bottom = 44;
    const series = chosen.map(({ run }) => valuesOf(run)), logs = series.flat().filter((v) => v > 0).map(Math.log10);
    const ends = chosen.map(({ place }, at) => `${letter(place)} ends at ${spell(series[at].at(-1))}`).join(", ");
    const about = `${title}, ${unit}, by epoch: ${ends}`;
    const svg = drawn("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": about });
    holder.replaceChildren(element("p", { class: "panel-title" }, `${title}, ${unit}`), svg);
    if (!logs.length) return void holder.append(element("p", {}, "None at any epoch."));
    const least = Math.min(...logs), most = Math.max(...logs), none = least - Math.max(0.3, (most - least) / 8);  // where zero stands
    const edge = Math.max((most - least) * 0.04, 0.02), hasNone = series.flat().some((v) => v <= 0);
    const low = (hasNone ? none : least) - edge, high = most + edge, epochs = Math.max(...series.map((values) => values.length));
    const x = (epoch) => left + (epochs > 1 ? epoch / (epochs - 1) : 0.5) * (width - left - right);
    const y = (v) => top + (high - (v > 0 ? Math.log10(v) : none)) / (high - low) * (height - top - bottom);
    let above = Infinity;
    for (const value of [...(hasNone ? [0] : []), ...ticks(least - edge, high)]) {
      svg.append(drawn("line", { class: "axis", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
      if (above - y(value) < 17) continue;
      above = y(value);
      svg.append(drawn("text", { class: "tick", x: left - 8, y: y(value) + 4.5, "text-anchor": "end" }, spell(value)));
    }
    const every = Math.max(1, Math.ceil(epochs / Math.min(10, width / 48)));
    for (let epoch = 0; epoch < epochs; epoch += every)
      svg.append(drawn("text", { x: x(epoch), y: height - 24, "text-anchor": "middle" }, String(epoch + 1)));
    svg.append(drawn("text", { x: (left + width - right) / 2, y: height - 5, "text-anchor": "middle" }, "epoch"));
    const labels = chosen.map(({ place }, at) => {
      const { colour, dash } = look(place), values = series[at];
      const points = values.map((v, epoch) => `${x(epoch).toFixed(1)},${y(v).toFixed(1)}`).join(" ");
      svg.append(drawn("polyline", { style: `stroke:${colour}`, "stroke-dasharray": dash, points }));
      svg.append(drawn("circle", { cx: x(values.length - 1), cy: y(values.at(-1)), r: 3.5, style: `fill:${colour}` }));
      return { place, x: x(values.length - 1) + 7, y: y(values.at(-1)) + 4.5 };
    });
    labels.sort((a, b) => a.y - b.y);
    labels.forEach((label, at) => {  // no letter on another
      const near = labels.slice(0, at).filter((other) => Math.abs(other.x - label.x) < 16);
      label.y = Math.max(label.y, ...near.map((other) => other.y + 14));
    });
    for (const label of labels) svg.append(drawn("text", { class: "end", x: label.x, y: label.y }, letter(label.place)));
  };
  const CURVES = [
    ["Validation loss", "nats, logarithmic", (run) => run.history.validation_loss],
    ["Training loss", "nats, logarithmic", (run) => run.history.train_loss],
    ["Misclassified validation images", "%, logarithmic", (run) => run.history.validation_accuracy.map((share) => 100 * (1 - share))],
    ["Misclassified training images, augmented", "%, logarithmic", (run) => run.history.train_accuracy.map((share) => 100 * (1 - share))],
  ];
  const showCurves = (chosen) => {
    const place = document.getElementById("curves");
    place.replaceChildren(...(chosen.length ? CURVES : []).map(() => element("figure")));
    [...place.children].forEach((holder, at) => showChart(holder, chosen, ...CURVES[at]));
  };

  // Confusion matrices: of one run the counts, of more the differences from the one chosen as reference.
  const sparse = ({ counts }) => new Map(Array.from({ length: counts.length / 2 }, (_, at) => [counts[2 * at], counts[2 * at + 1]]));
  const total = (run) => [...sparse(run.matrix).values()].reduce((sum, more) => sum + more, 0);
  const right = ({ names, counts }) => [...sparse({ counts })].reduce((sum, [cell, number]) =>
    cell % (names.length + 1) ? sum : sum + number, 0);
  const mistakes = (run) => total(run) - right(run.matrix);
  const alike = (run, other) => run.images === other.images && total(run) === total(other)
    && String(run.matrix.names) === String(other.matrix.names);
  const signed = (number) => number > 0 ? `+${number}` : `\u2212${-number}`;
  const matrix = (names, caption, cellOf) => {
    const long = names.some((name) => name.length > 3), short = (name) => name.length > 12 ? `${name.slice(0, 11)}\u2026` : name;
    const values = names.map((_, true_) => names.map((__, answer) => cellOf(true_, answer)));
    const most = Math.max(1, ...values.flat().map(({ bad }) => Math.abs(bad)));
    const head = element("tr", {}, element("td", { style: "background:none" }), ...names.map((name) =>
      element("th", { scope: "col", title: name, ...(long ? { class: "tall" } : {}) }, short(name))));
    const body = values.map((cells, true_) => element("tr", {}, element("th", { scope: "row", title: names[true_] }, short(names[true_])),
      ...cells.map(({ text, bad }, answer) => element("td", {
        class: bad > 0 ? "worse" : bad < 0 ? "better" : true_ === answer ? "right" : "",
        style: `--much:${(Math.abs(bad) / most).toFixed(2)}`,
      }, text))));
    const parts = [element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...body)];
    return element("figure", {}, element("div", { class: "output" }, element("table", { class: "matrix" }, ...parts)));
  };
  const inWords = (place, run, from, reference) => {
    const more = mistakes(run) - mistakes(reference), against = `${mistakes(run)} mistakes against ${mistakes(reference)}`;
    const told = more ? `${Math.abs(more)} ${more > 0 ? "more" : "fewer"}` : "as many";
    return `${letter(place)} \u2212 ${letter(from)}: ${against} of ${total(run)} test images, ${told}`;
  };
  let reference = null;
  const showMatrices = (chosen) => {
    const have = chosen.filter(({ run }) => run.matrix), pictures = chosen.filter(({ run }) => !run.matrix && run.confusion);
    const place = document.getElementById("differences"), shown = element("div", { class: "two-up" });
    if (!have.some(({ run }) => run === reference)) reference = have[0]?.run ?? null;
    const from = have.find(({ run }) => run === reference);
    place.replaceChildren();
    if (!have.length && !pictures.length) return;
    place.append(element("h3", {}, have.length > 1 ? "Confusion on test images, as differences" : "Confusion on test images"));
    if (have.length > 1) {
      place.append(element("p", {}, "Rows are true classes, columns answers. Orange is worse than the reference, blue is better. "
        + "The same test images show in what two runs differ; a choice between them is made on validation."));
      const select = element("select", {}, ...have.map((one) =>
        element("option", { value: one.place }, `${letter(one.place)} ${one.run.name}`)));
      select.value = from.place;
      select.onchange = () => {
        reference = ticked[select.value];
        showMatrices(picked());
        document.querySelector("#differences select").focus();
      };
      place.append(element("p", { class: "choose" }, element("label", {}, "reference ", select)));
    }
    const others = have.filter(({ run }) => !alike(run, reference));
    for (const { run, place: at } of have) {
      const { names } = run.matrix, counts = sparse(run.matrix), base = sparse(reference.matrix);
      const cell = (true_, answer) => counts.get(true_ * names.length + answer) || 0;
      if (have.length === 1) {
        const caption = `${letter(at)}: ${mistakes(run)} mistakes of ${total(run)} test images`;
        shown.append(matrix(names, caption, (true_, answer) =>
          ({ text: cell(true_, answer) || "", bad: true_ === answer ? 0 : cell(true_, answer) })));
      } else if (run !== reference && alike(run, reference)) {
        shown.append(matrix(names, inWords(at, run, from.place, reference), (true_, answer) => {
          const more = cell(true_, answer) - (base.get(true_ * names.length + answer) || 0);
          return { text: more ? signed(more) : "", bad: true_ === answer ? -more : more };
        }));
      }
    }
    if (others.length) {
      const letters = others.map(({ place: at }) => letter(at)).join(", ");
      place.append(element("p", {}, `Evaluated on other images than ${letter(from.place)}: ${letters}.`));
    }
    for (const { run, place: at } of pictures) {
      const image = element("img", { src: run.confusion, alt: `Confusion matrix of ${run.name} on its test images` });
      shown.append(element("figure", {}, image, element("figcaption", {}, `${letter(at)} ${run.name}`)));
    }
    place.append(shown);
  };

  if (table) {
    for (const [name, trait] of Object.entries(traits)) offer(name, trait);
    compare.prepend(element("h2", { id: "side-by-side", tabindex: "-1" }, "Side by side"));
    form.hidden = false;
    form.oninput = choose;
    form.onsubmit = (event) => event.preventDefault();
    for (const link of document.querySelectorAll("[data-trouble]")) link.onclick = () => {
      const states = [...form.elements.state.options].map(({ value }) => value);
      form.elements.state.value = [TROUBLE, "failed", "stopped"].find((state) => states.includes(state));
      choose();
    };
    for (const row of rows) {
      const run = runOf(row);
      if (!run.history?.seconds) continue;
      const box = element("input", { type: "checkbox", "aria-label": `compare ${run.name}` });
      box.onchange = () => tick(run, box.checked);
      boxes.set(run, box);
      row.cells[0].prepend(box);
    }
    if (boxes.size) table.classList.add("tickable");
    choose();
    document.getElementById("look").onclick = () => {
      compare.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
      document.getElementById("side-by-side").focus({ preventScroll: true });
    };
    document.getElementById("clear").onclick = () => { ticked.length = 0; show(); };
    let wide = innerWidth;
    addEventListener("resize", () => { if (innerWidth !== wide) { wide = innerWidth; showCurves(picked()); } });
  }

  // One menu at a time; it closes by Escape, and by a tap beside it.
  const menus = document.querySelectorAll(".menu");
  addEventListener("toggle", ({ target }) => {
    if (target.matches(".menu[open]")) menus.forEach((menu) => { if (menu !== target) menu.open = false; });
  }, true);
  addEventListener("click", ({ target }) => menus.forEach((menu) => { if (!menu.contains(target)) menu.open = false; }));
  addEventListener("keydown", ({ key, target }) => {
    const menu = key === "Escape" && target.closest(".menu[open]");
    if (menu) { menu.open = false; menu.firstElementChild.focus(); }
  });
}
