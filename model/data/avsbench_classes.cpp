// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/avsbench_classes.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "model/data/avsbench_types.h"

namespace lightavseg {
namespace {

uint32_t packed(int r, int g, int b) {
  return static_cast<uint32_t>(r) << 16 | static_cast<uint32_t>(g) << 8 | static_cast<uint32_t>(b);
}

std::array<AvssColour, kAvssClassCount> compute_palette() {
  std::array<AvssColour, kAvssClassCount> palette;
  for (int index = 0; index < kAvssClassCount; ++index) {
    AvssColour& colour = palette[static_cast<size_t>(index)];
    int bit = 7;
    for (int rest = index; rest != 0; rest >>= 3, --bit) {
      colour.r = static_cast<uint8_t>(colour.r | (rest & 1) << bit);
      colour.g = static_cast<uint8_t>(colour.g | (rest >> 1 & 1) << bit);
      colour.b = static_cast<uint8_t>(colour.b | (rest >> 2 & 1) << bit);
    }
  }
  return palette;
}

const std::unordered_map<uint32_t, uint8_t>& class_of_colour() {
  static const std::unordered_map<uint32_t, uint8_t> map = [] {
    std::unordered_map<uint32_t, uint8_t> result;
    const auto& palette = avss_palette();
    for (size_t i = 0; i < palette.size(); ++i) {
      result[packed(palette[i].r, palette[i].g, palette[i].b)] = static_cast<uint8_t>(i);
    }
    return result;
  }();
  return map;
}

const char* const kNamesAdvice =
    "The file must be one JSON object that gives each of the 71 class names an index from 0 to 70; "
    "without the file the usual names are taken.";

}  // namespace

const std::array<AvssColour, kAvssClassCount>& avss_palette() {
  static const std::array<AvssColour, kAvssClassCount> palette = compute_palette();
  return palette;
}

const std::vector<std::string>& default_avss_class_names() {
  static const std::vector<std::string> names = {
      "background", "accordion",      "airplane",   "axe",       "baby",          "bassoon",
      "bell",       "bird",           "boat",       "boy",       "bus",           "car",
      "cat",        "cello",          "clarinet",   "clipper",   "clock",         "dog",
      "donkey",     "drum",           "duck",       "elephant",  "emergency-car", "erhu",
      "flute",      "frying-food",    "girl",       "goose",     "guitar",        "gun",
      "guzheng",    "hair-dryer",     "handpan",    "harmonica", "harp",          "helicopter",
      "hen",        "horse",          "keyboard",   "leopard",   "lion",          "man",
      "marimba",    "missile-rocket", "motorcycle", "mower",     "parrot",        "piano",
      "pig",        "pipa",           "saw",        "saxophone", "sheep",         "sitar",
      "sorna",      "squirrel",       "tabla",      "tank",      "tiger",         "tractor",
      "train",      "trombone",       "truck",      "trumpet",   "tuba",          "ukulele",
      "utv",        "vacuum-cleaner", "violin",     "wolf",      "woman"};
  return names;
}

std::vector<std::string> read_avss_class_names(const std::filesystem::path& path) {
  const std::string headline = fmt::format("Class names in {}", path.string());
  std::ifstream file(path);
  if (!file) throw AvsBenchError(headline, {"the file cannot be opened"}, kNamesAdvice);
  const nlohmann::json json = nlohmann::json::parse(file, nullptr, false);
  if (json.is_discarded()) throw AvsBenchError(headline, {"this is not JSON"}, kNamesAdvice);
  if (!json.is_object()) {
    throw AvsBenchError(headline, {"the outermost value is not an object"}, kNamesAdvice);
  }

  std::vector<std::string> names(kAvssClassCount);
  std::vector<std::string> problems;
  for (const auto& [name, index] : json.items()) {
    if (name.empty()) {
      problems.push_back("a class name is empty");
    } else if (!index.is_number_integer() || index < 0 || index >= kAvssClassCount) {
      problems.push_back(fmt::format("\"{}\" has the index {} instead of a whole number 0 to {}",
                                     name, index.dump(), kAvssClassCount - 1));
    } else if (std::string& slot = names[index.get<size_t>()]; slot.empty()) {
      slot = name;
    } else {
      problems.push_back(
          fmt::format("\"{}\" and \"{}\" share the index {}", slot, name, index.dump()));
    }
  }
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) problems.push_back(fmt::format("no class has the index {}", i));
  }
  if (!problems.empty()) throw AvsBenchError(headline, problems, kNamesAdvice);
  return names;
}

void write_avss_class_names(const std::filesystem::path& path,
                            const std::vector<std::string>& names) {
  const std::string headline = fmt::format("Class names for {}", path.string());
  const std::set<std::string> distinct(names.begin(), names.end());
  if (names.size() != kAvssClassCount || distinct.size() != names.size() || distinct.count("")) {
    throw AvsBenchError(headline,
                        {fmt::format("got {} names, {} of them different, instead of {} different "
                                     "ones that are not empty",
                                     names.size(), distinct.size(), kAvssClassCount)},
                        "Start from the default names and replace single ones.");
  }
  nlohmann::ordered_json json;
  for (size_t i = 0; i < names.size(); ++i) json[names[i]] = i;
  std::ofstream file(path);
  file << json.dump(2) << '\n';
  file.close();
  if (!file) {
    throw AvsBenchError(headline, {"the file cannot be written"},
                        "Check the folder's permissions and the free space.");
  }
}

cv::Mat avss_colours_to_classes(const cv::Mat& rgb, int* unknown) {
  CV_Assert(rgb.type() == CV_8UC3);
  const auto& classes = class_of_colour();
  cv::Mat result(rgb.size(), CV_8UC1);
  int unknown_count = 0;
  // Masks are made of large areas: most pixels have the colour of their left neighbour.
  uint32_t last = 0;
  uint8_t last_class = 0;
  bool last_known = true;
  for (int y = 0; y < rgb.rows; ++y) {
    const cv::Vec3b* in = rgb.ptr<cv::Vec3b>(y);
    uint8_t* out = result.ptr<uint8_t>(y);
    for (int x = 0; x < rgb.cols; ++x) {
      const uint32_t colour = packed(in[x][0], in[x][1], in[x][2]);
      if (colour != last) {
        const auto found = classes.find(colour);
        last = colour;
        last_known = found != classes.end();
        last_class = last_known ? found->second : uint8_t{0};
      }
      if (!last_known) ++unknown_count;
      out[x] = last_class;
    }
  }
  if (unknown != nullptr) *unknown = unknown_count;
  return result;
}

cv::Mat avss_classes_to_colours(const cv::Mat& classes) {
  CV_Assert(classes.type() == CV_8UC1);
  const auto& palette = avss_palette();
  cv::Mat result(classes.size(), CV_8UC3);
  for (int y = 0; y < classes.rows; ++y) {
    const uint8_t* in = classes.ptr<uint8_t>(y);
    cv::Vec3b* out = result.ptr<cv::Vec3b>(y);
    for (int x = 0; x < classes.cols; ++x) {
      if (in[x] >= kAvssClassCount) {
        throw AvsBenchError("Class mask",
                            {fmt::format("the class at column {}, row {} is {} instead of 0 to {}",
                                         x, y, in[x], kAvssClassCount - 1)},
                            "Pass class indices, not colours or grey values.");
      }
      const AvssColour& colour = palette[in[x]];
      out[x] = {colour.r, colour.g, colour.b};
    }
  }
  return result;
}

}  // namespace lightavseg
