const root = document.getElementById("epoch-slider"), find = name => root.querySelector("." + name);
const values = JSON.parse(find("values").textContent), { epochs, train, validation, wrong, newly, corrected, total, ever, names, labels, said, across } = values;
const slider = find("epoch"), says = find("says"), chart = root.querySelector("svg"), board = find("tiles"), detail = find("detail"), play = find("play");
const sprite = find("sprite"), quiet = 250; // milliseconds without a change after which the result is said
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let now = epochs.length - 1, tiles = [], looked = null, saying = 0, playing = 0, plot = null, started = false;

/** An element with these attributes and this text. */
function make(name, attributes = {}, text = "", space = "http://www.w3.org/1999/xhtml") {
  const made = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}
const draw = (name, attributes, text) => make(name, attributes, text, "http://www.w3.org/2000/svg");
const number = value => value.toLocaleString("en");
const several = (value, one, many) => `${number(value)} ${value === 1 ? one : many}`;

/** What an image is after epoch `e`, both counted from 0: wrong before and now, newly wrong, newly right, or right. */
function state(image, e) {
  const is = said[image][e] !== labels[image], was = e > 0 && said[image][e - 1] !== labels[image];
  if (is) return was || e === 0 ? "still" : "newly";
  return was ? "corrected" : "right";
}
const states = { still: "wrong", newly: "newly wrong", corrected: "right since this epoch", right: "right" };

/** Plain numbers at which a logarithmic axis from `least` to `most` is labelled: as few as three or four where it can. */
function ticks(least, most) {
  for (const steps of [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]]) {
    const found = [];
    for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++)
      for (const step of steps) found.push(Number((step * 10 ** power).toPrecision(3)));
    const inside = found.filter(value => value >= least && value <= most);
    if (inside.length >= 3) return inside;
  }
  return [least, Math.sqrt(least * most), most].map(value => Number(value.toPrecision(2)));
}

/** The curves of loss over bars of how many images are wrong, as wide as there is room. */
function drawCurve() {
  const width = Math.max(chart.clientWidth, 240), left = 66, right = 24, top = 26, bottom = 26, tall = 150, low = 74, gap = 30;
  const height = top + tall + gap + low + bottom, span = Math.max(epochs.length - 1, 1), room = width - left - right;
  const x = e => (epochs.length > 1 ? left + (e / span) * room : left + room / 2), edge = 16;
  const losses = [...train, ...validation].map(value => Math.max(value, 1e-6)), logs = [Math.min(...losses) / 1.15, Math.max(...losses) * 1.15].map(Math.log);
  const y = loss => top + (1 - (Math.log(Math.max(loss, 1e-6)) - logs[0]) / (logs[1] - logs[0])) * tall;
  const floor = top + tall + gap + low, most = Math.max(...wrong, 1), tallness = count => (count / most) * low;
  chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
  chart.style.height = height + "px";
  chart.replaceChildren();
  const line = (name, x1, y1, x2, y2) => draw("line", { class: name, x1, y1, x2, y2 });
  const text = (name, x, y, words, anchor) => draw("text", { class: name, x, y, "text-anchor": anchor }, words);
  for (const tick of ticks(Math.exp(logs[0]), Math.exp(logs[1])))
    chart.append(line("grid", left - edge, y(tick), width - right + edge, y(tick)), text("tick", left - edge - 6, y(tick) + 4.5, String(tick), "end"));
  for (const count of [0, most]) chart.append(text("tick", left - edge - 6, floor - tallness(count) + 4.5, number(count), "end"));
  chart.append(line("grid", left - edge, floor, width - right + edge, floor));
  const bar = Math.min(0.7 * (room / Math.max(epochs.length, 1)), 26), every = Math.ceil(epochs.length / Math.max(room / 34, 1));
  const bars = wrong.map((count, e) => draw("rect", { class: "bar", x: x(e) - bar / 2, y: floor - tallness(count), width: bar, height: tallness(count) }));
  chart.append(...bars);
  epochs.forEach((epoch, e) => { if (e % every === 0) chart.append(text("tick", x(e), height - 6, String(epoch), "middle")); });
  for (const [name, list] of [["train", train], ["validation", validation]]) {
    chart.append(draw("polyline", { class: "line " + name, points: list.map((loss, e) => `${x(e).toFixed(1)},${y(loss).toFixed(1)}`).join(" ") }));
    if (epochs.length < 40) for (let e = 0; e < list.length; e++) chart.append(draw("circle", { class: name, cx: x(e), cy: y(list[e]), r: 3 }));
  }
  const higher = train[0] >= validation[0] ? ["train", "validation"] : ["validation", "train"], at = epochs.length > 1 ? x(0) + 10 : x(0) + 12;
  higher.forEach((name, below) => chart.append(text("name " + name, at, y(values[name][0]) + (below ? 19 : -7), name, "start")));
  chart.append(text("tick", left - edge, top - 12, "loss, log scale", "start"), text("tick", left - edge, floor - low - 10, "images wrong", "start"));
  const mark = draw("g", { class: "mark" });
  mark.append(draw("line", { y1: top - 4, y2: floor }), draw("circle", { r: 7 }), draw("text", {}), draw("text", { class: "count" }));
  chart.append(mark);
  slider.style.marginLeft = left - 13 + "px"; slider.style.width = room + 26 + "px"; // its thumb is 26 wide
  plot = { x, y, left, room, mark, bars, span, top: count => floor - tallness(count), middle: left + room / 2 };
}

