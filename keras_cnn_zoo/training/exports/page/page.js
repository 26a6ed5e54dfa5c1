// The page: a file, the camera, or the microphone in; the answer out.
//
// `document.body.dataset.state` is "ready", "answered", or "failed". The address may name a first file of the
// folder: index.html?input=NAME.

import { ANSWERS, color } from "./answers.js";
import { fromImage, fromSound } from "./inputs.js";
import { loadNetwork } from "./network.js";

const part = (id) => document.getElementById(id);
const canvas = part("canvas");
// The last input, shown again with another threshold.
let last = null;
// What was asked for last: a file, the camera ({stream, live: true}), or a recording ({stream}). Whatever
// belongs to an earlier request is dropped, because it may be finished at any time.
let current = {};

function stopTracks(stream) {
  stream?.getTracks().forEach((track) => track.stop());
}

/** Returns a new request. The one before it ends, with its camera or microphone. */
function begin(network) {
  stopTracks(current.stream);
  current = {};
  rest(network);
  return current;
}

/** Shows the button as it is while neither camera nor microphone is used. */
function rest({ facts }) {
  part("live").textContent = facts.inputs[0].kind === "audio" ? "Microphone" : "Camera";
  part("live").disabled = false;
}

/** Replaces the answer, which belongs to an earlier input, by an error. */
function fail(error) {
  last?.source?.close();
  last = null;
  canvas.hidden = true;
  part("answer").textContent = "";
  document.body.dataset.state = "failed";
  part("status").className = "failed";
  part("status").textContent = error.message ?? String(error);
}

function show(facts, given, milliseconds) {
  if (last && last.source !== given.source) {
    // Frames of a camera would fill the memory.
    last.source?.close();
  }
  last = given;
  const threshold = Number(part("threshold").value);
  part("answer").textContent = ANSWERS[facts.task]({
    ...given,
    canvas,
    threshold,
    names: facts.class_names,
  });
  canvas.hidden = false;
  part("status").className = "";
  if (milliseconds !== undefined) {
    part("status").textContent = `${Math.round(milliseconds)} ms per ${facts.inputs[0].kind}`;
  }
  document.body.dataset.state = "answered";
}

async function answer(network, request, prepared, more) {
  const began = performance.now();
  const outputs = await network.run(prepared);
  if (request === current) {
    show(network.facts, { ...prepared, ...more, outputs }, performance.now() - began);
  } else {
    more?.source.close();
  }
}

async function answerImage(network, request, source, extent) {
  const prepared = fromImage(source, extent, network.facts.inputs[0]);
  await answer(network, request, prepared, { source, extent });
}

async function answerFile(network, request, file) {
  if (network.facts.inputs[0].kind === "audio") {
    const sound = await fromSound(await file.arrayBuffer(), network.facts.inputs[0]);
    if (request === current) {
      await answer(network, request, sound);
    }
    return;
  }
  const image = await createImageBitmap(file);
  if (request === current) {
    await answerImage(network, request, image, { width: image.width, height: image.height });
  } else {
    image.close();
  }
}

/** Opens the camera or the microphone; returns whether the request is still the current one. */
async function capture(request, constraints) {
  // Browsers leave it out on other addresses.
  if (!navigator.mediaDevices) {
    throw new Error("The camera and the microphone need an address with https, or localhost.");
  }
  // The question to the user may be open for long, and a second click would ask again.
  part("live").disabled = true;
  request.stream = await navigator.mediaDevices.getUserMedia(constraints);
  return request === current;
}

async function watch(network, request) {
  if (!await capture(request, { video: { facingMode: "environment" } })) {
    return;
  }
  const video = document.createElement("video");
  video.muted = video.playsInline = true;
  video.srcObject = request.stream;
  await video.play();
  if (request === current) {
    request.live = true;
    part("live").textContent = "Stop";
    part("live").disabled = false;
  }
  while (request === current) {
    const extent = { width: video.videoWidth, height: video.videoHeight };
    // A copy: the video moves on while the network computes.
    const frame = await createImageBitmap(video);
    if (request !== current) {
      frame.close();
      return;
    }
    await answerImage(network, request, frame, extent);
    await new Promise(requestAnimationFrame);
  }
}

async function record(network, request) {
  const [, length] = network.facts.inputs[0].shape;
  if (!await capture(request, { audio: true })) {
    return;
  }
  const recorder = new MediaRecorder(request.stream);
  const chunks = [];
  recorder.ondataavailable = (event) => chunks.push(event.data);
  // It also stops when the microphone is closed for another request.
  const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
  recorder.start();
  part("live").textContent = "Listening …";
  const stop = () => recorder.state === "recording" && recorder.stop();
  // Half a second for whoever starts late.
  setTimeout(stop, 1000 * length / network.facts.inputs[0].sample_rate + 500);
  await stopped;
  stopTracks(request.stream);
  if (request === current) {
    rest(network);
    await answerFile(network, request, new Blob(chunks));
  }
}

/** Runs a function of the network and a new request; shows its error unless there is a later request. */
async function attempt(network, run) {
  const request = begin(network);
  try {
    await run(network, request);
  } catch (error) {
    if (request === current) {
      fail(error);
    }
  } finally {
    stopTracks(request.stream);
    if (request === current) {
      request.live = false;
      rest(network);
    }
  }
}

function listen(network) {
  const audio = network.facts.inputs[0].kind === "audio";
  part("file").accept = audio ? "audio/*" : "image/*";
  part("file").onchange = () => {
    const [file] = part("file").files;
    if (file) {
      attempt(network, (_, request) => answerFile(network, request, file));
    }
  };
  part("live").onclick = () => {
    if (current.live) {
      begin(network);
    } else {
      attempt(network, audio ? record : watch);
    }
  };
  part("file").disabled = false;
  rest(network);
}

function showThreshold(facts) {
  if (facts.score_threshold === null) {
    return;
  }
  const slider = part("threshold");
  const write = () => { part("threshold-value").textContent = Number(slider.value).toFixed(2); };
  slider.value = facts.score_threshold;
  write();
  slider.oninput = () => {
    write();
    if (last) {
      show(facts, last);
    }
  };
  part("threshold-label").hidden = false;
}

function showLegend(facts) {
  if (!["detection", "segmentation"].includes(facts.task)) {
    return;
  }
  facts.class_names.forEach((name, id) => {
    const swatch = document.createElement("i");
    swatch.style.background = color(id);
    const entry = document.createElement("li");
    entry.append(swatch, name);
    part("legend").append(entry);
  });
}

async function start() {
  const network = await loadNetwork();
  const { facts } = network;
  document.title = part("title").textContent = `${facts.task} with ${facts.model}`;
  listen(network);
  showThreshold(facts);
  showLegend(facts);
  const device = facts.inputs[0].kind === "audio" ? "microphone" : "camera";
  part("status").textContent = `Choose a file, or allow the ${device}. Nothing leaves this computer.`;
  document.body.dataset.state = "ready";
  const first = new URLSearchParams(location.search).get("input");
  if (first) {
    await attempt(network, async (_, request) => {
      const response = await fetch(first);
      if (!response.ok) {
        throw new Error(`${first}: ${response.status} ${response.statusText}`);
      }
      await answerFile(network, request, await response.blob());
    });
  }
}

start().catch(fail);
