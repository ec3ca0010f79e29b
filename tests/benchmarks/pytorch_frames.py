# SPDX-License-Identifier: LGPL-2.1-or-later
"""Eager PyTorch for `compare`: pytorch_frames.py MODEL INPUTS LOGITS.

Builds the network of tests/reference from the model file and runs it on the tensors of INPUTS,
writes its logits once, and then obeys the protocol of bench_tools.Peer.
"""
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "reference"))
import safetensors_io  # noqa: E402
import torch  # noqa: E402
from lightavseg_torch import load_model  # noqa: E402

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
torch.set_flush_denormal(True)
network = load_model(sys.argv[1])
tensors = safetensors_io.load(sys.argv[2])[0]
frames, log_mel = (torch.from_numpy(tensors[name]) for name in ("frames", "logmel"))
with torch.inference_mode():
    logits = network(frames, log_mel)[0]
    safetensors_io.save(sys.argv[3], {"logits": logits.numpy()})
    about = {"name": f"PyTorch {torch.__version__} eager", "threads": torch.get_num_threads()}
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            begin = time.perf_counter()
            network(frames, log_mel)
            times.append(1e3 * (time.perf_counter() - begin))
        print(json.dumps(times), flush=True)
