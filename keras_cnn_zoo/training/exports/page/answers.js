// Draws what the network answers, by task.

/** Returns a color for a class; neighboring ids get colors that differ much. */
export function color(id) {
  return `hsl(${(id * 137.5) % 360} 80% 38%)`;
}

/** Draws the source over white on the canvas, which gets its size. */
function drawSource(canvas, source, extent) {
  canvas.width = extent.width;
  canvas.height = extent.height;
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, extent.width, extent.height);
  context.drawImage(source, 0, 0, extent.width, extent.height);
}

function percent(probability) {
  return `${Math.round(100 * probability)} %`;
}

/** Returns the best classes, one per line. */
function best(probabilities, names, count = 3) {
  return [...probabilities.keys()]
    .sort((one, other) => probabilities[other] - probabilities[one])
    .slice(0, count)
    .map((id) => `${names[id]}  ${percent(probabilities[id])}`)
    .join("\n");
}

/** Draws boxes in pixels of the source; returns one line per object. */
function detection({ outputs, names, threshold, canvas, source, extent, content }) {
  drawSource(canvas, source, extent);
  const context = canvas.getContext("2d");
  const [boxes, scores, classes] = ["boxes", "scores", "classes"].map((name) => outputs[name].data);
  const scale = [extent.width / content[1], extent.height / content[0]];
  const size = Math.max(12, Math.round(Math.max(extent.width, extent.height) / 50));
  context.lineWidth = Math.max(2, size / 8);
  context.font = `${size}px system-ui, sans-serif`;
  context.textBaseline = "top";
  const lines = [];
  for (let place = 0; place < scores.length; place++) {
    const id = Number(classes[place]);
    if (id < 0 || scores[place] < threshold) {
      continue;
    }
    const [left, top, right, bottom] = [0, 1, 2, 3].map((edge) => boxes[4 * place + edge] * scale[edge % 2]);
    const label = `${names[id]} ${scores[place].toFixed(2)}`;
    context.strokeStyle = context.fillStyle = color(id);
    context.strokeRect(left, top, right - left, bottom - top);
    // Above the box, or inside it at the top of the image.
    const line = top >= size + 4 ? top - size - 4 : top;
    context.fillRect(left, line, context.measureText(label).width + 6, size + 4);
    context.fillStyle = "white";
    context.fillText(label, left + 3, line + 2);
    lines.push([names[id], scores[place]]);
  }
  const counts = new Map();
  lines.forEach(([name]) => counts.set(name, (counts.get(name) ?? 0) + 1));
  return [...counts].map(([name, count]) => `${count} × ${name}`).join(", ") || "nothing found";
}

/** Draws the most probable class of each pixel over the source; returns the share of each class. */
function segmentation({ outputs, names, canvas, source, extent, shape }) {
  drawSource(canvas, source, extent);
  const [, height, width] = shape;
  const probabilities = outputs.probabilities.data;
  const counts = new Array(names.length).fill(0);
  const mask = new OffscreenCanvas(width, height);
  const context = mask.getContext("2d");
  const picture = context.createImageData(width, height);
  const colors = names.map((_, id) => rgb(id));
  for (let pixel = 0; pixel < width * height; pixel++) {
    const first = pixel * names.length;
    let id = 0;
    for (let other = 1; other < names.length; other++) {
      id = probabilities[first + other] > probabilities[first + id] ? other : id;
    }
    counts[id]++;
    picture.data.set([...colors[id], 255], 4 * pixel);
  }
  context.putImageData(picture, 0, 0);
  const shown = canvas.getContext("2d");
  shown.globalAlpha = 0.5;
  shown.imageSmoothingEnabled = false;
  shown.drawImage(mask, 0, 0, extent.width, extent.height);
  return [...counts.keys()]
    .filter((id) => counts[id] > 0)
    .sort((one, other) => counts[other] - counts[one])
    .map((id) => `${names[id]} ${percent(counts[id] / (width * height))}`)
    .join(", ");
}

/** Returns [red, green, blue] of a class's color. */
function rgb(id) {
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context.fillStyle = color(id);
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
}

function classification({ outputs, names, canvas, source, extent }) {
  drawSource(canvas, source, extent);
  return best(outputs.probabilities.data, names);
}

/** Returns the characters of a word. */
function text({ outputs, names, canvas, source, extent }) {
  drawSource(canvas, source, extent);
  const word = [...outputs.ids.data].filter((id) => id >= 0).map((id) => names[id]).join("");
  return `${word || "(nothing)"}  ${percent(outputs.score.data[0])}`;
}

/** Draws the wave of a recording. */
function speech({ outputs, names, canvas, sound }) {
  canvas.width = 800;
  canvas.height = 160;
  const context = canvas.getContext("2d");
  context.fillStyle = color(2);
  const step = sound.length / canvas.width;
  for (let column = 0; column < canvas.width; column++) {
    const part = sound.subarray(Math.floor(column * step), Math.floor((column + 1) * step) + 1);
    const peak = part.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    context.fillRect(column, 80 - 78 * Math.min(1, peak), 1, Math.max(1, 156 * Math.min(1, peak)));
  }
  return best(outputs.probabilities.data, names);
}

/** By task, a function that draws on `canvas` and returns the answer in words. */
export const ANSWERS = { classification, detection, segmentation, speech, text };
