// SPDX-License-Identifier: LGPL-2.1-or-later
// The model that ships, where there is no memory for it.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <new>
#include <string>

#include "model/files/file_error.h"
#include "model/files/safetensors.h"
#include "model/inference/segmenter.h"
#include "model/network/config_file.h"
#include "tests/dsp/allocation_counter.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

std::ptrdiff_t descriptors() {
  return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
}

// Whether it could be read.
bool read_model(std::int64_t failing_allocation) {
  dsp::testing::fail_allocation(failing_allocation);
  try {
    const auto file = SafetensorsFile::open(LIGHTAVSEG_TEST_MODEL);
    read_model_config(file);
  } catch (const std::bad_alloc&) {
    dsp::testing::fail_allocation(0);
    return false;
  }
  return true;
}

TEST(ModelMemory, EveryAllocationOfTheReaderMayFail) {
  const auto before = dsp::testing::allocation_count();
  ASSERT_TRUE(read_model(0));
  const auto needed = dsp::testing::allocation_count() - before;
  ASSERT_GT(needed, 100);
  const auto open_files = descriptors();
  int failed = 0;
  for (std::int64_t number = 1; number <= needed; number += 1 + number / 100) {
    ASSERT_FALSE(read_model(number)) << "allocation " << number << " of " << needed;
    ++failed;
  }
  EXPECT_GT(failed, 100);
  EXPECT_EQ(descriptors(), open_files);
  EXPECT_TRUE(read_model(0));
}

// Sanitizers reserve terabytes.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
std::size_t address_space() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

enum Outcome { kLoaded, kNoMemory, kAnotherError };

// Opens the model for pictures of that side (0: its own) in a process that may have `room` more
// bytes of address space than it has.
int outcome_with(std::size_t room, int size) {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlim_t most = address_space() + room;
    const rlimit limit = {most, most};
    ::setrlimit(RLIMIT_AS, &limit);
    SegmenterOptions options;
    options.engine = "planned";
    options.size = size;
    try {
      open_segmenter(LIGHTAVSEG_TEST_MODEL, options);
    } catch (const FileError& error) {
      const std::string text = error.what();
      ::_exit(text.find(LIGHTAVSEG_TEST_MODEL) != std::string::npos &&
                      text.find("memory") != std::string::npos
                  ? kNoMemory
                  : kAnotherError);
    } catch (...) {
      ::_exit(kAnotherError);
    }
    ::_exit(kLoaded);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(ModelMemory, TooLittleOfItIsAnErrorThatNamesTheFile) {
  constexpr std::size_t kMegabyte = std::size_t(1) << 20;
  const std::map<int, std::size_t> most = {{0, 400}, {1024, 520}};
  for (const auto& [size, last] : most) {
    std::map<int, int> outcomes;
    for (std::size_t megabytes = 4; megabytes <= last; megabytes += 12) {
      const int outcome = outcome_with(megabytes * kMegabyte, size);
      EXPECT_TRUE(outcome == kLoaded || outcome == kNoMemory)
          << "size " << size << " with " << megabytes << " MiB ended with " << outcome;
      ++outcomes[outcome];
    }
    EXPECT_GT(outcomes[kNoMemory], 3) << "size " << size;
    EXPECT_GT(outcomes[kLoaded], 3) << "size " << size;
  }
}
#endif

}  // namespace
}  // namespace lightavseg
