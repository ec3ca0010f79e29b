// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <opencv2/core.hpp>

namespace lightavseg {

/// Width and height from the header of a PNG or JPEG file, whatever its name ends with. Reads a few
/// bytes only: a set has up to a hundred thousand pictures to check before training starts. A PNG
/// that was cut short is noticed too, by its missing end.
/// @throws std::runtime_error naming the file if it is missing, empty, neither PNG nor JPEG, cut
///   short, or outside 16 ... 16384 pixels either way
cv::Size read_picture_size(const std::filesystem::path& path);

/// Decodes a picture, leaving its EXIF orientation alone as the published loaders do.
/// @return CV_8UC3, red first
/// @throws std::runtime_error naming the file if it cannot be decoded
cv::Mat read_rgb(const std::filesystem::path& path);

/// Decodes a binary mask.
/// @return CV_8UC1, 255 where any colour channel (alpha excepted) is not 0, else 0
/// @throws std::runtime_error naming the file if it cannot be decoded
cv::Mat read_binary_mask(const std::filesystem::path& path);

}  // namespace lightavseg
