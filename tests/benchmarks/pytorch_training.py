# SPDX-License-Identifier: LGPL-2.1-or-later
"""Eager PyTorch for `training_throughput`: pytorch_training.py VARIANT SIZE BATCH.

The network of tests/reference with the losses of arXiv 2605.08805, equation 10: binary
cross-entropy, dice of the frames with an object and alignment at the three finest levels, AdamW,
gradients clipped. Obeys the protocol of bench_tools.Peer: a number of steps in, their
milliseconds out. The batch lies in memory, so no time goes into making samples.
"""
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "reference"))
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from lightavseg_torch import Config, LightAVSeg, resize  # noqa: E402

TEMPERATURE = 0.1  # of equation 8
ALIGNMENT = 0.5  # lambda of equation 10
SMOOTHING = 0.001


def dice(logits, mask):
    p, g = logits.sigmoid().flatten(1), mask.flatten(1)
    squares = p.square().sum(1) + g.square().sum(1) + 2 * SMOOTHING
    counted = g.sum(1) > 0
    losses = 1 - 2 * (p * g).sum(1) / squares
    return (losses * counted).sum() / counted.sum().clamp_min(1)


def alignment(maps, mask):
    losses = []
    for visual, audio in list(zip(maps["decoded"], maps["decoder_audio"]))[:3]:
        cosine = (F.normalize(visual, dim=1, eps=1e-6) * F.normalize(audio, dim=1, eps=1e-6)).sum(
            1, keepdim=True
        )
        p = resize((cosine / TEMPERATURE).sigmoid(), mask.shape[2:]).clamp(1e-6, 1 - 1e-6)
        losses.append(F.binary_cross_entropy(p, mask))
    return sum(losses) / len(losses)


def main(variant, size, batch):
    torch.manual_seed(1)
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.set_flush_denormal(True)
    network = LightAVSeg(Config(variant=variant)).train()
    learning = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=1e-4, weight_decay=0.01)
    frames = torch.randn(batch, 3, size, size)
    log_mel = 20 * torch.randn(batch, 1, 101, 64) - 40
    mask = torch.zeros(batch, 1, size, size)
    mask[:, :, size // 4 : size // 2, size // 4 : size // 2] = 1

    def step():
        logits, maps = network(frames, log_mel)
        loss = F.binary_cross_entropy_with_logits(logits, mask) + dice(logits, mask)
        loss = loss + ALIGNMENT * alignment(maps, mask)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()

    step()
    about = {"name": f"PyTorch {torch.__version__} eager", "threads": torch.get_num_threads()}
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            begin = time.perf_counter()
            step()
            times.append(1e3 * (time.perf_counter() - begin))
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
