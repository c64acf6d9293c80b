"use strict";
{
  const runs = JSON.parse(document.getElementById("data").textContent), table = document.getElementById("runs");
  const body = table.tBodies[0], NS = "http://www.w3.org/2000/svg";
  const colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"], dashes = ["", "7 4", "2 3"];

  // A box before each run that has curves picks it for comparison.
  const compare = document.getElementById("compare"), chosen = document.getElementById("chosen");
  const make = (tag, attributes, text = "") => {
    const element = document.createElementNS(NS, tag);
    Object.entries(attributes).forEach(([name, content]) => element.setAttribute(name, content));
    element.textContent = text;
    return element;
  };
  const chart = (picked, quantity, title, spell) => {
    const width = 720, height = 300, left = 64, bottom = 40, top = 30, right = 16;
    const svg = make("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img" });
    const series = picked.map((run) => run.history[quantity].map(spell)), all = series.flat().filter((v) => v > 0).map(Math.log10);
    if (!all.length) return svg;
    const low = Math.min(...all), high = Math.max(...all, low + 0.01), epochs = Math.max(...series.map((s) => s.length));
    const x = (epoch) => left + (epochs > 1 ? epoch / (epochs - 1) : 0.5) * (width - left - right);
    const y = (v) => top + (high - Math.log10(Math.max(v, 10 ** low))) / (high - low) * (height - top - bottom);
    const ends = picked.map((run, place) => `${run.name} ends at ${series[place].at(-1).toPrecision(3)}`).join("; ");
    svg.append(make("title", {}, `${title}: ${ends}`), make("text", { x: left, y: 16 }, title));
    for (let power = Math.floor(low) - 1; power <= high; power++) for (const step of [1, 2, 5]) {
      const at = step * 10 ** power;
      if (Math.log10(at) < low || Math.log10(at) > high) continue;
      svg.append(make("line", { class: "axis", x1: left, x2: width - right, y1: y(at), y2: y(at) }),
        make("text", { x: left - 8, y: y(at) + 4, "text-anchor": "end" }, String(parseFloat(at.toPrecision(2)))));
    }
    const every = Math.ceil(epochs / 20);
    for (let epoch = 0; epoch < epochs; epoch += every)
      svg.append(make("text", { x: x(epoch), y: height - 20, "text-anchor": "middle" }, String(epoch + 1)));
    svg.append(make("text", { x: (left + width) / 2, y: height - 3, "text-anchor": "middle" }, "epoch"));
    series.forEach((values, place) => {
      const style = { stroke: colours[place % 6], "stroke-dasharray": dashes[Math.floor(place / 6) % 3] };
      svg.append(make("polyline", { ...style, points: values.map((v, epoch) => `${x(epoch)},${y(v)}`).join(" ") }));
      values.forEach((v, epoch) => svg.append(make("circle", { cx: x(epoch), cy: y(v), r: 2.5, fill: style.stroke })));
    });
    return svg;
  };
  const show = () => {
    const picked = [...body.querySelectorAll("input:checked")].map((box) => runs[box.closest("tr").dataset.run]);
    const curves = document.getElementById("curves"), matrices = document.getElementById("matrices");
    chosen.textContent = picked.length ? "" : "Tick runs in the table to see their curves and confusion matrices here.";
    picked.forEach((run, place) => {
      const key = document.createElement("span");
      key.textContent = `${run.name}: ${run.accuracy || run.state}`;
      key.style.cssText = `display:block;border-left:1.2rem solid ${colours[place % 6]};padding-left:.5rem;margin:.2rem 0`;
      chosen.append(key);
    });
    curves.replaceChildren(...picked.length ? [
      chart(picked, "validation_loss", "validation loss, nats, log scale", (v) => v),
      chart(picked, "train_loss", "training loss, nats, log scale", (v) => v),
      chart(picked, "validation_accuracy", "misclassified validation images, %, log scale", (v) => Math.max(100 * (1 - v), 0.005)),
    ] : []);
    matrices.replaceChildren(...picked.filter((run) => run.confusion).map((run) => {
      const figure = document.createElement("figure"), image = document.createElement("img");
      const caption = document.createElement("figcaption");
      image.src = run.confusion;
      image.alt = `Confusion matrix of ${run.name} on its test images`;
      caption.textContent = run.name;
      figure.append(image, caption);
      return figure;
    }));
  };
  if (runs.some((run) => run.history && run.history.seconds)) {
    const head = document.createElement("th");
    head.textContent = "pick";
    table.tHead.rows[0].prepend(head);
    for (const row of body.rows) {
      const cell = row.insertCell(0), run = runs[row.dataset.run];
      if (!run.history || !run.history.seconds) continue;
      const box = document.createElement("input");
      box.type = "checkbox";
      box.setAttribute("aria-label", `compare ${run.name}`);
      box.onchange = show;
      cell.append(box);
    }
    compare.hidden = false;
  }
}
