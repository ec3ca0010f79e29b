// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/clip_layer.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace lightavseg {

double smooth_wave(double x) {
  const double part = x - std::floor(x);
  return part < 0.5 ? 16 * part * (0.5 - part) : -16 * (part - 0.5) * (1 - part);
}

cv::Point2d Wander::at(double time_s) const {
  return {way.x * smooth_wave(time_s / period_x_s + phase_x),
          way.y * smooth_wave(time_s / period_y_s + phase_y)};
}

Sprite resized_sprite(const Sprite& sprite, double scale) {
  const cv::Size size(std::max(2, static_cast<int>(std::lround(sprite.rgb.cols * scale))),
                      std::max(2, static_cast<int>(std::lround(sprite.rgb.rows * scale))));
  const int method = scale < 1 ? cv::INTER_AREA : cv::INTER_CUBIC;
  Sprite out = sprite;
  cv::resize(sprite.rgb, out.rgb, size, 0, 0, method);
  cv::resize(sprite.alpha, out.alpha, size, 0, 0, method);
  cv::copyMakeBorder(out.rgb, out.rgb, 1, 1, 1, 1, cv::BORDER_REPLICATE);
  cv::copyMakeBorder(out.alpha, out.alpha, 1, 1, 1, 1, cv::BORDER_CONSTANT);
  return out;
}

void draw_layer(const Layer& layer, double time_s, int label, Canvas* canvas) {
  const cv::Size size = layer.sprite.rgb.size();
  const cv::Point2d middle = layer.home + layer.wander.at(time_s);
  const double angle = layer.sway_degrees * smooth_wave(time_s / layer.sway_s + layer.sway_phase);
  const cv::Point2f own(static_cast<float>(size.width - 1) / 2,
                        static_cast<float>(size.height - 1) / 2);
  const double reach = 0.5 * std::hypot(size.width, size.height) + 2;
  const cv::Rect box =
      cv::Rect(cv::Point(static_cast<int>(std::floor(middle.x - reach)),
                         static_cast<int>(std::floor(middle.y - reach))),
               cv::Size(static_cast<int>(2 * reach + 2), static_cast<int>(2 * reach + 2))) &
      cv::Rect({}, canvas->rgb.size());
  if (box.area() == 0) return;
  cv::Mat turn = cv::getRotationMatrix2D(own, angle, 1);
  turn.at<double>(0, 2) += middle.x - own.x - box.x;
  turn.at<double>(1, 2) += middle.y - own.y - box.y;
  cv::Mat rgb, alpha;
  cv::warpAffine(layer.sprite.rgb, rgb, turn, box.size(), cv::INTER_LINEAR, cv::BORDER_REPLICATE);
  cv::warpAffine(layer.sprite.alpha, alpha, turn, box.size(), cv::INTER_LINEAR,
                 cv::BORDER_CONSTANT);
  for (int y = 0; y < box.height; ++y) {
    const auto* from = rgb.ptr<std::uint8_t>(y);
    const auto* opacity = alpha.ptr<std::uint8_t>(y);
    auto* to = canvas->rgb.ptr<std::uint8_t>(box.y + y) + 3 * box.x;
    auto* labels = canvas->labels.ptr<std::uint8_t>(box.y + y) + box.x;
    for (int x = 0; x < box.width; ++x) {
      const int a = opacity[x];
      if (a == 0) continue;
      for (int c = 3 * x; c < 3 * x + 3; ++c) {
        to[c] = static_cast<std::uint8_t>((from[c] * a + to[c] * (255 - a) + 127) / 255);
      }
      if (a >= 128) labels[x] = static_cast<std::uint8_t>(label);
    }
  }
}

}  // namespace lightavseg