function moveMark() {
  const [stem, dot, loss, count] = plot.mark.children, at = plot.x(now), before = at > plot.middle;
  for (const end of ["x1", "x2"]) stem.setAttribute(end, at);
  dot.setAttribute("cx", at); dot.setAttribute("cy", plot.y(validation[now]));
  for (const [words, y, what] of [[loss, plot.y(validation[now]) - 12, validation[now].toFixed(4)], [count, plot.top(wrong[now]) - 5, number(wrong[now])]]) {
    words.setAttribute("x", at + (before ? -10 : 10) * (words === loss)); words.setAttribute("y", y);
    words.setAttribute("text-anchor", words === count ? "middle" : before ? "end" : "start"); words.textContent = what;
  }
  plot.bars.forEach((bar, e) => bar.classList.toggle("now", e === now));
}

function inWords() {
  const parts = [`After epoch ${epochs[now]}, ${number(wrong[now])} of ${number(total)} validation images ${wrong[now] === 1 ? "is" : "are"} wrong`];
  if (now) parts.push(`: ${several(newly[now], "is", "are")} newly wrong, ${several(corrected[now], "is", "are")} right that ${corrected[now] === 1 ? "was" : "were"} wrong before`);
  const here = tiles.filter((_, image) => said[image][now] !== labels[image]).length;
  return parts.join("") + "." + (here < wrong[now] ? ` ${number(here)} of them are shown.` : "");
}

/** All that changes with the epoch. */
function show() {
  slider.value = now;
  moveMark();
  tiles.forEach((tile, image) => {
    const is = state(image, now);
    tile.className = "tile " + is;
    tile.setAttribute("aria-label", `${names[labels[image]]}, ${is === "right" || is === "corrected" ? "" : `taken for ${names[said[image][now]]}, `}${states[is]}`);
  });
  slider.setAttribute("aria-valuetext", `${epochs[now]}, ${number(wrong[now])} wrong`);
  if (looked !== null) look(looked);
  clearTimeout(saying);
  saying = setTimeout(() => { says.textContent = inWords(); }, quiet);
}

/** Let an element show one image of the sprite. */
function fill(element, image) {
  const down = Math.ceil(labels.length / across), column = image % across, row = Math.floor(image / across);
  const picture = make("i");
  picture.style.backgroundSize = `${100 * across}% ${100 * down}%`;
  picture.style.backgroundPosition = `${(100 * column) / (across - 1)}% ${down > 1 ? (100 * row) / (down - 1) : 0}%`;
  element.replaceChildren(picture);
}

