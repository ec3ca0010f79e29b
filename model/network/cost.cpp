// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/cost.h"

#include <ATen/record_function.h>

#include <cstring>
#include <map>
#include <memory>

#include "model/network/seaformer_spec.h"

namespace lightavseg {
namespace {

// What the callbacks of one thread write to. LibTorch takes plain function pointers, hence the
// thread-local pointer instead of a capture.
struct Counter {
  std::map<std::string, int64_t> macs;
  std::vector<std::string> scopes;
  int inside = 0;  // depth of counted operators: a convolution may call a matrix product itself
};
thread_local Counter* counter = nullptr;

enum class Kind { kScope, kConvolution, kProduct, kOther };

struct OpContext : at::ObserverContext {
  Kind kind = Kind::kOther;
  int64_t inner = 0;  // multiply-accumulates of one output element
};

Kind kind_of(const at::RecordFunction& fn) {
  if (fn.scope() == at::RecordScope::USER_SCOPE) return Kind::kScope;
  if (!std::strcmp(fn.name(), "aten::convolution")) return Kind::kConvolution;
  for (const char* name : {"aten::addmm", "aten::mm", "aten::bmm"})
    if (!std::strcmp(fn.name(), name)) return Kind::kProduct;
  return Kind::kOther;
}

std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction& fn) {
  auto context = std::make_unique<OpContext>();
  context->kind = kind_of(fn);
  if (!counter) return context;
  if (context->kind == Kind::kScope) {
    counter->scopes.emplace_back(fn.name());
  } else if (context->kind != Kind::kOther) {
    if (counter->inside++ > 0) return context;
    const auto inputs = fn.inputs();
    if (context->kind == Kind::kConvolution) {
      const auto weight = inputs.at(1).toTensor();
      context->inner = weight.numel() / weight.size(0);
    } else {
      const bool with_bias = !std::strcmp(fn.name(), "aten::addmm");
      context->inner = inputs.at(with_bias ? 1 : 0).toTensor().size(-1);
    }
  }
  return context;
}

void on_end(const at::RecordFunction& fn, at::ObserverContext* base) {
  const auto* context = static_cast<OpContext*>(base);
  if (!counter) return;
  if (context->kind == Kind::kScope) {
    counter->scopes.pop_back();
  } else if (context->kind != Kind::kOther) {
    --counter->inside;
    if (context->inner > 0 && !fn.outputs().empty())
      counter->macs[counter->scopes.empty() ? "" : counter->scopes.back()] +=
          context->inner * fn.outputs()[0].toTensor().numel();
  }
}

// Callbacks for the time of one object.
class Observation {
 public:
  explicit Observation(Counter& c)
      : handle_(at::addThreadLocalCallback(
            at::RecordFunctionCallback(on_start, on_end)
                .needsInputs(true)
                .needsOutputs(true)
                .scopes({at::RecordScope::FUNCTION, at::RecordScope::USER_SCOPE}))) {
    counter = &c;
  }
  ~Observation() {
    counter = nullptr;
    at::removeCallback(handle_);
  }
  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;

 private:
  at::CallbackHandle handle_;
};

bool starts_with(const std::string& s, const std::string& prefix) {
  return s.compare(0, prefix.size(), prefix) == 0;
}

// The module of a parameter, in the names of the scopes of forward().
std::string module_of(const std::string& parameter, const SeaFormerSpec& spec) {
  if (starts_with(parameter, "visual.smb")) return "visual." + parameter.substr(10, 1);
  if (starts_with(parameter, "visual.trans")) {
    const size_t index = size_t(parameter[12] - '1');
    return "visual." + std::to_string(spec.transformers.at(index).stage + 1);
  }
  if (starts_with(parameter, "visual.layer")) return "visual." + parameter.substr(12, 1);
  if (starts_with(parameter, "visual.")) return "visual.1";  // the stem of ResNet-50
  if (starts_with(parameter, "audio.")) return "audio";
  if (starts_with(parameter, "har.") || starts_with(parameter, "concat."))
    return "reciprocal_encoder";
  if (starts_with(parameter, "cmfd.")) return "fusion_decoder";
  if (starts_with(parameter, "interaction.")) return "interaction";
  if (starts_with(parameter, "up.") || starts_with(parameter, "refine.")) return "top_down";
  return "head";
}

}  // namespace

int64_t count_parameters(const torch::nn::Module& module) {
  int64_t n = 0;
  for (const auto& p : module.parameters()) n += p.numel();
  return n;
}

NetworkCost measure_cost(LightAVSeg& network, int height, int width, int audio_frames) {
  torch::NoGradGuard no_grad;
  network->eval();
  const auto options = network->parameters().front().options().requires_grad(false);
  Counter counted;
  {
    Observation observation(counted);
    network->forward(torch::zeros({1, 3, height, width}, options),
                     torch::zeros({1, 1, audio_frames, 64}, options));
  }
  const auto& spec = seaformer_spec(network->config().variant);
  std::map<std::string, int64_t> parameters;
  for (const auto& p : network->named_parameters())
    parameters[module_of(p.key(), spec)] += p.value().numel();

  NetworkCost cost;
  for (const char* name :
       {"visual.1", "visual.2", "visual.3", "visual.4", "visual.5", "audio", "reciprocal_encoder",
        "fusion_decoder", "top_down", "interaction", "head"}) {
    const ModuleCost module{name, parameters[name], counted.macs[name]};
    cost.parameters += module.parameters;
    cost.macs += module.macs;
    if (module.parameters || module.macs) cost.modules.push_back(module);
  }
  return cost;
}

}  // namespace lightavseg
