  // A network that is computed layer by layer, and what it says. `root` is the pad.
  const find = name => root.querySelector("." + name);
  const { layers, names, examples, channels, side, temperature, certainty, ink } = JSON.parse(find("values").textContent);
  let singles, rounded, centres; // numbers of the network: taken from the page when it is first asked

  /** Take the numbers of the network from the page, once. */
  function prepare() {
    if (singles) return;
    const taken = name => bytes(find(name).textContent).buffer;
    rounded = { 8: new Int8Array(taken("eights")), 16: new Int16Array(taken("sixteens")) };
    centres = new Uint8Array(taken("centres"));
    singles = new Float32Array(taken("singles"));
    unpack(layers);
  }

  /** Let each array of `list` of layers, [first, end) of singles or rounded numbers, become the numbers themselves. */
  function unpack(list) {
    for (const layer of list) {
      for (const name of ["scale", "shift", "bias", "steps"]) if (layer[name]) layer[name] = singles.subarray(...layer[name]);
      if (layer.weights) layer.weights = layer.bits ? restore(layer) : singles.subarray(...layer.weights);
      for (const name of ["body", "shortcut", "after"]) if (layer[name]) unpack(layer[name]);
    }
  }

  /** The weights of a layer that are rounded: those that lead to an output are its step times whole numbers. */
  function restore({ bits, weights, steps, outputs }) {
    const levels = rounded[bits].subarray(...weights), each = levels.length / outputs, out = new Float32Array(levels.length);
    for (let o = 0, w = 0; o < outputs; o++) for (const end = w + each; w < end; w++) out[w] = steps[o] * levels[w];
    return out;
  }

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

  /** {scores, one per class, and features: what the last layer is given}, for pixels from 0 to 255; ink is high. */
  function see(pixels) {
    prepare();
    const state = chain(layers.slice(0, -1), { values: Float32Array.from(pixels), channels, side });
    return { scores: chain(layers.slice(-1), state).values, features: state.values };
  }

  /** Scores of the classes, Float32Array, for pixels in the order channel, row, column. */
  const logits = pixels => see(pixels).scores;

  const familiarities = new WeakMap(); // of the shares that were given

  /** Probabilities of the classes at the temperature, for pixels in the order channel, row, column. */
  function shares(pixels) {
    const { scores, features } = see(pixels), most = Math.max(...scores);
    const powers = Array.from(scores, score => Math.exp((score - most) / temperature));
    const sum = powers.reduce((one, other) => one + other), found = powers.map(power => power / sum);
    if (certainty) familiarities.set(found, familiarity(features));
    return found;
  }

  /** The cosine of features and the nearest of the centres, as in helpers/certainty.py; a centre's numbers are bytes. */
  function familiarity(features) {
    const length = Math.sqrt(features.reduce((sum, value) => sum + value * value, 0)) || 1e-12;
    const whole = features.reduce((sum, value) => sum + value, 0), products = certainty.steps.map((step, row) => {
      let sum = 0;
      for (let i = 0, c = row * features.length; i < features.length; i++, c++) sum += features[i] * centres[c];
      return (step * sum + certainty.least[row] * whole) / length;
    });
    return Math.max(...products);
  }

  /** A probability in per cent; what is not certain is not shown as 100%, as in helpers/reading.py. */
  const percent = share => (share >= 0.9995 && share < 1 ? "over 99.9%" : (100 * share).toFixed(1) + "%");

  /** What predict.py says of an answer: {label, probability, sure: null where that is not known, text}. */
  function say(found) {
    const order = names.map((_, place) => place).sort((one, other) => found[other] - found[one]), best = order[0];
    const known = certainty && familiarities.has(found), sure = known ? familiarities.get(found) >= certainty.threshold : null;
    const others = certainty && certainty.floor ? order.slice(1).filter(place => found[place] >= certainty.floor) : [];
    const isAny = others.length > 3 && others.length < names.length - 1; // where nothing is ruled out, nothing is told
    const or = others.length > 3 ? (isAny ? ` or one of ${others.length} others` : "") : others.map(place => " or " + isolated(names[place])).join("");
    const text = `${sure === false ? "unsure: " : ""}${isolated(names[best])} (${percent(found[best])})${or}`;
    return { label: names[best], probability: found[best], sure, text };
  }
