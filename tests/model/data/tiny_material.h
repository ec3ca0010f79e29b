// SPDX-License-Identifier: LGPL-2.1-or-later
/// A small material folder in a temporary directory, with every kind of manifest and file.
#pragma once

#include <filesystem>
#include <opencv2/core.hpp>
#include <string>

#include "model/data/taxonomy.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg::testing {

/// The classes of TinyMaterial, as JSON.
const char* tiny_taxonomy_json();
Taxonomy tiny_taxonomy();

/// Removes its folder when it goes out of scope.
///
///  - avs-material/: five photographs of each of person, dog, cat, guitar, banjo, car and bus
///    (three train, two test), all but the buses with sounds; guitars on plain backgrounds; the
///    first train photograph of a car has a label map that shows a person too
///  - cutout-material/: cut-outs of cats and guitars, distractors, backgrounds, sounds, speech
///  - visual-pool/: photographs with pseudo labels, and pseudo labels for avs-material
///  - sounds_audit.csv: drops the first dog, doubts the second, best windows for the first cat
class TinyMaterial {
 public:
  TinyMaterial();

  const std::filesystem::path& dir() const { return dir_.path(); }

  /// Calls the test split val, on which training evaluates.
  void use_test_split_for_validation() const;

 private:
  void write_photographs();
  void write_cutouts();
  void write_pool();

  TemporaryFolder dir_;
};

void write_text(const std::filesystem::path& file, const std::string& text);
void write_picture(const std::filesystem::path& file, const cv::Mat& image);
/// A 16-bit WAV of a sine.
void write_tone(const std::filesystem::path& file, double frequency_hz, double seconds,
                int rate_hz = 16000);

}  // namespace lightavseg::testing
