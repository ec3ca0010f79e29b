// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/quoted_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace lightavseg {
namespace {

TEST(QuotedText, KeepsPlainText) {
  EXPECT_EQ(quoted_text("conv.weight"), "\"conv.weight\"");
}

TEST(QuotedText, EscapesWhatCouldSteerATerminal) {
  EXPECT_EQ(quoted_text("a\x1b[2J\n\"\x7f"), "\"a\\u001b[2J\\n\\\"\\u007f\"");
  EXPECT_EQ(quoted_text("\xC2\x9B"), "\"\\u009b\"");
}

TEST(QuotedText, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(quoted_text("a\xFF"), "\"a\\ufffd\"");
}

TEST(QuotedText, CutsLongTextBetweenCharacters) {
  const std::string text(200, 'x');
  EXPECT_EQ(quoted_text(text), '"' + std::string(120, 'x') + "\"...");
  EXPECT_EQ(quoted_text(std::string(119, 'x') + "\xC3\xA4\xC3\xA4"),
            '"' + std::string(119, 'x') + "\"...");
}

TEST(QuotedText, IsPrintableAsciiForEveryByte) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string shown = quoted_text(std::string(300, static_cast<char>(byte)));
    EXPECT_TRUE(std::all_of(shown.begin(), shown.end(), [](char c) {
      return c >= ' ' && c <= '~';
    })) << byte;
  }
}

}  // namespace
}  // namespace lightavseg
