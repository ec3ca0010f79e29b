// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/avsbench_resize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace lightavseg {
namespace {

// Weights are integers with this many fraction bits; Pillow's 32 - 8 - 2.
constexpr int kFractionBits = 22;

struct Taps {
  int first = 0;
  std::vector<int> weights;
};

std::vector<Taps> triangle_taps(int in, int out) {
  const double scale = static_cast<double>(in) / out;
  const double support = std::max(scale, 1.0);
  std::vector<Taps> taps(static_cast<size_t>(out));
  std::vector<double> weights;
  for (int o = 0; o < out; ++o) {
    const double centre = (o + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(std::lround(centre - support)));
    const int end = std::min(in, static_cast<int>(std::lround(centre + support)));
    weights.clear();
    double sum = 0;
    for (int i = first; i < end; ++i) {
      const double distance = std::abs((i - centre + 0.5) / support);
      weights.push_back(std::max(0.0, 1.0 - distance));
      sum += weights.back();
    }
    Taps& tap = taps[static_cast<size_t>(o)];
    tap.first = first;
    for (double weight : weights) {
      tap.weights.push_back(static_cast<int>(std::lround(weight / sum * (1 << kFractionBits))));
    }
  }
  return taps;
}

uint8_t rounded(int sum) {
  return static_cast<uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

constexpr int kHalf = 1 << (kFractionBits - 1);

cv::Mat resize_columns(const cv::Mat& image, int width) {
  const std::vector<Taps> taps = triangle_taps(image.cols, width);
  const int channels = image.channels();
  cv::Mat result(image.rows, width, image.type());
  for (int y = 0; y < image.rows; ++y) {
    const uint8_t* in = image.ptr<uint8_t>(y);
    uint8_t* out = result.ptr<uint8_t>(y);
    for (const Taps& tap : taps) {
      for (int c = 0; c < channels; ++c) {
        int sum = kHalf;
        const uint8_t* pixel = in + tap.first * channels + c;
        for (int weight : tap.weights) {
          sum += *pixel * weight;
          pixel += channels;
        }
        *out++ = rounded(sum);
      }
    }
  }
  return result;
}

cv::Mat resize_rows(const cv::Mat& image, int height) {
  const std::vector<Taps> taps = triangle_taps(image.rows, height);
  const int row_values = image.cols * image.channels();
  cv::Mat result(height, image.cols, image.type());
  std::vector<int> sums(static_cast<size_t>(row_values));
  for (int y = 0; y < height; ++y) {
    const Taps& tap = taps[static_cast<size_t>(y)];
    std::fill(sums.begin(), sums.end(), kHalf);
    for (size_t t = 0; t < tap.weights.size(); ++t) {
      const uint8_t* in = image.ptr<uint8_t>(tap.first + static_cast<int>(t));
      for (int i = 0; i < row_values; ++i) sums[static_cast<size_t>(i)] += in[i] * tap.weights[t];
    }
    std::transform(sums.begin(), sums.end(), result.ptr<uint8_t>(y), rounded);
  }
  return result;
}

std::vector<int> nearest_indices(int in, int out) {
  const double scale = static_cast<double>(in) / out;
  std::vector<int> indices;
  // Adding up instead of multiplying repeats Pillow's rounding at exact halves.
  double position = scale * 0.5;
  for (int o = 0; o < out; ++o, position += scale) {
    indices.push_back(std::min(in - 1, static_cast<int>(position)));
  }
  return indices;
}

int half_to_even(int doubled) {
  const int down = doubled >> 1;
  return down + (doubled & down & 1);
}

}  // namespace

cv::Mat resize_bilinear(const cv::Mat& image, cv::Size size) {
  CV_Assert(!image.empty() && image.depth() == CV_8U && size.width > 0 && size.height > 0);
  cv::Mat result = image;
  if (size.width != image.cols) result = resize_columns(result, size.width);
  if (size.height != image.rows) result = resize_rows(result, size.height);
  return result.data == image.data ? image.clone() : result;
}

cv::Mat resize_nearest(const cv::Mat& image, cv::Size size) {
  CV_Assert(!image.empty() && size.width > 0 && size.height > 0);
  const std::vector<int> columns = nearest_indices(image.cols, size.width);
  const std::vector<int> rows = nearest_indices(image.rows, size.height);
  const size_t bytes = image.elemSize();
  cv::Mat result(size, image.type());
  for (int y = 0; y < size.height; ++y) {
    const uint8_t* in = image.ptr<uint8_t>(rows[static_cast<size_t>(y)]);
    uint8_t* out = result.ptr<uint8_t>(y);
    for (int column : columns) {
      out = std::copy_n(in + static_cast<size_t>(column) * bytes, bytes, out);
    }
  }
  return result;
}

cv::Size short_side_size(cv::Size image, int side) {
  CV_Assert(image.width > 0 && image.height > 0 && side > 0);
  const auto scaled = [side](int longer, int shorter) {
    return static_cast<int>(static_cast<int64_t>(longer) * side / shorter);
  };
  return image.width > image.height ? cv::Size(scaled(image.width, image.height), side)
                                    : cv::Size(side, scaled(image.height, image.width));
}

cv::Rect centre_square(cv::Size image, int side) {
  CV_Assert(image.width >= side && image.height >= side);
  return {half_to_even(image.width - side), half_to_even(image.height - side), side, side};
}

}  // namespace lightavseg
