const find = name => root.querySelector("." + name);
const { names, counts, images, side, channels, ink, across, kind } = JSON.parse(find("values").textContent);
const rows = [...root.querySelectorAll("tbody tr")].map(row => [...row.querySelectorAll("td")]);
const heads = [...root.querySelectorAll("thead th")], box = find("box"), behind = find("behind"), said = find("said");
const told = names.map(isolated), size = names.length, all = counts.map(row => row.reduce((one, other) => one + other));
const calm = matchMedia("(prefers-reduced-motion: reduce)"), separate = number => number.toLocaleString("en");
let at = null; // [row, column] of the cell that is open

/** The sprite on a canvas; decoded when the first image is wanted. */
let sheet = null;
const decode = () => sheet ??= (async () => {
  const picture = await createImageBitmap(new Blob([bytes(find("sprite").textContent)], { type: kind }), { colorSpaceConversion: "none" });
  const canvas = Object.assign(document.createElement("canvas"), { width: picture.width, height: picture.height });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(picture, 0, 0);
  return pen;
})();

/** The pixels of an image of the sprite, in the order channel, row, column. */
async function pixelsOf(place) {
  const pen = await decode(), area = side * side, out = new Uint8Array(channels * area);
  const { data } = pen.getImageData(place % across * side, Math.floor(place / across) * side, side, side);
  for (let c = 0; c < channels; c++) for (let i = 0; i < area; i++) out[c * area + i] = data[4 * i + c];
  return out;
}

function paint(canvas, pixels) { // ink is dark on white, as on paper
  const area = side * side, pen = canvas.getContext("2d"), shown = pen.createImageData(side, side);
  for (let i = 0; i < area; i++)
    for (let c = 0; c < 4; c++) {
      const value = pixels[(channels === 3 ? Math.min(c, 2) : 0) * area + i];
      shown.data[4 * i + c] = c === 3 ? 255 : ink ? 255 - value : value;
    }
  pen.putImageData(shown, 0, 0);
}

/** A share in per cent; never 100 or 0 of what is only nearly so. */
function perCent(share) {
  const text = (100 * share).toFixed(1);
  return share < 1 && text === "100.0" ? ">99.9%" : share > 0 && text === "0.0" ? "<0.1%" : text + "%";
}

