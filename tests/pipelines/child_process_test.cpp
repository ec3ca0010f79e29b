// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/child_process.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <thread>

namespace lightavseg::tool {
namespace {

TEST(ChildProcess, AProgramGetsItsArgumentsAndGivesItsExitCode) {
  ChildProcess child({"sh", "-c", "echo $0; echo trouble >&2; exit 3", "word"},
                     ChildProcess::Input::kNothing);
  EXPECT_EQ(child.wait(), 3);
  EXPECT_EQ(child.printed(), "word\n");
  EXPECT_EQ(child.complained(), "trouble\n");
}

TEST(ChildProcess, AProgramReadsWhatIsWrittenToIt) {
  ChildProcess child({"cat"}, ChildProcess::Input::kPipe);
  ASSERT_EQ(::write(child.input(), "text", 4), 4);
  child.close_input();
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(child.printed(), "text");
}

TEST(ChildProcess, AProgramThatIsNotThereEndsAsOneThatAShellDoesNotFind) {
  ChildProcess child({"no-program-of-this-name"}, ChildProcess::Input::kNothing);
  EXPECT_EQ(child.wait(), 127);
}

TEST(ChildProcess, ACopyWorksOnWhatWasThereAndLeavesOursAlone) {
  int value = 20;
  ChildProcess child([&value] {
    value += 1;
    std::printf("%d", value);  // reaches the file only when it is flushed
    std::fputs("trouble", stderr);
    return value;
  });
  EXPECT_EQ(child.wait(), 21);
  EXPECT_EQ(child.printed(), "21");
  EXPECT_EQ(child.complained(), "trouble");
  EXPECT_EQ(value, 20);
}

TEST(ChildProcess, ACopyDoesNotWriteWhatWaitedInABufferOfOurs) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  std::fputs("once", file);
  ChildProcess child([] { return 0; });
  EXPECT_EQ(child.wait(), 0);
  std::fflush(file);
  EXPECT_EQ(std::fseek(file, 0, SEEK_END), 0);
  EXPECT_EQ(std::ftell(file), 4);
  std::fclose(file);
}

TEST(ChildProcess, ACopyThatCrashesTakesNobodyWithIt) {
  ChildProcess child([] {
    std::signal(SIGSEGV, SIG_DFL);  // a sanitizer would report it
    std::raise(SIGSEGV);
    return 0;
  });
  EXPECT_EQ(child.wait(), 128 + SIGSEGV);
}

TEST(ChildProcess, IsKilledWithTheObject) {
  pid_t id = 0;
  {
    ChildProcess child([] {
      ::pause();
      return 0;
    });
    id = child.id();
    EXPECT_FALSE(child.ended());
  }
  EXPECT_EQ(::kill(id, 0), -1);
}

TEST(ChildProcess, KnowsWhetherThereAreThreads) {
#if !defined(__SANITIZE_THREAD__)  // which has one of its own
  EXPECT_TRUE(has_one_thread());
#endif
  std::thread([] { EXPECT_FALSE(has_one_thread()); }).join();
}

}  // namespace
}  // namespace lightavseg::tool
