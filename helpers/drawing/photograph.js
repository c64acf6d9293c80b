  // The plain path from a photograph to a digit, as helpers/plain_framing.py has it: whole numbers, the same pixels.
  // An image is {v: its numbers row by row, h, w}; what is true or false in it is 1 or 0.
  const LONGEST = 640, FINE = 5, PART = 16, LEAST_CONTRAST = 200;
  const LOGARITHMS = Int32Array.from({ length: 1021 }, (_, level) => Math.round(1000 * Math.log(level / 4 + 8)));
  function image(h, w, value) {
    const v = new Int32Array(h * w);
    if (value) for (let y = 0, i = 0; y < h; y++) for (let x = 0; x < w; x++, i++) v[i] = value(y, x, i);
    return { v, h, w };
  }
  function each({ v, h, w }, change) {
    const out = new Int32Array(v.length);
    for (let i = 0; i < v.length; i++) out[i] = change(v[i], i);
    return { v: out, h, w };
  }
  const div = (one, other) => Math.floor(one / other);
  const total = values => values.reduce((sum, value) => sum + value, 0);
  const where = ({ v }, mask) => v.filter((_, i) => mask[i]);
  const transposed = ({ v, h, w }) => image(w, h, (y, x) => v[x * w + y]);
  const parted = ({ v, w }, height, width, top, left) => image(height, width, (y, x) => v[(top + y) * w + left + x]);

  /** A picture in grey, shrunk by whole pixels: {v, h, w, factor}. It is read in strips, so that a large one fits. */
  function greyOf(picture) {
    const factor = Math.ceil(Math.max(picture.width, picture.height) / LONGEST), out = image(div(picture.height, factor), div(picture.width, factor));
    const strip = Math.max(1, div(1 << 20, picture.width * factor)), paper = paperOf(picture);
    for (let top = 0; top < out.h; top += strip) {
      const count = Math.min(strip, out.h - top), [made, brush] = canvas(picture.width, count * factor);
      brush.fillStyle = paper; brush.fillRect(0, 0, made.width, made.height);
      brush.drawImage(picture, 0, top * factor, made.width, made.height, 0, 0, made.width, made.height);
      const { data } = brush.getImageData(0, 0, made.width, made.height);
      for (let y = 0; y < count * factor; y++)
        for (let x = 0, i = 4 * y * made.width; x < out.w * factor; x++, i += 4)
          out.v[(top + div(y, factor)) * out.w + div(x, factor)] += (19595 * data[i] + 38470 * data[i + 1] + 7471 * data[i + 2] + 32768) >> 16;
    }
    return { ...each(out, sum => div(sum, factor * factor)), factor };
  }

  function shrunk({ v, h, w }, longest) {
    const factor = Math.ceil(Math.max(h, w) / longest), out = image(div(h, factor), div(w, factor));
    for (let y = 0; y < out.h * factor; y++)
      for (let x = 0; x < out.w * factor; x++) out.v[div(y, factor) * out.w + div(x, factor)] += v[y * w + x];
    return each(out, sum => div(sum, factor * factor));
  }

  /** The greatest number in a window of `side` by `side` around each point, `side` being odd. */
  function greatest(one, side) {
    const along = ({ v, h, w }) => {
      const out = image(h, w), half = side >> 1, row = new Int32Array(w + 2 * half);
      for (let y = 0; y < h; y++) {
        row.fill(-(2 ** 31)); row.set(v.subarray(y * w, (y + 1) * w), half);
        let reach = 1; // each number of `row` is the greatest of so many from it on
        const widen = by => { for (let i = 0; i + by < row.length; i++) if (row[i + by] > row[i]) row[i] = row[i + by]; };
        for (; 2 * reach <= side; reach *= 2) widen(reach);
        if (side > reach) widen(side - reach);
        out.v.set(row.subarray(0, w), y * w);
      }
      return out;
    };
    return transposed(along(transposed(along(one))));
  }
  const least = (one, side) => each(greatest(each(one, value => -value), side), value => -value);

  function soften(one, times) {
    for (let time = 0; time < times; time++) {
      const along = ({ v, h, w }) => image(h, w, (y, x, i) => 2 * v[i] + v[x ? i - 1 : i] + v[x < w - 1 ? i + 1 : i]);
      one = transposed(along(transposed(along(one))));
    }
    return one;
  }

  function isLightOnDark(grey) {
    const { v, h, w } = shrunk(grey, 48), inside = (place, length) => Math.min(Math.max(place, 0), length - 1);
    const away = image(h, w, (y, x, i) => {
      const near = new Int32Array(169);
      for (let k = 0; k < 169; k++) near[k] = v[inside(y + div(k, 13) - 6, h) * w + inside(x + (k % 13) - 6, w)];
      return v[i] - near.sort()[84];
    }).v;
    return away.some(value => Math.abs(value) >= 12) && Array.from(away).reduce((sum, value) => sum + value ** 3, 0) > 0;
  }

  const windowOf = ({ h, w }) => div(Math.max(h, w), 4) | 1;

  function evenLight(grey) {
    const brightness = each(soften(grey, 2), value => LOGARITHMS[value >> 6]), side = windowOf(grey);
    const paper = least(greatest(brightness, side), side).v, darkness = each(brightness, (value, i) => paper[i] - value);
    const usual = ranked(sampled(darkness), 50);
    return each(darkness, value => Math.max(value - usual, 0));
  }

  const sampled = ({ v, h, w }) => image(Math.ceil(h / 2), Math.ceil(w / 2), (y, x) => v[2 * y * w + 2 * x]).v;

  /** The one of `values`, from 0 on, that about `share` of `whole` lie below; 0 where there are none. */
  function ranked(values, share, whole = 100) {
    const counts = new Int32Array(8192), place = div((values.length - 1) * share, whole);
    for (const value of values) counts[value]++;
    let level = 0;
    for (let seen = counts[0]; values.length && seen <= place; seen += counts[level]) level++;
    return level;
  }

  function findContrast(darkness) {
    const sample = sampled(darkness);
    let contrast = ranked(sample, 999, 1000);
    for (let time = 0; time < 3; time++) {
      const ink = sample.filter(value => 100 * value > 50 * contrast);
      if (!ink.length) return 0;
      contrast = ranked(ink, 75);
    }
    return contrast;
  }

  /** [pieces that touch, by side or corner, numbered from 1 in reading order; how many]. */
  function labelled(mask) {
    const { v, h, w } = mask, out = image(h, w), stack = [];
    let count = 0;
    for (let start = 0; start < v.length; start++) {
      if (!v[start] || out.v[start]) continue;
      out.v[start] = ++count; stack.push(start);
      while (stack.length) {
        const i = stack.pop(), y = div(i, w), x = i % w;
        for (let row = Math.max(y - 1, 0); row <= Math.min(y + 1, h - 1); row++)
          for (let column = Math.max(x - 1, 0); column <= Math.min(x + 1, w - 1); column++) {
            const k = row * w + column;
            if (v[k] && !out.v[k]) { out.v[k] = count; stack.push(k); }
          }
      }
    }
    return [out, count];
  }

  function findStrokes(darkness, contrast) {
    const [labels, count] = labelled(each(darkness, value => +(100 * value >= 42 * contrast))), sure = new Uint8Array(count + 1);
    labels.v.forEach((label, i) => { if (100 * darkness.v[i] >= 50 * contrast) sure[label] = 1; });
    sure[0] = 0;
    return each(labels, label => sure[label]);
  }

  function box({ v, h, w }, wanted = value => value) {
    let top = h, left = w, bottom = 0, right = 0;
    for (let y = 0, i = 0; y < h; y++)
      for (let x = 0; x < w; x++, i++)
        if (wanted(v[i])) { top = Math.min(top, y); left = Math.min(left, x); bottom = Math.max(bottom, y + 1); right = Math.max(right, x + 1); }
    return { top, left, bottom, right };
  }

  function chooseGroup(strokes, darkness) {
    const [pieces, count] = labelled(greatest(strokes, 11)), labels = each(pieces, (label, i) => label * strokes.v[i]);
    const ink = new Array(count + 1).fill(0), boxes = ink.map(() => ({ top: strokes.h, left: strokes.w, bottom: 0, right: 0 }));
    labels.v.forEach((label, i) => {
      if (!label) return;
      const one = boxes[label], y = div(i, strokes.w), x = i % strokes.w;
      ink[label] += darkness.v[i];
      one.top = Math.min(one.top, y); one.left = Math.min(one.left, x); one.bottom = Math.max(one.bottom, y + 1); one.right = Math.max(one.right, x + 1);
    });
    const members = join(boxes, ink);
    return each(labels, label => +members[label]);
  }

  function join(boxes, ink) {
    let members = ink.map((_, place) => place === ink.indexOf(Math.max(...ink)));
    for (let time = 0; time < 4; time++) {
      const chosen = boxes.filter((_, place) => members[place]), all = name => chosen.map(one => one[name]);
      const top = Math.min(...all("top")), left = Math.min(...all("left")), bottom = Math.max(...all("bottom")), right = Math.max(...all("right"));
      const whole = total(ink.filter((_, place) => members[place]));
      members = members.map((member, place) => {
        const away = Math.max(boxes[place].top - bottom, top - boxes[place].bottom, boxes[place].left - right, left - boxes[place].right);
        return place > 0 && (member || (100 * away <= 30 * Math.max(bottom - top, right - left) && ink[place] > div(2 * whole, 100)));
      });
    }
    return members;
  }

  function sharpen(group, darkness) {
    const only = each(darkness, (value, i) => value * group.v[i]), usual = ranked(where(darkness, group.v), 75);
    const strokes = findStrokes(only, div(125 * usual, 100));
    return strokes.v.some(value => value) ? chooseGroup(strokes, only) : group;
  }

  function refuse(group, strokes, darkness, share) {
    const { top, left, bottom, right } = box(group), height = bottom - top, width = right - left, longer = Math.max(height, width);
    const ink = where(darkness, group.v), usual = ranked(ink, 50), longest = Math.max(group.h, group.w);
    const near = greatest(strokes, 5).v, paper = darkness.v.filter((_, i) => !near[i]);
    if (usual < LEAST_CONTRAST || 100 * usual < 350 * Math.max(ranked(paper, 84), 1)) return REASONS.faint;
    if (share < 90 || 100 * width > 150 * height || hasSecond(group, darkness)) return REASONS.more;
    if (8 * longest > 100 * longer || 100 * longer > 90 * longest) return REASONS.size;
    const wide = greatest(group, 2 * Math.max(div(15 * longer, 100), 6) + 1).v, close = greatest(group, 7).v;
    const around = darkness.v.filter((_, i) => wide[i] && !close[i]);
    if (100 * around.filter(value => 100 * value < 42 * usual).length < 85 * around.length) return REASONS.close;
    if (100 * ranked(ink, 25) < 60 * ranked(ink, 90) || steepness(group, darkness) < 9 * usual) return REASONS.shaded;
    const widest = div(60 * windowOf(group), 100) | 1;
    return 100 * ink.length > 80 * height * width || least(group, widest).v.some(value => value) ? REASONS.patch : "";
  }

  function hasSecond(group, darkness) {
    const columns = new Array(group.w).fill(0), parts = [0];
    group.v.forEach((value, i) => { columns[i % group.w] += value * darkness.v[i]; });
    for (const sum of columns) if (sum) parts[parts.length - 1] += sum; else parts.push(0);
    return parts.filter(part => 100 * part >= 25 * total(columns)).length > 1;
  }

  function steepness(group, { v, w }) {
    const inner = least(group, 3).v;
    let sum = 0, count = 0;
    group.v.forEach((value, i) => {
      if (!value || inner[i]) return;
      sum += Math.max(Math.abs(v[i + w] - v[i - w]), Math.abs(v[i + 1] - v[i - 1])); count++;
    });
    return div(100 * sum, 2 * count);
  }

  /** An image with its longer side `side` pixels long, each the mean of an area; the shorter may be covered in part. */
  function fitted(one, side) {
    const longest = Math.max(one.h, one.w), area = (2 * longest) ** 2;
    const along = ({ v, h, w }) => { // sums over parts of each row, as long as 2 * longest, of pixels as long as 2 * side
      const count = Math.ceil(side * w / longest), start = side * w - longest * count, out = { v: new Float64Array(h * count), h, w: count };
      for (let part = 0; part < count; part++) {
        const from = start + 2 * longest * part, to = from + 2 * longest;
        for (let x = Math.max(0, div(from, 2 * side)); x < w && 2 * side * x < to; x++) {
          const shared = Math.min(to, 2 * side * (x + 1)) - Math.max(from, 2 * side * x);
          for (let y = 0; y < h; y++) out.v[y * count + part] += shared * v[y * w + x];
        }
      }
      return out;
    };
    const flipped = ({ v, h, w }) => {
      const out = new Float64Array(h * w);
      for (let y = 0, i = 0; y < h; y++) for (let x = 0; x < w; x++, i++) out[x * h + y] = v[i];
      return { v: out, h: w, w: h };
    };
    const sums = flipped(along(flipped(along(one))));
    return image(sums.h, sums.w, (y, x, i) => div(2 * sums.v[i] + area, 2 * area));
  }

  /** How far each point of `inside` is from the nearest outside it, in parts of a pixel. */
  function distance(inside) {
    const { v, h, w } = inside, down = new Int32Array(h * w);
    for (let x = 0; x < w; x++) {
      for (let y = 0, far = h + w; y < h; y++) down[y * w + x] = far = v[y * w + x] ? far + 1 : 0;
      for (let y = h - 1, far = h + w; y >= 0; y--) { far = v[y * w + x] ? far + 1 : 0; down[y * w + x] = Math.min(down[y * w + x], far); }
    }
    return image(h, w, (y, x) => {
      let nearest = Infinity;
      for (let column = 0, i = y * w; column < w; column++, i++) {
        const away = (column - x) * (column - x) + down[i] * down[i];
        if (away < nearest) nearest = away;
      }
      return Math.floor(PART * Math.sqrt(nearest));
    });
  }

  /** Strokes, from 0 to 255, with even edges and no thinner or wider than MNIST's; null where they are no strokes. */
  function evenStrokes(fine) {
    const soft = soften(fine, 3), most = soft.v.reduce((one, other) => Math.max(one, other));
    const inside = each(soft, value => +(100 * value >= 35 * most)), count = total(inside.v), within = distance(inside);
    const width = div(4 * total(within.v), count) - PART, length = div(100 * count * PART, Math.max(width, 1) * FINE * 20);
    if (length < 70 || length > 600) return null;
    const wanted = Math.min(Math.max(width, 2 * FINE * PART), 17 * PART), grow = Math.max(div(wanted - width, 2), -div(3 * FINE * PART, 10));
    const without = distance(each(inside, value => 1 - value)).v;
    const redrawn = each(within, (value, i) => div(255 * Math.min(Math.max(value - without[i] + grow + PART / 2, 0), PART), PART));
    const { top, left, bottom, right } = box(redrawn, value => value >= 128);
    return parted(redrawn, bottom - top, right - left, top, left);
  }

  const REASONS = {
    small: "it is too small, or too long and narrow",
    light: "what is on it is lighter than its ground",
    faint: "nothing on it stands out clearly from its paper",
    edge: "it has something dark at its edge: a line, a shadow, or the end of the sheet",
    more: "there is more on it than one digit",
    size: "what is on it is too small or too large",
    close: "what is on it does not stand free",
    shaded: "what is dark on it has soft or uneven edges, as shadows have",
    patch: "what is on it is a patch, or has very wide strokes",
    strokes: "what is on it is a patch, or has too many strokes",
  };

  /** {pixels, framed as MNIST's are, and box on the picture}, or {reason} why there is no digit, for a grey picture. */
  function framePlain(grey) {
    if (Math.min(grey.h, grey.w) < 40) return { reason: REASONS.small };
    if (isLightOnDark(grey)) return { reason: REASONS.light };
    const darkness = evenLight(grey), contrast = findContrast(darkness);
    if (contrast < LEAST_CONTRAST) return { reason: REASONS.faint };
    const strokes = findStrokes(darkness, contrast), { h, w } = strokes, reach = box(strokes);
    if (!reach.top || !reach.left || reach.bottom === h || reach.right === w) return { reason: REASONS.edge };
    const found = chooseGroup(strokes, darkness), ink = mask => total(darkness.v.map((value, i) => value * mask.v[i]));
    const share = div(100 * ink(found), ink(strokes)), group = sharpen(found, darkness), reason = refuse(group, strokes, darkness, share);
    if (reason) return { reason };
    const { top, left, bottom, right } = box(group), sharp = fitted(each(parted(group, bottom - top, right - left, top, left), value => 255 * value), FINE * 20);
    const around = 3 * FINE, fine = image(sharp.h + 2 * around, sharp.w + 2 * around);
    for (let y = 0; y < sharp.h; y++) fine.v.set(sharp.v.subarray(y * sharp.w, (y + 1) * sharp.w), (y + around) * fine.w + around);
    const even = evenStrokes(fine);
    if (!even) return { reason: REASONS.strokes };
    const small = fitted(even, 20), rows = Array.from({ length: small.h }, (_, y) => Array.from(small.v.subarray(y * small.w, (y + 1) * small.w)));
    return { pixels: centred(rows), box: [left, top, right, bottom].map(edge => grey.factor * edge) };
  }
