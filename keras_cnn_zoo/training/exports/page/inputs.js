// Makes an image or a recording fit the network, as model.json says.

// Longest side of an image for a network that takes any size.
const LONGEST = 480;
// ITU-R BT.601 luma.
const LUMA = [0.299, 0.587, 0.114];

/** Returns the nearest integer; halves become even, as in Python. */
function rounded(number) {
  const floor = Math.floor(number);
  return number - floor === 0.5 ? floor + floor % 2 : Math.round(number);
}

/**
 * Returns {size, content}: (height, width) of the network's image, and of the source's image inside of it.
 *
 * @param source {height, width} of the source.
 * @param input description of the input.
 */
export function sizes(source, input) {
  const [, height, width] = input.shape;
  // At least one pixel: no image is empty.
  const side = (length, scale) => Math.max(rounded(length * scale), 1);
  if (input.fit === "letterbox") {
    const scale = Math.min(height / source.height, width / source.width);
    const content = [
      Math.min(side(source.height, scale), height), Math.min(side(source.width, scale), width),
    ];
    return { size: [height, width], content };
  }
  if (input.fit === "any") {
    const scale = Math.min(1, LONGEST / Math.max(source.height, source.width));
    const size = [height ?? side(source.height, scale), width ?? side(source.width, scale)];
    return { size, content: size };
  }
  return { size: [height, width], content: [height, width] };
}

/**
 * Returns {values, shape, content}: the input of the network, and the size of the source's image inside of it.
 *
 * @param source image, video, or canvas.
 * @param extent {height, width} of the source.
 * @param input description of the input.
 */
export function fromImage(source, extent, input) {
  const { size, content } = sizes(extent, input);
  const canvas = new OffscreenCanvas(size[1], size[0]);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (input.letterbox) {
    const gray = Math.round(input.letterbox.fill);
    context.fillStyle = `rgb(${gray} ${gray} ${gray})`;
    context.fillRect(0, 0, size[1], size[0]);
  }
  // What is transparent is white.
  context.fillStyle = "white";
  context.fillRect(0, 0, content[1], content[0]);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, content[1], content[0]);
  const { data } = context.getImageData(0, 0, size[1], size[0]);
  const channels = input.color === "gray" ? 1 : 3;
  const values = new Float32Array(size[0] * size[1] * channels);
  for (let pixel = 0; pixel < size[0] * size[1]; pixel++) {
    const colors = data.subarray(4 * pixel, 4 * pixel + 3);
    if (channels === 1) {
      values[pixel] = LUMA[0] * colors[0] + LUMA[1] * colors[1] + LUMA[2] * colors[2];
    } else {
      values.set(colors, 3 * pixel);
    }
  }
  if (input.letterbox) {
    fillBorder(values, size, content, channels, input.letterbox.fill);
  }
  return { values, shape: [1, ...size, channels], content };
}

/** Sets everything outside of the content to a number that a canvas may not be able to store. */
function fillBorder(values, [height, width], content, channels, fill) {
  for (let row = 0; row < height; row++) {
    const first = row < content[0] ? content[1] : 0;
    values.fill(fill, (row * width + first) * channels, (row + 1) * width * channels);
  }
}

/**
 * Returns {values, shape}: a recording at the network's rate and length.
 *
 * @param content ArrayBuffer of a sound file.
 * @param input description of the input.
 */
export async function fromSound(content, input) {
  const context = new OfflineAudioContext(1, 1, input.sample_rate);
  const sound = await context.decodeAudioData(content);
  const wave = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; channel++) {
    sound.getChannelData(channel).forEach((sample, place) => {
      wave[place] += sample / sound.numberOfChannels;
    });
  }
  const length = input.shape[1];
  return { values: fitLength(wave, length), shape: [1, length], sound: wave };
}

/** Returns a wave of a length: centered in silence, or its loudest part. */
export function fitLength(wave, length) {
  const fitted = new Float32Array(length);
  if (wave.length <= length) {
    fitted.set(wave, Math.floor((length - wave.length) / 2));
    return fitted;
  }
  // The energy of all samples before each one.
  const before = new Float64Array(wave.length + 1);
  for (let place = 0; place < wave.length; place++) {
    before[place + 1] = before[place] + wave[place] * wave[place];
  }
  const count = wave.length - length + 1;
  const within = (start) => before[start + length] - before[start];
  let most = 0;
  for (let start = 0; start < count; start++) {
    most = Math.max(most, within(start));
  }
  // Many parts may contain all of a short word. Take the middle one.
  const least = most * (1 - 1e-9);
  let best = 0;
  for (let start = 0; start < count; start++) {
    best += within(start) >= least;
  }
  let start = 0;
  for (let left = Math.floor(best / 2); left > 0 || within(start) < least; start++) {
    left -= within(start) >= least;
  }
  return wave.subarray(start, start + length);
}
