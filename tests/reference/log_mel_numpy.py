# SPDX-License-Identifier: LGPL-2.1-or-later
"""Log-mel features of the PANNs networks (qiuqiangkong/audioset_tagging_cnn) in plain numpy.

float64 and dense matrices: slow and easy to check, for comparisons with dsp/log_mel.h.
"""
import numpy as np


def slaney_hz(mel):
    """Slaney's scale: 15 mel per 1000 Hz below 1 kHz, 27 steps per factor 6.4 above."""
    mel = np.asarray(mel, np.float64)
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def slaney_mel(hz):
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)


def mel_matrix(sample_rate, n_fft, fmin, fmax, bands=64):
    """[bands, n_fft / 2 + 1]: triangles of equal area."""
    edges = slaney_hz(np.linspace(slaney_mel(fmin), slaney_mel(fmax), bands + 2))
    hz = np.arange(n_fft // 2 + 1) * sample_rate / n_fft
    left, centre, right = (edges[i : i + bands, None] for i in range(3))
    triangles = np.minimum((hz - left) / (centre - left), (right - hz) / (right - centre))
    return np.maximum(triangles, 0) * 2 / (right - left)


def log_mel_32k_from_16k(samples):
    """16 kHz samples [N] -> [1 + N // 160, 64] in dB, for the 32 kHz network.

    At half the rate a transform of 512 samples has the bins of one of 1024 up to 8 kHz, with a
    quarter of the power; the bands above stay empty.
    """
    n_fft, hop = 512, 160
    padded = np.pad(np.asarray(samples, np.float64), n_fft // 2, mode="reflect")
    starts = np.arange(1 + len(samples) // hop) * hop
    frames = padded[starts[:, None] + np.arange(n_fft)]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    power = 4 * np.abs(np.fft.rfft(frames * window)) ** 2
    bank = mel_matrix(32000, 1024, 50, 14000)[:, : n_fft // 2 + 1]
    return 10 * np.log10(np.maximum(power @ bank.T, 1e-10))
