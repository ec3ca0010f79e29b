// SPDX-License-Identifier: LGPL-2.1-or-later
// The kernels that read and write maps of either type. Each is one template that is inlined into a
// function for floats and one for bfloat16, which are compiled for several instruction sets.
#include <algorithm>
#include <cmath>
#include <limits>

#include "model/engine/clamp.h"
#include "model/engine/kernels.h"
#include "model/vectorise.h"

namespace lightavseg::kernels {
namespace {

#define LIGHTAVSEG_INLINED [[gnu::always_inline]] inline

template <typename T>
LIGHTAVSEG_INLINED void pool_max_of(const T* __restrict map, int pixels, int channels,
                                    float* __restrict out) {
  for (int c = 0; c < channels; ++c) out[c] = to_float(map[c]);
  for (int p = 1; p < pixels; ++p) {
    map += channels;
    for (int c = 0; c < channels; ++c) {
      const float value = to_float(map[c]);
      out[c] = out[c] > value ? out[c] : value;
    }
  }
}

template <typename T>
LIGHTAVSEG_INLINED void pool_mean_of(const T* __restrict map, int pixels, int channels,
                                     float* __restrict out) {
  for (int c = 0; c < channels; ++c) out[c] = 0;
  for (int p = 0; p < pixels; ++p, map += channels)
    for (int c = 0; c < channels; ++c) out[c] += to_float(map[c]);
  const float share = 1.0f / float(pixels);
  for (int c = 0; c < channels; ++c) out[c] *= share;
}

template <typename T>
LIGHTAVSEG_INLINED void add_to_pixels_of(const float* __restrict vector, int pixels, int channels,
                                         T* __restrict map) {
  for (int p = 0; p < pixels; ++p, map += channels)
    for (int c = 0; c < channels; ++c) store(to_float(map[c]) + vector[c], map + c);
}

template <typename T>
LIGHTAVSEG_INLINED void add_resized_of(const T* __restrict small, int small_width, int channels,
                                       const ResizeAxis& rows, const ResizeAxis& columns,
                                       const float* vector, int out_channels, T* __restrict out) {
  const std::size_t row_size = std::size_t(small_width) * channels;
  const int height = int(rows.low.size()), width = int(columns.low.size());
  for (int y = 0; y < height; ++y) {
    const T* top = small + rows.low[y] * row_size;
    const T* bottom = small + rows.high[y] * row_size;
    const float low = rows.share[y], high = 1 - low;
    for (int x = 0; x < width; ++x, out += out_channels) {
      const int l = columns.low[x] * channels, r = columns.high[x] * channels;
      const float right = columns.share[x], left = 1 - right;
      const float a = high * left, b = high * right, c = low * left, d = low * right;
      const T *tl = top + l, *tr = top + r, *bl = bottom + l, *br = bottom + r;
      if (vector)
        for (int k = 0; k < channels; ++k)
          store(to_float(out[k]) + (a * to_float(tl[k]) + b * to_float(tr[k])) +
                    (c * to_float(bl[k]) + d * to_float(br[k])) + vector[k],
                out + k);
      else
        for (int k = 0; k < channels; ++k)
          store(to_float(out[k]) + (a * to_float(tl[k]) + b * to_float(tr[k])) +
                    (c * to_float(bl[k]) + d * to_float(br[k])),
                out + k);
    }
  }
}

template <typename T>
LIGHTAVSEG_INLINED void axis_means_of(const T* __restrict map, int height, int width, int channels,
                                      float* __restrict rows, float* __restrict columns) {
  std::fill_n(columns, std::size_t(width) * channels, 0.0f);
  const float row_share = 1.0f / float(width), column_share = 1.0f / float(height);
  for (int y = 0; y < height; ++y) {
    float* row = rows + std::size_t(y) * channels;
    for (int c = 0; c < channels; ++c) row[c] = 0;
    float* column = columns;
    for (int x = 0; x < width; ++x, map += channels, column += channels)
      for (int c = 0; c < channels; ++c) {
        const float value = to_float(map[c]);
        row[c] += value;
        column[c] += value;
      }
    for (int c = 0; c < channels; ++c) row[c] *= row_share;
  }
  for (int i = 0; i < width * channels; ++i) columns[i] *= column_share;
}

template <typename T>
LIGHTAVSEG_INLINED void add_axes_of(const T* __restrict map, int all_channels,
                                    const float* __restrict rows, const float* __restrict columns,
                                    int height, int width, int channels, T* __restrict out) {
  map += all_channels - channels;
  for (int y = 0; y < height; ++y, rows += channels) {
    const float* column = columns;
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c)
        store(clamp(to_float(map[c]) + rows[c] + column[c], 0, 6), out + c);
      map += all_channels;
      column += channels;
      out += channels;
    }
  }
}