function make(tag, className, text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

function bar(name, share, className) {
  const line = make("span", "share " + className), fill = make("i", "");
  fill.style.width = 100 * share + "%";
  line.append(make("b", "", name), make("span", "", perCent(share)), fill);
  line.title = `${isolated(name)}: ${perCent(share)}`;
  return line;
}

function card(place) {
  const [image, label, answer, other, first, second] = images[place], item = make("li", "answered");
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Test image ${image}: ${told[label]}, called ${told[answer]}`);
  if (side < 64) canvas.className = "coarse";
  pixelsOf(place).then(pixels => paint(canvas, pixels));
  const right = label === answer;
  const kinds = right ? ["good", "next"] : ["bad", "good"];
  item.append(canvas, bar(names[answer], first, kinds[0]), bar(names[other], second, kinds[1]));
  const pad = window.networkPad;
  if (pad && pad.side === side && pad.channels === channels) {
    const button = make("button", "", "load");
    button.type = "button";
    button.setAttribute("aria-label", `load on the pad: test image ${image}`);
    button.onclick = async () => window.networkPad.load(await pixelsOf(place), true, ` Its label is ${told[label]}.`);
    item.append(button);
  }
  return item;
}

const plural = (count, one) => `${separate(count)} ${one}${count === 1 ? "" : "s"}`;

/** What a cell holds, in a sentence or two. */
function tell(row, column, shown) {
  const count = counts[row][column], share = all[row] ? ` (${perCent(count / all[row])})` : "", right = row === column;
  const of = `of ${plural(all[row], "image")} of ${told[row]}`;
  if (!count) return `${right ? `None ${of}` : `No ${told[row]}`} is called ${told[column]}.`;
  const how = `${separate(count)} ${of}${share}`;
  const verb = count === 1 ? "is" : "are";
  const what = right ? `${how} ${verb} called so.` : `${told[row]} called ${told[column]}: ${how}.`;
  if (!shown) return what + " No image of these is kept in this page.";
  const below = shown === 1 ? "Below: the one" : `Below: the ${shown}`;
  if (right) return `${what} ${below} it doubted most, with the second guess.`;
  if (shown < count) return `${what} ${below} most confident.`;
  return what + (shown === 1 ? "" : " The most confident first.");
}

/** Open a cell: say what it holds, show its images; `focus` moves the keyboard there. */
function open(row, column, focus = false) {
  if (at) {
    const before = rows[at[0]][at[1]];
    before.setAttribute("aria-selected", false);
    before.tabIndex = -1;
  }
  at = [row, column];
  const cell = rows[row][column];
  cell.setAttribute("aria-selected", true);
  cell.tabIndex = 0;
  heads.forEach((head, place) => head.classList.toggle("here", place === column));
  rows.forEach((cells, place) => cells[0].parentElement.firstElementChild.classList.toggle("here", place === row));
  if (focus) cell.focus({ preventScroll: true });
  bringIntoSight(cell);
  const places = images.flatMap((image, place) => (image[1] === row && image[2] === column ? [place] : []));
  said.textContent = tell(row, column, places.length);
  if (row !== column && counts[column][row]) {
    const reverse = make("button", "reverse", `the reverse: ${separate(counts[column][row])}`);
    reverse.type = "button";
    reverse.onclick = () => { open(column, row); said.querySelector("button")?.focus(); };
    said.append(" ", reverse);
  }
  const cards = find("answers");
  cards.replaceChildren(...places.map(card));
  cards.scrollTo(0, 0);
  const scrolls = cards.scrollWidth > cards.clientWidth || cards.scrollHeight > cards.clientHeight;
  cards.tabIndex = scrolls && !cards.querySelector("button") ? 0 : -1;
  find("fullest").querySelectorAll("button").forEach(button => {
    button.setAttribute("aria-pressed", button.dataset.cell === `${row},${column}`);
  });
}

/** Scroll the table's own box, never the page. */
function bringIntoSight(cell) {
  const [frame, place, corner] = [box, cell, root.querySelector("thead td")].map(one => one.getBoundingClientRect());
  const move = (start, end, from, to) => (start < from ? start - from : end > to ? end - to : 0);
  const left = move(place.left, place.right, frame.left + corner.width, frame.right);
  const top = move(place.top, place.bottom, frame.top + corner.height, frame.bottom);
  if (left || top) box.scrollBy({ left, top, behavior: calm.matches ? "auto" : "smooth" });
}

/** Go on to the images of the cell that is open. */
function reach() {
  const cards = find("answers");
  if (cards.children.length) (cards.querySelector("button") || cards).focus();
}

const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
box.onkeydown = event => {
  if (event.key === " " || event.key === "Enter") { // Space would scroll the page
    event.preventDefault();
    return reach();
  }
  const [row, column] = at, within = place => Math.min(Math.max(place, 0), size - 1), ends = { Home: 0, End: size - 1 };
  if (event.altKey || event.metaKey || !(event.key in moves || event.key in ends)) return;
  event.preventDefault();
  if (event.key in ends) open(event.ctrlKey ? ends[event.key] : row, ends[event.key], true); // Ctrl: of the whole table
  else open(within(row + moves[event.key][0]), within(column + moves[event.key][1]), true);
};
box.onclick = event => {
  const cell = event.target.closest("tbody td"), row = rows.findIndex(cells => cells.includes(cell));
  if (cell) open(row, rows[row].indexOf(cell), true);
};

function begin() {
  const wrong = counts.flatMap((row, one) => row.map((count, other) => [one === other ? 0 : count, one, other]))
    .filter(([count]) => count).sort((one, other) => other[0] - one[0]);
  const most = names.some(name => name.length > 12) ? 3 : 6;
  const fullest = wrong.slice(0, most).map(([count, row, column]) => {
    const button = make("button", "", `${told[row]} as ${told[column]}:`);
    button.type = "button"; button.dataset.cell = `${row},${column}`;
    button.append(make("small", "", ` ${separate(count)}`));
    button.onclick = () => open(row, column);
    return button;
  });
  const words = make("span", "", wrong.length ? "Most frequent" : "Not one mistake: only the diagonal is filled.");
  find("fullest").append(words, ...fullest);
  behind.hidden = false;
  const [, row, column] = wrong[0] || [0, ...(images[0] || [0, 0, 0]).slice(1, 3)];
  open(row, column);
}

root.querySelector("table").setAttribute("role", "grid");
rows.forEach(cells => cells.forEach(cell => {
  cell.setAttribute("role", "gridcell"); cell.setAttribute("aria-selected", false); cell.tabIndex = -1;
}));
rows[0][0].tabIndex = 0;
at = [0, 0];
box.removeAttribute("tabindex");
root.classList.add("live");
whenNear(root, begin); // when the pad is there, too, which may stand further below
