// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/layers.h"

#include <cmath>

#include "model/network/norm_activation.h"

namespace lightavseg {

namespace F = torch::nn::functional;

torch::Tensor resize_bilinear(const torch::Tensor& x, int64_t height, int64_t width) {
  if (x.size(2) == height && x.size(3) == width) return x;
  return F::interpolate(x, F::InterpolateFuncOptions()
                               .size(std::vector<int64_t>{height, width})
                               .mode(torch::kBilinear)
                               .align_corners(false));
}

torch::nn::Conv2d pointwise(int64_t in, int64_t out) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 1));
}

torch::Tensor DropSource::mask(const torch::Tensor& like, int64_t channels, double keep) const {
  const auto options = torch::TensorOptions().device(like.device()).dtype(torch::kFloat32);
  const auto uniform = at::rand({like.size(0), channels, 1, 1}, generator, options);
  return uniform.lt(keep).to(like.scalar_type()) * (1.0 / keep);
}

ConvBnImpl::ConvBnImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t groups,
                       bool zero_gamma) {
  c = register_module("c", torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, kernel)
                                                 .stride(stride)
                                                 .padding(kernel / 2)
                                                 .groups(groups)
                                                 .bias(false)));
  bn = register_module("bn", torch::nn::BatchNorm2d(out));
  torch::NoGradGuard no_grad;
  // The fan-out initialisation of fudan-zvg/SeaFormer.
  const double fan_out = double(kernel) * double(kernel) * double(out) / double(groups);
  c->weight.normal_(0, std::sqrt(2.0 / fan_out));
  if (zero_gamma) bn->weight.zero_();
}

torch::Tensor ConvBnImpl::forward(const torch::Tensor& x) {
  return norm_activation(bn, c(x), Activation::kNone);
}

std::shared_ptr<torch::nn::Module> container(torch::nn::Module& parent, const std::string& name) {
  return parent.register_module(name, std::make_shared<torch::nn::Module>(name));
}

}  // namespace lightavseg
