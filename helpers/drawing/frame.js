  // What both pads share: bars, examples, and pictures that are chosen, dropped or pasted. `surface` is the pad's own part:
  // show an image in the network's form; take a picture, and give {pixels} in that form or a {reason}; be empty.
  const answer = find("answer"), bars = find("bars"), zone = find("drop"), ask = answer.textContent;
  const still = matchMedia("(prefers-reduced-motion: reduce)"), area = side * side;

  function canvas(width, height) {
    const made = Object.assign(document.createElement("canvas"), { width, height });
    return [made, made.getContext("2d", { willReadFrequently: true })];
  }

  const rows = names.map(name => {
    const row = document.createElement("li"), parts = ["name", "track", "share"].map(kind => Object.assign(document.createElement("span"), { className: kind }));
    parts[0].textContent = name; parts[1].append(Object.assign(document.createElement("span"), { className: "bar" }));
    row.append(parts[0], " ", parts[1], " ", parts[2]); bars.append(row);
    return { row, bar: parts[1].firstChild, share: parts[2] };
  });
  bars.style.setProperty("--longest", Math.min(Math.max(...names.map(name => name.length)), 14) + "ch");

  const speak = text => { if (answer.textContent !== text) answer.textContent = text; };

  /** Show probabilities, one per class, as bars, and say what they mean, and `more`; null empties the bars. */
  function tell(found, more = "") {
    const best = found ? found.indexOf(Math.max(...found)) : -1;
    const tenth = found && found.length > 12 ? [...found].sort((one, other) => other - one)[9] : 0; // of many, ten show
    rows.forEach(({ row, bar, share }, place) => {
      row.className = place === best ? "first" : "";
      row.hidden = found ? found[place] < tenth : rows.length > 12 && place >= 10;
      bar.style.width = found ? 100 * found[place] + "%" : "0";
      share.textContent = found ? percent(found[place]).replace("over ", ">") : "";
    });
    const { sure, text } = found ? say(found) : {};
    find("unsure").hidden = sure !== false;
    if (!found) return speak(ask);
    speak(`The network ${sure === false ? "is" : "says"} ${text}.${more}`);
  }

  let asked = 0; // which image was asked for last: what is ready later than the next is not shown
  const changed = () => { asked++; surface.forget(); choose(null); };

  /** Show an image that is in the network's form already; with `focus` go to it. */
  function load(pixels, focus = false, more = "") {
    changed();
    const values = Uint8Array.from(pixels);
    surface.show(values); tell(shares(values), more);
    if (focus) surface.focus.focus({ preventScroll: true });
    if (focus) come();
  }

  /** Bring the pad and its answer into sight, or its top where they are higher than the window. */
  function come() {
    const board = find("board"), { top, bottom, height } = board.getBoundingClientRect();
    const isFar = Math.max(-top, bottom - innerHeight) > 2 * innerHeight; // along a page that is long, that takes seconds
    const block = height < 0.9 * innerHeight ? "nearest" : "start";
    board.scrollIntoView({ block, behavior: isFar || still.matches ? "instant" : "smooth" });
  }

  async function read(blob) {
    changed();
    const mine = asked;
    speak("Looking at it …");
    const picture = await createImageBitmap(blob).catch(() => null);
    await new Promise(done => requestAnimationFrame(() => setTimeout(done))); // so that this is seen meanwhile
    if (mine !== asked) return;
    const found = picture ? surface.take(picture) : { reason: "This is no picture that the browser can open." };
    if (found.reason) surface.empty(); else { surface.show(found.pixels); tell(shares(found.pixels)); }
    if (found.reason) speak(found.reason);
    come();
  }

  /** A picture in the form that the network takes: its shape is kept, and the rest is the median of its border. */
  function fit(picture) {
    const scale = side / Math.max(picture.width, picture.height), length = value => Math.max(1, round(value * scale));
    const [small, brush] = shrunken(picture, length(picture.width), length(picture.height));
    const { data } = brush.getImageData(0, 0, small.width, small.height), [whole, ground] = canvas(side, side);
    ground.fillStyle = `rgb(${median(data, small.width, small.height)})`; ground.fillRect(0, 0, side, side);
    ground.drawImage(small, (side - small.width) >> 1, (side - small.height) >> 1);
    return planes(ground.getImageData(0, 0, side, side).data);
  }

  /** The medians of red, green and blue on the border of an image. */
  function median(data, width, height) {
    const border = [];
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) if (!x || !y || x === width - 1 || y === height - 1) border.push(4 * (y * width + x));
    return [0, 1, 2].map(c => border.map(i => data[i + c]).sort((one, other) => one - other)[border.length >> 1]);
  }

  /** The nearest whole number, and of two the even one, as Python rounds. */
  function round(value) {
    const below = Math.floor(value);
    return value - below === 0.5 ? below + below % 2 : Math.round(value);
  }

  /** The colour of the paper under a picture that is transparent in parts: black under light ink, else white. */
  function paperOf(picture) {
    const scale = Math.min(1, 256 / Math.max(picture.width, picture.height)), length = value => Math.max(1, round(value * scale));
    const [small, brush] = canvas(length(picture.width), length(picture.height));
    brush.drawImage(picture, 0, 0, small.width, small.height);
    const { data } = brush.getImageData(0, 0, small.width, small.height);
    let light = 0, opacity = 0; // as helpers/pictures.py weighs them
    for (let i = 0; i < data.length; i += 4) {
      light += (data[i] + data[i + 1] + data[i + 2]) * data[i + 3]; opacity += data[i + 3];
    }
    return light > 3 * 127 * opacity ? "#000" : "#fff";
  }

  /** [canvas, its context] with a picture on paper, halved as often as it takes: so that no pixel is left out. */
  function shrunken(picture, wanted, tall) {
    const paper = paperOf(picture);
    let [made, brush] = canvas(Math.max(wanted, Math.min(picture.width, 4096)), Math.max(tall, Math.min(picture.height, 4096)));
    const draw = source => {
      brush.imageSmoothingQuality = "high"; brush.fillStyle = paper; brush.fillRect(0, 0, made.width, made.height);
      brush.drawImage(source, 0, 0, made.width, made.height);
    };
    draw(picture);
    while (made.width > wanted || made.height > tall) {
      const before = made;
      [made, brush] = canvas(Math.max(wanted, made.width >> 1), Math.max(tall, made.height >> 1));
      draw(before);
    }
    return [made, brush];
  }

  /** Pixels in the order channel, row, column, from those of a canvas; grey by the weights of ITU-R BT.601. */
  function planes(data, count = area) {
    const out = new Uint8Array(channels * count);
    for (let i = 0; i < count; i++)
      if (channels === 3) for (let c = 0; c < 3; c++) out[c * count + i] = data[4 * i + c];
      else out[i] = Math.round((299 * data[4 * i] + 587 * data[4 * i + 1] + 114 * data[4 * i + 2]) / 1000);
    return out;
  }

  /** The pixels of a drawing, ink light on dark, as dark ink on white. */
  function inked(pixels) {
    const shown = new ImageData(28, 28);
    for (let i = 0; i < 784; i++) shown.data.set([255 - pixels[i], 255 - pixels[i], 255 - pixels[i], 255], 4 * i);
    return shown;
  }

  const isPicture = file => file.type.startsWith("image/"), firstPicture = files => [...files].find(isPicture) || files[0];
  const chosen = find("file");
  chosen.onchange = () => { if (chosen.files.length) read(chosen.files[0]); };
  chosen.onclick = () => { chosen.value = ""; }; // so that the same file can be chosen again
  root.ondragover = event => {
    if (!event.dataTransfer.types.includes("Files")) return; // text is dragged to where it may go
    event.preventDefault(); zone.classList.add("over");
  };
  root.ondragleave = () => zone.classList.remove("over");
  root.ondrop = event => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault(); zone.classList.remove("over");
    if (event.dataTransfer.files.length) read(firstPicture(event.dataTransfer.files));
  };
  const WRITING = "input, textarea, [contenteditable], .cm-editor"; // what is pasted there is not for the pad
  document.addEventListener("paste", event => {
    if (!root.isConnected || event.defaultPrevented || (event.target.closest && event.target.closest(WRITING))) return;
    const picture = [...(event.clipboardData ? event.clipboardData.files : [])].find(isPicture);
    if (picture) { event.preventDefault(); read(picture); }
  });

  const itsLabel = ({ label }) => ` Its label is ${isolated(label)}.`;

  /** Cut the sprite of the examples into thumbnails, and show the first of them, without a word to who listens. */
  async function begin() {
    if (!examples.length) return;
    const sheet = await createImageBitmap(new Blob([bytes(find("sprite").textContent)], { type: "image/png" }));
    const [, brush] = canvas(sheet.width, sheet.height), across = sheet.width / side;
    brush.drawImage(sheet, 0, 0);
    const images = examples.map((_, i) => planes(brush.getImageData((i % across) * side, Math.floor(i / across) * side, side, side).data));
    root.querySelectorAll("[data-example]").forEach((button, i) => {
      const thumb = button.querySelector("canvas"), label = itsLabel(examples[i]);
      thumb.width = thumb.height = side;
      thumb.getContext("2d").putImageData(brush.getImageData((i % across) * side, Math.floor(i / across) * side, side, side), 0, 0);
      button.onclick = () => { load(images[i], false, label); come(); choose(button); };
    });
    if (asked) return;
    answer.setAttribute("aria-live", "off");
    load(images[0], false, itsLabel(examples[0]));
    choose(root.querySelector("[data-example]"));
    setTimeout(() => answer.setAttribute("aria-live", "polite"), 500);
  }
  function choose(button) {
    root.querySelectorAll("[data-example]").forEach(other => other.setAttribute("aria-pressed", other === button));
  }

  find("examples").hidden = !examples.length;
  surface.empty();
  const threshold = certainty ? certainty.threshold : null;
  window.networkPad = { side, channels, names, temperature, threshold, logits, shares, load, say, parts: { fit, ...surface.parts } };
  requestAnimationFrame(() => setTimeout(begin)); // after the page is seen
  zone.hidden = find("live").hidden = false;
  find("without").hidden = true; // last: where anything above fails, it stays
