// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/canvas.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <set>

#include "model/data/label_codes.h"

namespace lightavseg {
namespace {

double mean_brightness(const cv::Mat& rgb, const cv::Mat& mask) {
  const cv::Scalar mean = cv::mean(rgb, mask);
  return (mean[0] + mean[1] + mean[2]) / 3;
}

// Scales, mirrors, blurs and turns; the result's alpha has a zero rim where the sprite ends.
Sprite transform(const Sprite& sprite, const Placement& placement) {
  Sprite out;
  const double scale = placement.long_side / std::max(sprite.rgb.cols, sprite.rgb.rows);
  const cv::Size size(std::max(2, static_cast<int>(std::lround(sprite.rgb.cols * scale))),
                      std::max(2, static_cast<int>(std::lround(sprite.rgb.rows * scale))));
  const int method = scale < 1 ? cv::INTER_AREA : cv::INTER_LINEAR;
  cv::resize(sprite.rgb, out.rgb, size, 0, 0, method);
  cv::resize(sprite.alpha, out.alpha, size, 0, 0, method);
  if (placement.flip) {
    cv::flip(out.rgb, out.rgb, 1);
    cv::flip(out.alpha, out.alpha, 1);
  }
  if (placement.blur > 0) {
    cv::GaussianBlur(out.rgb, out.rgb, {}, placement.blur);
    cv::GaussianBlur(out.alpha, out.alpha, {}, placement.blur);
  }
  if (placement.angle != 0) {
    const cv::Point2f centre(static_cast<float>(size.width - 1) / 2,
                             static_cast<float>(size.height - 1) / 2);
    cv::Mat turn = cv::getRotationMatrix2D(centre, placement.angle, 1);
    const double cosine = std::abs(turn.at<double>(0, 0));
    const double sine = std::abs(turn.at<double>(0, 1));
    const cv::Size turned(static_cast<int>(size.width * cosine + size.height * sine + 1),
                          static_cast<int>(size.width * sine + size.height * cosine + 1));
    turn.at<double>(0, 2) += (turned.width - size.width) / 2.0;
    turn.at<double>(1, 2) += (turned.height - size.height) / 2.0;
    cv::Mat rgb, alpha;
    cv::warpAffine(out.rgb, rgb, turn, turned, cv::INTER_LINEAR, cv::BORDER_REPLICATE);
    cv::warpAffine(out.alpha, alpha, turn, turned, cv::INTER_LINEAR, cv::BORDER_CONSTANT);
    out.rgb = rgb;
    out.alpha = alpha;
  }
  return out;
}

void match_tone(double amount, const cv::Mat& ground, Sprite* sprite) {
  const double own = mean_brightness(sprite->rgb, sprite->alpha);
  const double other = mean_brightness(ground, {});
  if (own <= 1) return;
  const double gain = std::clamp(1 + amount * (other / own - 1), 0.6, 1.5);
  sprite->rgb.convertTo(sprite->rgb, -1, gain);
}

}  // namespace

Sprite sprite_of_photo(const Picture& picture, int cls) {
  cv::Mat object = picture.labels == cls;
  const cv::Rect whole(cv::Point(), object.size());
  const cv::Rect tight = cv::boundingRect(object);
  Sprite sprite;
  if (cv::countNonZero(object) < 80) return sprite;
  const cv::Rect box =
      cv::Rect(tight.x - 3, tight.y - 3, tight.width + 6, tight.height + 6) & whole;
  sprite.cut_left = tight.x <= 1;
  sprite.cut_top = tight.y <= 1;
  sprite.cut_right = tight.x + tight.width >= whole.width - 1;
  sprite.cut_bottom = tight.y + tight.height >= whole.height - 1;
  sprite.rgb = picture.rgb(box);
  // BORDER_REPLICATE, so that an edge of the photograph is not taken for an edge of the object.
  cv::erode(object(box), sprite.alpha, cv::getStructuringElement(cv::MORPH_CROSS, {3, 3}), {-1, -1},
            1, cv::BORDER_REPLICATE);
  // Thin things (flutes, bows) would be eroded away.
  if (cv::countNonZero(sprite.alpha) * 2 < cv::countNonZero(object)) {
    sprite.alpha = object(box).clone();
  }
  cv::GaussianBlur(sprite.alpha, sprite.alpha, {3, 3}, 0.8, 0.8, cv::BORDER_REPLICATE);
  return sprite;
}

cv::Rect paste(const Sprite& sprite, const Placement& placement, int label, Canvas* canvas) {
  Sprite moved = transform(sprite, placement);
  const cv::Point corner(
      static_cast<int>(std::floor(placement.centre_x - moved.rgb.cols / 2.0 + 0.5)),
      static_cast<int>(std::floor(placement.centre_y - moved.rgb.rows / 2.0 + 0.5)));
  const cv::Rect box =
      cv::Rect(corner, moved.rgb.size()) & cv::Rect(cv::Point(), canvas->rgb.size());
  if (box.area() == 0) return {};
  const cv::Rect source(box.tl() - corner, box.size());
  if (placement.tone > 0) match_tone(placement.tone, canvas->rgb(box), &moved);
  for (int y = 0; y < box.height; ++y) {
    const auto* alpha = moved.alpha.ptr<std::uint8_t>(source.y + y) + source.x;
    const auto* top = moved.rgb.ptr<std::uint8_t>(source.y + y) + 3 * source.x;
    auto* rgb = canvas->rgb.ptr<std::uint8_t>(box.y + y) + 3 * box.x;
    auto* labels = canvas->labels.ptr<std::uint8_t>(box.y + y) + box.x;
    for (int x = 0; x < box.width; ++x) {
      const int a = alpha[x];
      if (a == 0) continue;
      for (int c = 3 * x; c < 3 * x + 3; ++c) {
        rgb[c] = static_cast<std::uint8_t>((top[c] * a + rgb[c] * (255 - a) + 127) / 255);
      }
      if (a >= 128) labels[x] = static_cast<std::uint8_t>(label);
    }
  }
  return box;
}

std::vector<int> count_labels(const cv::Mat& labels) {
  std::vector<int> counts(256, 0);
  for (int y = 0; y < labels.rows; ++y) {
    const auto* row = labels.ptr<std::uint8_t>(y);
    for (int x = 0; x < labels.cols; ++x) ++counts[row[x]];
  }
  counts.resize(128);
  return counts;
}

std::vector<int> classes_that_may_be_seen(const Canvas& canvas) {
  std::set<int> seen(canvas.may_show.begin(), canvas.may_show.end());
  bool present[256] = {};
  for (int y = 0; y < canvas.labels.rows; ++y) {
    const auto* row = canvas.labels.ptr<std::uint8_t>(y);
    for (int x = 0; x < canvas.labels.cols; ++x) present[row[x]] = true;
  }
  for (int code = 1; code < 255; ++code) {
    if (!present[code]) continue;
    const auto label = static_cast<std::uint8_t>(code);
    seen.insert(is_certain(label) ? code : perhaps_class(label));
  }
  return {seen.begin(), seen.end()};
}

std::vector<int> visible_classes(const Canvas& canvas, int min_pixels) {
  const std::vector<int> counts = count_labels(canvas.labels);
  std::vector<int> out;
  for (std::size_t cls = 1; cls < counts.size(); ++cls) {
    if (counts[cls] >= min_pixels) out.push_back(static_cast<int>(cls));
  }
  return out;
}

cv::Mat sounding_mask(const Canvas& canvas, const std::vector<int>& sounding) {
  std::uint8_t table[256] = {};
  const std::vector<int> seen = classes_that_may_be_seen(canvas);
  for (const int cls : sounding) {
    if (cls > 0 && cls < 127) {
      table[cls] = 255;
      table[perhaps(cls)] = 128;
    }
    // A wholly unknown pixel matters only if the class is in the picture at all.
    if (std::find(seen.begin(), seen.end(), cls) != seen.end()) table[kUnknownLabel] = 128;
  }
  cv::Mat out;
  cv::LUT(canvas.labels, cv::Mat(1, 256, CV_8U, table), out);
  return out;
}

cv::Mat plain_labels(const cv::Mat& labels) {
  cv::Mat out = labels.clone();
  out.setTo(kUnknownLabel, labels >= 128);
  return out;
}

}  // namespace lightavseg
