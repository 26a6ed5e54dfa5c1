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
let camera = null;

function fail(error) {
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

async function answer(network, prepared, more) {
  const began = performance.now();
  const outputs = await network.run(prepared);
  show(network.facts, { ...prepared, ...more, outputs }, performance.now() - began);
}

async function answerImage(network, source, extent) {
  await answer(network, fromImage(source, extent, network.facts.inputs[0]), { source, extent });
}

async function answerFile(network, file) {
  if (network.facts.inputs[0].kind === "audio") {
    await answer(network, await fromSound(await file.arrayBuffer(), network.facts.inputs[0]));
  } else {
    const image = await createImageBitmap(file);
    await answerImage(network, image, { width: image.width, height: image.height });
  }
}

function stopCamera() {
  camera?.getTracks().forEach((track) => track.stop());
  camera = null;
  part("live").textContent = "Camera";
}

async function startCamera(network) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  camera = stream;
  part("live").textContent = "Stop";
  const video = document.createElement("video");
  video.muted = video.playsInline = true;
  video.srcObject = stream;
  await video.play();
  while (camera === stream) {
    const extent = { width: video.videoWidth, height: video.videoHeight };
    // A copy: the video moves on while the network computes.
    const frame = await createImageBitmap(video);
    await answerImage(network, frame, extent);
    await new Promise(requestAnimationFrame);
  }
}

async function record(network) {
  const [, length] = network.facts.inputs[0].shape;
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const recorder = new MediaRecorder(stream);
  const chunks = [];
  recorder.ondataavailable = (event) => chunks.push(event.data);
  const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
  recorder.start();
  part("live").textContent = "Listening …";
  // Half a second for whoever starts late.
  setTimeout(() => recorder.stop(), 1000 * length / network.facts.inputs[0].sample_rate + 500);
  await stopped;
  stream.getTracks().forEach((track) => track.stop());
  part("live").textContent = "Microphone";
  await answerFile(network, new Blob(chunks));
}

function listen(network) {
  const { facts } = network;
  const audio = facts.inputs[0].kind === "audio";
  part("file").accept = audio ? "audio/*" : "image/*";
  part("file").onchange = () => {
    stopCamera();
    const [file] = part("file").files;
    if (file) {
      answerFile(network, file).catch(fail);
    }
  };
  part("live").textContent = audio ? "Microphone" : "Camera";
  part("live").onclick = () => {
    if (audio) {
      record(network).catch(fail);
    } else if (camera) {
      stopCamera();
    } else {
      startCamera(network).catch((error) => { stopCamera(); fail(error); });
    }
  };
  part("file").disabled = part("live").disabled = false;
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
  part("status").textContent = "Choose a file, or allow the camera. Nothing leaves this computer.";
  document.body.dataset.state = "ready";
  const first = new URLSearchParams(location.search).get("input");
  if (first) {
    const response = await fetch(first);
    if (!response.ok) {
      throw new Error(`${first}: ${response.status} ${response.statusText}`);
    }
    await answerFile(network, await response.blob());
  }
}

start().catch(fail);
