// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/lightavseg.h"

#include <ATen/record_function.h>

#include <algorithm>
#include <string>

#include "model/network/mobilenet_v2.h"
#include "model/network/norm_activation.h"
#include "model/network/resnet50.h"
#include "model/network/rival_interaction.h"
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

// LightAVSeg's own modules behind the backbones, for stages of c channels.
void build_own(LightAVSegImpl& net, const std::vector<int64_t>& c) {
  const auto& config = net.config();
  const size_t n = c.size();
  const int64_t audio_channels = config.audio_channels();
  if (config.har || config.agve || config.cmfd) {
    auto modules = container(net, "har");
    for (size_t k = 0; k < n; ++k) {
      const int64_t from = k == 0 || !config.har ? audio_channels : c[k - 1];
      net.har.push_back(modules->register_module(
          std::to_string(k), AudioRefinement(from, c[k], config.har, config.pooling)));
    }
  } else {
    net.concat = net.register_module("concat", pointwise(c.back() + audio_channels, c.back()));
  }
  if (config.cmfd) {
    auto modules = container(net, "cmfd");
    for (size_t k = 0; k < n; ++k)
      net.cmfd.push_back(modules->register_module(
          std::to_string(k),
          FusionLevel(c[std::min(k + 1, n - 1)], c[k], config.embed_channels(), config.pooling)));
  }
  auto ups = container(net, "up");
  for (size_t k = 0; k + 1 < n; ++k)
    net.up.push_back(ups->register_module(std::to_string(k), ConvBn(c[k + 1], c[k])));
  auto refines = container(net, "refine");
  for (size_t k = 0; k < n; ++k) {
    const bool present = k >= 1 && k <= size_t(config.refine) && k + 1 < n;
    net.refine.push_back(present ? refines->register_module(std::to_string(k), Refine(c[k]))
                                 : Refine(nullptr));
  }
  auto head = container(net, "head");
  net.head_conv =
      head->register_module("0", ConvBn(c[0] + (config.head_similarity ? 1 : 0), c[0], 3));
  net.head_logits = head->register_module("3", pointwise(c[0], config.logit_channels()));
  if (config.class_pyramid) {
    auto levels = container(*head, "levels");
    for (size_t k = n - std::min<size_t>(n, kPyramidLevels); k < n; ++k)
      net.class_levels.push_back(levels->register_module(
          std::to_string(k), pointwise(c[k], int64_t(config.class_names.size()))));
    // From zero, so that a model trained without them can go on as it was.
    torch::NoGradGuard no_grad;
    for (auto& level : net.class_levels) {
      level->weight.zero_();
      level->bias.zero_();
    }
  }
}

void build_gate(LightAVSegImpl& net) {
  const auto& config = net.config();
  // A rival has its head elsewhere.
  const auto children = net.named_children();
  const auto* own = children.find("head");
  auto head = own ? *own : container(net, "head");
  net.sounds = head->register_module(
      "sounds", torch::nn::Linear(config.audio_channels(), int64_t(config.class_names.size())));
  torch::NoGradGuard no_grad;
  net.sounds->weight.normal_(0, 0.02);
  // Few of many classes sound at a time, and the background never does.
  net.sounds->bias.fill_(-4);
  net.gate = head->register_parameter("gate", torch::tensor({1.0f, 1.5f}));
}

// The decoder: the finest map with its audio state (undefined without any), and the pairs.
std::pair<torch::Tensor, torch::Tensor> decode(LightAVSegImpl& net,
                                               const std::vector<torch::Tensor>& visual,
                                               const std::vector<torch::Tensor>& audio,
                                               FeatureMaps* maps, NetworkOutput& out) {
  const size_t n = visual.size();
  torch::Tensor map;
  torch::Tensor state = audio.empty() ? torch::Tensor() : audio.back();
  std::vector<torch::Tensor> decoded(n), states;
  if (!audio.empty()) states.resize(n);
  for (size_t k = n; k-- > 0;) {
    auto current = visual[k];
    if (map.defined()) {
      RECORD_USER_SCOPE("top_down");
      // A 1x1 convolution with batch norm commutes with bilinear interpolation, whose weights sum
      // to one; before it, it costs a quarter.
      current = current + resize_bilinear(net.up[k](map), current.size(2), current.size(3));
      if (!net.refine[k].is_empty()) current = net.refine[k](current);
    }
    map = current;
    if (!net.cmfd.empty()) {
      RECORD_USER_SCOPE("fusion_decoder");
      std::tie(state, map) = net.cmfd[k](state, audio[k], visual[k], current);
    } else if (!audio.empty()) {
      state = audio[k];
    }
    decoded[k] = map;
    if (!states.empty()) states[k] = state;
  }
  for (size_t k = std::min<size_t>(n, 3); k-- > 0 && !states.empty();)
    out.pairs.push_back({decoded[k], states[k]});
  if (maps) {
    maps->decoded = decoded;
    if (!net.cmfd.empty()) maps->decoder_audio = states;
  }
  return {map, state};
}

}  // namespace

LightAVSegImpl::LightAVSegImpl(const ModelConfig& config)
    : config_(config), random_(std::make_shared<DropSource>()) {
  config_.validate();
  const auto all = config_.stage_channels();
  std::vector<int64_t> c;
  for (int stage : config_.stages) c.push_back(all[stage - 1]);

  visual = register_module("visual", make_visual(config_, random_));
  audio = register_module("audio", make_audio(config_));
  if ((rival = make_rival(config_)))
    register_module("interaction", rival);
  else
    build_own(*this, c);
  if (config_.class_gate) build_gate(*this);
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
    } else if (!concat.is_empty() && k + 1 == config_.stages.size()) {
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
  NetworkOutput out;
  if (rival) {
    RECORD_USER_SCOPE("interaction");
    auto said = rival->forward(encoded.visual, audio_0, frames.size(2), frames.size(3));
    out.logits = said.logits;
    out.pairs = std::move(said.pairs);
    if (maps) maps->decoded = {said.decoded};
  } else {
    auto [map, state] = decode(*this, encoded.visual, encoded.audio, maps, out);
    RECORD_USER_SCOPE("head");
    if (config_.head_similarity) {
      const auto options = F::NormalizeFuncOptions().dim(1).eps(1e-6);
      const auto similarity =
          (F::normalize(map, options) * F::normalize(state, options)).sum(1, true);
      map = torch::cat({map, similarity.to(map.scalar_type())}, 1);
    }
    auto hidden = norm_activation(head_conv, map, Activation::kRelu);
    if (is_training()) hidden = hidden * random_->mask(hidden, hidden.size(1), 1 - kHeadDropout);
    out.logits = head_logits(hidden);
    if (!class_levels.empty()) out.logits = add_class_levels(out.logits, encoded.plain);
  }
  if (config_.class_gate) {
    RECORD_USER_SCOPE("head");
    out.sounds = sounds(audio_0.flatten(1));
    out.logits = gate_mask(out.logits, out.sounds);
  }
  if (size == LogitSize::kFrame)
    out.logits = resize_bilinear(out.logits, frames.size(2), frames.size(3));
  return out;
}

}  // namespace lightavseg
