// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/norm_activation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "model/vectorise.h"

namespace lightavseg {
namespace {

// What a clamp to [low, high] lets through, both ends included, has its gradient.
struct Range {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
};

Range range_of(Activation activation) {
  if (activation == Activation::kNone) return {};
  // relu has no gradient at 0, a clamp has.
  if (activation == Activation::kRelu) return {std::numeric_limits<float>::min(), Range().high};
  return {0, 6};
}

// Rows that are summed as floats before their sums go into doubles.
constexpr int64_t kBlock = 64;

// Maps are [rows, channels] here: channels-last.

// sum and square [channels] += the sums of x - shift and of its squares, over `rows` rows.
LIGHTAVSEG_VECTORISE
void add_moments(const float* __restrict x, const float* __restrict shift, int64_t rows,
                 int64_t channels, float* __restrict sum, float* __restrict square) {
  int64_t r = 0;
  // Several rows at a time, since the sums come from memory and go back each time.
  for (; r + 4 <= rows; r += 4) {
    const float* __restrict row = x + r * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const float a = row[c] - shift[c], b = row[channels + c] - shift[c];
      const float d = row[2 * channels + c] - shift[c], e = row[3 * channels + c] - shift[c];
      sum[c] += (a + b) + (d + e);
      square[c] += (a * a + b * b) + (d * d + e * e);
    }
  }
  for (; r < rows; ++r) {
    const float* __restrict row = x + r * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const float a = row[c] - shift[c];
      sum[c] += a;
      square[c] += a * a;
    }
  }
}

// y = clamp(x * scale + offset)
LIGHTAVSEG_VECTORISE
void normalise(const float* __restrict x, const float* __restrict scale,
               const float* __restrict offset, int64_t rows, int64_t channels, float low,
               float high, float* __restrict y) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < channels; ++c) {
      const float z = x[r * channels + c] * scale[c] + offset[c];
      y[r * channels + c] = std::min(std::max(z, low), high);
    }
}

// sum += the gradients that the clamp lets through, product += those times x - shift.
LIGHTAVSEG_VECTORISE
void add_gradients(const float* __restrict x, const float* __restrict gradient,
                   const float* __restrict scale, const float* __restrict offset,
                   const float* __restrict shift, int64_t rows, int64_t channels, float low,
                   float high, float* __restrict sum, float* __restrict product) {
  int64_t r = 0;
  for (; r + 2 <= rows; r += 2) {
    const float* __restrict row = x + r * channels;
    const float* __restrict from = gradient + r * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const float z0 = row[c] * scale[c] + offset[c];
      const float z1 = row[channels + c] * scale[c] + offset[c];
      const float f0 = from[c], f1 = from[channels + c];
      const float g0 = (z0 >= low) & (z0 <= high) ? f0 : 0.0f;
      const float g1 = (z1 >= low) & (z1 <= high) ? f1 : 0.0f;
      sum[c] += g0 + g1;
      product[c] += g0 * (row[c] - shift[c]) + g1 * (row[channels + c] - shift[c]);
    }
  }
  for (; r < rows; ++r)
    for (int64_t c = 0; c < channels; ++c) {
      const float value = x[r * channels + c];
      const float z = value * scale[c] + offset[c];
      const float f = gradient[r * channels + c];
      const float g = (z >= low) & (z <= high) ? f : 0.0f;
      sum[c] += g;
      product[c] += g * (value - shift[c]);
    }
}

// out = scale * (the gradient that the clamp lets through) + x * slope + level
LIGHTAVSEG_VECTORISE
void spread_gradients(const float* __restrict x, const float* __restrict gradient,
                      const float* __restrict scale, const float* __restrict offset,
                      const float* __restrict slope, const float* __restrict level, int64_t rows,
                      int64_t channels, float low, float high, float* __restrict out) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < channels; ++c) {
      const float value = x[r * channels + c];
      const float z = value * scale[c] + offset[c];
      const float f = gradient[r * channels + c];
      const float g = (z >= low) & (z <= high) ? f : 0.0f;
      out[r * channels + c] = g * scale[c] + (value * slope[c] + level[c]);
    }
}

// Two sums over all rows, in doubles: add(first row, rows, one, other) adds those of some rows.
template <typename Add>
void total(int64_t rows, int64_t channels, Add&& add, std::vector<double>& one,
           std::vector<double>& other) {
  const auto count = size_t(channels);
  one.assign(count, 0);
  other.assign(count, 0);
  std::vector<float> a(count), b(count);
  for (int64_t r = 0; r < rows; r += kBlock) {
    std::fill(a.begin(), a.end(), 0.0f);
    std::fill(b.begin(), b.end(), 0.0f);
    add(r, std::min(kBlock, rows - r), a.data(), b.data());
    for (size_t c = 0; c < count; ++c) {
      one[c] += double(a[c]);
      other[c] += double(b[c]);
    }
  }
}

struct Folded {
  std::vector<float> scale, offset;  // z = x * scale + offset
};

Folded fold(const torch::Tensor& mean, const torch::Tensor& inverse, const torch::Tensor& weight,
            const torch::Tensor& bias) {
  const auto count = size_t(mean.numel());
  const float* m = mean.data_ptr<float>();
  const float* i = inverse.data_ptr<float>();
  const float* w = weight.data_ptr<float>();
  const float* b = bias.data_ptr<float>();
  Folded folded{std::vector<float>(count), std::vector<float>(count)};
  for (size_t c = 0; c < count; ++c) {
    folded.scale[c] = w[c] * i[c];
    folded.offset[c] = b[c] - m[c] * folded.scale[c];
  }
  return folded;
}

