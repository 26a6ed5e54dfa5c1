// The network: the runtime, the file, and the two files that describe it.

/** Returns a JSON file of this folder. */
async function read(name) {
  return (await fetched(name)).json();
}

/** Returns the response for an address, which must exist and have the hash, if one is given. */
async function fetched(address, integrity) {
  const response = await fetch(address, integrity ? { integrity } : {});
  if (!response.ok) {
    throw new Error(`${address}: ${response.status} ${response.statusText}`);
  }
  return response;
}

/** Returns onnxruntime-web. Both of its files are checked before any of their code runs. */
async function loadRuntime() {
  const { base, module, wasm } = await read("runtime.json");
  const [script, binary] = await Promise.all(
    [module, wasm].map(async ({ name, integrity }) =>
      (await fetched(base + name, integrity)).arrayBuffer()),
  );
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const runtime = await import(address);
  URL.revokeObjectURL(address);
  // More threads need headers that a plain file server does not send.
  runtime.env.wasm.numThreads = 1;
  runtime.env.wasm.wasmBinary = binary;
  return runtime;
}

/** Returns {facts, run}; `run` takes an input (array, shape) and returns the outputs by name. */
export async function loadNetwork() {
  const [facts, runtime] = await Promise.all([read("model.json"), loadRuntime()]);
  const content = await (await fetched(facts.file)).arrayBuffer();
  const session = await runtime.InferenceSession.create(new Uint8Array(content));
  const input = facts.inputs[0].name;
  return {
    facts,
    async run({ values, shape }) {
      return session.run({ [input]: new runtime.Tensor("float32", values, shape) });
    },
  };
}
