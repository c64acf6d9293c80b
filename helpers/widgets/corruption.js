const find = name => root.querySelector("." + name);
const { ways, images, names, channels, side, count, ink, half } = JSON.parse(find("values").textContent);
const area = side * side, size = channels * area, single = Math.fround;
let pixels, noise; // decoded on first use

/** The number that 16 bits stand for: a sign, 5 bits of exponent, 10 of fraction (IEEE 754). */
function widen(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
}

function decode() {
  if (pixels) return;
  pixels = bytes(find("pixels").textContent);
  const { buffer } = bytes(find("noise").textContent);
  noise = half ? Float32Array.from(new Uint16Array(buffer), widen) : new Float32Array(buffer);
}

// What helpers/corruptions.py does, in single precision and in its order. Each operation takes pixels, a Float32Array
// in the order channel, row, column, with a background of 0, the strength, and the image with what was drawn for it.
const operations = {
  rotation: (values, strength, { sign }) => warp(values, { rotation: sign * strength }),
  shift(values, strength, { direction }) {
    const part = share => single(single(share) * single(strength));
    return warp(values, { right: part(Math.cos(direction)), down: part(Math.sin(direction)) });
  },
  zoom: (values, strength) => warp(values, { size: strength }),
  shear: (values, strength, { sign }) => warp(values, { shear: sign * strength }),
  blur(values, strength) {
    if (!strength) return values;
    const reach = Math.trunc(3 * strength + 1);
    const places = Array.from({ length: 2 * reach + 1 }, (_, i) => i - reach);
    const bell = places.map(place => single(Math.exp(single(-(place ** 2) / single(2 * strength ** 2)))));
    const sum = single(bell.reduce((one, other) => one + other));
    const weights = bell.map(height => single(height / sum));
    return slide(slide(values, weights, reach, true), weights, reach, false);
  },
  noise(values, strength, { place }) {
    const own = noise.subarray(place * size, (place + 1) * size);
    return values.map((value, i) => value + single(single(own[i] * 255) * single(strength)));
  },
  contrast(values, strength) {
    const mean = single(values.reduce((one, other) => one + other, 0) / size);
    return values.map(value => mean + single(single(value - mean) * single(strength)));
  },
  occlusion(values, strength, { row, column }) {
    const first = share => Math.floor(single(single(share) * single(side - strength + 1)));
    const within = (place, start) => place >= start && place < single(start + single(strength));
    const top = first(row), left = first(column);
    const isCovered = i => within(Math.floor(i / side) % side, top) && within(i % side, left);
    return values.map((value, i) => (isCovered(i) ? 0 : value));
  },
};

/** Rotate and shear by degrees, scale by `size`, translate by pixels; bilinear, and what comes from outside is 0. */
function warp(values, { rotation = 0, size: factor = 1, shear = 0, right = 0, down = 0 }) {
  const radians = degrees => single(single(degrees) * single(Math.PI / 180));
  const angle = radians(rotation), slant = single(Math.tan(radians(shear))), scale = single(1 / single(factor));
  const cos = single(single(Math.cos(angle)) * scale), sin = single(single(Math.sin(angle)) * scale);
  const across = [cos, single(single(cos * slant) - sin), single(single(-right * 2) / side)];
  const along = [sin, single(single(sin * slant) + cos), single(single(-down * 2) / side)];
  const grid = Float32Array.from({ length: side }, middleOf);
  const look = ([a, b, c], x, y) => single(single(b * y + single(a * x)) + c); // where to look, from -1 to 1
  const pixel = place => single(single(place + 1) * (side / 2) - 0.5);
  const out = new Float32Array(size);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const u = pixel(look(across, grid[x], grid[y])), v = pixel(look(along, grid[x], grid[y]));
      for (let c = 0; c < channels; c++)
        out[c * area + y * side + x] = between(values.subarray(c * area, (c + 1) * area), u, v);
    }
  return out;
}

