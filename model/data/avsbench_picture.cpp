// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/avsbench_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace lightavseg {
namespace {

constexpr int kMinSide = 16;
constexpr int kMaxSide = 16384;

std::runtime_error picture_error(const std::filesystem::path& path, const std::string& text) {
  return std::runtime_error(path.string() + " " + text);
}

int big_endian(const uint8_t* bytes, int count) {
  uint32_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | bytes[i];
  // Sizes beyond int's range are out of the accepted range either way.
  return static_cast<int>(std::min<uint32_t>(value, 0x7fffffff));
}

template <size_t N>
bool read_bytes(std::ifstream& file, std::array<uint8_t, N>& bytes) {
  return static_cast<bool>(file.read(reinterpret_cast<char*>(bytes.data()), N));
}

cv::Size png_size(const std::filesystem::path& path, std::ifstream& file) {
  // After the signature: chunk length, "IHDR", width, height.
  std::array<uint8_t, 16> header;
  file.seekg(8);
  if (!read_bytes(file, header)) throw picture_error(path, "is a PNG cut short in its header");
  const cv::Size size(big_endian(&header[8], 4), big_endian(&header[12], 4));
  // The last chunk is IEND; some writers append a few bytes after it.
  file.seekg(0, std::ios::end);
  const std::streamoff length = file.tellg();
  const std::streamoff tail_length = std::min<std::streamoff>(length, 1024);
  std::string tail(static_cast<size_t>(tail_length), '\0');
  file.seekg(length - tail_length);
  file.read(tail.data(), tail_length);
  if (tail.find("IEND") == std::string::npos) {
    throw picture_error(path, "is a PNG cut short: its end chunk is missing; copy it again");
  }
  return size;
}

bool starts_jpeg_frame(int marker) {
  // SOF0 ... SOF15 without DHT (C4), JPG (C8) and DAC (CC).
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

cv::Size jpeg_size(const std::filesystem::path& path, std::ifstream& file) {
  file.seekg(2);
  for (;;) {
    int byte = file.get();
    while (byte == 0xff) byte = file.get();  // the marker's prefix and fill bytes
    std::array<uint8_t, 2> length;
    if (!file || byte == 0xda || byte == 0xd9 || !read_bytes(file, length)) break;
    if (starts_jpeg_frame(byte)) {
      std::array<uint8_t, 5> frame;  // precision, height, width
      if (!read_bytes(file, frame)) break;
      return {big_endian(&frame[3], 2), big_endian(&frame[1], 2)};
    }
    file.seekg(std::max(0, big_endian(length.data(), 2) - 2), std::ios::cur);
  }
  throw picture_error(path, "is a JPEG cut short or damaged: it names no picture size");
}

cv::Mat decode(const std::filesystem::path& path, int flags) {
  cv::Mat image;
  try {
    image = cv::imread(path.string(), flags);
  } catch (const cv::Exception& error) {
    throw picture_error(path, fmt::format("cannot be decoded ({})", error.err));
  }
  if (image.empty()) throw picture_error(path, "cannot be decoded; copy it again");
  return image;
}

}  // namespace

cv::Size read_picture_size(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) throw picture_error(path, "is missing");
  std::array<uint8_t, 8> magic{};
  if (!read_bytes(file, magic)) throw picture_error(path, "is empty or cut short");
  const std::array<uint8_t, 8> png = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  cv::Size size;
  if (magic == png) {
    size = png_size(path, file);
  } else if (magic[0] == 0xff && magic[1] == 0xd8) {
    size = jpeg_size(path, file);
  } else {
    throw picture_error(path, "is neither PNG nor JPEG");
  }
  if (std::min(size.width, size.height) < kMinSide ||
      std::max(size.width, size.height) > kMaxSide) {
    throw picture_error(path, fmt::format("is {} x {} pixels; both sides must lie in {} to {}",
                                          size.width, size.height, kMinSide, kMaxSide));
  }
  return size;
}

cv::Mat read_rgb(const std::filesystem::path& path) {
  const cv::Mat bgr = decode(path, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION);
  cv::Mat rgb;
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
  return rgb;
}

cv::Mat read_binary_mask(const std::filesystem::path& path) {
  const cv::Mat image = decode(path, cv::IMREAD_UNCHANGED);
  std::vector<cv::Mat> channels;
  cv::split(image, channels);
  if (channels.size() > 3) channels.resize(3);  // alpha says nothing about the mask
  cv::Mat mask(image.size(), CV_8UC1, cv::Scalar(0));
  for (const cv::Mat& channel : channels) mask |= channel != 0;
  return mask;
}

}  // namespace lightavseg
