// Runs the modules of an exported page in Node, with objects in place of the browser's, and prints what happened
// as JSON. An "image" here is {level}: all its pixels are `level`, and the network's first probability is
// level / 255. Promises that a scenario keeps open are settled by the scenario.

import { fitLength, fromImage, sizes } from "./inputs.js";

const settled = () => new Promise((resolve) => setTimeout(resolve, 30));
const element = () => ({
  textContent: "", className: "", hidden: true, disabled: true, value: "0.5", style: {}, files: [], append() {},
});
let calls = [];

class Context {
  fillRect(...area) { calls.push(["fill", this.fillStyle, ...area]); }

  fillText() {}

  drawImage(source, ...area) {
    calls.push(["draw", ...area]);
    this.level = source.level;
  }

  getImageData(left, top, width, height) {
    return { data: new Uint8ClampedArray(4 * width * height).fill(this.level) };
  }
}

class Recorder {
  constructor(stream) {
    this.stream = stream;
    this.state = "inactive";
  }

  start() {
    this.state = "recording";
    // As the browser does when all tracks end.
    this.stream.ended = () => this.stop();
  }

  stop() {
    if (this.state === "recording") {
      this.state = "inactive";
      this.ondataavailable({ data: new Blob(["sound"]) });
      this.onstop();
    }
  }
}

function open() {
  const found = {};
  found.promise = new Promise((resolve, reject) => Object.assign(found, { resolve, reject }));
  return found;
}

/** Starts a page; returns what a scenario uses of it. */
async function page(name, kind = "image") {
  const parts = {};
  const part = (id) => { parts[id] ??= element(); return parts[id]; };
  part("canvas").getContext = () => new Context();
  const asked = [];
  // A video is an image too; `late` delays it.
  const video = { level: 51, videoWidth: 4, videoHeight: 4, play: async () => {} };
  Object.assign(globalThis, {
    document: {
      getElementById: part,
      createElement: (tag) => (tag === "video" ? video : element()),
      body: { dataset: {} },
    },
    location: { search: "" },
    requestAnimationFrame: (run) => setTimeout(run, 1),
    OffscreenCanvas: class { getContext() { return new Context(); } },
    OfflineAudioContext: class {
      async decodeAudioData() {
        return { length: 4, numberOfChannels: 1, getChannelData: () => new Float32Array(4).fill(0.5) };
      }
    },
    MediaRecorder: Recorder,
    createImageBitmap: async (source) => {
      await source.late?.promise;
      if (source.damaged) {
        throw new Error("The image could not be decoded.");
      }
      return { level: source.level, width: 4, height: 4, close() {} };
    },
  });
  const media = {
    getUserMedia() {
      const answer = open();
      asked.push(answer);
      return answer.promise;
    },
  };
  Object.defineProperty(globalThis, "navigator", { value: { mediaDevices: media }, configurable: true });
  const image = { kind, shape: [null, 4, 4, 3], fit: "stretch", color: "rgb" };
  const audio = { kind, shape: [null, 4], sample_rate: 1e6 };
  const network = {
    facts: {
      task: kind === "image" ? "classification" : "speech",
      inputs: [kind === "image" ? image : audio],
      class_names: ["first", "second"],
      score_threshold: null,
    },
    async run({ values }) {
      await network.late?.promise;
      const first = kind === "image" ? values[0] / 255 : values[0];
      return { probabilities: { data: Float32Array.of(first, 1 - first) } };
    },
  };
  globalThis.network = network;
  await import(`./page.js?${name}`);
  await settled();
  return {
    asked,
    network,
    part,
    video,
    stream() {
      const made = { stopped: false };
      made.getTracks = () => [{ stop() { made.stopped = true; made.ended?.(); } }];
      return made;
    },
    async click() {
      if (!part("live").disabled) {
        part("live").onclick();
      }
      await settled();
    },
    async choose(file) {
      part("file").files = [file];
      part("file").onchange();
      await settled();
    },
    shown: () => ({
      answer: part("answer").textContent.split("\n")[0],
      button: part("live").textContent,
      disabled: part("live").disabled,
      hidden: part("canvas").hidden,
      state: document.body.dataset.state,
      status: part("status").textContent,
    }),
  };
}

