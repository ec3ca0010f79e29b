// SPDX-License-Identifier: LGPL-2.1-or-later
// ONNX Runtime for `compare`:
//   node onnxruntime_frames.js NODE_MODULES MODEL.onnx FRAMES.f32 LOG_MEL.f32 LOGITS.f32
// The last three are bare float32 values; the shapes are those of the model. Writes the logits
// once, and then obeys the protocol of bench_tools.Peer.
const fs = require("fs");
const path = require("path");
const readline = require("readline");

async function main([modules, model, framesFile, melFile, logitsFile]) {
  const folder = path.join(path.resolve(modules), "onnxruntime-node");
  const ort = require(folder);
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ["cpu"],
    intraOpNumThreads: Number(process.env.OMP_NUM_THREADS),
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
  });
  const load = (file) => {
    const bytes = fs.readFileSync(file);
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  };
  const [height, width, rows] = JSON.parse(fs.readFileSync(framesFile + ".json"));
  const inputs = {
    frames: new ort.Tensor("float32", load(framesFile), [1, 3, height, width]),
    log_mel: new ort.Tensor("float32", load(melFile), [1, 1, rows, 64]),
  };
  const logits = (await session.run(inputs)).logits.data;
  fs.writeFileSync(logitsFile, Buffer.from(logits.buffer, logits.byteOffset, logits.byteLength));
  const version = JSON.parse(fs.readFileSync(path.join(folder, "package.json"))).version;
  console.log(JSON.stringify({ name: `ONNX Runtime ${version}` }));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const times = [];
    for (let i = 0; i < Number(line); ++i) {
      const begin = process.hrtime.bigint();
      await session.run(inputs);
      times.push(Number(process.hrtime.bigint() - begin) / 1e6);
    }
    console.log(JSON.stringify(times));
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
