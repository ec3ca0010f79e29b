// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/inference/reference_module.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

template <typename Action>
void expect_refusal(Action action, const std::vector<std::string>& parts) {
  try {
    action();
  } catch (const ReferenceModuleError& error) {
    const std::string text = error.what();
    for (const auto& part : parts) EXPECT_NE(text.find(part), std::string::npos) << text;
    return;
  }
  ADD_FAILURE() << "no ReferenceModuleError";
}

TEST(ReferenceModule, IsLookedForBesideTheBinaryAndWhereItIsInstalled) {
  const auto paths = reference_module_paths();
  ASSERT_GE(paths.size(), 2u);
  for (const auto& path : paths) EXPECT_EQ(path.filename(), "lightavseg-reference.so");
  EXPECT_TRUE(std::filesystem::is_regular_file(paths.back())) << "as built: " << paths.back();
}

TEST(ReferenceModule, SaysWhereItWasLookedFor) {
  TemporaryFolder folder;
  const auto one = folder / "one.so", two = folder / "two.so";
  expect_refusal(
      [&] {
        internal::open_reference_segmenter({one, two}, "m.safetensors", {});
      },
      {one.string(), two.string(), "LibTorch", "planned"});
}

TEST(ReferenceModule, RefusesAFileThatIsNoModule) {
  TemporaryFolder folder;
  const auto path = folder / "lightavseg-reference.so";
  write_plainly(path, "no machine code");
  expect_refusal([&] { internal::open_reference_segmenter({path}, "m.safetensors", {}); },
                 {path.string(), "cannot be loaded"});
}

TEST(ReferenceModule, RefusesAnotherModule) {
  const std::filesystem::path libc = "/lib/x86_64-linux-gnu/libm.so.6";
  if (!std::filesystem::exists(libc)) GTEST_SKIP() << "no " << libc;
  expect_refusal([&] { internal::open_reference_segmenter({libc}, "m.safetensors", {}); },
                 {libc.string(), "lacks the function"});
}

}  // namespace
}  // namespace lightavseg
