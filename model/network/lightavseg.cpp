// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/lightavseg.h"

#include <ATen/record_function.h>

#include <string>

#include "model/network/mobilenet_v2.h"
#include "model/network/resnet50.h"
#include "model/network/seaformer.h"
#include "model/network/vggish.h"
#include "model/network/yamnet.h"

namespace lightavseg {

namespace F = torch::nn::functional;

// Whole channels before the last convolution (Dropout2d of fudan-zvg/SeaFormer's light head).
constexpr double kHeadDropout = 0.1;

// Visual maps with a classifier of their own, counted from the coarsest.
constexpr size_t kPyramidLevels = 3;

namespace {

std::shared_ptr<VisualBackbone> make_visual(const ModelConfig& config,
                                            const std::shared_ptr<DropSource>& random) {
  if (config.visual_net == VisualNet::kResNet50) return std::make_shared<ResNet50Impl>();
  return std::make_shared<SeaFormerImpl>(config.variant, 0.1, random);
}

std::shared_ptr<AudioBackbone> make_audio(const ModelConfig& config) {
  if (config.audio_net == AudioNet::kVggish) return std::make_shared<VggishImpl>();
  if (config.audio_net == AudioNet::kYamnet) return std::make_shared<YamnetImpl>();
  return std::make_shared<MobileNetV2Impl>(config.audio_state == AudioState::kEmbedding);
}

}  // namespace

LightAVSegImpl::LightAVSegImpl(const ModelConfig& config)
    : config_(config), random_(std::make_shared<DropSource>()) {
  config_.validate();
  const auto all = config_.stage_channels();
  std::vector<int64_t> c;
  for (int stage : config_.stages) c.push_back(all[stage - 1]);
  const size_t n = c.size();
  const int64_t audio_channels = config_.audio_channels();
  const bool interacts = config_.har || config_.agve || config_.cmfd;

  visual = register_module("visual", make_visual(config_, random_));
  audio = register_module("audio", make_audio(config_));

  if (interacts) {
    auto modules = container(*this, "har");
    for (size_t k = 0; k < n; ++k) {
      const int64_t from = k == 0 || !config_.har ? audio_channels : c[k - 1];
      har.push_back(modules->register_module(
          std::to_string(k), AudioRefinement(from, c[k], config_.har, config_.pooling)));
    }
  } else {
    concat = register_module("concat", pointwise(c.back() + audio_channels, c.back()));
  }
  if (config_.cmfd) {
    auto modules = container(*this, "cmfd");
    for (size_t k = 0; k < n; ++k)
      cmfd.push_back(modules->register_module(
          std::to_string(k),
          FusionLevel(c[std::min(k + 1, n - 1)], c[k], config_.embed_channels(), config_.pooling)));
  }
  auto ups = container(*this, "up");
  for (size_t k = 0; k + 1 < n; ++k)
    up.push_back(ups->register_module(std::to_string(k), ConvBn(c[k + 1], c[k])));
  auto refines = container(*this, "refine");
  for (size_t k = 0; k < n; ++k) {
    const bool present = k >= 1 && k <= size_t(config_.refine) && k + 1 < n;
    refine.push_back(present ? refines->register_module(std::to_string(k), Refine(c[k]))
                             : Refine(nullptr));
  }
  auto head = container(*this, "head");
  head_conv = head->register_module("0", ConvBn(c[0] + (config_.head_similarity ? 1 : 0), c[0], 3));
  head_logits = head->register_module("3", pointwise(c[0], config_.logit_channels()));
  if (config_.class_pyramid) {
    auto levels = container(*head, "levels");
    for (size_t k = n - std::min<size_t>(n, kPyramidLevels); k < n; ++k)
      class_levels.push_back(levels->register_module(
          std::to_string(k), pointwise(c[k], int64_t(config_.class_names.size()))));
    // From zero, so that a model trained without them can go on as it was.
    torch::NoGradGuard no_grad;
    for (auto& level : class_levels) {
      level->weight.zero_();
      level->bias.zero_();
    }
  }
  if (config_.class_gate) {
    sounds = head->register_module(
        "sounds", torch::nn::Linear(audio_channels, int64_t(config_.class_names.size())));
    torch::NoGradGuard no_grad;
    sounds->weight.normal_(0, 0.02);
    // Few of many classes sound at a time, and the background never does.
    sounds->bias.fill_(-4);
    gate = head->register_parameter("gate", torch::tensor({1.0f, 1.5f}));
  }
}

void LightAVSegImpl::set_generator(const at::Generator& generator) {
  random_->generator = generator;
}

torch::Tensor LightAVSegImpl::audio_state(const torch::Tensor& log_mel) {
  RECORD_USER_SCOPE("audio");
  torch::AutoGradMode grad(torch::GradMode::is_enabled() && audio->is_training());
  return audio->forward(log_mel).unsqueeze(2).unsqueeze(3);
}

NetworkOutput LightAVSegImpl::forward(const torch::Tensor& frames, const torch::Tensor& log_mel,
                                      FeatureMaps* maps, LogitSize size) {
  return forward_with_audio(frames, audio_state(log_mel), maps, size);
}

struct LightAVSegImpl::Encoded {
  std::vector<torch::Tensor> plain;   // as the stages of the backbone left them, finest first
  std::vector<torch::Tensor> visual;  // enhanced
  std::vector<torch::Tensor> audio;
};

LightAVSegImpl::Encoded LightAVSegImpl::encode(const torch::Tensor& frames,
                                               const torch::Tensor& audio_0, FeatureMaps* maps) {
  static const char* const scopes[] = {"visual.1", "visual.2", "visual.3", "visual.4", "visual.5"};
  Encoded out;
  auto x = frames;
  auto state = audio_0;
  size_t k = 0;
  for (int s = 0; s < config_.stages.back(); ++s) {
    {
      RECORD_USER_SCOPE(scopes[s]);
      x = visual->stage(s, x);
    }
    if (config_.stages[k] != s + 1) continue;
    RECORD_USER_SCOPE("reciprocal_encoder");
    out.plain.push_back(x);
    if (!har.empty()) {
      state = har[k](config_.har ? state : audio_0, x);
      out.audio.push_back(state);
      if (maps) maps->audio.push_back(state);
      if (config_.agve) x = enhance_visual(x, state);
    } else if (k + 1 == config_.stages.size()) {
      // The baseline of the ablation: audio meets the deepest map once, by concatenation.
      const auto spread = audio_0.expand({x.size(0), -1, x.size(2), x.size(3)});
      x = concat(torch::cat({x, spread.to(x.scalar_type())}, 1));
    }
    out.visual.push_back(x);
    ++k;
  }
  if (maps) {
    maps->visual = out.plain;
    maps->encoded = out.visual;
  }
  return out;
}

torch::Tensor LightAVSegImpl::add_class_levels(const torch::Tensor& logits,
                                               const std::vector<torch::Tensor>& visual) const {
  torch::Tensor sum;
  for (size_t k = class_levels.size(); k-- > 0;) {
    const auto& map = visual[visual.size() - class_levels.size() + k];
    auto level = torch::nn::Conv2d(class_levels[k])(map);
    if (sum.defined()) level = level + resize_bilinear(sum, map.size(2), map.size(3));
    sum = level;
  }
  sum = resize_bilinear(sum, logits.size(2), logits.size(3));
  return torch::cat({logits.slice(1, 0, 1), logits.slice(1, 1) + sum}, 1);
}

torch::Tensor LightAVSegImpl::gate_mask(const torch::Tensor& logits,
                                        const torch::Tensor& heard) const {
  const auto classes = logits.slice(1, 1);
  const auto shares = torch::softmax(classes.to(torch::kFloat32), 1);
  const auto expected = (shares * heard.to(torch::kFloat32).unsqueeze(2).unsqueeze(3)).sum(1, true);
  const auto mask = logits.slice(1, 0, 1) + gate[0] * expected + gate[1];
  return torch::cat({mask, classes.to(mask.scalar_type())}, 1);
}

NetworkOutput LightAVSegImpl::forward_with_audio(const torch::Tensor& frames,
                                                 const torch::Tensor& audio_0, FeatureMaps* maps,
                                                 LogitSize size) {
  TORCH_CHECK(frames.dim() == 4 && frames.size(1) == 3, "frames must be [B, 3, H, W], found ",
              frames.sizes());
  TORCH_CHECK(frames.size(2) >= 32 && frames.size(3) >= 32,
              "frames must be at least 32 x 32 pixels, found ", frames.sizes());
  TORCH_CHECK(audio_0.dim() == 4 && audio_0.size(1) == config_.audio_channels() &&
                  (audio_0.size(0) == frames.size(0) || audio_0.size(0) == 1),
              "the audio state must be [B or 1, ", config_.audio_channels(), ", 1, 1] for ",
              frames.size(0), " frames, found ", audio_0.sizes());
  const auto encoded = encode(frames, audio_0, maps);
  const size_t n = encoded.visual.size();

  NetworkOutput out;
  torch::Tensor map;
  torch::Tensor state = encoded.audio.empty() ? torch::Tensor() : encoded.audio.back();
  std::vector<torch::Tensor> decoded(n), states;
  if (!encoded.audio.empty()) states.resize(n);
  for (size_t k = n; k-- > 0;) {
    auto current = encoded.visual[k];
    if (map.defined()) {
      RECORD_USER_SCOPE("top_down");
      // A 1x1 convolution with batch norm commutes with bilinear interpolation, whose weights sum
      // to one; before it, it costs a quarter.
      current = current + resize_bilinear(up[k](map), current.size(2), current.size(3));
      if (!refine[k].is_empty()) current = refine[k](current);
    }
    map = current;
    if (!cmfd.empty()) {
      RECORD_USER_SCOPE("fusion_decoder");
      std::tie(state, map) = cmfd[k](state, encoded.audio[k], encoded.visual[k], current);
    } else if (!encoded.audio.empty()) {
      state = encoded.audio[k];
    }
    decoded[k] = map;
    if (!states.empty()) states[k] = state;
  }
  for (size_t k = std::min<size_t>(n, 3); k-- > 0 && !states.empty();)
    out.pairs.push_back({decoded[k], states[k]});
  if (maps) {
    maps->decoded = decoded;
    if (!cmfd.empty()) maps->decoder_audio = states;
  }

  RECORD_USER_SCOPE("head");
  if (config_.head_similarity) {
    const auto options = F::NormalizeFuncOptions().dim(1).eps(1e-6);
    const auto similarity =
        (F::normalize(map, options) * F::normalize(state, options)).sum(1, true);
    map = torch::cat({map, similarity.to(map.scalar_type())}, 1);
  }
  auto hidden = torch::relu(head_conv(map));
  if (is_training()) hidden = hidden * random_->mask(hidden, hidden.size(1), 1 - kHeadDropout);
  out.logits = head_logits(hidden);
  if (!class_levels.empty()) out.logits = add_class_levels(out.logits, encoded.plain);
  if (config_.class_gate) {
    out.sounds = sounds(audio_0.flatten(1));
    out.logits = gate_mask(out.logits, out.sounds);
  }
  if (size == LogitSize::kFrame)
    out.logits = resize_bilinear(out.logits, frames.size(2), frames.size(3));
  return out;
}

}  // namespace lightavseg
