// SPDX-License-Identifier: LGPL-2.1-or-later
// Damaged checkpoints: each either loads, and all its values can be read, or throws FileError.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "model/files/file_error.h"
#include "model/import/foreign_checkpoint.h"
#include "tests/model/import/heap_peak.h"
#include "tests/model/import/torch_bytes.h"

namespace lightavseg {
namespace {

using namespace torch_bytes;

constexpr int kMutations = 2000;
// Of a file of some hundred bytes: what a tensor may repeat, as float and as it is stored.
constexpr size_t kMostBytes = 3 * kMostRepeatedBytes;

class Corruption : public testing::Test {
 protected:
  // Whether the file was taken.
  bool survives() {
    const HeapPeak peak;
    const bool taken = takes();
    EXPECT_LT(peak.bytes(), kMostBytes);
    return taken;
  }

  bool takes() {
    try {
      auto checkpoint = ForeignCheckpoint::open(path_);
      double sum = 0;
      for (const auto& entry : checkpoint.entries()) {
        try {
          for (const float value : checkpoint.values(entry)) sum += value;
        } catch (const FileError&) {
          // Integers, and values that became infinite.
        }
      }
      return sum == sum;
    } catch (const FileError& error) {
      EXPECT_EQ(error.path(), path_) << error.what();
      EXPECT_LT(std::string(error.what()).size(), 2000u);
      return false;
    }
  }

  std::string damaged(std::string bytes) {
    const auto below = [this](size_t limit) { return random_() % limit; };
    for (auto changes = 1 + below(3); changes > 0 && !bytes.empty(); --changes) {
      const size_t at = below(bytes.size());
      switch (below(5)) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
          break;
        case 1:
          bytes[at] = static_cast<char>(random_());
          break;
        case 2:
          bytes.erase(at, 1 + below(8));
          break;
        case 3:
          bytes.insert(at, bytes.substr(below(bytes.size()), 1 + below(16)));
          break;
        default:
          if (below(4) == 0) bytes.resize(at);
          break;
      }
    }
    return bytes;
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "net.pth";
  std::mt19937_64 random_{7};
  const std::string data_ = torch_bytes::values<float>({0, 1, 2, 3, 4, 5});
  const std::string body_ =
      dict({{"state_dict", dict({{"a", plain("0", {2, 3})},
                                 {"b", tensor(storage("FloatStorage", "0", 6), 1, {2, 2}, {1, 2})},
                                 {"c", tensor(storage("LongStorage", "1", 3), 0, {3}, {1})}},
                                ordered_dict())},
            {"epoch", number(5)}});
};

TEST_F(Corruption, OfTheOlderFormat) {
  const auto original = legacy(body_, {{"0", 6, data_}, {"1", 3, data_}});
  write_plainly(path_, original);
  ASSERT_TRUE(survives());
  int taken = 0;
  for (int i = 0; i < kMutations; ++i) {
    write_plainly(path_, damaged(original));
    taken += survives();
  }
  EXPECT_GT(taken, 0);
  EXPECT_LT(taken, kMutations / 2);
}

TEST_F(Corruption, OfTheArchive) {
  write_torch(path_, body_, {{"0", data_}, {"1", data_}});
  ASSERT_TRUE(survives());
  const auto original = read_plainly(path_);
  int taken = 0;
  for (int i = 0; i < kMutations; ++i) {
    write_plainly(path_, damaged(original));
    taken += survives();
  }
  EXPECT_GT(taken, 0);
  EXPECT_LT(taken, kMutations);
}

// Behind right checksums, which keep the damage above from the pickle.
TEST_F(Corruption, OfThePickleInTheArchive) {
  const auto original = pickle(body_);
  int taken = 0;
  for (int i = 0; i < kMutations; ++i) {
    write_zip(path_, {{"n/data.pkl", damaged(original)}, {"n/data/0", data_}, {"n/data/1", data_}});
    taken += survives();
  }
  EXPECT_GT(taken, 0);
  EXPECT_LT(taken, kMutations / 2);
}

}  // namespace
}  // namespace lightavseg
