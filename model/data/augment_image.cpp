// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cmath>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "model/data/augment.h"

namespace lightavseg {
namespace {

std::uint8_t to_byte(double value) {
  return static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
}

void change_colours(Random& random, double strength, cv::Mat* rgb) {
  const double brightness = 1 + strength * random.uniform(-1, 1);
  const double contrast = 1 + strength * random.uniform(-1, 1);
  const double offset = 40 * strength * random.uniform(-1, 1);
  cv::Mat table(1, 256, CV_8UC3);
  double tint[3];
  for (double& value : tint) value = 1 + 0.3 * strength * random.uniform(-1, 1);
  for (int i = 0; i < 256; ++i) {
    for (int c = 0; c < 3; ++c) {
      const double value = ((i - 110) * contrast + 110) * brightness * tint[c] + offset;
      table.at<cv::Vec3b>(0, i)[c] = to_byte(value + 0.5);
    }
  }
  cv::LUT(*rgb, table, *rgb);
}

void change_saturation(double saturation, cv::Mat* rgb) {
  const double weights[3] = {0.299, 0.587, 0.114};
  cv::Matx33f matrix;
  for (int row = 0; row < 3; ++row) {
    for (int column = 0; column < 3; ++column) {
      matrix(row, column) =
          static_cast<float>((1 - saturation) * weights[column] + (row == column ? saturation : 0));
    }
  }
  cv::transform(*rgb, *rgb, matrix);
}

void add_noise(Random& random, double sigma, cv::Mat* rgb) {
  // One draw serves eight bytes; a sum of two bytes is bell-shaped enough for sensor noise.
  const double scale = sigma / 104.5;
  int table[511];
  for (int i = 0; i < 511; ++i) table[i] = static_cast<int>(std::floor((i - 255) * scale + 0.5));
  const int width = rgb->cols * 3;
  for (int y = 0; y < rgb->rows; ++y) {
    auto* row = rgb->ptr<std::uint8_t>(y);
    for (int x = 0; x < width;) {
      std::uint64_t bits = random.next();
      for (int k = 0; k < 4 && x < width; ++k, ++x, bits >>= 16) {
        const int sum = static_cast<int>(bits & 255) + static_cast<int>((bits >> 8) & 255);
        row[x] = static_cast<std::uint8_t>(std::clamp(row[x] + table[sum], 0, 255));
      }
    }
  }
}

void motion_blur(Random& random, cv::Mat* rgb) {
  const int length = 3 + 2 * random.below(3);
  cv::Mat kernel = cv::Mat::zeros(length, length, CV_32F);
  const bool vertical = random.chance(0.5);
  for (int i = 0; i < length; ++i) {
    kernel.at<float>(vertical ? i : length / 2, vertical ? length / 2 : i) =
        1.0f / static_cast<float>(length);
  }
  cv::filter2D(*rgb, *rgb, -1, kernel);
}

void compress(int quality, cv::Mat* rgb) {
  // The codec's channel order only decides which colours are coarser; no need to swap.
  std::vector<std::uint8_t> bytes;
  cv::imencode(".jpg", *rgb, bytes, {cv::IMWRITE_JPEG_QUALITY, quality});
  cv::imdecode(bytes, cv::IMREAD_COLOR).copyTo(*rgb);
}

}  // namespace

Crop random_crop(Random& random, const cv::Size& picture, const CropOptions& options) {
  const double area = random.uniform(options.min_area, options.max_area);
  const double aspect = random.uniform(options.min_aspect, options.max_aspect);
  const double width = std::min(1.0, std::sqrt(area * aspect));
  const double height = std::min(1.0, std::sqrt(area / aspect));
  Crop crop;
  crop.box.width = std::max(1, static_cast<int>(picture.width * width));
  crop.box.height = std::max(1, static_cast<int>(picture.height * height));
  crop.box.x = random.below(picture.width - crop.box.width + 1);
  crop.box.y = random.below(picture.height - crop.box.height + 1);
  crop.flip = random.chance(options.flip);
  return crop;
}

Crop random_crop_keeping(Random& random, const cv::Mat& labels, int cls,
                         const CropOptions& options) {
  const cv::Mat object = labels == cls;
  const int total = cv::countNonZero(object);
  for (int attempt = 0; attempt < 8; ++attempt) {
    const Crop crop = random_crop(random, labels.size(), options);
    const int kept = cv::countNonZero(object(crop.box));
    if (2 * kept >= total && kept * 100 >= crop.box.area()) return crop;
  }
  return {cv::Rect({}, labels.size()), random.chance(options.flip)};
}

cv::Mat crop_image(const cv::Mat& image, const Crop& crop, const cv::Size& size) {
  cv::Mat out;
  const bool reduces = crop.box.width > size.width && crop.box.height > size.height;
  cv::resize(image(crop.box), out, size, 0, 0, reduces ? cv::INTER_AREA : cv::INTER_LINEAR);
  if (crop.flip) cv::flip(out, out, 1);
  return out;
}

cv::Mat crop_labels(const cv::Mat& labels, const Crop& crop, const cv::Size& size) {
  cv::Mat out;
  cv::resize(labels(crop.box), out, size, 0, 0, cv::INTER_NEAREST);
  if (crop.flip) cv::flip(out, out, 1);
  return out;
}

cv::Matx23d scene_to_file(const Crop& crop, const cv::Size& size, double file_scale_x,
                          double file_scale_y) {
  // Pixel centres lie at +0.5 in every raster.
  const double sx = file_scale_x * crop.box.width / size.width;
  const double sy = file_scale_y * crop.box.height / size.height;
  const double left = file_scale_x * crop.box.x;
  const double right = file_scale_x * (crop.box.x + crop.box.width);
  const double top = file_scale_y * crop.box.y;
  return {
      crop.flip ? -sx : sx, 0, crop.flip ? right - 0.5 * sx - 0.5 : left + 0.5 * sx - 0.5, 0, sy,
      top + 0.5 * sy - 0.5};
}

void degrade_image(Random& random, const ImageAugmentOptions& options, cv::Mat* rgb) {
  if (random.chance(options.colour)) {
    change_colours(random, options.strength, rgb);
    if (random.chance(0.5)) {
      change_saturation(1 + 1.5 * options.strength * random.uniform(-1, 1), rgb);
    }
  }
  if (random.chance(options.grey)) change_saturation(0, rgb);
  if (random.chance(options.blur)) {
    cv::GaussianBlur(*rgb, *rgb, {}, random.uniform(0.4, 1.6));
  }
  if (random.chance(options.motion_blur)) motion_blur(random, rgb);
  if (random.chance(options.rescale)) {
    const double factor = 1 / random.uniform(1.3, 2.5);
    const cv::Size size = rgb->size();
    cv::Mat small;
    cv::resize(*rgb, small, {}, factor, factor, cv::INTER_AREA);
    cv::resize(small, *rgb, size, 0, 0, cv::INTER_LINEAR);
  }
  if (random.chance(options.noise)) add_noise(random, random.uniform(2, 10), rgb);
  if (random.chance(options.jpeg)) compress(25 + random.below(61), rgb);
}

}  // namespace lightavseg
