// SPDX-License-Identifier: LGPL-2.1-or-later
// Pickles that would take much memory: each is refused before it has.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "model/import/pickle.h"
#include "tests/model/import/heap_peak.h"
#include "tests/model/import/torch_bytes.h"

namespace lightavseg {
namespace {

using namespace std::string_literals;
using namespace torch_bytes;

constexpr size_t kMostBytes = size_t(400) << 20;

std::string repeated(const std::string& piece, size_t times) {
  std::string bytes;
  bytes.reserve(piece.size() * times);
  for (size_t i = 0; i < times; ++i) bytes += piece;
  return bytes;
}

void refused(const std::string& body, const std::string& words) {
  const auto bytes = pickle(body);
  const HeapPeak peak;
  try {
    read_pickle("p", "part", bytes);
    ADD_FAILURE() << "taken; wanted: " << words;
  } catch (const FileError& error) {
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
  EXPECT_LT(peak.bytes(), kMostBytes);
}

TEST(PickleLimits, LengthsThatTheFileDoesNotHave) {
  const HeapPeak peak;
  for (const auto& body :
       {"X\xff\xff\xff\xff"s, "T\xff\xff\xff\x7f"s, "B\xff\xff\xff\xff"s, "\x8b\xff\xff\xff\xff"s,
        "\x8d" + std::string(8, '\xff'), "\x8e" + std::string(8, '\x7f')})
    refused(body, "more bytes are needed");
  EXPECT_LT(peak.bytes(), 100'000u);
}

TEST(PickleLimits, Values) {
  refused(repeated("K\x01"
                   "0",
                   kMostPickleValues + 1),
          "more than 1000000 values");
}

TEST(PickleLimits, TheStack) {
  refused("N" + repeated("2", kMostPickleValues), "on the stack");
}

TEST(PickleLimits, TheMemo) {
  refused("N" + repeated("\x94", kMostPickleValues + 1), "remembered");
}

TEST(PickleLimits, Marks) {
  refused(repeated("(", kMostPickleMarks + 1), "inside one another");
}

// A list of many pairs, of which four bytes make a dictionary again and again.
TEST(PickleLimits, Items) {
  const std::string pair =
      "K\x01K\x02\x86q\x01"
      "0";
  const auto list = "](" + repeated("h\x01", 100'000) +
                    "e\x85q\x02"
                    "0";
  refused(pair + list + global("collections", "OrderedDict") +
              "q\x03"
              "0" +
              repeated("h\x03h\x02R0", 100),
          "of more than 4000000 items");
}

// The same shape for tensor after tensor.
TEST(PickleLimits, Shapes) {
  const auto shape = numbers(std::vector<int64_t>(64, 1));
  const auto arguments = tuple({storage("FloatStorage", "0", 1), number(0), shape, shape}) +
                         "q\x02"
                         "0";
  refused(global("torch._utils", "_rebuild_tensor_v2") +
              "q\x01"
              "0" +
              arguments + repeated("h\x01h\x02R0", 40'000),
          "of more than 4000000 items");
}

TEST(PickleLimits, Length) {
  refused(repeated("N0", kMostPickleBytes / 2), "values");
  refused("N" + repeated("q\x01", kMostPickleBytes / 2), "longer than 67108864 bytes");
}

}  // namespace
}  // namespace lightavseg
