// SPDX-License-Identifier: LGPL-2.1-or-later
// Damaged model files at the door that the element uses. LIGHTAVSEG_MODEL_FILES says how many.
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/time.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "model/engine/engine.h"
#include "model/files/file_error.h"
#include "model/inference/segmenter.h"
#include "tests/reliability/model_file.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

constexpr int kFrames = 101;
constexpr std::size_t kMostGrowth = std::size_t(16) << 20;  // what a heap may differ by

int wanted_files() {
  const char* text = std::getenv("LIGHTAVSEG_MODEL_FILES");
  return text ? std::atoi(text) : 300;
}

// Ends the process when one file took a minute of processor time. Not of the clock: a machine may
// be busy.
void wind_watchdog() {
  itimerval minute = {};
  minute.it_value.tv_sec = 60;
  setitimer(ITIMER_PROF, &minute, nullptr);
}

std::size_t resident_bytes() {
  malloc_trim(0);
  std::size_t all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * 4096;
}

std::ptrdiff_t descriptors() {
  return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
}

// A model that loads has to run, too.
void run(Segmenter& segmenter) {
  const auto& model = segmenter.description();
  const std::vector<std::uint8_t> picture(std::size_t(model.height) * std::size_t(model.width) * 3,
                                          128);
  const std::vector<float> sound(std::size_t(kFrames) * 64, -30.0f);
  Segmentation out;
  segmenter.segment(picture.data(), sound.data(), kFrames, false, {}, out);
  ASSERT_EQ(out.mask.size(), picture.size() / 3);
}

TEST(ModelFile, DamagedOnesLoadOrGiveOneTypedError) {
  // A file may ask for large pictures. That much is not there on every machine, and must not
  // depend on it here. Sanitizers reserve terabytes.
#if !defined(__SANITIZE_ADDRESS__)
  const rlimit four_gigabytes = {rlim_t(4) << 30, rlim_t(4) << 30};
  setrlimit(RLIMIT_AS, &four_gigabytes);
#endif
  // oneDNN keeps the last 1024 kernels, of sizes that damaged configurations ask for, too.
  setenv("DNNL_PRIMITIVE_CACHE_CAPACITY", "0", 1);
  testing::DamagedModel model;
  SegmenterOptions options;
  options.engine = "planned";
  options.precision = "auto";  // as the element asks: ranges of int8 are read, too
  const int files = wanted_files();
  std::map<std::string, int> outcomes;
  std::size_t resident = 0;
  std::ptrdiff_t open_files = 0;
  for (int i = 0; i < files; ++i) {
    const auto what = model.damage(std::uint64_t(i));
    SCOPED_TRACE("seed " + std::to_string(i) + ": " + what);
    wind_watchdog();
    try {
      const auto segmenter = open_segmenter(model.path().string(), options);
      ++outcomes["loaded"];
      if (i % 8 == 0) run(*segmenter);
    } catch (const FileError& error) {
      EXPECT_EQ(error.path(), model.path()) << error.what();
      ++outcomes["FileError"];
    } catch (const UnsupportedModel&) {
      ++outcomes["UnsupportedModel"];
    }
    if (i == files / 10) {
      resident = resident_bytes();
      open_files = descriptors();
    }
  }
  const auto last = resident_bytes();
  for (const auto& [name, count] : outcomes) std::printf("%s %d\n", name.c_str(), count);
  std::printf("resident after a tenth %zu, at the end %zu bytes\n", resident, last);
  EXPECT_GT(outcomes["FileError"], files / 2);
  EXPECT_GT(outcomes["loaded"], files / 100);
  EXPECT_LT(last, resident + kMostGrowth);
  EXPECT_EQ(descriptors(), open_files);

  model.mend();
  EXPECT_NO_THROW(run(*open_segmenter(model.path().string(), options)));
}

}  // namespace
}  // namespace lightavseg
