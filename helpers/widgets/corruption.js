const root = document.getElementById("corruption-slider"), find = name => root.querySelector("." + name);
const { ways, images, names, channels, side, count, ink, half } = JSON.parse(find("values").textContent);
const area = side * side, size = channels * area, single = Math.fround;
let pixels, noise; // decoded on first use

/** The bytes of a part of the page that is base64. */
function bytes(name) {
  return Uint8Array.from(atob(find(name).textContent.trim()), letter => letter.charCodeAt(0));
}

/** The number that 16 bits stand for: a sign, 5 bits of exponent, 10 of fraction (IEEE 754). */
function widen(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
}

function decode() {
  if (pixels) return;
  pixels = bytes("pixels");
  const { buffer } = bytes("noise");
  noise = half ? Float32Array.from(new Uint16Array(buffer), widen) : new Float32Array(buffer);
}

// What helpers/corruptions.py does, in single precision and in its order. Each operation takes pixels, a Float32Array
// in the order channel, row, column, with a background of 0, the strength, and the image with what was drawn for it.
const operations = {
  rotation: (values, strength, { sign }) => warp(values, { rotation: sign * strength }),
  shift: (values, strength, { direction }) => warp(values, {
    right: single(single(Math.cos(direction)) * single(strength)), down: single(single(Math.sin(direction)) * single(strength)),
  }),
  zoom: (values, strength) => warp(values, { size: strength }),
  shear: (values, strength, { sign }) => warp(values, { shear: sign * strength }),
  blur(values, strength) {
    if (!strength) return values;
    const reach = Math.trunc(3 * strength + 1), places = Array.from({ length: 2 * reach + 1 }, (_, i) => i - reach);
    const bell = places.map(place => single(Math.exp(single(-(place ** 2) / single(2 * strength ** 2)))));
    const sum = single(bell.reduce((one, other) => one + other)), weights = bell.map(height => single(height / sum));
    return slide(slide(values, weights, reach, true), weights, reach, false);
  },
  noise: (values, strength, { place }) => values.map((value, i) => value + single(single(noise[place * size + i] * 255) * single(strength))),
  contrast(values, strength) {
    const mean = single(values.reduce((one, other) => one + other, 0) / size);
    return values.map(value => mean + single(single(value - mean) * single(strength)));
  },
  occlusion(values, strength, { row, column }) {
    const first = share => Math.floor(single(single(share) * single(side - strength + 1)));
    const within = (place, start) => place >= start && place < single(start + single(strength));
    const top = first(row), left = first(column);
    return values.map((value, i) => (within(Math.floor(i / side) % side, top) && within(i % side, left) ? 0 : value));
  },
};