/** Where the middle of a pixel is, from -1 to 1 along a side, as PyTorch has it. */
function middleOf(_, i) {
  const gap = single(2 / (side - 1));
  const place = i < Math.floor(side / 2) ? gap * i - 1 : 1 - gap * (side - 1 - i);
  return single(single(single(place) * (side - 1)) / side);
}

/** The value of a plane at a place between its pixels: the mean of the four around it, the nearer the more. */
function between(plane, u, v) {
  const left = Math.floor(u), top = Math.floor(v);
  const west = single(u - left), north = single(v - top), east = single(1 - west), south = single(1 - north);
  const isOutside = (row, column) => row < 0 || column < 0 || row >= side || column >= side;
  const at = (row, column) => (isOutside(row, column) ? 0 : plane[row * side + column]);
  let sum = single(at(top, left) * single(east * south));
  sum = single(at(top, left + 1) * single(west * south) + sum); // a product and a sum rounded once, as processors do it
  sum = single(at(top + 1, left) * single(east * north) + sum);
  return at(top + 1, left + 1) * single(west * north) + sum;
}

/** Slide `weights` over columns (upright) or rows; outside there is 0. */
function slide(values, weights, reach, upright) {
  const out = new Float32Array(size), stride = upright ? side : 1;
  for (let i = 0; i < size; i++) {
    const place = upright ? Math.floor(i / side) % side : i % side;
    let sum = 0;
    for (let step = Math.max(-reach, -place); step <= Math.min(reach, side - 1 - place); step++)
      sum += weights[step + reach] * values[i + step * stride];
    out[i] = sum;
  }
  return out;
}

/** The pixels of an image, by its place among those of the page. */
function original(place) {
  decode();
  return pixels.subarray(place * size, (place + 1) * size);
}

/** An image, by its place among those of the page, corrupted: a Uint8Array in the order channel, row, column. */
function corrupt(place, name, strength) {
  const image = images[place], ground = i => single(image.background[Math.floor(i / area)]);
  const values = Float32Array.from(original(place), (value, i) => value - ground(i));
  const changed = operations[name](values, strength, { ...image, place });
  return Uint8Array.from(changed, (value, i) => Math.min(Math.max(even(single(value + ground(i))), 0), 255));
}

/** The nearest whole number, and of two the even one, as PyTorch rounds. */
function even(value) {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + Math.abs(below % 2) : Math.round(value);
}

const slider = find("strength"), says = find("says"), strip = find("strip");
const chart = root.querySelector("svg"), output = root.querySelector("output");
const kinds = Object.keys(ways);
const chosen = Object.fromEntries(kinds.map(name => [name, halfway(ways[name])])); // the strength of each
const most = 12; // classes whose bars all show; of more, the ten most probable ones
const quiet = 250; // milliseconds without a change after which the result is said
const cells = 40; // strengths along the slider at which the network is asked
let kind = kinds[0], place = 0, plot = null;
const patience = 100; // milliseconds: a network that takes longer is asked when the slider is let go, and for no strip
let started = false, asked = false, changed = 0, saying = 0, job = 0, sliding = false, answered = 0, fastest = Infinity;

/** The strength, among those that were counted, halfway from no change to the hardest. */
function halfway({ strengths, neutral }) {
  const start = strengths.indexOf(neutral), end = start ? 0 : strengths.length - 1;
  return strengths[Math.round((start + end) / 2)];
}

/** A share as per cent: only what is whole is called 100. */
function percent(share, places = 1) {
  const rounded = (100 * share).toFixed(places), isWhole = share >= 1 || Number(rounded) < 100;
  return isWhole ? `${rounded}%` : places ? ">99.9%" : ">99%";
}

/** The same in a sentence. */
const inText = (share, places) => percent(share, places).replace(">", "over ");

const plain = value => String(Number(value.toPrecision(6)));

/** The network of the page's pad, where there is one for such images. */
function network() {
  const pad = window.networkPad;
  return pad && pad.side === side && pad.channels === channels ? pad : null;
}

/** The shares of the classes, as that network finds them, and how long it takes. */
function answer(asks, values) {
  const began = performance.now(), shares = asks.shares(values);
  answered++;
  fastest = Math.min(fastest, performance.now() - began);
  return shares;
}
const isSlow = () => answered > 1 && fastest > patience; // the first answer has to unpack the network

