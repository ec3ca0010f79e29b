// SPDX-License-Identifier: LGPL-2.1-or-later
// AdamW (Loshchilov and Hutter, arXiv 1711.05101) with a rate and a decay per parameter.
//
// torch::optim::AdamW keys its state by addresses, in a way that changed between LibTorch
// versions, which makes exact resumption depend on the version; this one keys it by name.
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>
#include <vector>

namespace lightavseg {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
};

class AdamW {
 public:
  struct Parameter {
    std::string name;
    torch::Tensor value;
    double rate = 1;   // multiplier of the learning rate
    double decay = 0;  // weight decay, decoupled
  };

  explicit AdamW(std::vector<Parameter> parameters, AdamWOptions options = {});

  // One update from the gradients; parameters without one stay as they are.
  void step(double learning_rate);

  // Norm of all gradients together; they are scaled down to `limit` if it is above (0: never).
  double clip_gradients(double limit);

  // The moments by name ("m.NAME", "v.NAME"), sharing memory, and the number of steps.
  std::map<std::string, torch::Tensor> state() const;
  int64_t steps() const { return steps_; }
  // Puts a saved state back. Throws std::out_of_range for a missing name.
  void load(const std::map<std::string, torch::Tensor>& state, int64_t steps);

  const std::vector<Parameter>& parameters() const { return parameters_; }

 private:
  std::vector<Parameter> parameters_;
  std::vector<torch::Tensor> first_, second_;
  AdamWOptions options_;
  int64_t steps_ = 0;
};

// Weights that follow others slowly: e <- decay e + (1 - decay) w. The decay starts small and
// reaches its value as steps pass, min(decay, (1 + n) / (10 + n)), so that the random start is
// forgotten soon.
class AveragedWeights {
 public:
  // source and average: tensors in the same order; the average starts as a copy.
  AveragedWeights(std::vector<torch::Tensor> source, std::vector<torch::Tensor> average,
                  double decay);
  void update();
  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }

 private:
  std::vector<torch::Tensor> source_, average_;
  double decay_;
  int64_t steps_ = 0;
};

}  // namespace lightavseg