/** Rotate and shear by degrees, scale by `size`, translate by pixels; bilinear, and what comes from outside is 0. */
function warp(values, { rotation = 0, size: factor = 1, shear = 0, right = 0, down = 0 }) {
  const radians = degrees => single(single(degrees) * single(Math.PI / 180)), angle = radians(rotation);
  const slant = single(Math.tan(radians(shear))), scale = single(1 / single(factor));
  const cos = single(single(Math.cos(angle)) * scale), sin = single(single(Math.sin(angle)) * scale);
  const across = [cos, single(single(cos * slant) - sin), single(single(-right * 2) / side)];
  const along = [sin, single(single(sin * slant) + cos), single(single(-down * 2) / side)];
  const grid = Float32Array.from({ length: side }, (_, i) => {
    const gap = single(2 / (side - 1)), place = i < side / 2 ? -1 + single(gap * i) : 1 - single(gap * (side - 1 - i));
    return single(single(single(place) * (side - 1)) / side);
  });
  const look = ([a, b, c], x, y) => single(single(b * y + single(a * x)) + c); // where to look, from -1 to 1
  const there = place => single(single(single(place + 1) * (side / 2)) - 0.5);
  const out = new Float32Array(size);
  for (let y = 0, o = 0; y < side; y++)
    for (let x = 0; x < side; x++, o++) {
      const [u, v] = [there(look(across, grid[x], grid[y])), there(look(along, grid[x], grid[y]))];
      const left = Math.floor(u), top = Math.floor(v), west = single(u - left), north = single(v - top);
      const east = single(1 - west), south = single(1 - north);
      for (let c = 0; c < channels; c++) {
        const at = (row, column) => (row < 0 || column < 0 || row >= side || column >= side ? 0 : values[c * area + row * side + column]);
        const upper = single(single(at(top, left) * single(east * south)) + single(at(top, left + 1) * single(west * south)));
        const lower = single(upper + single(at(top + 1, left) * single(east * north)));
        out[c * area + o] = lower + single(at(top + 1, left + 1) * single(west * north));
      }
    }
  return out;
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

/** An image, by its place among those of the page, corrupted: a Uint8Array in the order channel, row, column. */
function corrupt(place, name, strength) {
  decode();
  const image = images[place], ground = i => single(image.background[Math.floor(i / area)]);
  const values = Float32Array.from(pixels.subarray(place * size, (place + 1) * size), (value, i) => value - ground(i));
  const changed = operations[name](values, strength, { ...image, place });
  return Uint8Array.from(changed, (value, i) => Math.min(Math.max(even(single(value + ground(i))), 0), 255));
}

/** The nearest whole number, and of two the even one, as PyTorch rounds. */
function even(value) {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + Math.abs(below % 2) : Math.round(value);
}

const slider = find("strength"), says = find("says"), chart = root.querySelector("svg"), strip = find("strip"), output = root.querySelector("output");
const kinds = Object.keys(ways), chosen = Object.fromEntries(kinds.map(name => [name, halfway(ways[name])]));
const most = 12; // classes whose bars all show; of more, the ten most probable ones
const quiet = 250; // milliseconds without a change after which the result is said
let kind = kinds[0], place = 0, started = false, asked = false, last = 0, saying = 0, plot = null, job = 0;

/** The strength, among those that were counted, halfway from no change to the hardest. */
function halfway({ strengths, neutral }) {
  const start = strengths.indexOf(neutral), end = start ? 0 : strengths.length - 1;
  return strengths[Math.round((start + end) / 2)];
}

const percent = (share, places = 1) => (100 * share).toFixed(places) + "%";
const plain = value => String(Number(value.toPrecision(6)));
const network = () => (window.networkPad && networkPad.side === side && networkPad.channels === channels ? networkPad : null);

/** An element with these attributes and this text. */
function make(name, attributes = {}, text = "", space = "http://www.w3.org/1999/xhtml") {
  const made = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}
const draw = (name, attributes, text) => make(name, attributes, text, "http://www.w3.org/2000/svg");

/** A choice among several, as a button with a small picture: [its input, the picture's canvas]. */
function choice(group, value, text) {
  const label = make("label", { title: text }), input = make("input", { type: "radio", name: "corruption-" + group, value });
  const thumb = make("canvas", { width: side, height: side, "aria-hidden": "true" });
  label.append(input, thumb, make("span", {}, text));
  find(group).querySelector(".chips").append(label);
  return [input, thumb];
}

/** Draw pixels on a canvas of `side` by `side`: ink dark on white, other images as they are. */
function paint(canvas, values) {
  const pen = canvas.getContext("2d"), shown = pen.createImageData(side, side);
  for (let i = 0; i < area; i++)
    for (let c = 0; c < 4; c++) {
      const value = c === 3 ? 255 : values[(channels === 3 ? c : 0) * area + i];
      shown.data[4 * i + c] = ink && c < 3 ? 255 - value : value;
    }
  pen.putImageData(shown, 0, 0);
}

const rows = names.map(name => {
  const row = make("div", { class: "row" }), track = make("span", { class: "track" });
  track.append(make("i"));
  row.append(make("span", { class: "name", title: name }, name), track, make("span", { class: "share" }));
  find("bars").append(row);
  return row;
});

function tell(shares) {
  const best = shares.indexOf(Math.max(...shares)), { label } = images[place];
  const least = names.length > most ? [...shares].sort((one, other) => other - one)[9] : 0;
  rows.forEach((row, i) => {
    row.hidden = shares[i] < least && i !== label;
    row.className = "row" + (i === label ? " true" : i === best ? " wrong" : "");
    row.children[1].firstChild.style.width = 100 * shares[i] + "%";
    row.children[2].textContent = percent(shares[i]);
  });
  return best;
}

/** The accuracy at a strength: as it was counted, or on the line between two that were. */
function accuracy({ strengths, accuracy: shares }, strength) {
  const after = Math.max(1, strengths.findIndex(value => value >= strength - 1e-9)), before = after - 1;
  const part = (strength - strengths[before]) / (strengths[after] - strengths[before]);
  return shares[before] + part * (shares[after] - shares[before]);
}

function inWords(strength, shares) {
  const way = ways[kind], { label } = images[place], counted = way.strengths.findIndex(value => Math.abs(value - strength) < 1e-9);
  const parts = [`${kind[0].toUpperCase()}${kind.slice(1)} ${plain(strength)}:`];
  if (shares) {
    const best = shares.indexOf(Math.max(...shares));
    parts.push(`the network says ${names[best]}, ${percent(shares[best])},`, best === label ? "which is right." : `but it is ${names[label]}.`);
  }
  if (counted >= 0)
    parts.push(`At this strength ${percent(way.accuracy[counted])} of ${count.toLocaleString("en")} images are right (95% interval ${percent(way.low[counted])} to ${percent(way.high[counted])}).`);
  else parts.push(`Between the strengths that were counted, about ${percent(accuracy(way, strength), 0)} of the images are right.`);
  return parts.join(" ");
}

/** The curve of accuracy, as wide as there is room; `plot` then says where a strength and a share stand. */
function drawCurve() {
  const way = ways[kind], width = Math.max(chart.clientWidth, 240), height = 190, left = 44, right = 18, top = 22, bottom = 26;
  const [least, most] = [way.strengths[0], way.strengths.at(-1)], x = value => left + ((value - least) / (most - least)) * (width - left - right);
  const y = share => top + (1 - share) * (height - top - bottom), points = shares => way.strengths.map((value, i) => [x(value), y(shares[i])]);
  const path = list => list.map(pair => pair.map(value => value.toFixed(1)).join(",")).join(" ");
  chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
  chart.style.height = height + "px";
  chart.replaceChildren();
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    chart.append(draw("line", { class: "grid", x1: left, x2: width - right, y1: y(share), y2: y(share) }));
    if (share * 2 % 1 === 0) chart.append(draw("text", { class: "tick", x: left - 8, y: y(share) + 4.5, "text-anchor": "end" }, 100 * share + "%"));
  }
  let free = -Infinity; // where the next label may begin
  for (const value of way.strengths) {
    chart.append(draw("line", { class: "grid", x1: x(value), x2: x(value), y1: y(0), y2: y(0) + 5 }));
    if (x(value) - 5 * plain(value).length < free) continue;
    chart.append(draw("text", { class: "tick", x: x(value), y: height - 6, "text-anchor": "middle" }, plain(value)));
    free = x(value) + 5 * plain(value).length + 4;
  }
  const unharmed = way.accuracy[way.strengths.indexOf(way.neutral)];
  chart.append(draw("line", { class: "clean", x1: left, x2: width - right, y1: y(unharmed), y2: y(unharmed) }));
  chart.append(draw("polygon", { class: "band", points: path([...points(way.low), ...points(way.high).reverse()]) }));
  chart.append(draw("polyline", { class: "line", points: path(points(way.accuracy)) }));
  for (const [cx, cy] of points(way.accuracy)) chart.append(draw("circle", { class: "counted", cx, cy, r: 3 }));
  const mark = draw("g", { class: "mark" }), stem = draw("line", { y1: top - 4, y2: height - bottom }), dot = draw("circle", { r: 7 });
  mark.append(stem, dot, draw("text", {}));
  chart.append(mark);
  slider.style.marginLeft = left - 13 + "px"; slider.style.width = width - left - right + 26 + "px"; // its thumb is 26 wide
  strip.style.marginLeft = left + "px"; strip.style.width = width - left - right + "px";
  plot = { x, y, left, right: width - right, least, most, mark };
}

