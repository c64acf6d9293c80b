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
  const rubber = find("rub");
  let last = null, loaded = null, asked = false;

  function clear() {
    pen.globalCompositeOperation = "source-over";
    pen.fillStyle = "#fff"; pen.fillRect(0, 0, 280, 280);
    loaded = null; show(null);
    answer.textContent = "Draw, and the network answers.";
  }

  function show(pixels) {
    const picture = seen.createImageData(28, 28);
    for (let i = 0; i < 784; i++) picture.data.set([255, 255, 255].map(white => white - (pixels ? pixels[i] : 0)).concat(255), 4 * i);
    seen.putImageData(picture, 0, 0);
    tell(pixels && shares(pixels));
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

  function load(pixels, focus = false) {
    const still = document.createElement("canvas");
    still.width = still.height = 28;
    const small = still.getContext("2d"), picture = small.createImageData(28, 28);
    for (let i = 0; i < 784; i++) picture.data.set([255 - pixels[i], 255 - pixels[i], 255 - pixels[i], 255], 4 * i);
    small.putImageData(picture, 0, 0);
    pen.drawImage(still, 0, 0, 280, 280);
    loaded = pixels; look();
    if (focus) { pad.scrollIntoView({ block: "nearest" }); pad.focus(); }
  }
  root.querySelectorAll("[data-example]").forEach(button => {
    button.onclick = () => load(bytes(pictures[button.dataset.example]));
  });
  clear();
  const threshold = certainty ? certainty.threshold : null;
  window.networkPad = { side, channels, names, temperature, threshold, logits, shares, load, say };
  window.drawADigit = { frame };
