  const pad = find("pad"), brush = pad.getContext("2d");

  function show(pixels) {
    const shown = brush.createImageData(side, side), area = side * side;
    for (let i = 0; i < area; i++)
      for (let c = 0; c < 4; c++) shown.data[4 * i + c] = c === 3 ? 255 : pixels[(channels === 3 ? c : 0) * area + i];
    brush.putImageData(shown, 0, 0);
  }

  function empty() {
    brush.fillStyle = "#fff"; brush.fillRect(0, 0, side, side);
    tell(null);
  }
  const surface = { show, empty, take: picture => ({ pixels: fit(picture) }), focus: pad, forget() {} };
