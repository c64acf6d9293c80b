  // What both pads share: a network that is computed layer by layer, and the bars of its answer. `root` is the pad.
  const find = name => root.querySelector("." + name);
  const { layers, names, pictures, channels, side } = JSON.parse(find("values").textContent);
  const bytes = text => Uint8Array.from(atob(text.trim()), letter => letter.charCodeAt(0));
  const singles = new Float32Array(bytes(find("singles").textContent).buffer);
  const halves = Float32Array.from(new Uint16Array(bytes(find("halves").textContent).buffer), widen);

  /** The number that 16 bits stand for: a sign, 5 bits of exponent, 10 of fraction (IEEE 754). */
  function widen(bits) {
    const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
  }

  /** Let each array of `list` of layers, [first, end) of singles or halves, become the numbers themselves. */
  function unpack(list) {
    for (const layer of list) {
      for (const name of ["scale", "shift", "bias"]) if (layer[name]) layer[name] = singles.subarray(...layer[name]);
      if (layer.weights) layer.weights = (layer.half ? halves : singles).subarray(...layer.weights);
      for (const name of ["body", "shortcut", "after"]) if (layer[name]) unpack(layer[name]);
    }
  }
  unpack(layers);

  // Each layer takes and gives {values: Float32Array in the order channel, row, column; channels; side}.
  const compute = {
    scale({ values, channels, side }, layer) {
      const area = side * side, out = new Float32Array(values.length);
      for (let c = 0; c < channels; c++)
        for (let i = c * area, k = layer.scale.length > 1 ? c : 0; i < (c + 1) * area; i++) // one scale may be for all
          out[i] = values[i] * layer.scale[k] + layer.shift[k];
      return { values: out, channels, side };
    },
    normaliseEach({ values, channels, side }, { epsilon }) {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const standardDeviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
      return { values: values.map(value => (value - mean) / (standardDeviation + epsilon)), channels, side };
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
    average({ values, channels, side }, { to }) {
      const out = new Float32Array(channels * to * to), ends = place => [Math.floor(place * side / to), Math.ceil((place + 1) * side / to)];
      for (let c = 0, o = 0; c < channels; c++)
        for (let y = 0; y < to; y++)
          for (let x = 0; x < to; x++, o++) {
            const [top, bottom] = ends(y), [left, right] = ends(x);
            let sum = 0;
            for (let row = top; row < bottom; row++)
              for (let column = left; column < right; column++) sum += values[(c * side + row) * side + column];
            out[o] = sum / ((bottom - top) * (right - left));
          }
      return { values: out, channels, side: to };
    },
    residual(state, { body, shortcut, after }) {
      const main = chain(body, state), beside = chain(shortcut, state);
      return chain(after, { ...main, values: main.values.map((value, i) => value + beside.values[i]) });
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

  const chain = (list, state) => list.reduce((given, layer) => compute[layer.kind](given, layer), state);

  /** Probabilities, one per class, for pixels from 0 to 255 in the order channel, row, column; ink is high. */
  function predict(pixels) {
    const { values } = chain(layers, { values: Float32Array.from(pixels), channels, side });
    const most = Math.max(...values), powers = Array.from(values, score => Math.exp(score - most));
    const sum = powers.reduce((one, other) => one + other);
    return powers.map(power => power / sum);
  }

  const body = find("bars").tBodies[0], answer = find("answer");
  const rows = names.map(name => {
    const row = body.insertRow(), head = document.createElement("th");
    head.scope = "row"; head.textContent = name; row.append(head);
    row.insertCell().innerHTML = '<span class="bar"></span>';
    row.insertCell().textContent = "";
    return row;
  });

  /** Show `shares`, one per class, as bars, and say which is the largest; null empties the bars and says nothing. */
  function tell(shares) {
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
  find("examples").hidden = !pictures.length;
  find("live").hidden = false;
