const find = name => root.querySelector("." + name);
const temperature = find("temperature"), threshold = find("threshold");
const calm = matchMedia("(prefers-reduced-motion: reduce)"), separate = number => number.toLocaleString("en");
const plural = (count, one) => `${separate(count)} ${one}${count === 1 ? "" : "s"}`;
const perCent = (part, whole) => (100 * part / whole).toFixed(2) + "%";
const THUMB = 24; // pixels: a slider's value begins half of it from its end
let values = null, width = { dots: 0, doubts: 0 }, gliding = false;

function draw(tag, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** An empty drawing as wide as its place, so that text keeps its size. */
function board(name, height) {
  const place = find(name), svg = draw("svg", { viewBox: `0 0 ${width[name]} ${height}`, width: width[name], height });
  place.replaceChildren(svg);
  return svg;
}

// The reliability diagram: its axes are drawn once for a width, its dots are moved.
let dots = [], scale = null;

function drawAxes() {
  const side = Math.min(width.dots, 400), left = 46, bottom = 44, top = 30, right = 14, svg = board("dots", side);
  const x = value => left + value * (width.dots - left - right);
  const y = value => side - bottom - value * (side - bottom - top);
  for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
    svg.append(draw("line", { class: "grid", x1: x(0), x2: x(1), y1: y(tick), y2: y(tick) }));
    svg.append(draw("text", { class: "tick", x: x(tick), y: y(0) + 18, "text-anchor": "middle" }, tick));
    svg.append(draw("text", { class: "tick", x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, tick));
  }
  svg.append(draw("text", { class: "name", x: x(1), y: side - 6, "text-anchor": "end" }, "confidence"));
  svg.append(draw("text", { class: "name", x: left, y: 12 }, "share right"));
  svg.append(draw("line", { class: "diagonal", x1: x(0), y1: y(0), x2: x(1), y2: y(1) }));
  for (const [, count, confidence, accuracy] of values.readings[values.plain].bins)
    svg.append(draw("circle", { class: "ghost", cx: x(confidence), cy: y(accuracy), r: radius(count) }));
  dots = Array.from({ length: 15 }, () => {
    const group = draw("g", { class: "dot" });
    group.append(draw("line", {}), draw("circle", { r: 0 }));
    svg.append(group);
    return group;
  });
  scale = { x, y };
}

const radius = count => 2.5 + 2 * Math.log10(count);

function moveDots({ bins }) {
  const { x, y } = scale, filled = new Map(bins.map(bin => [bin[0], bin]));
  dots.forEach((group, place) => {
    const bin = filled.get(place), [line, circle] = group.children;
    group.style.opacity = bin ? 1 : 0;
    if (!bin) return;
    const [, count, confidence, accuracy, low, high] = bin;
    group.style.transform = `translate(${x(confidence)}px, ${y(accuracy)}px)`;
    line.setAttribute("y1", y(low) - y(accuracy));
    line.setAttribute("y2", y(high) - y(accuracy));
    circle.setAttribute("r", radius(count));
  });
}

// The threshold: mistakes stand above an axis of confidence, right answers hang below it.
const LANE = 136, GAP = 30, HANG = 84, DEEP = LANE + GAP + HANG + 4, TALL = DEEP + 20;

/** How many mistakes and right answers lie from each threshold to the next; the last holds what lies above it. */
function between({ person, mistakes }) {
  return person.map((below, place) => {
    const next = place + 1 < person.length, inside = (next ? person[place + 1] : values.images) - below;
    const bad = mistakes[place] - (next ? mistakes[place + 1] : 0);
    return { bad, good: inside - bad };
  });
}

function drawDoubts(reading) {
  const svg = board("doubts", TALL), bins = between(reading), at = +threshold.value;
  const pitch = (width.doubts - THUMB) / (bins.length - 1), x = place => THUMB / 2 + place * pitch;
  svg.append(draw("rect", { class: "shade", x: 0, y: 0, width: x(at), height: DEEP }));
  drawBars(svg, bins, place => Math.min(x(place) + 0.5, width.doubts - pitch), Math.max(pitch - 1, 1), at);
  const broken = [LANE - 12, GAP - 8, HANG]; // where the texts stand there is no line
  svg.append(draw("line", { class: "line", x1: x(at), x2: x(at), y1: 18, y2: DEEP, "stroke-dasharray": broken }));
  drawScale(svg, x);
  const wrong = reading.mistakes[0], right = values.images - wrong, end = { x: width.doubts, "text-anchor": "end" };
  svg.append(draw("text", { class: "name bad", y: 13, ...end }, wrong ? plural(wrong, "mistake") : "no mistake"));
  svg.append(draw("text", { class: "name", y: TALL - 5, ...end }, `${plural(right, "right answer")}, on a log scale`));
}

/** A square for each mistake, or a bar where they are many; below, bars of right answers. Up to `at` all are hollow. */
function drawBars(svg, bins, left, thick, at) {
  const most = Math.max(...bins.map(({ bad }) => bad), 1), unit = Math.min(8, (LANE - 22) / most);
  const log = good => Math.log10(good + 1), deepest = log(Math.max(...bins.map(({ good }) => good), 1));
  bins.forEach(({ bad, good }, place) => {
    const state = place < at ? " caught" : "", x = left(place), box = { x, width: thick };
    const each = Array.from({ length: bad }, (_, i) => [(i + 1) * unit, unit - 1]);
    const squares = unit < 3 ? [[bad * unit, bad * unit]] : each;
    if (bad) for (const [top, height] of squares)
      svg.append(draw("rect", { class: "mistake" + state, y: LANE - top, height, rx: 1, ...box }));
    if (good) {
      const height = Math.max(HANG * log(good) / deepest, 1);
      svg.append(draw("rect", { class: "good" + state, y: LANE + GAP, height, ...box }));
    }
    if (bad === most && unit < 3) svg.append(draw("text", { class: "tick", x, y: 16 }, separate(most)));
  });
}

/** The axis of confidence, with as many labels as there is room for. */
function drawScale(svg, x) {
  svg.append(draw("line", { class: "axis", x1: 0, x2: width.doubts, y1: LANE + 0.5, y2: LANE + 0.5 }));
  let free = 0; // where the next label may begin
  for (const value of [0, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999]) {
    const place = values.thresholds.indexOf(value), text = String(value), half = 4 * text.length;
    const middle = Math.min(Math.max(x(place), half), width.doubts - half);
    if (place < 0 || middle - half < free) continue;
    free = middle + half + 6;
    svg.append(draw("text", { class: "tick", x: middle, y: LANE + 20, "text-anchor": "middle" }, text));
    svg.append(draw("line", { class: "axis", x1: x(place), x2: x(place), y1: LANE, y2: LANE + 5 }));
  }
}

/** Say what has changed; of a temperature that is moving, the end alone. */
function say(name, text) {
  if (!gliding && find(name).textContent !== text) find(name).textContent = text;
}

/** The reliability diagram's part of the answer, in words. */
function tellTemperature(place, { ece, loss, bins }) {
  const T = values.temperatures[place].toFixed(2);
  const which = place === values.fitted ? ", the fitted one" : place === values.plain ? ", the scores as they are" : "";
  const gaps = bins.map(([, count, confidence, accuracy]) => count * (confidence - accuracy));
  const gap = gaps.reduce((one, other) => one + other) / values.images;
  const points = (100 * Math.abs(gap)).toFixed(2);
  const lean = points === "0.00" ? "equal to accuracy" : `${points} points ${gap > 0 ? "above" : "below"} accuracy`;
  const sums = `ECE ${ece.toFixed(4)}, loss ${loss.toFixed(4)}, mean confidence ${lean}`;
  say("told", `T = ${T}${which}: ${sums}.`);
  temperature.setAttribute("aria-valuetext", T + which);
  find("plain").setAttribute("aria-pressed", place === values.plain);
  find("fitted").setAttribute("aria-pressed", place === values.fitted);
}

/** The threshold's part of it. */
function tellThreshold(place, reading, T) {
  const person = reading.person[place], left = reading.mistakes[place], wrong = reading.mistakes[0];
  const rest = values.images - person, at = String(values.thresholds[place]);
  find("person").textContent = separate(person);
  find("left").textContent = `${separate(left)} of ${separate(wrong)}`;
  find("right").textContent = rest ? perCent(rest - left, rest) : "–";
  threshold.setAttribute("aria-valuetext", at);
  say("said", `Below ${at} at T = ${T}: ${separate(person)} of ${plural(values.images, "image")} ` +
    `(${perCent(person, values.images)}) go to a person, who sees ${separate(wrong - left)} of ` +
    `${plural(wrong, "mistake")}; ${separate(left)} ${left === 1 ? "remains" : "remain"}.`);
}

function show() {
  const place = +temperature.value, reading = values.readings[place];
  if (width.dots) { if (!dots.length) drawAxes(); moveDots(reading); }
  if (width.doubts) drawDoubts(reading);
  tellTemperature(place, reading);
  tellThreshold(+threshold.value, reading, values.temperatures[place].toFixed(2));
}

let moving = 0; // the frame that is asked for

/** Bring the temperature to a place of its slider, step by step where motion is welcome. */
function glide(place) {
  cancelAnimationFrame(moving);
  const from = +temperature.value, began = performance.now();
  const step = now => {
    const part = calm.matches ? 1 : Math.min((now - began) / 700, 1);
    temperature.value = Math.round(from + (place - from) * part * part * (3 - 2 * part));
    gliding = part < 1;
    show();
    if (gliding) moving = requestAnimationFrame(step);
  };
  step(began + (calm.matches ? 700 : 0));
}

function drawTicks() {
  const last = values.temperatures.length - 1;
  const marks = [0.25, 0.5, 1, 2, 4].map(value => [values.temperatures.indexOf(value), String(value)]);
  find("fit").style.left = 100 * values.fitted / last + "%";
  find("ticks").replaceChildren(...marks.filter(([place]) => place >= 0).map(([place, text]) => {
    const mark = Object.assign(document.createElement("span"), { textContent: text });
    mark.style.left = 100 * place / last + "%";
    return mark;
  }));
}

/** A pointer on the chart pulls the threshold as it would pull the slider. */
function pull(event) {
  const box = find("doubts").getBoundingClientRect(), last = values.thresholds.length - 1;
  const place = Math.round((event.clientX - box.left - THUMB / 2) / (box.width - THUMB) * last);
  threshold.value = Math.min(Math.max(place, 0), last);
  show();
}

/** Where the threshold begins: at 0.9, or lower where a quarter of the images would go to a person. */
function first() {
  let place = values.thresholds.indexOf(0.9);
  while (place && 4 * values.readings[values.fitted].person[place] > values.images) place--;
  return place;
}

function begin() {
  values = JSON.parse(find("values").textContent);
  temperature.max = values.temperatures.length - 1;
  temperature.value = values.fitted;
  threshold.max = values.thresholds.length - 1;
  threshold.value = first();
  temperature.oninput = () => { cancelAnimationFrame(moving); gliding = false; show(); };
  threshold.oninput = show;
  find("plain").onclick = () => glide(values.plain);
  find("fitted").onclick = () => glide(values.fitted);
  const chart = find("doubts");
  let pulling = false;
  chart.onpointerdown = event => { pulling = true; chart.setPointerCapture(event.pointerId); pull(event); };
  chart.onpointermove = event => { if (pulling) pull(event); };
  chart.onpointerup = chart.onpointercancel = () => { pulling = false; };
  find("plain").hidden = values.plain === values.fitted;
  drawTicks();
  const size = new ResizeObserver(() => {
    const now = { dots: find("dots").clientWidth, doubts: chart.clientWidth };
    if (now.dots === width.dots && now.doubts === width.doubts) return;
    width = now;
    dots = [];
    show();
  });
  size.observe(find("dots"));
  size.observe(chart);
}

find("live").hidden = false;
find("numbers").open = false;
whenNear(root, begin);