function moveMark(strength) {
  const [stem, dot, text] = plot.mark.children, share = accuracy(ways[kind], strength), at = plot.x(strength);
  for (const end of ["x1", "x2"]) stem.setAttribute(end, at);
  dot.setAttribute("cx", at); dot.setAttribute("cy", plot.y(share));
  const before = at > (plot.left + plot.right) / 2, low = share > 0.8;
  text.setAttribute("x", at + (before ? -12 : 12)); text.setAttribute("y", plot.y(share) + (low ? 24 : -10));
  text.setAttribute("text-anchor", before ? "end" : "start"); text.textContent = percent(share);
}

/** All that moves with the slider, in one go. */
function show() {
  asked = false; last = performance.now();
  const strength = Number(slider.value), values = corrupt(place, kind, strength), asks = network();
  chosen[kind] = strength;
  paint(find("seen"), values);
  find("answer").hidden = !asks; strip.hidden = !asks;
  const shares = asks && Array.from(asks.shares(values));
  if (shares) tell(shares);
  moveMark(strength);
  output.textContent = plain(strength);
  slider.setAttribute("aria-valuetext", `${plain(strength)}, ${ways[kind].unit}`);
  clearTimeout(saying);
  saying = setTimeout(() => { says.textContent = inWords(strength, shares); }, quiet);
}