const own = Math.random().toString(36); // tells the choices of one slider from those of another in the same page

/** A choice among several, as a button with a small picture: [its input, the picture's canvas]. */
function choice(group, value, text) {
  const label = elementOf("label", { title: text });
  const input = elementOf("input", { type: "radio", name: group + own, value });
  const thumb = elementOf("canvas", { width: side, height: side, "aria-hidden": "true" });
  label.append(input, thumb, elementOf("span", {}, text));
  find(group).querySelector(".chips").append(label);
  return [input, thumb];
}

/** Draw pixels on a canvas of `side` by `side`: ink dark on white, other images as they are. */
function paint(canvas, values) {
  const pen = canvas.getContext("2d"), shown = pen.createImageData(side, side);
  for (let i = 0; i < area; i++)
    for (let c = 0; c < 3; c++) {
      const value = values[(channels === 3 ? c : 0) * area + i];
      shown.data[4 * i + c] = ink ? 255 - value : value;
      shown.data[4 * i + 3] = 255;
    }
  pen.putImageData(shown, 0, 0);
}

/** A row of the bars for each class. */
function makeRow(name) {
  const row = elementOf("div", { class: "row" }), track = elementOf("span", { class: "track" });
  track.append(elementOf("i"));
  row.append(elementOf("span", { class: "name", title: name }, name), track, elementOf("span", { class: "share" }));
  find("bars").append(row);
  return row;
}
const rows = names.map(makeRow);

/** The place of the highest of `shares`. */
const highest = shares => shares.indexOf(Math.max(...shares));

/** Show `shares`, one per class, as bars: that of the label, and that of a wrong answer, in colours of their own. */
function tell(shares) {
  const best = highest(shares), { label } = images[place];
  const least = names.length > most ? [...shares].sort((one, other) => other - one)[9] : 0;
  rows.forEach((row, i) => {
    row.hidden = shares[i] < least && i !== label;
    row.className = "row" + (i === label ? " true" : i === best ? " wrong" : "");
    row.children[1].firstChild.style.width = 100 * shares[i] + "%";
    row.children[2].textContent = percent(shares[i]);
  });
}

/** The accuracy at a strength: as it was counted, or on the line between two that were. */
function accuracy({ strengths, accuracy: shares }, strength) {
  const after = Math.max(1, strengths.findIndex(value => value >= strength - 1e-9)), before = after - 1;
  const part = (strength - strengths[before]) / (strengths[after] - strengths[before]);
  return shares[before] + part * (shares[after] - shares[before]);
}

/** What is seen, in words: of the network in those of the pad. */
function inWords(strength, shares) {
  const way = ways[kind];
  const parts = [`${kind[0].toUpperCase()}${kind.slice(1)} ${plain(strength)}:`];
  const counted = way.strengths.findIndex(value => Math.abs(value - strength) < 1e-9);
  if (shares) {
    const { sure, text } = network().say(shares);
    parts.push(`the network ${sure === false ? "is" : "says"} ${text}.`);
    parts.push(`Its label is ${isolated(names[images[place].label])}.`);
  }
  if (counted >= 0) {
    const ends = `${inText(way.low[counted])} to ${inText(way.high[counted])}`;
    const many = count.toLocaleString("en");
    const share = inText(way.accuracy[counted]);
    parts.push(`${share} of ${many} such images are classified correctly (95% interval ${ends}).`);
  } else {
    const near = inText(accuracy(way, strength), 0), about = near.startsWith("over") ? "" : "about ";
    parts.push(`By the line between the strengths that were counted, ${about}${near} of such images are right.`);
  }
  return parts.join(" ");
}

