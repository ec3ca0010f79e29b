// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/evaluation/scene_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "model/evaluation/scene_predictor.h"

namespace lightavseg {
namespace {

std::string joined(const std::vector<int>& classes, const std::vector<std::string>& names) {
  std::string out;
  for (int cls : classes) {
    if (!out.empty()) out += ", ";
    out += size_t(cls) < names.size() ? names[size_t(cls)] : fmt::format("class {}", cls);
  }
  return out.empty() ? "nothing" : out;
}

cv::Mat to_mat(const torch::Tensor& mask) {
  const auto bytes = mask.to(torch::kUInt8).mul(255).contiguous();
  cv::Mat out(int(bytes.size(0)), int(bytes.size(1)), CV_8U);
  std::memcpy(out.data, bytes.data_ptr<uint8_t>(), size_t(out.rows) * size_t(out.cols));
  return out;
}

const char* heading(EvaluationKind kind) {
  switch (kind) {
    case EvaluationKind::kSingle:
      return "One object, and it sounds";
    case EvaluationKind::kMulti:
      return "Several objects, one or two of them sound";
    case EvaluationKind::kSwap:
      return "The same picture, the sound of one object, then of another";
    case EvaluationKind::kSilence:
      return "Nothing sounds";
    case EvaluationKind::kOffscreen:
      break;
  }
  return "What sounds is not in the picture";
}

std::string score_text(EvaluationKind kind, double score) {
  switch (kind) {
    case EvaluationKind::kSingle:
    case EvaluationKind::kMulti:
      return fmt::format("IoU {:.3f}", score);
    case EvaluationKind::kSwap:
      return fmt::format("fits its own object better by {:.3f}", score);
    case EvaluationKind::kSilence:
    case EvaluationKind::kOffscreen:
      break;
  }
  return fmt::format("{:.1f} % of the picture marked", -100 * score);
}

}  // namespace

std::vector<std::uint8_t> rgb_png(const cv::Mat& rgb) {
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  std::vector<std::uint8_t> png;
  if (!cv::imencode(".png", bgr, png)) throw html::HtmlError("a picture cannot be made into a PNG");
  return png;
}

std::vector<std::uint8_t> masked_png(const cv::Mat& rgb, const cv::Mat& mask) {
  cv::Mat out(rgb.size(), CV_8UC3);
  for (int y = 0; y < rgb.rows; ++y) {
    for (int x = 0; x < rgb.cols; ++x) {
      const auto& from = rgb.at<cv::Vec3b>(y, x);
      const int m = mask.at<std::uint8_t>(y, x);
      const cv::Vec3i tint = m == 255 ? cv::Vec3i(255, 70, 40) : cv::Vec3i(128, 128, 128);
      const int share = m == 255 ? 55 : m == 0 ? 0 : 60;  // percent of the tint
      const int light = m == 0 ? 45 : 100;                // percent of the picture's brightness
      for (int c = 0; c < 3; ++c) {
        const int value = (from[c] * (100 - share) + tint[c] * share) / 100 * light / 100;
        out.at<cv::Vec3b>(y, x)[c] = std::uint8_t(value);
      }
    }
  }
  return rgb_png(out);
}

std::vector<Chosen> best_median_worst(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  std::vector<Chosen> out;
  if (!order.empty()) out.push_back({"best", order.front()});
  if (order.size() > 2) out.push_back({"median", order[order.size() / 2]});
  if (order.size() > 1) out.push_back({"worst", order.back()});
  return out;
}

html::PictureRow scene_row(const ScenePredictor& predictor, const Scene& scene,
                           const std::vector<std::string>& class_names,
                           const std::string& caption) {
  const auto p = predictor.predict(scene.image, predictor.audio_state(scene.audio));
  html::PictureRow out;
  out.caption = fmt::format("{}: sounds {}; shows {}", caption, joined(scene.sounding, class_names),
                            joined(scene.visible, class_names));
  out.pictures = {{"picture", rgb_png(scene.image)},
                  {"truth", masked_png(scene.image, scene.mask)},
                  {"mask", masked_png(scene.image, to_mat(p.mask))}};
  if (p.vision.defined()) {
    out.pictures.push_back({"without listening", masked_png(scene.image, to_mat(p.vision))});
  }
  return out;
}

std::vector<html::PictureRow> sample_rows(LightAVSeg& network, const EvaluationScenes& scenes,
                                          const std::vector<std::string>& class_names) {
  const ScenePredictor predictor(network);
  std::vector<html::PictureRow> rows;
  for (const auto& [kind, index] : {std::pair{EvaluationKind::kSingle, 0},
                                    {EvaluationKind::kSingle, 1},
                                    {EvaluationKind::kMulti, 0},
                                    {EvaluationKind::kMulti, 1},
                                    {EvaluationKind::kSwap, 0},
                                    {EvaluationKind::kSwap, 1},
                                    {EvaluationKind::kSilence, 0},
                                    {EvaluationKind::kOffscreen, 1}})
    rows.push_back(scene_row(predictor, scenes.scene(kind, index), class_names,
                             fmt::format("{} {}", to_string(kind), index)));
  return rows;
}

void add_scenes(const ScenePredictor& predictor, const EvaluationScenes& scenes,
                const std::vector<SceneScore>& scores, const std::vector<std::string>& class_names,
                html::Page* page) {
  const auto row = [&](const Scene& scene, const std::string& caption) {
    return scene_row(predictor, scene, class_names, caption);
  };
  for (EvaluationKind kind :
       {EvaluationKind::kSingle, EvaluationKind::kMulti, EvaluationKind::kSwap,
        EvaluationKind::kSilence, EvaluationKind::kOffscreen}) {
    std::vector<double> values;
    std::vector<int> indices;
    for (const auto& s : scores) {
      if (s.kind != kind) continue;
      values.push_back(s.score);
      indices.push_back(s.index);
    }
    if (values.empty()) continue;
    page->add_heading(heading(kind));
    std::vector<html::PictureRow> rows;
    for (const auto& [name, position] : best_median_worst(values)) {
      const int index = indices[position];
      const auto caption =
          fmt::format("{}, scene {}, {}", name, index, score_text(kind, values[position]));
      if (kind == EvaluationKind::kSwap) {
        rows.push_back(row(scenes.scene(kind, 2 * index), caption));
        rows.push_back(row(scenes.scene(kind, 2 * index + 1), name + ", the other sound"));
      } else {
        rows.push_back(row(scenes.scene(kind, index), caption));
      }
    }
    page->add_pictures(rows);
  }
}

void add_avs_clips(const ScenePredictor& predictor, const AvsBench& set,
                   const std::vector<double>& clip_scores, html::Page* page) {
  page->add_heading("Clips");
  std::vector<html::PictureRow> rows;
  for (const auto& [name, position] : best_median_worst(clip_scores)) {
    const AvsClip& clip = set.clips()[position];
    std::vector<int> annotated;
    for (int i = 0; i < clip.slots(); ++i) {
      if (clip.annotated[size_t(i)]) annotated.push_back(i);
    }
    const int index = annotated[annotated.size() / 2];
    const AvsFrame frame = set.load(clip, index);
    const auto p = predictor.predict(frame.image, predictor.audio_state(frame.audio));
    html::PictureRow row;
    row.caption = fmt::format("{}, clip {} {}, frame {}, mean IoU of the clip {:.3f}", name,
                              clip.name, clip.category, index + 1, clip_scores[position]);
    row.pictures = {{"picture", rgb_png(frame.image)},
                    {"truth", masked_png(frame.image, cv::Mat(frame.mask > 0))},
                    {"mask", masked_png(frame.image, to_mat(p.mask))}};
    rows.push_back(std::move(row));
  }
  page->add_pictures(rows);
}

}  // namespace lightavseg