function ask() { // at most once a frame
  if (!asked && started) { asked = true; requestAnimationFrame(show); }
}

/** What the network says of the image at strengths all along the slider, found while nothing else is to be done. */
function fillStrip() {
  const mine = ++job, way = ways[kind], of = place, cells = 40, said = [], asks = network();
  strip.replaceChildren();
  const next = () => {
    if (mine !== job || !asks) return;
    if (performance.now() - last < 200) return void setTimeout(next, 200);
    const strength = plot.least + ((said.length + 0.5) / cells) * (plot.most - plot.least), shares = Array.from(asks.shares(corrupt(of, kind, strength)));
    said.push(shares.indexOf(Math.max(...shares)));
    if (said.length < cells) return void setTimeout(next, 4);
    for (let i = 0; i < cells; ) {
      let end = i + 1;
      while (end < cells && said[end] === said[i]) end++;
      const part = make("span", { class: said[i] === images[of].label ? "right" : "wrong" });
      part.style.flexGrow = end - i;
      part.append(make("b", {}, names[said[i]]));
      strip.append(part);
      i = end;
    }
  };
  if (asks) setTimeout(next, 50);
}

function takeKind(name) {
  const way = ways[kind = name], first = way.strengths[0];
  slider.min = first; slider.max = way.strengths.at(-1); slider.step = way.step; slider.value = chosen[name];
  slider.setAttribute("aria-label", `Strength of ${name}`);
  find("unit").textContent = way.unit;
  drawCurve(); ask(); fillStrip();
}

const pickers = kinds.map(name => choice("ways", name, name)), portraits = images.map(({ label }, i) => choice("images", i, names[label]));
pickers.forEach(([input]) => { input.onchange = () => takeKind(input.value); });
portraits.forEach(([input], i) => { input.onchange = () => { place = i; thumbs(); ask(); fillStrip(); }; });
pickers[0][0].checked = portraits[0][0].checked = true;
find("images").hidden = images.length < 2;
slider.oninput = ask;
for (const canvas of [find("seen")]) canvas.width = canvas.height = side;
if (side > 40) root.classList.add("large");

/** Every corruption's picture: the image at its hardest strength. */
function thumbs() {
  kinds.forEach((name, i) => {
    const { strengths, neutral } = ways[name];
    paint(pickers[i][1], corrupt(place, name, strengths[0] === neutral ? strengths.at(-1) : strengths[0]));
  });
}

function slideTo(event) {
  const box = chart.getBoundingClientRect(), share = (event.clientX - box.left - plot.left) / (plot.right - plot.left);
  slider.value = plot.least + Math.min(Math.max(share, 0), 1) * (plot.most - plot.least);
  ask();
}
chart.onpointerdown = event => { chart.setPointerCapture(event.pointerId); slideTo(event); };
chart.onpointermove = event => { if (chart.hasPointerCapture(event.pointerId)) slideTo(event); };

function start() {
  if (started) return;
  started = true;
  decode();
  portraits.forEach(([, thumb], i) => paint(thumb, pixels.subarray(i * size, (i + 1) * size)));
  thumbs();
  takeKind(kind);
  addEventListener("resize", () => { drawCurve(); moveMark(Number(slider.value)); });
}
find("live").hidden = false;
if ("IntersectionObserver" in window) {
  const watch = new IntersectionObserver(seen => { if (seen.some(one => one.isIntersecting)) { watch.disconnect(); start(); } }, { rootMargin: "300px" });
  watch.observe(root);
} else start();
root.addEventListener("focusin", start);
window.corruptionSlider = { corrupt, start };