template <typename T>
LIGHTAVSEG_INLINED void add_product_of(const T* __restrict a, const T* __restrict b, int count,
                                       T* __restrict map) {
  for (int i = 0; i < count; ++i)
    store(to_float(map[i]) + to_float(a[i]) * to_float(b[i]), map + i);
}

template <typename T, typename Integer>
LIGHTAVSEG_INLINED void quantise_of(const T* __restrict values, int count, float factor,
                                    Integer* __restrict out) {
  constexpr float kLeast = std::numeric_limits<Integer>::min();
  constexpr float kMost = std::numeric_limits<Integer>::max();
  // From here on floats are whole numbers, so that adding it rounds, and the lowest byte of the sum
  // is the number.
  constexpr float kWhole = 12582912;
  for (int i = 0; i < count; ++i) {
    const float whole = clamp(to_float(values[i]) * factor, kLeast, kMost) + kWhole;
    std::int32_t bits;
    std::memcpy(&bits, &whole, sizeof(bits));
    out[i] = Integer(bits);
  }
}

template <typename T>
LIGHTAVSEG_INLINED void append_similarity_of(const T* __restrict map,
                                             const float* __restrict vector, int pixels,
                                             int channels, T* __restrict out) {
  constexpr float kLeast = 1e-6f;  // of a norm
  float squares = 0;
  for (int c = 0; c < channels; ++c) squares += vector[c] * vector[c];
  const float norm = std::max(std::sqrt(squares), kLeast);
  for (int p = 0; p < pixels; ++p, map += channels, out += channels + 1) {
    float product = 0, square = 0;
#pragma omp simd reduction(+ : product, square)
    for (int c = 0; c < channels; ++c) {
      const float value = to_float(map[c]);
      product += value * vector[c];
      square += value * value;
    }
    for (int c = 0; c < channels; ++c) out[c] = map[c];
    store(product / (std::max(std::sqrt(square), kLeast) * norm), out + channels);
  }
}

}  // namespace

LIGHTAVSEG_VECTORISE
void pool_max(const float* __restrict map, int pixels, int channels, float* __restrict out) {
  pool_max_of(map, pixels, channels, out);
}

LIGHTAVSEG_VECTORISE
void pool_max(const BFloat16* __restrict map, int pixels, int channels, float* __restrict out) {
  pool_max_of(map, pixels, channels, out);
}

LIGHTAVSEG_VECTORISE
void pool_mean(const float* __restrict map, int pixels, int channels, float* __restrict out) {
  pool_mean_of(map, pixels, channels, out);
}

LIGHTAVSEG_VECTORISE
void pool_mean(const BFloat16* __restrict map, int pixels, int channels, float* __restrict out) {
  pool_mean_of(map, pixels, channels, out);
}

LIGHTAVSEG_VECTORISE
void add_to_pixels(const float* __restrict vector, int pixels, int channels,
                   float* __restrict map) {
  add_to_pixels_of(vector, pixels, channels, map);
}

LIGHTAVSEG_VECTORISE
void add_to_pixels(const float* __restrict vector, int pixels, int channels,
                   BFloat16* __restrict map) {
  add_to_pixels_of(vector, pixels, channels, map);
}

