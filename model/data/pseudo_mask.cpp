// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/pseudo_mask.h"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

namespace lightavseg {
namespace {

// Object and surroundings, seen by the model: what GrabCut may not change.
constexpr float kSurely = 0.95f, kSurelyNot = 0.02f;
constexpr int kRounds = 4;
constexpr double kLeast = 0.015, kMost = 0.85, kAgreement = 0.6;

// Whether nine tenths of the edge have the colour of its median, give or take a tenth of the range.
bool has_plain_edge(const cv::Mat& rgb) {
  cv::Mat edge;
  const int rim = std::max(2, std::min(rgb.rows, rgb.cols) / 32);
  for (const cv::Mat& part : {rgb.rowRange(0, rim), rgb.rowRange(rgb.rows - rim, rgb.rows),
                              rgb.colRange(0, rim), rgb.colRange(rgb.cols - rim, rgb.cols)})
    edge.push_back(part.clone().reshape(0, static_cast<int>(part.total())));
  cv::Mat near(edge.rows, 1, CV_8U, cv::Scalar(255));
  std::vector<cv::Mat> channels;
  cv::split(edge, channels);
  for (const cv::Mat& channel : channels) {
    cv::Mat sorted;
    cv::sort(channel, sorted, cv::SORT_EVERY_COLUMN);
    const double median = sorted.at<std::uint8_t>(sorted.rows / 2, 0);
    near &= (channel >= median - 25) & (channel <= median + 25);
  }
  return cv::countNonZero(near) >= 0.9 * near.rows;
}

// Grown by `share` of the picture's longer side.
cv::Mat grown(const cv::Mat& place, double share) {
  const int radius = std::max(1, cvRound(share * std::max(place.rows, place.cols)));
  cv::Mat out;
  cv::dilate(place, out,
             cv::getStructuringElement(cv::MORPH_ELLIPSE, {2 * radius + 1, 2 * radius + 1}));
  return out;
}

cv::Mat grab_cut(const cv::Mat& rgb, const cv::Mat& object) {
  const cv::Mat seen = object > 0.5;
  cv::Mat state(rgb.size(), CV_8U, cv::Scalar(cv::GC_PR_BGD));
  state.setTo(cv::GC_PR_FGD, seen);
  state.setTo(cv::GC_FGD, object > kSurely);
  // Thin parts are often not seen: only what is also far from the object is surely none of it.
  state.setTo(cv::GC_BGD, (object < kSurelyNot) & ~grown(seen, 0.12));
  cv::Mat bgr, background, foreground;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  cv::setRNGSeed(1);
  cv::grabCut(bgr, state, {}, background, foreground, kRounds, cv::GC_INIT_WITH_MASK);
  return (state == cv::GC_FGD) | (state == cv::GC_PR_FGD);
}

}  // namespace

std::optional<PseudoMask> pseudo_mask(const cv::Mat& rgb, const cv::Mat& object, std::string* why) {
  if (rgb.type() != CV_8UC3 || object.type() != CV_32FC1 || rgb.size() != object.size())
    throw std::invalid_argument("pseudo_mask: takes an RGB picture and a float map of its size");
  const auto none = [&](const std::string& reason) {
    if (why != nullptr) *why = reason;
    return std::nullopt;
  };
  if (std::min(rgb.rows, rgb.cols) < 32)
    return none(fmt::format("{} x {} pixels are too few", rgb.cols, rgb.rows));
  // GrabCut needs pixels of both kinds to learn colours from.
  const cv::Mat seen = object > 0.5;
  const double total = static_cast<double>(rgb.total());
  const double share = cv::countNonZero(seen) / total;
  if (share < kLeast || share > kMost)
    return none(fmt::format("the model takes {:.0f} % of the picture for an object", 100 * share));
  const cv::Mat cut = grab_cut(rgb, object);
  PseudoMask out;
  const cv::Mat both = seen & cut;
  out.mask = cv::Mat::zeros(rgb.size(), CV_8U);
  out.mask.setTo(128, seen | cut);
  out.mask.setTo(255, both);
  out.object_fraction = cv::countNonZero(both) / total;
  out.plain_background = has_plain_edge(rgb);
  const double agreement =
      cv::countNonZero(both) / std::max(1.0, double(cv::countNonZero(out.mask)));
  if (agreement < kAgreement || out.object_fraction < kLeast)
    return none(
        fmt::format("the model and GrabCut agree on {:.0f} % of the object", 100 * agreement));
  return out;
}

}  // namespace lightavseg
