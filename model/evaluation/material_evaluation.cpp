// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/evaluation/material_evaluation.h"

#include <algorithm>
#include <functional>

#include "model/evaluation/for_each_index.h"
#include "model/evaluation/scene_tensors.h"

namespace lightavseg {
namespace {

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

// 255 on every object, 128 where it is not known what there is: a target for iou().
torch::Tensor objects_of(const Scene& scene) {
  const auto labels = byte_map(scene.labels);
  return (labels.gt(0).to(torch::kUInt8) * 255).masked_fill(labels.eq(255), 128);
}

double share(const torch::Tensor& prediction) {
  return prediction.to(torch::kFloat32).mean().item<double>();
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (double v : values) sum += v;
  return values.empty() ? 0 : sum / double(values.size());
}

// For every class number of the scenes, the model's number of the class of that name, -1 if there
// is none. Without names both count alike.
std::vector<int64_t> model_classes(const std::vector<std::string>& names,
                                   const ModelConfig& config) {
  std::vector<int64_t> out;
  const auto& known = config.class_names;
  for (size_t i = 0; i < std::max(names.size(), known.size()); ++i) {
    if (names.empty()) {
      out.push_back(int64_t(i));
    } else if (i < names.size()) {
      const auto found = std::find(known.begin(), known.end(), names[i]);
      out.push_back(found == known.end() ? -1 : found - known.begin());
    }
  }
  return out;
}

}  // namespace

MaterialFigures evaluate_material(const ScenePredictor& predictor, const EvaluationScenes& scenes,
                                  const MaterialEvaluationOptions& options,
                                  std::vector<SceneScore>* scores) {
  const size_t n = size_t(options.clips);
  const bool semantic_vision = predictor.config().head == Head::kMaskAndClasses;

  // A model without a class head gets its vision-only baseline from the mean of what it hears.
  torch::Tensor mean_audio;
  if (!semantic_vision) {
    std::vector<torch::Tensor> states(n);
    for_each_index(options.clips, options.threads, [&](int i) {
      torch::NoGradGuard no_grad;
      states[size_t(i)] = predictor.audio_state(scenes.scene(EvaluationKind::kMulti, i).audio);
    });
    mean_audio = torch::stack(states).mean(0);
  }
  const auto vision_of = [&](const Scene& scene, const Prediction& p) {
    return semantic_vision ? p.vision : predictor.predict(scene.image, mean_audio).mask;
  };
  const auto classes = model_classes(options.class_names, predictor.config());
  // What knowing the labels instead of hearing them would give.
  const auto told = [&](const Scene& scene, const Prediction& p) {
    auto mask = torch::zeros_like(p.seen_class, torch::kBool);
    for (int cls : scene.sounding) {
      const int64_t known = size_t(cls) < classes.size() ? classes[size_t(cls)] : -1;
      if (known > 0) mask.logical_or_(p.seen_class.eq(known));
    }
    return mask;
  };
  // Of the pixels of objects whose class the model has, those that it takes for that class.
  const auto share_named = [&](const Scene& scene, const Prediction& p) {
    const auto labels = byte_map(scene.labels);
    double right = 0, all = 0;
    for (size_t cls = 1; cls < classes.size(); ++cls) {
      if (classes[cls] <= 0) continue;
      const auto object = labels.eq(int64_t(cls));
      all += object.sum().item<double>();
      right += object.logical_and(p.seen_class.eq(classes[cls])).sum().item<double>();
    }
    return all > 0 ? right / all : 0;
  };

  std::vector<double> single(n), single_vision(n), single_told(n);
  std::vector<double> multi(n), multi_vision(n), multi_told(n);
  std::vector<double> objects_marked(n), found(n), named(n);
  std::vector<double> both_right(n), right(2 * n), margin(n), silence(n), offscreen(n);
  const auto run = [&](const std::function<void(int)>& work) {
    for_each_index(options.clips, options.threads, [&](int i) {
      torch::NoGradGuard no_grad;
      work(i);
    });
  };
  const auto plain = [&](EvaluationKind kind, std::vector<double>& fit, std::vector<double>& blind,
                         std::vector<double>& oracle, const auto& more) {
    run([&](int i) {
      const auto scene = scenes.scene(kind, i);
      const auto p = predictor.predict(scene.image, predictor.audio_state(scene.audio));
      const auto target = byte_map(scene.mask);
      fit[size_t(i)] = iou(p.mask, target);
      blind[size_t(i)] = iou(vision_of(scene, p), target);
      if (semantic_vision) oracle[size_t(i)] = iou(told(scene, p), target);
      more(size_t(i), scene, p);
    });
  };
  plain(EvaluationKind::kSingle, single, single_vision, single_told,
        [](size_t, const Scene&, const Prediction&) {});
  plain(EvaluationKind::kMulti, multi, multi_vision, multi_told,
        [&](size_t i, const Scene& scene, const Prediction& p) {
          const auto objects = objects_of(scene);
          objects_marked[i] = iou(objects.eq(255), byte_map(scene.mask));
          if (!semantic_vision) return;
          found[i] = iou(p.seen_class.gt(0), objects);
          named[i] = share_named(scene, p);
        });
  run([&](int i) {
    const auto a = scenes.scene(EvaluationKind::kSwap, 2 * i);
    const auto b = scenes.scene(EvaluationKind::kSwap, 2 * i + 1);
    const auto pa = predictor.predict(a.image, predictor.audio_state(a.audio)).mask;
    const auto pb = predictor.predict(b.image, predictor.audio_state(b.audio)).mask;
    const auto ta = byte_map(a.mask), tb = byte_map(b.mask);
    const double a_own = iou(pa, ta), a_other = iou(pa, tb);
    const double b_own = iou(pb, tb), b_other = iou(pb, ta);
    const bool first = a_own > a_other, second = b_own > b_other;
    margin[size_t(i)] = (a_own - a_other + b_own - b_other) / 2;
    right[size_t(2 * i)] = first;
    right[size_t(2 * i + 1)] = second;
    both_right[size_t(i)] = first && second;
  });
  const auto quiet = [&](EvaluationKind kind, std::vector<double>& area) {
    run([&](int i) {
      const auto scene = scenes.scene(kind, i);
      const auto audio = predictor.audio_state(scene.audio);
      area[size_t(i)] = share(predictor.predict(scene.image, audio).mask);
    });
  };
  quiet(EvaluationKind::kSilence, silence);
  quiet(EvaluationKind::kOffscreen, offscreen);

  if (scores) {
    scores->clear();
    const auto add = [&](EvaluationKind kind, const std::vector<double>& values, double sign) {
      for (size_t i = 0; i < n; ++i) scores->push_back({kind, int(i), sign * values[i]});
    };
    add(EvaluationKind::kSingle, single, 1);
    add(EvaluationKind::kMulti, multi, 1);
    add(EvaluationKind::kSwap, margin, 1);
    add(EvaluationKind::kSilence, silence, -1);
    add(EvaluationKind::kOffscreen, offscreen, -1);
  }

  MaterialFigures f;
  f.has_oracle = semantic_vision;
  f.miou_oracle = mean(single_told);
  f.miou_multi_oracle = mean(multi_told);
  f.miou = mean(single);
  f.miou_vision = mean(single_vision);
  f.miou_multi = mean(multi);
  f.miou_multi_vision = mean(multi_vision);
  const auto half = [](const std::vector<double>& values, size_t first) {
    std::vector<double> out;
    for (size_t i = first; i < values.size(); i += 2) out.push_back(values[i]);
    return mean(out);
  };
  f.miou_multi_one = half(multi, 0);
  f.miou_multi_two = half(multi, 1);
  f.miou_multi_vision_one = half(multi_vision, 0);
  f.miou_multi_vision_two = half(multi_vision, 1);
  f.miou_multi_objects = mean(objects_marked);
  f.objects_found = mean(found);
  f.objects_named = mean(named);
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
  std::vector<std::pair<std::string, double>> out = {
      {"miou", f.miou},
      {"miou_vision", f.miou_vision},
      {"miou_multi", f.miou_multi},
      {"miou_multi_one", f.miou_multi_one},
      {"miou_multi_two", f.miou_multi_two},
      {"miou_multi_vision", f.miou_multi_vision},
      {"miou_multi_vision_one", f.miou_multi_vision_one},
      {"miou_multi_vision_two", f.miou_multi_vision_two},
      {"miou_multi_objects", f.miou_multi_objects},
  };
  if (f.has_oracle) {
    out.insert(out.begin() + 2, {"miou_oracle", f.miou_oracle});
    out.push_back({"miou_multi_oracle", f.miou_multi_oracle});
    out.push_back({"objects_found", f.objects_found});
    out.push_back({"objects_named", f.objects_named});
  }
  out.insert(out.end(), {{"swap", f.swap},
                         {"swap_single", f.swap_single},
                         {"silence_false", f.silence_false},
                         {"silence_area", f.silence_area},
                         {"offscreen_false", f.offscreen_false},
                         {"offscreen_area", f.offscreen_area}});
  return out;
}

}  // namespace lightavseg
