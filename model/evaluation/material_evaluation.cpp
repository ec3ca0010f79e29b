// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/evaluation/material_evaluation.h"

#include <functional>

#include "model/evaluation/for_each_index.h"
#include "model/evaluation/scene_tensors.h"

namespace lightavseg {
namespace {

struct Prediction {
  torch::Tensor mask;    // [H, W] bool: probability above one half
  torch::Tensor vision;  // [H, W] bool: any object at all; undefined without a class head
};

class Predictor {
 public:
  explicit Predictor(LightAVSeg& network)
      : network_(network), log_mel_(network->config().front_end) {}

  torch::Tensor audio_state(const Scene& scene) const {
    dsp::LogMel::Workspace workspace(log_mel_);
    return network_->audio_state(log_mel_tensor(log_mel_, scene.audio, workspace).unsqueeze(0));
  }

  Prediction predict(const Scene& scene, const torch::Tensor& audio) const {
    const auto logits =
        network_->forward_with_audio(normalised_frame(scene.image).unsqueeze(0), audio).logits[0];
    Prediction p;
    switch (network_->config().head) {
      case Head::kMask:
        p.mask = logits[0].gt(0);
        break;
      case Head::kMaskAndClasses:
        p.mask = logits[0].gt(0);
        p.vision = logits.slice(0, 1).softmax(0)[0].lt(0.5);
        break;
      case Head::kSemantic:
        p.mask = logits.argmax(0).ne(0);
        break;
    }
    return p;
  }

 private:
  LightAVSeg& network_;
  dsp::LogMel log_mel_;
};

// Intersection over union with the pixels that are `marked` in the target (255), where it is known.
// Both empty: 1.
double iou(const torch::Tensor& prediction, const torch::Tensor& target) {
  const auto known = target.ne(128);
  const auto truth = target.eq(255);
  const auto p = prediction.logical_and(known);
  const double both = p.logical_and(truth).sum().item<double>();
  const double either = p.logical_or(truth).sum().item<double>();
  return either > 0 ? both / either : 1;
}

double share(const torch::Tensor& prediction) {
  return prediction.to(torch::kFloat32).mean().item<double>();
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (double v : values) sum += v;
  return values.empty() ? 0 : sum / double(values.size());
}

}  // namespace

MaterialFigures evaluate_material(LightAVSeg& network, const EvaluationScenes& scenes,
                                  const MaterialEvaluationOptions& options) {
  network->eval();
  const Predictor predictor(network);
  const size_t n = size_t(options.clips);
  const bool semantic_vision = network->config().head == Head::kMaskAndClasses;

  // A model without a class head gets its vision-only baseline from the mean of what it hears.
  torch::Tensor mean_audio;
  if (!semantic_vision) {
    std::vector<torch::Tensor> states(n);
    for_each_index(options.clips, options.threads, [&](int i) {
      torch::NoGradGuard no_grad;
      states[size_t(i)] = predictor.audio_state(scenes.scene(EvaluationKind::kMulti, i));
    });
    mean_audio = torch::stack(states).mean(0);
  }
  const auto vision_of = [&](const Scene& scene, const Prediction& p) {
    return semantic_vision ? p.vision : predictor.predict(scene, mean_audio).mask;
  };

  std::vector<double> single(n), single_vision(n), multi(n), multi_vision(n);
  std::vector<double> both_right(n), right(2 * n), silence(n), offscreen(n);
  const auto run = [&](const std::function<void(int)>& work) {
    for_each_index(options.clips, options.threads, [&](int i) {
      torch::NoGradGuard no_grad;
      work(i);
    });
  };
  const auto plain = [&](EvaluationKind kind, std::vector<double>& fit,
                         std::vector<double>& blind) {
    run([&](int i) {
      const auto scene = scenes.scene(kind, i);
      const auto p = predictor.predict(scene, predictor.audio_state(scene));
      const auto target = byte_map(scene.mask);
      fit[size_t(i)] = iou(p.mask, target);
      blind[size_t(i)] = iou(vision_of(scene, p), target);
    });
  };
  plain(EvaluationKind::kSingle, single, single_vision);
  plain(EvaluationKind::kMulti, multi, multi_vision);
  run([&](int i) {
    const auto a = scenes.scene(EvaluationKind::kSwap, 2 * i);
    const auto b = scenes.scene(EvaluationKind::kSwap, 2 * i + 1);
    const auto pa = predictor.predict(a, predictor.audio_state(a)).mask;
    const auto pb = predictor.predict(b, predictor.audio_state(b)).mask;
    const auto ta = byte_map(a.mask), tb = byte_map(b.mask);
    const bool first = iou(pa, ta) > iou(pa, tb), second = iou(pb, tb) > iou(pb, ta);
    right[size_t(2 * i)] = first;
    right[size_t(2 * i + 1)] = second;
    both_right[size_t(i)] = first && second;
  });
  const auto quiet = [&](EvaluationKind kind, std::vector<double>& area) {
    run([&](int i) {
      const auto scene = scenes.scene(kind, i);
      area[size_t(i)] = share(predictor.predict(scene, predictor.audio_state(scene)).mask);
    });
  };
  quiet(EvaluationKind::kSilence, silence);
  quiet(EvaluationKind::kOffscreen, offscreen);

  MaterialFigures f;
  f.miou = mean(single);
  f.miou_vision = mean(single_vision);
  f.miou_multi = mean(multi);
  f.miou_multi_vision = mean(multi_vision);
  std::vector<double> one, two;
  for (size_t i = 0; i < n; ++i) (i % 2 == 0 ? one : two).push_back(multi[i]);
  f.miou_multi_one = mean(one);
  f.miou_multi_two = mean(two);
  f.swap = mean(both_right);
  f.swap_single = mean(right);
  f.silence_area = mean(silence);
  f.offscreen_area = mean(offscreen);
  for (double s : silence) f.silence_false += s > options.false_share ? 1.0 / double(n) : 0;
  for (double s : offscreen) f.offscreen_false += s > options.false_share ? 1.0 / double(n) : 0;
  f.single = f.multi = f.pairs = f.silence = f.offscreen = options.clips;
  return f;
}

std::vector<std::pair<std::string, double>> named_figures(const MaterialFigures& f) {
  return {{"miou", f.miou},
          {"miou_vision", f.miou_vision},
          {"miou_multi", f.miou_multi},
          {"miou_multi_one", f.miou_multi_one},
          {"miou_multi_two", f.miou_multi_two},
          {"miou_multi_vision", f.miou_multi_vision},
          {"swap", f.swap},
          {"swap_single", f.swap_single},
          {"silence_false", f.silence_false},
          {"silence_area", f.silence_area},
          {"offscreen_false", f.offscreen_false},
          {"offscreen_area", f.offscreen_area}};
}

}  // namespace lightavseg
