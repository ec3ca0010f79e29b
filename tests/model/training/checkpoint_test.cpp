// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/checkpoint.h"

#include <gtest/gtest.h>

#include <fstream>

#include "model/files/file_error.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

class CheckpointTest : public ::testing::Test {
 protected:
  static Checkpoint at_step(std::int64_t step) {
    Checkpoint c;
    c.fingerprint = "[run]\nseed = 1";
    c.stage = 2;
    c.step = step;
    c.adam_steps = step + 1;
    c.ema_steps = step + 2;
    c.best = 0.1 + 0.2;
    c.tensors["student.w"] = torch::full({1000}, float(step));
    c.tensors["adam.m.w"] = torch::arange(7, torch::kFloat64);
    return c;
  }

  // Flips one byte in the middle of the data.
  static void damage(const fs::path& file) {
    std::fstream f(file, std::ios::in | std::ios::out | std::ios::binary);
    f.seekp(-100, std::ios::end);
    f.put('\x55');
  }

  TemporaryFolder temporary_;
  const fs::path folder_ = temporary_ / "run";  // not there yet
  std::vector<std::string> warnings_;
};

TEST_F(CheckpointTest, ComesBackExactly) {
  EXPECT_FALSE(load_checkpoint(folder_, &warnings_));
  save_checkpoint(folder_, at_step(7));
  const auto c = load_checkpoint(folder_, &warnings_);
  ASSERT_TRUE(c);
  EXPECT_EQ(c->fingerprint, "[run]\nseed = 1");
  EXPECT_EQ(c->stage, 2);
  EXPECT_EQ(c->step, 7);
  EXPECT_EQ(c->adam_steps, 8);
  EXPECT_EQ(c->ema_steps, 9);
  EXPECT_EQ(c->best, 0.1 + 0.2);
  EXPECT_TRUE(torch::equal(c->tensors.at("student.w"), torch::full({1000}, 7.0f)));
  EXPECT_EQ(c->tensors.at("adam.m.w").scalar_type(), torch::kFloat64);
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(CheckpointTest, ADamagedOneIsSkippedForTheOneBefore) {
  save_checkpoint(folder_, at_step(7));
  save_checkpoint(folder_, at_step(8));
  EXPECT_EQ(load_checkpoint(folder_, &warnings_)->step, 8);
  damage(folder_ / "checkpoint.safetensors");
  const auto c = load_checkpoint(folder_, &warnings_);
  ASSERT_TRUE(c);
  EXPECT_EQ(c->step, 7);
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("checkpoint.safetensors"), std::string::npos);
  EXPECT_NE(warnings_[0].find("checksum"), std::string::npos);
}

TEST_F(CheckpointTest, ATruncatedOneIsSkippedToo) {
  save_checkpoint(folder_, at_step(7));
  save_checkpoint(folder_, at_step(8));
  fs::resize_file(folder_ / "checkpoint.safetensors", 500);
  EXPECT_EQ(load_checkpoint(folder_, &warnings_)->step, 7);
}

TEST_F(CheckpointTest, NothingButDamageIsAnError) {
  save_checkpoint(folder_, at_step(7));
  damage(folder_ / "checkpoint.safetensors");
  EXPECT_THROW(load_checkpoint(folder_, nullptr), FileError);
}

TEST_F(CheckpointTest, ACrashBetweenTheRenamesLosesNothing) {
  save_checkpoint(folder_, at_step(7));
  save_checkpoint(folder_, at_step(8));
  fs::rename(folder_ / "checkpoint.safetensors", folder_ / "checkpoint-new.safetensors");
  EXPECT_EQ(load_checkpoint(folder_, &warnings_)->step, 8);
}

}  // namespace
}  // namespace lightavseg
