const find = name => root.querySelector("." + name);
const values = JSON.parse(find("values").textContent);
const { epochs, train, validation, wrong, newly, corrected, total, names, labels, said, across } = values;
const slider = find("epoch"), says = find("says"), board = find("tiles"), detail = find("detail"), play = find("play");
const chart = root.querySelector("svg"), sprite = find("sprite"), calm = matchMedia("(prefers-reduced-motion: reduce)");
const quiet = 250; // milliseconds without a change after which the result is said
let now = epochs.length - 1, tiles = [], looked = null, plot = null; // epochs and images by their places, from 0
let started = false, saying = 0, playing = 0;

const number = value => value.toLocaleString("en");

/** What an image is after epoch `e`, both counted from 0: wrong before and now, newly wrong, newly right, or right. */
function state(image, e) {
  const is = said[image][e] !== labels[image], was = e > 0 && said[image][e - 1] !== labels[image];
  if (is) return was || e === 0 ? "still" : "newly";
  return was ? "corrected" : "right";
}
const states = { still: "wrong", newly: "newly wrong", corrected: "right since this epoch", right: "right" };

/** Plain numbers at which a logarithmic axis from `least` to `most` is labelled: three or four where it can be. */
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

/** The parts of the chart, one by one. */
const line = (name, x1, y1, x2, y2) => svgElement("line", { class: name, x1, y1, x2, y2 });
const text = (name, x, y, words, anchor) => svgElement("text", { class: name, x, y, "text-anchor": anchor }, words);

/** The curves of loss over bars of how many images are wrong, as wide as there is room; `plot` says what is where. */
function drawCurve() {
  const width = Math.max(chart.clientWidth, 240), left = 66, room = width - left - 24, edge = 16;
  const top = 26, tall = 150, low = 74, floor = top + tall + 44 + low, height = floor + 26;
  const span = Math.max(epochs.length - 1, 1), positive = loss => Math.max(loss, 1e-6);
  const losses = [...train, ...validation].map(positive);
  const least = Math.min(...losses) / 1.15, most = Math.max(...losses) * 1.15;
  const x = e => left + room * (epochs.length > 1 ? e / span : 0.5);
  const y = loss => top + (tall * Math.log(most / positive(loss))) / Math.log(most / least);
  const roof = count => floor - (count / Math.max(...wrong, 1)) * low;
  const start = left - edge, end = left + room + edge;
  chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
  chart.style.height = height + "px";
  chart.replaceChildren(line("grid", start, floor, end, floor));
  for (const loss of ticks(least, most)) {
    chart.append(line("grid", start, y(loss), end, y(loss)));
    chart.append(text("tick", start - 6, y(loss) + 4.5, String(loss), "end"));
  }
  for (const count of [0, Math.max(...wrong)])
    chart.append(text("tick", start - 6, roof(count) + 4.5, number(count), "end"));
  const bars = drawBars(x, roof, floor, room);
  for (const name of ["train", "validation"]) chart.append(...drawLosses(name, values[name], x, y));
  const higher = train[0] >= validation[0] ? ["train", "validation"] : ["validation", "train"];
  higher.forEach((name, i) => {
    chart.append(text("name " + name, x(0) + 10, y(values[name][0]) + (i ? 19 : -7), name, "start"));
  });
  chart.append(text("tick", start, top - 12, "loss, log scale", "start"));
  chart.append(text("tick", start, floor - low - 24, "images wrong", "start"));
  const mark = svgElement("g", { class: "mark" });
  mark.append(svgElement("line", { y1: top - 4, y2: floor }), svgElement("circle", { r: 7 }), svgElement("text", {}), svgElement("text", {}));
  chart.append(mark);
  slider.style.marginLeft = left - 13 + "px"; // the middle of its thumb, 26 wide, is under the mark
  slider.style.width = room + 26 + "px";
  plot = { x, y, roof, left, room, mark, bars, span };
}

