# SPDX-License-Identifier: LGPL-2.1-or-later
"""Training material that says nothing: blobs in noise and tones, as docs/training.md describes it.

Enough to measure how fast samples go through the trainer. Every file follows from its number.
"""
import json
import wave

import numpy as np

CLASSES = ("dog", "guitar", "car")
PICTURES = 4  # of each class; the last is for validation
SIDE = 256
RATE = 16000
HEADER = (
    "file,class,source_repo,original_path,licence,split,type,subclass,mask,label,mask_source,"
    "background,object_fraction\n"
)


def write_pnm(path, array):
    """PPM or PGM, which OpenCV reads."""
    kind = "P6" if array.ndim == 3 else "P5"
    header = f"{kind} {array.shape[1]} {array.shape[0]} 255\n".encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + array.tobytes())


def write_tone(path, frequency):
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(2 * RATE) / RATE
    samples = (12000 * np.sin(2 * np.pi * frequency * time)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def write(folder):
    """Fills folder/material and folder/taxonomy.json; returns their paths."""
    root = folder / "material" / "avs-material"
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    rows = [HEADER]
    for c, name in enumerate(CLASSES):
        for i in range(PICTURES):
            noise = np.random.RandomState(10 * c + i).randint(0, 256, (SIDE, SIDE, 3))
            inside = x * x + (1 + i) * y * y < 0.1
            picture = np.where(inside[..., None], [80 * c, 40 * i, 200], noise)
            split = "val" if i + 1 == PICTURES else "train"
            stem = f"{name}/{name}{i}"
            write_pnm(root / f"images/{stem}.ppm", picture.astype(np.uint8))
            write_pnm(root / f"masks/{stem}.pgm", (255 * inside).astype(np.uint8))
            write_tone(root / f"sounds/{stem}.wav", 200 + 300 * c + 40 * i)
            rows.append(
                f"images/{stem}.ppm,{name},none,none,CC0,{split},image,,masks/{stem}.pgm,,human,"
                "natural,0.2\n"
            )
            rows.append(f"sounds/{stem}.wav,{name},none,none,CC0,{split},sound,,,,,,\n")
    (root / "manifest.csv").write_text("".join(rows))
    taxonomy = folder / "taxonomy.json"
    taxonomy.write_text(
        json.dumps(
            {
                "version": 1,
                "visible": list(CLASSES),
                "sound_only": [],
                "groups": {},
                "instruments": ["guitar"],
                "inseparable": {},
                "voc": {},
                "aliases": {},
                "rules": [],
            }
        )
    )
    return root.parent, taxonomy
