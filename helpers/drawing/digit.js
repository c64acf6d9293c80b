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
    return centred(shrink(rows));
  }

  /** Rows of ink, no side above 20, with their centre of mass amid 28x28. */
  function centred(small) {
    const sum = values => values.reduce((one, other) => one + other), middle = sums => {
      const mass = sum(sums), moment = sums.reduce((whole, value, i) => whole + value * (2 * i + 1), 0);
      return Math.floor((29 * mass - moment) / (2 * mass));
    };
    const inside = (start, length) => Math.min(Math.max(start, 0), 28 - length);
    const down = inside(middle(small.map(sum)), small.length);
    const across = inside(middle(small[0].map((_, x) => sum(small.map(row => row[x])))), small[0].length);
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
  const rubber = find("rub"), tip = find("pen"), state = find("pen-state"), answered = find("answer");
  let last = null, due = false; // where the pen is while it is down; whether an answer is on its way
  let at = [140, 140], down = false; // the pen that keys move

  function clear() {
    pen.fillStyle = "#fff"; pen.fillRect(0, 0, 280, 280);
    paint(null); tell(null);
  }

  /** The image as the network sees it, dark on white. */
  function paint(pixels) {
    seen.putImageData(inked(pixels || new Uint8Array(784)), 0, 0);
  }

  /** Show an image in the network's form on the pad. */
  function show(pixels) {
    const [still, brush] = canvas(28, 28);
    brush.putImageData(inked(pixels), 0, 0);
    pen.drawImage(still, 0, 0, 280, 280);
    rub(false); paint(pixels);
  }

  function drawn() { // and a border of paper, which the first pixel has to be
    const { data } = pen.getImageData(-1, -1, 282, 282), values = new Uint8Array(282 * 282);
    for (let i = 0; i < values.length; i++) values[i] = data[4 * i + 3] ? data[4 * i] : 255;
    return values;
  }

  function look() { // at most once a frame
    changed();
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      const pixels = frame(drawn(), 282, 282);
      if (!pixels.some(value => value)) return clear();
      paint(pixels); tell(shares(pixels));
    });
  }

  function place(event) {
    const box = pad.getBoundingClientRect();
    return [(event.clientX - box.left - pad.clientLeft) * 280 / pad.clientWidth, (event.clientY - box.top - pad.clientTop) * 280 / pad.clientHeight];
  }

  /** Draw from one point to another, or a dot where they are one: a line of no length need not leave a mark. */
  function line(from, to) {
    const rubbing = rubber.getAttribute("aria-pressed") === "true", width = rubbing ? 34 : 22;
    pen.strokeStyle = pen.fillStyle = rubbing ? "#fff" : "#000"; pen.lineWidth = width; pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    if (from[0] === to[0] && from[1] === to[1]) {
      pen.arc(...to, width / 2, 0, 2 * Math.PI); pen.fill();
    } else {
      pen.moveTo(...from); pen.lineTo(...to); pen.stroke();
    }
    look();
  }

  const busy = value => answered.setAttribute("aria-busy", value); // an answer is read out when the pen is lifted
  pad.onpointerdown = event => { pad.setPointerCapture(event.pointerId); busy(true); tip.hidden = true; last = place(event); line(last, last); };
  pad.onpointermove = event => { if (last) { const next = place(event); line(last, next); last = next; } };
  pad.onpointerup = pad.onpointercancel = () => { last = null; busy(false); };
  const rub = on => rubber.setAttribute("aria-pressed", on);
  rubber.onclick = () => rub(rubber.getAttribute("aria-pressed") !== "true");

  /** An empty pad, and a pen to draw on it. */
  function empty() {
    rub(false); clear();
  }
  find("clear").onclick = () => { changed(); empty(); };

  /** Show the pen that keys move: a ring, filled while it is down. */
  function point() {
    tip.hidden = false; tip.classList.toggle("down", down);
    tip.style.left = at[0] / 2.8 + "%"; tip.style.top = at[1] / 2.8 + "%";
  }
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  pad.onkeydown = event => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (steps[event.key]) {
      const from = at;
      at = at.map((value, axis) => Math.min(Math.max(value + steps[event.key][axis] * (event.shiftKey ? 28 : 7), 0), 280));
      if (down) line(from, at);
    } else if (event.key === " ") {
      down = !down; state.textContent = down ? "Pen down" : "Pen up";
      if (down) line(at, at);
    } else if (event.key === "Delete" || event.key === "Backspace") { changed(); empty(); } else return;
    event.preventDefault(); point();
  };
  pad.onfocus = () => { if (pad.matches(":focus-visible")) point(); };
  pad.onblur = () => { down = false; tip.hidden = true; };

  /** {pixels} of a photograph, or of any picture where the network takes them whole; {reason} where nothing was found. */
  function take(picture) {
    find("photographed").hidden = !ink;
    if (!ink) return { pixels: lightOnDark(fit(picture)) };
    const found = framePlain(greyOf(picture)), scale = 168 / Math.max(picture.width, picture.height);
    const view = find("photograph"), brush = view.getContext("2d");
    view.width = Math.max(1, Math.round(picture.width * scale)); view.height = Math.max(1, Math.round(picture.height * scale));
    brush.imageSmoothingQuality = "high"; brush.drawImage(picture, 0, 0, view.width, view.height);
    if (found.reason) return { reason: `No digit is read here: ${found.reason}. This page reads one dark digit on clean paper; predict.py can do more.` };
    const [left, top, right, bottom] = found.box.map(place => place * scale);
    brush.strokeStyle = "#d55e00"; brush.lineWidth = 3; brush.strokeRect(left - 4, top - 4, right - left + 8, bottom - top + 8);
    return found;
  }

  /** What helpers/forms.py does where the ground is lighter than the middle: light and dark change places. */
  function lightOnDark(pixels) {
    const least = Math.min(...pixels), most = Math.max(...pixels), edge = pixels.filter((_, i) => i < 28 || i >= 756 || i % 28 % 27 === 0);
    return edge.sort()[edge.length >> 1] > (most === least ? 127 : (least + most) / 2) ? pixels.map(value => 255 - value) : pixels;
  }

  const forget = () => { find("photographed").hidden = true; };
  const surface = { show, take, empty, forget, focus: pad, parts: { frame, framePlain, greyOf } };
