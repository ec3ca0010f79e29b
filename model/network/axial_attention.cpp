// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/axial_attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/vectorise.h"

namespace lightavseg {
namespace {

// Sizes of one head.
struct Head {
  int64_t keys, values, n;
};

// Matrices are [rows, n] with positions last, so that every inner loop runs over positions.

// out [n, n] = the sum over the rows of a and b of a_r^T b_r.
LIGHTAVSEG_VECTORISE
void outer(const float* __restrict a, const float* __restrict b, int64_t rows, int64_t n,
           float* __restrict out) {
  std::fill(out, out + n * n, 0.0f);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < n; ++i) {
      const float by = a[r * n + i];
      for (int64_t j = 0; j < n; ++j) out[i * n + j] += by * b[r * n + j];
    }
}

// out [rows, n] = a [rows, n] m [n, n], times `scale`.
LIGHTAVSEG_VECTORISE
void inner(const float* __restrict a, const float* __restrict m, int64_t rows, int64_t n,
           float scale, float* __restrict out) {
  for (int64_t r = 0; r < rows; ++r) {
    float* __restrict row = out + r * n;
    std::fill(row, row + n, 0.0f);
    for (int64_t i = 0; i < n; ++i) {
      const float by = a[r * n + i] * scale;
      for (int64_t j = 0; j < n; ++j) row[j] += by * m[i * n + j];
    }
  }
}

void transpose(const float* from, int64_t n, float* to) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) to[j * n + i] = from[i * n + j];
}

// weight [n, n]: row i is the softmax over j of scale * q_i . k_j.
void weigh(const float* q, const float* k, const Head& head, float scale, float* weight) {
  outer(q, k, head.keys, head.n, weight);
  for (int64_t i = 0; i < head.n; ++i) {
    float* row = weight + i * head.n;
    const float most = *std::max_element(row, row + head.n);
    float sum = 0;
    for (int64_t j = 0; j < head.n; ++j) sum += row[j] = std::exp(scale * (row[j] - most));
    for (int64_t j = 0; j < head.n; ++j) row[j] /= sum;
  }
}

Head head_of(const torch::Tensor& q, const torch::Tensor& v, int64_t heads) {
  return {q.size(1) / heads, v.size(1) / heads, q.size(2)};
}

class Attention : public torch::autograd::Function<Attention> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& q,
                               const torch::Tensor& k, const torch::Tensor& v, int64_t heads,
                               double scale) {
    const auto head = head_of(q, v, heads);
    const int64_t count = q.size(0) * heads;
    const auto weight = torch::empty({count, head.n, head.n});
    auto out = torch::empty(v.sizes());
    std::vector<float> turned(size_t(head.n * head.n));
    for (int64_t h = 0; h < count; ++h) {
      float* w = weight.data_ptr<float>() + h * head.n * head.n;
      weigh(q.data_ptr<float>() + h * head.keys * head.n,
            k.data_ptr<float>() + h * head.keys * head.n, head, float(scale), w);
      transpose(w, head.n, turned.data());
      inner(v.data_ptr<float>() + h * head.values * head.n, turned.data(), head.values, head.n, 1,
            out.data_ptr<float>() + h * head.values * head.n);
    }
    context->save_for_backward({q, k, v, weight});
    context->saved_data["heads"] = heads;
    context->saved_data["scale"] = scale;
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &q = saved[0], &k = saved[1], &v = saved[2], &weight = saved[3];
    const int64_t heads = context->saved_data["heads"].toInt();
    const auto scale = float(context->saved_data["scale"].toDouble());
    const auto head = head_of(q, v, heads);
    const auto from = gradients[0].contiguous();
    const auto dq = torch::empty(q.sizes()), dk = torch::empty(k.sizes()),
               dv = torch::empty(v.sizes());
    const int64_t n = head.n;
    std::vector<float> dweight(size_t(n * n)), turned(size_t(n * n));
    for (int64_t h = 0; h < q.size(0) * heads; ++h) {
      const float* w = weight.data_ptr<float>() + h * n * n;
      const float* g = from.data_ptr<float>() + h * head.values * n;
      const int64_t key = h * head.keys * n, value = h * head.values * n;
      inner(g, w, head.values, n, 1, dv.data_ptr<float>() + value);
      outer(g, v.data_ptr<float>() + value, head.values, n, dweight.data());
      for (int64_t i = 0; i < n; ++i) {  // through the softmax
        float* row = dweight.data() + i * n;
        float mean = 0;
        for (int64_t j = 0; j < n; ++j) mean += row[j] * w[i * n + j];
        for (int64_t j = 0; j < n; ++j) row[j] = w[i * n + j] * (row[j] - mean);
      }
      inner(q.data_ptr<float>() + key, dweight.data(), head.keys, n, scale,
            dk.data_ptr<float>() + key);
      transpose(dweight.data(), n, turned.data());
      inner(k.data_ptr<float>() + key, turned.data(), head.keys, n, scale,
            dq.data_ptr<float>() + key);
    }
    return {dq, dk, dv, {}, {}};
  }
};

torch::Tensor by_products(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                          int64_t heads, double scale) {
  const int64_t batch = q.size(0), n = q.size(2);
  const auto query = q.reshape({batch, heads, -1, n}).transpose(2, 3);
  const auto key = k.reshape({batch, heads, -1, n});
  const auto value = v.reshape({batch, heads, -1, n}).transpose(2, 3);
  const auto weight = (torch::matmul(query, key) * scale).softmax(-1);
  return torch::matmul(weight, value).transpose(2, 3).reshape({batch, v.size(1), n});
}

bool is_plain(const torch::Tensor& t) {
  return t.device().is_cpu() && t.scalar_type() == torch::kFloat32;
}

}  // namespace

torch::Tensor axial_attention(const torch::Tensor& q, const torch::Tensor& k,
                              const torch::Tensor& v, int64_t heads, double scale) {
  TORCH_CHECK(q.dim() == 3 && v.dim() == 3 && heads > 0 && q.sizes() == k.sizes() &&
                  v.size(0) == q.size(0) && v.size(2) == q.size(2) && q.size(1) % heads == 0 &&
                  v.size(1) % heads == 0,
              "axial attention: q ", q.sizes(), ", k ", k.sizes(), " and v ", v.sizes(),
              " do not fit one another or ", heads, " heads");
  if (!torch::GradMode::is_enabled() || q.numel() == 0 || !is_plain(q) || !is_plain(k) ||
      !is_plain(v))
    return by_products(q, k, v, heads, scale);
  return Attention::apply(q.contiguous(), k.contiguous(), v.contiguous(), heads, scale);
}

}  // namespace lightavseg