/** A bar for each epoch, and the epochs' numbers where there is room. */
function drawBars(x, roof, floor, room) {
  const width = Math.min((0.7 * room) / epochs.length, 26), every = Math.ceil(epochs.length / Math.max(room / 34, 1));
  const bars = wrong.map((count, e) =>
    svgElement("rect", { class: "bar", x: x(e) - width / 2, y: roof(count), width, height: floor - roof(count) }));
  chart.append(...bars);
  epochs.forEach((epoch, e) => {
    if (e % every === 0) chart.append(text("tick", x(e), floor + 20, String(epoch), "middle"));
  });
  return bars;
}

/** A curve, with dots where there are few epochs. */
function drawLosses(name, losses, x, y) {
  const points = losses.map((loss, e) => `${x(e).toFixed(1)},${y(loss).toFixed(1)}`).join(" ");
  const dots = losses.map((loss, e) => svgElement("circle", { class: name, cx: x(e), cy: y(loss), r: 3 }));
  return [svgElement("polyline", { class: "line " + name, points }), ...(epochs.length < 40 ? dots : [])];
}

/** Put the mark on the curve and on the bar of the epoch. */
function moveMark() {
  const [stem, dot, loss, count] = plot.mark.children, at = plot.x(now), isRight = at > plot.left + plot.room / 2;
  const up = plot.y(validation[now]);
  const write = (element, x, y, anchor, words) => {
    for (const [name, value] of Object.entries({ x, y, "text-anchor": anchor })) element.setAttribute(name, value);
    element.textContent = words;
  };
  stem.setAttribute("x1", at);
  stem.setAttribute("x2", at);
  dot.setAttribute("cx", at);
  dot.setAttribute("cy", up);
  write(loss, at + (isRight ? -10 : 10), up - 12, isRight ? "end" : "start", validation[now].toFixed(4));
  write(count, at, plot.roof(wrong[now]) - 5, "middle", number(wrong[now]));
  plot.bars.forEach((bar, e) => bar.classList.toggle("now", e === now));
}

/** What is seen, in words. */
function inWords() {
  const are = count => (count === 1 ? "is" : "are");
  let words = `After epoch ${epochs[now]}, ${number(wrong[now])} of ${number(total)} validation images`;
  words += ` ${are(wrong[now])} wrong`;
  if (now) {
    const were = corrected[now] === 1 ? "was" : "were";
    words += `: ${number(newly[now])} ${are(newly[now])} newly wrong,`;
    words += ` ${number(corrected[now])} ${are(corrected[now])} right that ${were} wrong before`;
  }
  const here = tiles.filter((_, image) => said[image][now] !== labels[image]).length;
  return `${words}.${here < wrong[now] ? ` ${number(here)} of them are shown.` : ""}`;
}

/** All that changes with the epoch. */
function show() {
  slider.value = now;
  moveMark();
  tiles.forEach((tile, image) => {
    const is = state(image, now), isWrong = said[image][now] !== labels[image];
    const taken = isWrong ? `taken for ${isolated(names[said[image][now]])}, ` : "";
    tile.className = "tile " + is;
    tile.setAttribute("aria-label", `${isolated(names[labels[image]])}, ${taken}${states[is]}`);
  });
  slider.setAttribute("aria-valuetext", `${epochs[now]}, ${number(wrong[now])} wrong`);
  if (looked !== null) look(looked);
  clearTimeout(saying);
  saying = setTimeout(() => { says.textContent = inWords(); }, quiet);
}

/** Let an element show one image of the sprite. */
function fill(element, image) {
  const down = Math.ceil(labels.length / across), column = image % across, row = Math.floor(image / across);
  const picture = elementOf("i");
  picture.style.backgroundSize = `${100 * across}% ${100 * down}%`;
  picture.style.backgroundPosition = `${(100 * column) / (across - 1)}% ${down > 1 ? (100 * row) / (down - 1) : 0}%`;
  element.replaceChildren(picture);
}