/** The curve of accuracy, as wide as there is room; `plot` then says where a strength and a share stand. */
function drawCurve() {
  const way = ways[kind], least = way.strengths[0], top = 22, height = 190, floor = height - 26, left = 44;
  const width = Math.max(chart.clientWidth, 240), right = width - 18, limit = way.strengths.at(-1);
  const x = value => left + ((value - least) / (limit - least)) * (right - left);
  const y = share => floor - share * (floor - top);
  const points = shares => way.strengths.map((value, i) => `${x(value).toFixed(1)},${y(shares[i]).toFixed(1)}`);
  const line = (name, x1, y1, x2, y2) => svgElement("line", { class: name, x1, y1, x2, y2 });
  const tick = (x, y, text, anchor) => svgElement("text", { class: "tick", x, y, "text-anchor": anchor }, text);
  const unharmed = way.accuracy[way.strengths.indexOf(way.neutral)];
  chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
  chart.style.height = height + "px";
  chart.replaceChildren();
  for (const share of [0, 0.25, 0.5, 0.75, 1]) chart.append(line("grid", left, y(share), right, y(share)));
  for (const share of [0, 0.5, 1]) chart.append(tick(left - 8, y(share) + 4.5, 100 * share + "%", "end"));
  let free = -Infinity; // where the next label may begin
  for (const value of way.strengths) {
    const reach = 4.5 * plain(value).length + 2;
    chart.append(line("grid", x(value), floor, x(value), floor + 5));
    if (x(value) - reach < free) continue;
    chart.append(tick(x(value), height - 6, plain(value), "middle"));
    free = x(value) + reach;
  }
  chart.append(line("clean", left, y(unharmed), right, y(unharmed)));
  const around = [...points(way.low), ...points(way.high).reverse()];
  chart.append(svgElement("polygon", { class: "band", points: around.join(" ") }));
  chart.append(svgElement("polyline", { class: "line", points: points(way.accuracy).join(" ") }));
  way.strengths.forEach((value, i) => {
    chart.append(svgElement("circle", { class: "counted", cx: x(value), cy: y(way.accuracy[i]), r: 3 }));
  });
  const mark = svgElement("g", { class: "mark" });
  mark.append(svgElement("line", { y1: top - 4, y2: floor }), svgElement("circle", { r: 7 }), svgElement("text", {}));
  chart.append(mark);
  slider.style.marginLeft = left - 13 + "px"; // the middle of its thumb, 26 wide, is under the mark
  slider.style.width = right - left + 26 + "px";
  strip.style.marginLeft = left + "px";
  strip.style.width = right - left + "px";
  plot = { x, y, left, right, least, limit, mark };
}

/** Put the mark on the curve. */
function moveMark(strength) {
  const [stem, dot, text] = plot.mark.children, share = accuracy(ways[kind], strength);
  const at = plot.x(strength), up = plot.y(share), isRight = at > (plot.left + plot.right) / 2;
  stem.setAttribute("x1", at);
  stem.setAttribute("x2", at);
  dot.setAttribute("cx", at);
  dot.setAttribute("cy", up);
  text.setAttribute("x", at + (isRight ? -12 : 12));
  text.setAttribute("y", up + (share > 0.8 ? 24 : -10));
  text.setAttribute("text-anchor", isRight ? "end" : "start");
  text.textContent = percent(share);
}

/** All that moves with the slider, in one go. */
function show() {
  const strength = Number(slider.value), values = corrupt(place, kind, strength), asks = network();
  const shares = asks && !(sliding && isSlow()) ? answer(asks, values) : null;
  asked = false;
  changed = performance.now();
  chosen[kind] = strength;
  paint(find("seen"), values);
  find("answer").hidden = find("take").hidden = !asks;
  strip.hidden = find("along").hidden = !asks || isSlow();
  find("answer").classList.toggle("old", Boolean(asks) && !shares);
  if (shares) tell(shares);
  moveMark(strength);
  output.textContent = plain(strength);
  slider.setAttribute("aria-valuetext", `${plain(strength)}, ${ways[kind].unit}`);
  clearTimeout(saying);
  saying = setTimeout(() => { says.textContent = inWords(strength, shares); }, quiet);
}

/** Show what has changed, at most once a frame. */
function ask() {
  if (asked || !started) return;
  asked = true;
  requestAnimationFrame(show);
}

