// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/clip_truth.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>

namespace lightavseg {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const std::map<int, cv::Rect>& boxes, const Taxonomy& taxonomy) {
  Json out = Json::object();
  for (const auto& [cls, box] : boxes) {
    out[taxonomy.class_name(cls)] = {box.x, box.y, box.width, box.height};
  }
  return out;
}

// Milliseconds, so that 0.6000000000000001 does not become the time of a box.
double rounded(double seconds) {
  return std::round(seconds * 1000) / 1000;
}

}  // namespace

std::map<int, cv::Rect> object_boxes(const Clip& clip, double time_s) {
  const Canvas canvas = clip.picture(time_s);
  std::map<int, cv::Rect> boxes;
  for (const ClipObject& object : clip.objects()) {
    const cv::Rect box = cv::boundingRect(canvas.labels == object.cls);
    if (box.area() > 0) boxes[object.cls] = box;
  }
  return boxes;
}

std::string clip_truth_json(const Clip& clip, const Taxonomy& taxonomy) {
  Json out = {{"width", clip.size().width},
              {"height", clip.size().height},
              {"seconds", rounded(clip.seconds())},
              {"background", clip.background_id()},
              {"objects", Json::array()},
              {"sections", Json::array()},
              {"boxes", Json::array()}};
  for (const ClipObject& object : clip.objects()) {
    out["objects"].push_back({{"class", taxonomy.class_name(object.cls)}, {"file", object.id}});
  }
  std::vector<std::pair<double, std::map<int, cv::Rect>>> track;
  for (int i = 0; i * kTruthStep_s < clip.seconds(); ++i) {
    const double time_s = rounded(i * kTruthStep_s);
    track.push_back({time_s, object_boxes(clip, time_s)});
    out["boxes"].push_back({{"time_s", time_s}, {"boxes", to_json(track.back().second, taxonomy)}});
  }
  for (const ClipSection& section : clip.sections()) {
    Json classes = Json::array();
    for (const int cls : section.classes) classes.push_back(taxonomy.class_name(cls));
    std::map<int, cv::Rect> hulls;
    for (const auto& [time_s, boxes] : track) {
      if (time_s < section.start_s || time_s >= section.end_s) continue;
      for (const auto& [cls, box] : boxes) {
        const auto& heard = section.classes;
        if (std::find(heard.begin(), heard.end(), cls) != heard.end()) hulls[cls] |= box;
      }
    }
    out["sections"].push_back({{"sound", to_string(section.sound)},
                               {"start_s", rounded(section.start_s)},
                               {"end_s", rounded(section.end_s)},
                               {"classes", classes},
                               {"files", section.sound_ids},
                               {"boxes", to_json(hulls, taxonomy)}});
  }
  return out.dump(1) + "\n";
}

}  // namespace lightavseg