ResizeAxis::ResizeAxis(int from, int to) {
  const float scale = float(from) / float(to);
  for (int i = 0; i < to; ++i) {
    const float position = std::max(0.0f, scale * (float(i) + 0.5f) - 0.5f);
    const int first = std::min(int(position), from - 1);
    low.push_back(first);
    high.push_back(std::min(first + 1, from - 1));
    share.push_back(clamp(position - float(first), 0, 1));
  }
}

LIGHTAVSEG_VECTORISE
void add_resized(const float* __restrict small, int small_width, int channels,
                 const ResizeAxis& rows, const ResizeAxis& columns, const float* vector,
                 int out_channels, float* __restrict out) {
  add_resized_of(small, small_width, channels, rows, columns, vector, out_channels, out);
}

LIGHTAVSEG_VECTORISE
void add_resized(const BFloat16* __restrict small, int small_width, int channels,
                 const ResizeAxis& rows, const ResizeAxis& columns, const float* vector,
                 int out_channels, BFloat16* __restrict out) {
  add_resized_of(small, small_width, channels, rows, columns, vector, out_channels, out);
}

LIGHTAVSEG_VECTORISE
void axis_means(const float* __restrict map, int height, int width, int channels,
                float* __restrict rows, float* __restrict columns) {
  axis_means_of(map, height, width, channels, rows, columns);
}

LIGHTAVSEG_VECTORISE
void axis_means(const BFloat16* __restrict map, int height, int width, int channels,
                float* __restrict rows, float* __restrict columns) {
  axis_means_of(map, height, width, channels, rows, columns);
}

LIGHTAVSEG_VECTORISE
void add_axes(const float* __restrict map, int all_channels, const float* __restrict rows,
              const float* __restrict columns, int height, int width, int channels,
              float* __restrict out) {
  add_axes_of(map, all_channels, rows, columns, height, width, channels, out);
}

LIGHTAVSEG_VECTORISE
void add_axes(const BFloat16* __restrict map, int all_channels, const float* __restrict rows,
              const float* __restrict columns, int height, int width, int channels,
              BFloat16* __restrict out) {
  add_axes_of(map, all_channels, rows, columns, height, width, channels, out);
}

LIGHTAVSEG_VECTORISE
void add_product(const float* __restrict a, const float* __restrict b, int count,
                 float* __restrict map) {
  add_product_of(a, b, count, map);
}

LIGHTAVSEG_VECTORISE
void add_product(const BFloat16* __restrict a, const BFloat16* __restrict b, int count,
                 BFloat16* __restrict map) {
  add_product_of(a, b, count, map);
}

LIGHTAVSEG_VECTORISE
void append_similarity(const float* __restrict map, const float* __restrict vector, int pixels,
                       int channels, float* __restrict out) {
  append_similarity_of(map, vector, pixels, channels, out);
}

LIGHTAVSEG_VECTORISE
void append_similarity(const BFloat16* __restrict map, const float* __restrict vector, int pixels,
                       int channels, BFloat16* __restrict out) {
  append_similarity_of(map, vector, pixels, channels, out);
}

LIGHTAVSEG_VECTORISE
void round_off(const float* __restrict values, int count, BFloat16* __restrict out) {
  for (int i = 0; i < count; ++i) store(values[i], out + i);
}

LIGHTAVSEG_VECTORISE
void quantise(const float* values, int count, float factor, std::int8_t* out) {
  quantise_of(values, count, factor, out);
}

LIGHTAVSEG_VECTORISE
void quantise(const BFloat16* values, int count, float factor, std::int8_t* out) {
  quantise_of(values, count, factor, out);
}

LIGHTAVSEG_VECTORISE
void quantise(const float* values, int count, float factor, std::uint8_t* out) {
  quantise_of(values, count, factor, out);
}

LIGHTAVSEG_VECTORISE
void quantise(const BFloat16* values, int count, float factor, std::uint8_t* out) {
  quantise_of(values, count, factor, out);
}

LIGHTAVSEG_VECTORISE
float largest(const float* values, int count) {
  float most = 0;
#pragma omp simd reduction(max : most)
  for (int i = 0; i < count; ++i) {
    const float size = std::abs(values[i]);
    most = size > most ? size : most;
  }
  return most;
}

}  // namespace lightavseg::kernels