/** What the network says of the image at strengths all along the slider, found while nothing else is to be done. */
function fillStrip() {
  const mine = ++job, name = kind, of = place, said = [], asks = network(), { least, limit } = plot;
  const next = () => {
    if (mine !== job) return;
    if (isSlow()) return void (strip.hidden = find("along").hidden = true);
    if (performance.now() - changed < 200) return void setTimeout(next, 200);
    const strength = least + ((said.length + 0.5) / cells) * (limit - least), began = performance.now();
    said.push(highest(answer(asks, corrupt(of, name, strength))));
    if (said.length < cells) setTimeout(next, performance.now() - began); // half of the time is left to everything else
    else strip.replaceChildren(...runs(said).map(run => makePart(run, images[of].label)));
  };
  strip.replaceChildren();
  if (asks) setTimeout(next, 50);
}

/** Equal answers that follow each other: [[answer, how many], ...]. */
function runs(said) {
  const found = [];
  for (const answer of said)
    if (found.length && found.at(-1)[0] === answer) found.at(-1)[1]++;
    else found.push([answer, 1]);
  return found;
}

/** A part of the strip, as long as the answer is the same. */
function makePart([answer, length], label) {
  const part = elementOf("span", { class: answer === label ? "right" : "wrong", title: names[answer] });
  part.style.flexGrow = length;
  part.append(elementOf("b", {}, names[answer]));
  return part;
}

/** Take another corruption, at the strength that it had. */
function takeKind(name) {
  const way = ways[name];
  kind = name;
  slider.min = way.strengths[0];
  slider.max = way.strengths.at(-1);
  slider.step = way.step;
  slider.value = chosen[name];
  slider.setAttribute("aria-label", `Strength of ${name}`);
  find("unit").textContent = way.unit;
  drawCurve();
  ask();
  fillStrip();
}

/** Take another image. */
function takeImage(i) {
  place = i;
  drawThumbs();
  ask();
  fillStrip();
}

/** Every corruption's picture: the image at its hardest strength. */
function drawThumbs() {
  kinds.forEach((name, i) => {
    const { strengths, neutral } = ways[name], end = strengths[0] === neutral ? strengths.length - 1 : 0;
    paint(pickers[i][1], corrupt(place, name, strengths[end]));
  });
}

/** Move the slider to where the chart is touched. */
function slideTo(event) {
  const box = chart.getBoundingClientRect(), share = (event.clientX - box.left - plot.left) / (plot.right - plot.left);
  slider.value = plot.least + Math.min(Math.max(share, 0), 1) * (plot.limit - plot.least);
  moving(true);
}

/** Begin, once it is in sight. */
function start() {
  if (started) return;
  started = true;
  portraits.forEach(([, thumb], i) => paint(thumb, original(i)));
  drawThumbs();
  takeKind(kind);
  addEventListener("resize", () => { drawCurve(); moveMark(Number(slider.value)); });
}

const pickers = kinds.map(name => choice("ways", name, name));
const portraits = images.map(({ label }, i) => choice("images", i, names[label]));
pickers.forEach(([input]) => { input.onchange = () => takeKind(input.value); });
portraits.forEach(([input], i) => { input.onchange = () => takeImage(i); });
pickers[0][0].checked = portraits[0][0].checked = true;
const moving = is => { sliding = is; ask(); };
slider.oninput = () => moving(true);
slider.onchange = chart.onpointerup = chart.onpointercancel = () => moving(false);
find("take").onclick = () => network().load(corrupt(place, kind, Number(slider.value)), true);
chart.onpointerdown = event => { chart.setPointerCapture(event.pointerId); slideTo(event); };
chart.onpointermove = event => { if (chart.hasPointerCapture(event.pointerId)) slideTo(event); };
find("images").hidden = images.length < 2;
find("seen").width = find("seen").height = side;
root.classList.toggle("large", side > 40);
whenNear(root, start);
window.corruptionSlider = { corrupt, start };
find("live").hidden = false;
find("without").hidden = true; // last: where anything above fails, it stays
