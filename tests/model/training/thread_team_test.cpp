// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/thread_team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <stdexcept>

namespace lightavseg {
namespace {

TEST(ThreadTeamTest, MembersRunSideBySideAndKeepTheirThreads) {
  constexpr int kMembers = 4, kRounds = 50;
  ThreadTeam team(kMembers);
  std::vector<std::set<std::thread::id>> threads(kMembers);
  for (int round = 0; round < kRounds; ++round) {
    // Nobody returns before all have come: with fewer threads than members this would not end.
    std::atomic<int> here{0};
    team.run([&](int member) {
      threads[static_cast<std::size_t>(member)].insert(std::this_thread::get_id());
      ++here;
      while (here < kMembers) std::this_thread::yield();
    });
    EXPECT_EQ(here, kMembers);
  }
  std::set<std::thread::id> all;
  for (const auto& own : threads) {
    EXPECT_EQ(own.size(), 1u);
    all.insert(own.begin(), own.end());
  }
  EXPECT_EQ(all.size(), size_t(kMembers));
  EXPECT_EQ(*threads[0].begin(), std::this_thread::get_id());
}

TEST(ThreadTeamTest, OneMemberIsTheCaller) {
  ThreadTeam team(1);
  int calls = 0;
  team.run([&](int member) { calls += 1 + member; });
  EXPECT_EQ(calls, 1);
}

TEST(ThreadTeamTest, TheLowestFailureIsThrownAfterAllHaveFinished) {
  ThreadTeam team(3);
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> finished{0};
    try {
      team.run([&](int member) {
        ++finished;
        if (member > 0) throw std::runtime_error(std::to_string(member));
      });
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "1");
    }
    EXPECT_EQ(finished, 3);
  }
  int calls = 0;
  team.run([&](int member) {
    if (member == 0) ++calls;
  });
  EXPECT_EQ(calls, 1) << "works on after a failure";
}

}  // namespace
}  // namespace lightavseg
