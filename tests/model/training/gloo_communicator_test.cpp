// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/gloo_communicator.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

constexpr const char* kVariables[] = {
    "LIGHTAVSEG_RANK",      "LIGHTAVSEG_RANKS",     "LIGHTAVSEG_JOB",
    "SLURM_PROCID",         "SLURM_NTASKS",         "SLURM_JOB_ID",
    "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "PMIX_NAMESPACE"};

// Variables of launchers, for the time of one test.
class Environment {
 public:
  explicit Environment(const std::vector<std::pair<const char*, const char*>>& values) {
    clear();
    for (const auto& [name, value] : values) setenv(name, value, 1);
  }
  ~Environment() { clear(); }

 private:
  static void clear() {
    for (const char* name : kVariables) unsetenv(name);
  }
};

TEST(ProcessPlace, IsReadFromEveryLauncher) {
  {
    const Environment none({});
    EXPECT_FALSE(process_place_from_environment());
  }
  {
    const Environment ours(
        {{"LIGHTAVSEG_RANK", "1"}, {"LIGHTAVSEG_RANKS", "3"}, {"LIGHTAVSEG_JOB", "77"}});
    const auto place = process_place_from_environment();
    ASSERT_TRUE(place);
    EXPECT_EQ(place->rank, 1);
    EXPECT_EQ(place->size, 3);
    EXPECT_EQ(place->job, "77");
    EXPECT_TRUE(place->one_machine);
  }
  {
    const Environment slurm({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "2"}, {"SLURM_JOB_ID", "12"}});
    EXPECT_EQ(process_place_from_environment()->job, "12");
    EXPECT_FALSE(process_place_from_environment()->one_machine);
  }
  {
    const Environment mpi({{"OMPI_COMM_WORLD_RANK", "3"}, {"OMPI_COMM_WORLD_SIZE", "4"}});
    EXPECT_EQ(process_place_from_environment()->rank, 3);
  }
}

TEST(ProcessPlace, NonsenseIsNamed) {
  {
    const Environment bad({{"LIGHTAVSEG_RANK", "x"}, {"LIGHTAVSEG_RANKS", "2"}});
    EXPECT_THROW(process_place_from_environment(), std::runtime_error);
  }
  const Environment bad({{"SLURM_PROCID", "2"}, {"SLURM_NTASKS", "2"}});
  try {
    process_place_from_environment();
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("SLURM_PROCID"), std::string::npos);
  }
}

TEST(GlooCommunicator, AveragesOverRanks) {
  if (!has_gloo()) GTEST_SKIP() << "this build has no gloo (Debian: libgloo-dev)";
  const TemporaryFolder folder;
  const auto file = folder / "meeting";
  const auto work = [&](int rank, std::vector<torch::Tensor>* tensors, bool* any) {
    auto communicator = join_processes({rank, 2, "", true}, file);
    EXPECT_EQ(communicator->rank(), rank);
    EXPECT_EQ(communicator->size(), 2);
    communicator->average(*tensors);
    *any = communicator->any(rank == 1);
  };
  std::vector<torch::Tensor> a = {torch::tensor({1.0f, 2.0f}), torch::full({2, 2}, 4.0f)};
  std::vector<torch::Tensor> b = {torch::tensor({3.0f, 6.0f}), torch::full({2, 2}, 0.0f)};
  bool any_a = false, any_b = false;
  std::thread other(work, 1, &b, &any_b);
  work(0, &a, &any_a);
  other.join();
  EXPECT_TRUE(torch::equal(a[0], torch::tensor({2.0f, 4.0f})));
  EXPECT_TRUE(torch::equal(a[1], torch::full({2, 2}, 2.0f)));
  EXPECT_TRUE(torch::equal(a[0], b[0]));
  EXPECT_TRUE(any_a);
  EXPECT_TRUE(any_b);
}

}  // namespace
}  // namespace lightavseg