class NormActivation : public torch::autograd::Function<NormActivation> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight, const torch::Tensor& bias,
                               const torch::Tensor& mean, const torch::Tensor& inverse,
                               int64_t activation) {
    context->save_for_backward({x, weight, bias, mean, inverse});
    context->saved_data["activation"] = activation;
    auto y = torch::empty_like(x, torch::MemoryFormat::ChannelsLast);
    const auto folded = fold(mean, inverse, weight, bias);
    auto range = range_of(Activation(activation));
    if (Activation(activation) == Activation::kRelu) range.low = 0;
    normalise(x.data_ptr<float>(), folded.scale.data(), folded.offset.data(), x.numel() / x.size(1),
              x.size(1), range.low, range.high, y.data_ptr<float>());
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &bias = saved[2], &mean = saved[3],
               &inverse = saved[4];
    const auto gradient =
        gradients[0].to(torch::kFloat32).contiguous(torch::MemoryFormat::ChannelsLast);
    const auto range = range_of(Activation(context->saved_data["activation"].toInt()));
    const int64_t channels = x.size(1), rows = x.numel() / channels;
    const auto folded = fold(mean, inverse, weight, bias);
    const float *values = x.data_ptr<float>(), *from = gradient.data_ptr<float>(),
                *means = mean.data_ptr<float>(), *inverses = inverse.data_ptr<float>();
    std::vector<double> sum, product;
    total(
        rows, channels,
        [&](int64_t row, int64_t count, float* a, float* b) {
          add_gradients(values + row * channels, from + row * channels, folded.scale.data(),
                        folded.offset.data(), means, count, channels, range.low, range.high, a, b);
        },
        sum, product);
    // d/dx of weight * (x - mean) * inverse + bias, mean and inverse being functions of x.
    const auto dweight = torch::empty_like(weight), dbias = torch::empty_like(bias);
    std::vector<float> slope(sum.size()), level(sum.size());
    for (size_t c = 0; c < sum.size(); ++c) {
      const double scale = double(folded.scale[c]), i = double(inverses[c]);
      const double steep = -scale * i * i * product[c] / double(rows);
      slope[c] = float(steep);
      level[c] = float(-steep * double(means[c]) - scale * sum[c] / double(rows));
      dweight.data_ptr<float>()[c] = float(product[c] * i);
      dbias.data_ptr<float>()[c] = float(sum[c]);
    }
    torch::Tensor dx;
    if (context->needs_input_grad(0)) {
      dx = torch::empty_like(x, torch::MemoryFormat::ChannelsLast);
      spread_gradients(values, from, folded.scale.data(), folded.offset.data(), slope.data(),
                       level.data(), rows, channels, range.low, range.high, dx.data_ptr<float>());
    }
    return {dx, dweight, dbias, {}, {}, {}};
  }
};

bool is_for_us(const torch::nn::BatchNorm2dImpl& bn, const torch::Tensor& x) {
  return bn.is_training() && bn.options.affine() && bn.options.track_running_stats() &&
         bn.options.momentum().has_value() && x.dim() == 4 && x.numel() > 0 &&
         x.size(1) == bn.weight.size(0) && x.numel() > x.size(1) &&
         x.scalar_type() == torch::kFloat32 && bn.weight.scalar_type() == torch::kFloat32 &&
         x.device().is_cpu() && x.is_contiguous(torch::MemoryFormat::ChannelsLast);
}

}  // namespace

torch::Tensor norm_activation(const torch::nn::BatchNorm2d& bn, const torch::Tensor& x,
                              Activation activation) {
  if (!is_for_us(*bn, x)) {
    const auto y = bn.ptr()->forward(x);
    if (activation == Activation::kRelu) return torch::relu(y);
    return activation == Activation::kRelu6 ? clamp_relu6(y) : y;
  }
  const int64_t channels = x.size(1), rows = x.numel() / channels;
  const auto mean = torch::empty({channels}), inverse = torch::empty({channels});
  {
    torch::NoGradGuard no_grad;
    const float* values = x.data_ptr<float>();
    // The first row as shift: squares of what is far from 0 and close together would cancel.
    const std::vector<float> shift(values, values + channels);
    std::vector<double> sum, square;
    total(
        rows, channels,
        [&](int64_t row, int64_t count, float* a, float* b) {
          add_moments(values + row * channels, shift.data(), count, channels, a, b);
        },
        sum, square);
    const auto variance = torch::empty({channels});
    const double n = double(rows);
    for (size_t c = 0; c < sum.size(); ++c) {
      const double shifted = sum[c] / n;
      const double spread = std::max(0.0, square[c] / n - shifted * shifted);
      mean.data_ptr<float>()[c] = float(double(shift[c]) + shifted);
      inverse.data_ptr<float>()[c] = float(1 / std::sqrt(spread + bn->options.eps()));
      variance.data_ptr<float>()[c] = float(spread * n / (n - 1));  // unbiased, as LibTorch has it
    }
    const double momentum = *bn->options.momentum();
    bn->running_mean.mul_(1 - momentum).add_(mean, momentum);
    bn->running_var.mul_(1 - momentum).add_(variance, momentum);
    bn->num_batches_tracked.add_(1);
  }
  return NormActivation::apply(x, bn->weight, bn->bias, mean, inverse, int64_t(activation));
}

torch::Tensor norm_activation(ConvBn& layer, const torch::Tensor& x, Activation activation) {
  return norm_activation(layer->bn, layer->c(x), activation);
}

}  // namespace lightavseg
