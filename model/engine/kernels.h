// SPDX-License-Identifier: LGPL-2.1-or-later
// Everything of the planned network that is not a convolution.
//
// Maps are dense, channels-last: `pixels` cells of `channels` values, float or, where there are two
// functions of a name, bfloat16, which is computed with as floats. Outputs overlap no input unless
// told otherwise. Nothing allocates, nothing throws; all are pure but for their output
// and safe from any thread. The loops are plain ones that compilers vectorise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/engine/element.h"

namespace lightavseg::kernels {

// y = bias + W x with weight = W transposed, [in, out].
void multiply(const float* weight, const float* bias, const float* x, int in, int out, float* y);

// y = max(x, 0), h-sigmoid(x) * by. y may be x.
void relu(const float* x, int count, float* y);
void gate(const float* x, const float* by, int count, float* y);
void add(const float* x, const float* by, int count, float* y);

// The largest or the mean value of each channel, [channels].
void pool_max(const float* map, int pixels, int channels, float* out);
void pool_max(const BFloat16* map, int pixels, int channels, float* out);
void pool_mean(const float* map, int pixels, int channels, float* out);
void pool_mean(const BFloat16* map, int pixels, int channels, float* out);

// map += vector[channels] in every pixel.
void add_to_pixels(const float* vector, int pixels, int channels, float* map);
void add_to_pixels(const float* vector, int pixels, int channels, BFloat16* map);

// Where the values of a resized axis come from: bilinear, align_corners = false.
struct ResizeAxis {
  ResizeAxis() = default;
  ResizeAxis(int from, int to);
  std::vector<int> low, high;  // positions in the source
  std::vector<float> share;    // of the high one, 0..1
};

// out += resized small [*, small_width, channels] (+ vector, where not null); out is
// [rows, columns, out_channels], of which the first `channels` are meant.
void add_resized(const float* small, int small_width, int channels, const ResizeAxis& rows,
                 const ResizeAxis& columns, const float* vector, int out_channels, float* out);
void add_resized(const BFloat16* small, int small_width, int channels, const ResizeAxis& rows,
                 const ResizeAxis& columns, const float* vector, int out_channels, BFloat16* out);

// Of a map [height, width, channels]: the mean over each row [height, channels] and each column
// [width, channels].
void axis_means(const float* map, int height, int width, int channels, float* rows, float* columns);
void axis_means(const BFloat16* map, int height, int width, int channels, float* rows,
                float* columns);

// Attention among the n cells of one axis, `heads` heads, ReLU6 of the result
// [n, heads * 2 * key]: means [n, 4 * heads * key] hold query, key and value side by side;
// positions [n, 2 * heads * key] are added to the first two. scores: room for n values.
void attend(const float* means, const float* positions, int n, int heads, int key, float* scores,
            float* out);

// out = ReLU6(the last `channels` of each cell's all_channels + its row's + its column's value).
void add_axes(const float* map, int all_channels, const float* rows, const float* columns,
              int height, int width, int channels, float* out);
void add_axes(const BFloat16* map, int all_channels, const float* rows, const float* columns,
              int height, int width, int channels, BFloat16* out);

// map += a * b.
void add_product(const float* a, const float* b, int count, float* map);
void add_product(const BFloat16* a, const BFloat16* b, int count, BFloat16* map);

// out [pixels, channels + 1] = map and, behind it, the cosine of each cell with the vector.
void append_similarity(const float* map, const float* vector, int pixels, int channels, float* out);
void append_similarity(const BFloat16* map, const float* vector, int pixels, int channels,
                       BFloat16* out);

// out = the values, each rounded to the nearest.
void round_off(const float* values, int count, BFloat16* out);

// out = values * factor, rounded to the nearest whole number that there is, the least one for NaN.
void quantise(const float* values, int count, float factor, std::int8_t* out);
void quantise(const BFloat16* values, int count, float factor, std::int8_t* out);
void quantise(const float* values, int count, float factor, std::uint8_t* out);
void quantise(const BFloat16* values, int count, float factor, std::uint8_t* out);

// The largest magnitude; NaN is none.
float largest(const float* values, int count);

// The class gate: logits[pixel][0] += factor * sum_k softmax(logits[pixel][1..])_k * sounds[k]
// + offset, with `classes` classes.
void gate_mask(const float* sounds, int classes, float factor, float offset, int pixels,
               float* logits);

// out[pixel] = sum_k softmax(logits[pixel][0..count))_k * values[k]; cells lie `stride` apart.
void expected_values(const float* logits, int stride, const float* values, int count, int pixels,
                     float* out);

// out[pixel] = ln sum_(k > 0) exp(logits[pixel][k]) - logits[pixel][0], so that its sigmoid is what
// softmax leaves beside class 0. At least two classes.
void foreground_evidence(const float* logits, int classes, int pixels, float* out);

// out[pixel] = the first value of each cell.
void pick(const float* map, int stride, int pixels, float* out);

// The class of the largest logit, the lowest of equal ones; 0 where one is NaN. At most 256
// classes.
void largest_class(const float* logits, int stride, int classes, int pixels, std::uint8_t* out);

// RGB bytes [pixels, 3] * factor[3] + offset[3].
void normalise(const std::uint8_t* bytes, int pixels, const float* factor, const float* offset,
               float* out);

// One row of a resized map of one channel: rows top and bottom blended by the share of the latter
// into blend [small_width], then resized to width values.
void enlarge_row(const float* top, const float* bottom, float share, int small_width,
                 const int* low, const int* high, const float* column_share, int width,
                 float* blend, float* out);

// Sigmoid, 0 for NaN, times share (none: 1) clamped to 0..1.
void probabilities(const float* evidence, const float* share, int count, float* out);

// features [frames, bands] * factor[bands] + offset[bands]
void scale_bands(const float* features, const float* factor, const float* offset, int frames,
                 int bands, float* out);

// PANNs' pooling of [frames, bands, channels]: mean over bands, then maximum plus mean over frames.
// row: room for `channels` values.
void pool_sound(const float* map, int frames, int bands, int channels, float* row, float* out);

}  // namespace lightavseg::kernels
