  const seen = find("picture"), pen = seen.getContext("2d"), zone = find("drop"), area = side * side;
  const canvas = (width, height) => {
    const made = Object.assign(document.createElement("canvas"), { width, height });
    return [made, made.getContext("2d", { willReadFrequently: true })];
  };

  /** A picture in the form that the network takes: its shape is kept, and the rest is the median of its border. */
  function fit(picture, width, height) {
    const scale = side / Math.max(width, height), length = value => Math.max(1, round(value * scale));
    const [small, brush] = shrink(picture, width, height, length(width), length(height));
    const { data } = brush.getImageData(0, 0, small.width, small.height), border = [];
    for (let y = 0; y < small.height; y++)
      for (let x = 0; x < small.width; x++)
        if (!x || !y || x === small.width - 1 || y === small.height - 1) border.push(4 * (y * small.width + x));
    const median = [0, 1, 2].map(c => border.map(i => data[i + c]).sort((one, other) => one - other)[border.length >> 1]);
    const [whole, ground] = canvas(side, side);
    ground.fillStyle = `rgb(${median})`; ground.fillRect(0, 0, side, side);
    ground.drawImage(small, (side - small.width) >> 1, (side - small.height) >> 1);
    return planes(ground.getImageData(0, 0, side, side).data);
  }

  /** The nearest whole number, and of two the even one, as Python rounds. */
  function round(value) {
    const below = Math.floor(value);
    return value - below === 0.5 ? below + below % 2 : Math.round(value);
  }

  /** [canvas, its context] with a picture on white paper, halved as often as it takes: so that no pixel is left out. */
  function shrink(picture, width, height, wanted, tall) {
    let [made, brush] = canvas(Math.max(wanted, Math.min(width, 4096)), Math.max(tall, Math.min(height, 4096)));
    const draw = source => {
      brush.imageSmoothingQuality = "high"; brush.fillStyle = "#fff"; brush.fillRect(0, 0, made.width, made.height);
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
  function planes(data) {
    const out = new Uint8Array(channels * area);
    for (let i = 0; i < area; i++)
      if (channels === 3) for (let c = 0; c < 3; c++) out[c * area + i] = data[4 * i + c];
      else out[i] = Math.round((299 * data[4 * i] + 587 * data[4 * i + 1] + 114 * data[4 * i + 2]) / 1000);
    return out;
  }

  function paint(pixels) {
    const shown = pen.createImageData(side, side);
    for (let i = 0; i < area; i++)
      for (let c = 0; c < 4; c++) shown.data[4 * i + c] = c === 3 ? 255 : pixels[(channels === 3 ? c : 0) * area + i];
    pen.putImageData(shown, 0, 0);
  }

  let asked = 0; // which picture was chosen last: another that is ready later is not shown

  async function read(blob) {
    const mine = ++asked;
    answer.textContent = "Looking at it …";
    try {
      const picture = await createImageBitmap(blob);
      const pixels = fit(picture, picture.width, picture.height);
      if (mine !== asked) return;
      paint(pixels);
      await new Promise(done => requestAnimationFrame(() => setTimeout(done))); // the picture is seen meanwhile
      if (mine === asked) tell(shares(pixels));
    } catch {
      if (mine !== asked) return;
      tell(null);
      answer.textContent = "This is no picture that the browser can open.";
    }
  }

  const firstPicture = files => [...files].find(file => file.type.startsWith("image/")) || files[0];
  const chosen = find("file");
  chosen.onchange = () => { if (chosen.files.length) read(chosen.files[0]); };
  chosen.onclick = () => { chosen.value = ""; }; // so that the same file can be chosen again
  root.ondragover = event => { event.preventDefault(); zone.classList.add("over"); };
  root.ondragleave = () => zone.classList.remove("over");
  root.ondrop = event => {
    event.preventDefault(); zone.classList.remove("over");
    if (event.dataTransfer.files.length) read(firstPicture(event.dataTransfer.files));
  };
  document.addEventListener("paste", event => {
    const files = event.clipboardData ? event.clipboardData.files : [];
    if (files.length) { event.preventDefault(); read(firstPicture(files)); }
  });

  root.querySelectorAll("[data-example]").forEach(button => {
    const picture = new Blob([bytes(pictures[button.dataset.example])], { type: "image/png" });
    const [thumb, brush] = canvas(64, 64);
    thumb.setAttribute("aria-hidden", "true"); button.prepend(thumb);
    createImageBitmap(picture).then(made => { brush.imageSmoothingQuality = "high"; brush.drawImage(made, 0, 0, 64, 64); });
    button.onclick = () => read(picture);
  });
  pen.fillStyle = "#fff"; pen.fillRect(0, 0, side, side);
  tell(null);

  /** Show an image that is in the network's form already. */
  function load(pixels, focus = false) {
    asked++;
    paint(pixels); tell(shares(pixels));
    if (focus) { zone.scrollIntoView({ block: "nearest" }); seen.focus(); }
  }
  const threshold = certainty ? certainty.threshold : null;
  window.networkPad = { side, channels, names, temperature, threshold, logits, shares, load, say };
  window.readAPicture = { fit };