/** Show one image large, and what it was taken for, from epoch to epoch. */
function look(image) {
  const answers = said[image], course = find("course");
  const right = answers.filter(answer => answer === labels[image]).length;
  if (looked !== image) fill(find("large"), image);
  looked = image;
  detail.hidden = false;
  const many = `${right} of ${epochs.length} ${epochs.length === 1 ? "epoch" : "epochs"}`;
  find("what").textContent = `${isolated(names[labels[image]])}, right after ${many}. Said from epoch to epoch:`;
  course.replaceChildren();
  for (let e = 0, end; e < epochs.length; e = end) {
    for (end = e + 1; end < epochs.length && answers[end] === answers[e]; end++);
    const isNow = now >= e && now < end, isRight = answers[e] === labels[image], name = names[answers[e]];
    const part = elementOf("span", { class: (isRight ? "right" : "wrong") + (isNow ? " now" : ""), title: name });
    part.style.flexGrow = end - e;
    part.append(elementOf("b", {}, name));
    course.append(part);
  }
}

/** Go to an epoch. */
function go(e) {
  now = Math.min(Math.max(e, 0), epochs.length - 1);
  show();
}

/** Play no longer. */
function stop() {
  clearInterval(playing);
  playing = 0;
  play.textContent = "\u25b6";
  play.setAttribute("aria-label", "Play the epochs");
}

/** Play the epochs one after another, from the first where the last is shown. */
function run() {
  if (playing) return stop();
  if (now === epochs.length - 1) go(0);
  play.textContent = "\u275a\u275a";
  play.setAttribute("aria-label", "Pause");
  const each = Math.max(120, Math.min(900, 9000 / epochs.length));
  playing = setInterval(() => { if (now >= epochs.length - 1) stop(); else go(now + 1); }, each);
}

/** Move the slider to where the chart is touched. */
function slideTo(event) {
  const box = chart.getBoundingClientRect();
  stop();
  go(Math.round(((event.clientX - box.left - plot.left) / plot.room) * plot.span));
}
/** One tile is in the order of the tab key; from it the arrow keys go on. */
function reach(image) {
  tiles.forEach((tile, i) => { tile.tabIndex = i === image ? 0 : -1; });
}
/** From a tile, the arrow keys go to the next ones. */
function step(event) {
  const from = tiles.indexOf(document.activeElement);
  const wide = tiles.filter(tile => tile.offsetTop === tiles[0].offsetTop).length;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wide, ArrowDown: wide };
  Object.assign(steps, { Home: -from, End: tiles.length - 1 - from });
  if (from < 0 || !(event.key in steps)) return;
  event.preventDefault();
  const to = tiles[from + steps[event.key]];
  if (to) to.focus();
}

/** A tile for an image. */
function makeTile(_, image) {
  const tile = elementOf("button", { type: "button", class: "tile" });
  fill(tile, image);
  tile.onclick = tile.onpointerenter = () => look(image);
  tile.onfocus = () => { reach(image); look(image); };
  return tile;
}

/** Begin, once it is in sight: with the image that changed most often. */
function start() {
  if (started) return;
  started = true;
  if (sprite) root.style.setProperty("--images", `url("${sprite.src}")`);
  tiles = labels.map(makeTile);
  board.append(...tiles);
  if (tiles.length) {
    const changes = said.map(answers => answers.filter((answer, e) => e && answer !== answers[e - 1]).length);
    const first = changes.indexOf(Math.max(...changes));
    reach(first);
    look(first);
  }
  drawCurve();
  show();
  addEventListener("resize", () => { drawCurve(); moveMark(); });
}

slider.min = 0;
slider.max = epochs.length - 1;
slider.value = now;
slider.hidden = epochs.length < 2;
slider.oninput = () => { stop(); go(Number(slider.value)); };
play.onclick = run;
play.hidden = epochs.length < 2 || calm.matches;
calm.addEventListener("change", () => { stop(); play.hidden = epochs.length < 2 || calm.matches; });
chart.onpointerdown = event => {
  if (epochs.length < 2) return;
  chart.setPointerCapture(event.pointerId);
  slideTo(event);
};
chart.onpointermove = event => { if (chart.hasPointerCapture(event.pointerId)) slideTo(event); };
board.onkeydown = step;
stop();
find("legend").hidden = board.hidden = !labels.length;
root.classList.toggle("of-ink", Boolean(sprite && sprite.classList.contains("ink")));
whenNear(root, start);
window.epochSlider = { start, go };
if (sprite) sprite.hidden = true;
find("live").hidden = false;
find("without").hidden = true; // last: where anything above fails, it stays
