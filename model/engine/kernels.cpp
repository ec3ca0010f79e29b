// SPDX-License-Identifier: LGPL-2.1-or-later
// Sums of floats are marked `omp simd`, which lets compilers add them in vector lanes.
#include "model/engine/kernels.h"

#include <algorithm>
#include <cmath>

#include "model/engine/approximate_exp.h"
#include "model/engine/clamp.h"
#include "model/vectorise.h"

namespace lightavseg::kernels {
namespace {

// sum_k softmax(logits)_k * values[k]
inline float expected_value(const float* logits, const float* values, int count) {
  float most = logits[0];
#pragma omp simd reduction(max : most)
  for (int k = 0; k < count; ++k) most = logits[k] > most ? logits[k] : most;
  float sum = 0, expected = 0;
#pragma omp simd reduction(+ : sum, expected)
  for (int k = 0; k < count; ++k) {
    const float share = approximate_exp(logits[k] - most);
    sum += share;
    expected += share * values[k];
  }
  return expected / sum;
}

}  // namespace

LIGHTAVSEG_VECTORISE
void multiply(const float* __restrict weight, const float* __restrict bias,
              const float* __restrict x, int in, int out, float* __restrict y) {
  for (int j = 0; j < out; ++j) y[j] = bias[j];
  int i = 0;
  // Four at a time, so that y is read and written a quarter as often.
  for (; i + 4 <= in; i += 4) {
    const float *a = weight + std::size_t(i) * out, *b = a + out, *c = b + out, *d = c + out;
    const float xa = x[i], xb = x[i + 1], xc = x[i + 2], xd = x[i + 3];
    for (int j = 0; j < out; ++j) y[j] += (xa * a[j] + xb * b[j]) + (xc * c[j] + xd * d[j]);
  }
  for (; i < in; ++i) {
    const float* a = weight + std::size_t(i) * out;
    const float xa = x[i];
    for (int j = 0; j < out; ++j) y[j] += xa * a[j];
  }
}

LIGHTAVSEG_VECTORISE
void relu(const float* x, int count, float* y) {
  for (int i = 0; i < count; ++i) y[i] = x[i] > 0 ? x[i] : 0;
}

LIGHTAVSEG_VECTORISE
void gate(const float* x, const float* by, int count, float* y) {
  for (int i = 0; i < count; ++i) y[i] = clamp(x[i] + 3, 0, 6) * (1.0f / 6.0f) * by[i];
}

LIGHTAVSEG_VECTORISE
void add(const float* x, const float* by, int count, float* y) {
  for (int i = 0; i < count; ++i) y[i] = x[i] + by[i];
}

LIGHTAVSEG_VECTORISE
void attend(const float* __restrict means, const float* __restrict positions, int n, int heads,
            int key, float* __restrict scores, float* __restrict out) {
  const int qk = heads * key, cell = 4 * qk, placed = 2 * qk, value = 2 * key;
  const float scale = 1.0f / std::sqrt(float(key));
  for (int i = 0; i < n; ++i)
    for (int h = 0; h < heads; ++h) {
      const float* q = means + std::size_t(i) * cell + h * key;
      const float* qp = positions + std::size_t(i) * placed + h * key;
      float most = -3e38f;
      for (int j = 0; j < n; ++j) {
        const float* k = means + std::size_t(j) * cell + qk + h * key;
        const float* kp = positions + std::size_t(j) * placed + qk + h * key;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int c = 0; c < key; ++c) sum += (q[c] + qp[c]) * (k[c] + kp[c]);
        scores[j] = sum * scale;
        most = scores[j] > most ? scores[j] : most;
      }
      for (int j = 0; j < n; ++j) scores[j] = approximate_exp(scores[j] - most);
      float sum = 0;
      for (int j = 0; j < n; ++j) sum += scores[j];
      float* to = out + std::size_t(i) * 2 * qk + h * value;
      for (int c = 0; c < value; ++c) to[c] = 0;
      for (int j = 0; j < n; ++j) {
        const float* v = means + std::size_t(j) * cell + placed + h * value;
        const float weight = scores[j];
        for (int c = 0; c < value; ++c) to[c] += weight * v[c];
      }
      const float share = 1 / sum;
      for (int c = 0; c < value; ++c) to[c] = clamp(to[c] * share, 0, 6);
    }
}

LIGHTAVSEG_VECTORISE
void gate_mask(const float* __restrict sounds, int classes, float factor, float offset, int pixels,
               float* __restrict logits) {
  for (int p = 0; p < pixels; ++p, logits += classes + 1)
    logits[0] += factor * expected_value(logits + 1, sounds, classes) + offset;
}

