(() => {
  "use strict";
  const root = document.getElementById("draw-a-digit"), find = name => root.querySelector("." + name);
  const { layers, names, pictures } = JSON.parse(find("values").textContent);
  const bytes = text => Uint8Array.from(atob(text.trim()), letter => letter.charCodeAt(0));
  const weights = new Float32Array(bytes(find("weights").textContent).buffer);
  for (const layer of layers) // [first, end) becomes the numbers themselves
    for (const name of ["scale", "shift", "weights", "bias"]) if (layer[name]) layer[name] = weights.subarray(...layer[name]);

  // Each layer takes and gives {values: Float32Array in the order channel, row, column; channels; side}.
  const compute = {
    scale({ values, channels, side }, layer) {
      const area = side * side, out = new Float32Array(values.length);
      for (let c = 0; c < channels; c++)
        for (let i = c * area; i < (c + 1) * area; i++) out[i] = values[i] * layer.scale[c] + layer.shift[c];
      return { values: out, channels, side };
    },
    normaliseEach({ values, channels, side }, { epsilon }) {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
      return { values: values.map(value => (value - mean) / (deviation + epsilon)), channels, side };
    },
    relu: ({ values, channels, side }) => ({ values: values.map(value => (value > 0 ? value : 0)), channels, side }),
    pool({ values, channels, side }) {
      const half = side >> 1, out = new Float32Array(channels * half * half);
      for (let c = 0, o = 0; c < channels; c++)
        for (let y = 0; y < half; y++)
          for (let x = 0; x < half; x++, o++) {
            const i = (c * side + 2 * y) * side + 2 * x;
            out[o] = Math.max(values[i], values[i + 1], values[i + side], values[i + side + 1]);
          }
      return { values: out, channels, side: half };
    },
    convolution({ values, channels, side }, { size, stride, padding, outputs, weights, bias }) {
      const wide = side + 2 * padding, end = Math.floor((wide - size) / stride) + 1, padded = new Float32Array(channels * wide * wide);
      for (let c = 0; c < channels; c++)
        for (let y = 0; y < side; y++)
          padded.set(values.subarray((c * side + y) * side, (c * side + y + 1) * side), (c * wide + y + padding) * wide + padding);
      const out = new Float32Array(outputs * end * end);
      for (let o = 0, w = 0; o < outputs; o++) {
        const plane = out.subarray(o * end * end, (o + 1) * end * end).fill(bias[o]);
        for (let c = 0; c < channels; c++)
          for (let ky = 0; ky < size; ky++)
            for (let kx = 0; kx < size; kx++, w++) {
              const weight = weights[w];
              for (let y = 0, p = 0; y < end; y++) {
                let i = (c * wide + y * stride + ky) * wide + kx;
                for (let x = 0; x < end; x++, i += stride) plane[p++] += weight * padded[i];
              }
            }
      }
      return { values: out, channels: outputs, side: end };
    },
    linear({ values }, { inputs, outputs, weights, bias }) {
      const out = new Float32Array(outputs);
      for (let o = 0, w = 0; o < outputs; o++) {
        let sum = bias[o];
        for (let i = 0; i < inputs; i++) sum += weights[w++] * values[i];
        out[o] = sum;
      }
      return { values: out, channels: outputs, side: 1 };
    },
  };

  /** Probabilities, one a class, for 784 pixels from 0 to 255, ink high. */
  function predict(pixels) {
    let state = { values: Float32Array.from(pixels), channels: 1, side: 28 };
    for (const layer of layers) state = compute[layer.kind](state, layer);
    const most = Math.max(...state.values), powers = Array.from(state.values, score => Math.exp(score - most));
    const sum = powers.reduce((one, other) => one + other);
    return powers.map(power => power / sum);
  }

  /** What MNIST's makers did: scale into 20x20 keeping the shape, then put the centre of mass into the middle of 28x28. */
  function prepare(ink, side) {
    let left = side, right = -1, top = side, bottom = -1;
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++)
        if (ink[y * side + x] > 24) {
          left = Math.min(left, x); right = Math.max(right, x); top = Math.min(top, y); bottom = Math.max(bottom, y);
        }
    const out = new Uint8ClampedArray(784);
    if (right < 0) return out;
    const scale = 20 / Math.max(right - left + 1, bottom - top + 1), fine = Math.ceil(1 / scale) + 1;
    const width = Math.max(1, Math.round((right - left + 1) * scale)), height = Math.max(1, Math.round((bottom - top + 1) * scale));
    const small = new Float32Array(width * height);
    let mass = 0, acrossMass = 0, downMass = 0;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        let sum = 0; // the mean over a grid of points inside the pixel
        for (let j = 0; j < fine; j++)
          for (let i = 0; i < fine; i++) {
            const sx = left + Math.floor((x + (i + 0.5) / fine) / scale), sy = top + Math.floor((y + (j + 0.5) / fine) / scale);
            if (sx <= right && sy <= bottom) sum += ink[sy * side + sx];
          }
        const value = sum / (fine * fine);
        small[y * width + x] = value; mass += value; acrossMass += value * (x + 0.5); downMass += value * (y + 0.5);
      }
    const dx = Math.round(14 - acrossMass / mass), dy = Math.round(14 - downMass / mass);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        if (x + dx >= 0 && x + dx < 28 && y + dy >= 0 && y + dy < 28) out[(y + dy) * 28 + x + dx] = small[y * width + x];
    return out;
  }

  const pad = find("pad"), pen = pad.getContext("2d", { willReadFrequently: true }), seen = find("seen").getContext("2d");
  const body = find("bars").tBodies[0], rubber = find("rub"), answer = find("answer");
  const rows = names.map(name => {
    const row = body.insertRow(), head = document.createElement("th");
    head.scope = "row"; head.textContent = name; row.append(head);
    row.insertCell().innerHTML = '<span class="bar"></span>';
    row.insertCell().textContent = "";
    return row;
  });
  let last = null, loaded = null, asked = false;

  function clear() {
    pen.globalCompositeOperation = "source-over";
    pen.fillStyle = "#fff"; pen.fillRect(0, 0, 280, 280);
    loaded = null; show(null);
    answer.textContent = "Draw, and the network answers.";
  }

  function show(pixels) {
    const picture = seen.createImageData(28, 28), shares = pixels && predict(pixels);
    for (let i = 0; i < 784; i++) picture.data.set([255, 255, 255].map(white => white - (pixels ? pixels[i] : 0)).concat(255), 4 * i);
    seen.putImageData(picture, 0, 0);
    const best = shares ? shares.indexOf(Math.max(...shares)) : -1;
    const tenth = shares && shares.length > 12 ? [...shares].sort((one, other) => other - one)[9] : 0; // of many, ten show
    rows.forEach((row, place) => {
      row.className = place === best ? "first" : "";
      row.hidden = shares ? shares[place] < tenth : rows.length > 12 && place >= 10;
      row.cells[1].firstChild.style.width = shares ? 100 * shares[place] + "%" : "0";
      row.cells[2].textContent = shares ? (100 * shares[place]).toFixed(1) + " %" : "";
    });
    if (shares) answer.textContent = `The network says ${names[best]}, with ${(100 * shares[best]).toFixed(0)} %.`;
  }

  function ink() {
    const { data } = pen.getImageData(0, 0, 280, 280), values = new Uint8ClampedArray(78400);
    for (let i = 0; i < values.length; i++) values[i] = 255 - data[4 * i];
    return values;
  }

  function look() { // at most once a frame
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      const pixels = loaded || prepare(ink(), 280);
      if (pixels.some(value => value)) show(pixels); else clear();
    });
  }

  function place(event) {
    const box = pad.getBoundingClientRect();
    return [(event.clientX - box.left) * 280 / box.width, (event.clientY - box.top) * 280 / box.height];
  }

  function line(from, to) {
    const rubbing = rubber.getAttribute("aria-pressed") === "true";
    pen.strokeStyle = rubbing ? "#fff" : "#000"; pen.lineWidth = rubbing ? 34 : 22; pen.lineCap = pen.lineJoin = "round";
    pen.beginPath(); pen.moveTo(...from); pen.lineTo(...to); pen.stroke();
    loaded = null; look();
  }

  pad.onpointerdown = event => { pad.setPointerCapture(event.pointerId); last = place(event); line(last, last); };
  pad.onpointermove = event => { if (last) { const next = place(event); line(last, next); last = next; } };
  pad.onpointerup = pad.onpointercancel = () => { last = null; };
  find("clear").onclick = clear;
  rubber.onclick = () => rubber.setAttribute("aria-pressed", rubber.getAttribute("aria-pressed") !== "true");

  function load(pixels) {
    const still = document.createElement("canvas");
    still.width = still.height = 28;
    const small = still.getContext("2d"), picture = small.createImageData(28, 28);
    for (let i = 0; i < 784; i++) picture.data.set([255 - pixels[i], 255 - pixels[i], 255 - pixels[i], 255], 4 * i);
    small.putImageData(picture, 0, 0);
    pen.drawImage(still, 0, 0, 280, 280);
    loaded = pixels; look();
  }
  root.querySelectorAll("[data-example]").forEach(button => {
    button.onclick = () => load(bytes(pictures[button.dataset.example]));
  });
  find("examples").hidden = !pictures.length;
  find("live").hidden = false;
  clear();
  window.drawADigit = { predict, prepare, load };
})();