/** Show one image large, and what it was taken for, from epoch to epoch. */
function look(image) {
  const answers = said[image], parts = [];
  if (looked !== image) fill(find("large"), image);
  looked = image;
  detail.hidden = false;
  const right = answers.filter(answer => answer === labels[image]).length;
  find("what").textContent = `${names[labels[image]]}, right after ${right} of ${several(epochs.length, "epoch", "epochs")}. Said from epoch to epoch:`;
  for (let e = 0; e < epochs.length; ) {
    let end = e + 1;
    while (end < epochs.length && answers[end] === answers[e]) end++;
    const part = make("span", { class: (answers[e] === labels[image] ? "right" : "wrong") + (now >= e && now < end ? " now" : "") });
    part.style.flexGrow = end - e;
    part.append(make("b", { title: names[answers[e]] }, names[answers[e]]));
    parts.push(part);
    e = end;
  }
  find("course").replaceChildren(...parts);
}

function go(e) {
  now = Math.min(Math.max(e, 0), epochs.length - 1);
  show();
}

function stop() {
  clearInterval(playing);
  playing = 0; play.textContent = "\u25b6"; play.setAttribute("aria-label", "Play the epochs");
}

play.onclick = () => {
  if (playing) return stop();
  if (now === epochs.length - 1) go(0);
  play.textContent = "\u275a\u275a"; play.setAttribute("aria-label", "Pause");
  playing = setInterval(() => { if (now >= epochs.length - 1) stop(); else go(now + 1); }, Math.max(120, Math.min(900, 9000 / epochs.length)));
};
slider.oninput = () => { stop(); go(Number(slider.value)); };

function slideTo(event) {
  const box = chart.getBoundingClientRect();
  stop();
  go(Math.round(((event.clientX - box.left - plot.left) / plot.room) * plot.span));
}
chart.onpointerdown = event => { if (epochs.length > 1) { chart.setPointerCapture(event.pointerId); slideTo(event); } };
chart.onpointermove = event => { if (chart.hasPointerCapture(event.pointerId)) slideTo(event); };

/** One tile is in the order of the tab key; from it the arrow keys go on. */
function reach(image) {
  tiles.forEach((tile, i) => { tile.tabIndex = i === image ? 0 : -1; });
}
board.onkeydown = event => {
  const from = tiles.indexOf(document.activeElement), wide = tiles.filter(tile => tile.offsetTop === tiles[0].offsetTop).length;
  const to = { ArrowLeft: from - 1, ArrowRight: from + 1, ArrowUp: from - wide, ArrowDown: from + wide, Home: 0, End: tiles.length - 1 }[event.key];
  if (from < 0 || to === undefined) return;
  event.preventDefault();
  if (tiles[to]) { reach(to); tiles[to].focus(); }
};

function start() {
  if (started) return;
  started = true;
  if (sprite) root.style.setProperty("--images", `url("${sprite.src}")`);
  tiles = labels.map((_, image) => {
    const tile = make("button", { type: "button", class: "tile" });
    fill(tile, image);
    tile.onclick = tile.onfocus = tile.onpointerenter = () => look(image);
    tile.addEventListener("focus", () => reach(image));
    return tile;
  });
  board.append(...tiles);
  if (tiles.length) {
    const changes = said.map(answers => answers.filter((answer, e) => e && answer !== answers[e - 1]).length);
    const first = changes.indexOf(Math.max(...changes));
    reach(first); look(first);
  }
  drawCurve();
  show();
  addEventListener("resize", () => { drawCurve(); moveMark(); });
}

slider.min = 0; slider.max = epochs.length - 1; slider.value = now;
slider.hidden = epochs.length < 2;
stop();
play.hidden = epochs.length < 2 || calm.matches;
calm.addEventListener("change", () => { stop(); play.hidden = epochs.length < 2 || calm.matches; });
find("legend").hidden = board.hidden = !labels.length;
if (sprite) { sprite.hidden = true; if (sprite.classList.contains("ink")) root.classList.add("of-ink"); }
find("live").hidden = false;
if ("IntersectionObserver" in window) {
  const watch = new IntersectionObserver(seen => { if (seen.some(one => one.isIntersecting)) { watch.disconnect(); start(); } }, { rootMargin: "300px" });
  watch.observe(root);
} else start();
root.addEventListener("focusin", start);
window.epochSlider = { start, go };
