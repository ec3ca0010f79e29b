// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs a target of this folder on its corpus, and then on mutations of it from a seed. What matters
// is that it returns: a target ends the process where something is wrong.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/mutate.h"

namespace lightavseg::fuzz {
namespace {

namespace fs = std::filesystem;

int run(const std::string& bytes) {
  return LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

// In the order of their names, so that a seed means the same everywhere.
std::vector<std::string> corpus() {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(LIGHTAVSEG_CORPUS)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> files;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return files;
}

// LIGHTAVSEG_FUZZ_SECONDS, of each target.
double seconds() {
  const char* text = std::getenv("LIGHTAVSEG_FUZZ_SECONDS");
  return text ? std::atof(text) : 5;
}

TEST(Fuzz, Corpus) {
  const auto files = corpus();
  ASSERT_FALSE(files.empty());
  for (const auto& file : files) EXPECT_EQ(run(file), 0);
  EXPECT_EQ(run(""), 0);
}

TEST(Fuzz, Mutations) {
  const auto files = corpus();
  ASSERT_FALSE(files.empty());
  Random random(9);
  const auto last = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds());
  int count = 0;
  std::string bytes;
  do {
    // Mutations of mutations go further.
    if (count % 4 == 0 || bytes.size() > 65536) bytes = files[random.next() % files.size()];
    bytes = mutated(std::move(bytes), files[random.next() % files.size()], random);
    ASSERT_EQ(run(bytes), 0);
    ++count;
  } while (std::chrono::steady_clock::now() < last);
  RecordProperty("inputs", count);
  std::printf("%d inputs\n", count);
}

}  // namespace
}  // namespace lightavseg::fuzz
