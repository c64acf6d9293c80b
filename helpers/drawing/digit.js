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

  /** What helpers/framing.py does in frame_drawing, in whole numbers: the same pixels come out. */
  function frame(pixels, height, width) {
    const ink = Array.from(pixels, value => Math.abs(value - pixels[0])), most = ink.reduce((one, other) => Math.max(one, other));
    if (!most) return new Uint8Array(784);
    let left = width, right = 0, top = height, bottom = 0;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        if (2 * ink[y * width + x] > most) {
          left = Math.min(left, x); right = Math.max(right, x + 1); top = Math.min(top, y); bottom = Math.max(bottom, y + 1);
        }
    const rows = [];
    for (let y = top; y < bottom; y++) rows.push(ink.slice(y * width + left, y * width + right));
    const small = shrink(rows), middle = sums => {
      const mass = sums.reduce((one, other) => one + other), moment = sums.reduce((sum, value, i) => sum + value * (2 * i + 1), 0);
      return Math.floor((29 * mass - moment) / (2 * mass));
    };
    const inside = (start, length) => Math.min(Math.max(start, 0), 28 - length), total = (one, other) => one + other;
    const down = inside(middle(small.map(row => row.reduce(total))), small.length);
    const across = inside(middle(small[0].map((_, x) => small.reduce((sum, row) => sum + row[x], 0))), small[0].length);
    const out = new Uint8Array(784);
    small.forEach((row, y) => out.set(row, (down + y) * 28 + across));
    return out;
  }

  /** Rows of ink with the longer side 20 pixels long: each the mean of the area under it, rounded. */
  function shrink(rows) {
    const longest = Math.max(rows.length, rows[0].length), area = rows.length * rows[0].length;
    const parts = length => Math.max(1, Math.floor((40 * length + longest) / (2 * longest)));
    const squeeze = values => { // sums over equal parts of a row, in whole parts of a pixel
      const count = parts(values.length), out = new Array(count).fill(0);
      values.forEach((value, i) => {
        for (let part = Math.floor(i * count / values.length); part * values.length < (i + 1) * count; part++)
          out[part] += value * (Math.min((part + 1) * values.length, (i + 1) * count) - Math.max(part * values.length, i * count));
      });
      return out;
    };
    const turn = table => table[0].map((_, x) => table.map(row => row[x]));
    const sums = turn(turn(rows.map(squeeze)).map(squeeze));
    return sums.map(row => row.map(sum => Math.floor((2 * sum + area) / (2 * area))));
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

  function drawn() { // and a border of paper, which the first pixel has to be
    const { data } = pen.getImageData(-1, -1, 282, 282), values = new Uint8Array(282 * 282);
    for (let i = 0; i < values.length; i++) values[i] = data[4 * i + 3] ? data[4 * i] : 255;
    return values;
  }

  function look() { // at most once a frame
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      const pixels = loaded || frame(drawn(), 282, 282);
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
  window.drawADigit = { predict, frame, load };
})();