LIGHTAVSEG_VECTORISE
void expected_values(const float* __restrict logits, int stride, const float* __restrict values,
                     int count, int pixels, float* __restrict out) {
  for (int p = 0; p < pixels; ++p, logits += stride) out[p] = expected_value(logits, values, count);
}

LIGHTAVSEG_VECTORISE
void foreground_evidence(const float* __restrict logits, int classes, int pixels,
                         float* __restrict out) {
  for (int p = 0; p < pixels; ++p, logits += classes) {
    float most = logits[1];
#pragma omp simd reduction(max : most)
    for (int k = 2; k < classes; ++k) most = logits[k] > most ? logits[k] : most;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int k = 1; k < classes; ++k) sum += approximate_exp(logits[k] - most);
    out[p] = most + std::log(sum) - logits[0];
  }
}

LIGHTAVSEG_VECTORISE
void pick(const float* __restrict map, int stride, int pixels, float* __restrict out) {
  for (int p = 0; p < pixels; ++p) out[p] = map[std::ptrdiff_t(p) * stride];
}

LIGHTAVSEG_VECTORISE
void largest_class(const float* __restrict logits, int stride, int classes, int pixels,
                   std::uint8_t* __restrict out) {
  for (int p = 0; p < pixels; ++p, logits += stride) {
    float most = logits[0];
#pragma omp simd reduction(max : most)
    for (int k = 1; k < classes; ++k) most = logits[k] > most ? logits[k] : most;
    int found = 0;
    while (found < classes && logits[found] != most) ++found;
    out[p] = std::uint8_t(found < classes ? found : 0);  // NaN equals nothing
  }
}

LIGHTAVSEG_VECTORISE
void normalise(const std::uint8_t* __restrict bytes, int pixels, const float* factor,
               const float* offset, float* __restrict out) {
  constexpr int kBlock = 48;  // whole pixels and whole vectors
  float factors[kBlock], offsets[kBlock];
  for (int i = 0; i < kBlock; ++i) {
    factors[i] = factor[i % 3];
    offsets[i] = offset[i % 3];
  }
  const int count = 3 * pixels;
  int i = 0;
  for (; i + kBlock <= count; i += kBlock)
    for (int j = 0; j < kBlock; ++j) out[i + j] = float(bytes[i + j]) * factors[j] + offsets[j];
  for (int j = 0; i < count; ++i, ++j) out[i] = float(bytes[i]) * factors[j] + offsets[j];
}

LIGHTAVSEG_VECTORISE
void enlarge_row(const float* __restrict top, const float* __restrict bottom, float share,
                 int small_width, const int* __restrict low, const int* __restrict high,
                 const float* __restrict column_share, int width, float* __restrict blend,
                 float* __restrict out) {
  for (int x = 0; x < small_width; ++x) blend[x] = (1 - share) * top[x] + share * bottom[x];
  for (int x = 0; x < width; ++x)
    out[x] = (1 - column_share[x]) * blend[low[x]] + column_share[x] * blend[high[x]];
}

LIGHTAVSEG_VECTORISE
void probabilities(const float* __restrict evidence, const float* __restrict share, int count,
                   float* __restrict out) {
  for (int i = 0; i < count; ++i) {
    const float odds = approximate_exp(evidence[i]);
    const float p = odds / (1 + odds);
    out[i] = evidence[i] == evidence[i] ? p : 0;
  }
  if (!share) return;
  for (int i = 0; i < count; ++i) out[i] *= clamp(share[i], 0, 1);
}

LIGHTAVSEG_VECTORISE
void scale_bands(const float* __restrict features, const float* __restrict factor,
                 const float* __restrict offset, int frames, int bands, float* __restrict out) {
  for (int t = 0; t < frames; ++t, features += bands, out += bands)
    for (int b = 0; b < bands; ++b) out[b] = features[b] * factor[b] + offset[b];
}

LIGHTAVSEG_VECTORISE
void pool_sound(const float* __restrict map, int frames, int bands, int channels,
                float* __restrict row, float* __restrict out) {
  const float band_share = 1.0f / float(bands), frame_share = 1.0f / float(frames);
  // The maximum grows in out; the mean of the frames is added to it at the end, from row.
  float* most = out;
  for (int c = 0; c < channels; ++c) row[c] = 0;
  for (int t = 0; t < frames; ++t) {
    for (int c = 0; c < channels; ++c) {
      float sum = 0;
      for (int b = 0; b < bands; ++b) sum += map[std::size_t(b) * channels + c];
      sum *= band_share;
      row[c] += sum;
      most[c] = t == 0 || sum > most[c] ? sum : most[c];
    }
    map += std::size_t(bands) * channels;
  }
  for (int c = 0; c < channels; ++c) out[c] = most[c] + row[c] * frame_share;
}

}  // namespace lightavseg::kernels