const FILE = { level: 255 };
const OTHER = { level: 0 };

const scenarios = {
  async a_second_click_while_the_browser_asks() {
    const on = await page("second");
    await on.click();
    await on.click();
    const waiting = on.shown();
    const stream = on.stream();
    on.asked[0].resolve(stream);
    await settled();
    const running = { ...on.shown(), stopped: stream.stopped };
    await on.click();
    return { asked: on.asked.length, waiting, running, ended: { ...on.shown(), stopped: stream.stopped } };
  },

  async a_file_while_the_browser_asks() {
    const on = await page("asks");
    await on.click();
    await on.choose(FILE);
    const stream = on.stream();
    on.asked[0].resolve(stream);
    await settled();
    return { ...on.shown(), stopped: stream.stopped };
  },

  async a_file_and_a_late_frame() {
    const on = await page("frame");
    on.video.late = open();
    await on.click();
    const stream = on.stream();
    on.asked[0].resolve(stream);
    await settled();
    await on.choose(FILE);
    on.video.late.resolve();
    await settled();
    return { ...on.shown(), stopped: stream.stopped };
  },

  async a_file_and_a_late_answer() {
    const on = await page("answer");
    on.network.late = open();
    const { late } = on.network;
    await on.click();
    on.asked[0].resolve(on.stream());
    await settled();
    on.network.late = null;
    await on.choose(FILE);
    late.resolve();
    await settled();
    return on.shown();
  },

  async a_slow_file_and_a_fast_one() {
    const on = await page("slow");
    const slow = { ...FILE, late: open() };
    await on.choose(slow);
    await on.choose(OTHER);
    slow.late.resolve();
    await settled();
    return on.shown();
  },

  async a_damaged_file_after_another() {
    const on = await page("damaged");
    await on.choose(FILE);
    const before = on.shown();
    await on.choose({ damaged: true });
    return { before, after: on.shown() };
  },

  async no_devices_on_this_address() {
    const on = await page("insecure");
    Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
    await on.click();
    return on.shown();
  },

  async the_user_does_not_allow_the_camera() {
    const on = await page("denied");
    await on.click();
    on.asked[0].reject(new Error("Permission denied"));
    await settled();
    return on.shown();
  },

  async two_clicks_on_the_microphone() {
    const on = await page("microphone", "audio");
    await on.click();
    const stream = on.stream();
    on.asked[0].resolve(stream);
    await settled();
    await on.click();
    const listening = on.shown();
    await new Promise((resolve) => setTimeout(resolve, 600));
    return { asked: on.asked.length, listening, ended: { ...on.shown(), stopped: stream.stopped } };
  },

  async a_file_while_the_microphone_listens() {
    const on = await page("listens", "audio");
    await on.click();
    const stream = on.stream();
    on.asked[0].resolve(stream);
    await settled();
    await on.choose(new Blob(["file"]));
    return { ...on.shown(), stopped: stream.stopped };
  },
};

const [images, waves] = JSON.parse(process.argv[2]);
const found = {
  sizes: images.map(([source, input]) => sizes({ height: source[0], width: source[1] }, input)),
  waves: waves.map(([wave, length]) => [...fitLength(new Float32Array(wave), length)]),
};
for (const [name, run] of Object.entries(scenarios)) {
  calls = [];
  found[name] = await run();
}
calls = [];
const letterbox = { fill: 127.5 };
const input = { shape: [null, 64, 96, 3], fit: "letterbox", color: "rgb", letterbox };
fromImage({ level: 0 }, { height: 64, width: 48 }, input);
found.calls = calls;
process.stdout.write(JSON.stringify(found));
process.exit(0);
