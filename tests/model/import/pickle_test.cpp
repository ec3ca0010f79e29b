// SPDX-License-Identifier: LGPL-2.1-or-later
// Every instruction that the reader of pickles knows, in bytes written by hand.
#include "model/import/pickle.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "tests/model/import/torch_bytes.h"

namespace lightavseg {
namespace {

using namespace std::string_literals;
using namespace torch_bytes;

Pickle read(const std::string& body) {
  return read_pickle("net.pth", "data.pkl", pickle(body));
}

PickleValue root_of(const std::string& body) {
  const auto result = read(body);
  return result.values[result.root];
}

void expect_number(const std::string& body, int64_t number) {
  const auto root = root_of(body);
  EXPECT_EQ(root.kind, PickleKind::kNumber);
  EXPECT_EQ(root.number, number);
}

void expect_text(const std::string& body, std::string_view text) {
  const auto root = root_of(body);
  EXPECT_EQ(root.kind, PickleKind::kText);
  EXPECT_EQ(root.text, text);
}

// A container of numbers.
void expect_numbers(const std::string& body, PickleKind kind, const std::vector<int64_t>& wanted) {
  const auto result = read(body);
  const auto& root = result.values[result.root];
  EXPECT_EQ(root.kind, kind);
  std::vector<int64_t> found;
  for (const auto item : root.items) {
    EXPECT_EQ(result.values[item].kind, PickleKind::kNumber);
    found.push_back(result.values[item].number);
  }
  EXPECT_EQ(found, wanted);
}

const std::string kOne = "K\x01", kTwo = "K\x02", kThree = "K\x03";

TEST(Pickle, Constants) {
  EXPECT_EQ(root_of("N").kind, PickleKind::kNone);
  expect_number("\x88", 1);  // True
  expect_number("\x89", 0);
}

TEST(Pickle, IntegersOfEveryWidth) {
  expect_number("K\xff", 255);
  expect_number("M\x01\x80", 0x8001);
  expect_number("J\xfe\xff\xff\xff", -2);
  expect_number("J\xff\xff\xff\x7f", std::numeric_limits<int32_t>::max());
  expect_number("\x8a\x00"s, 0);  // LONG1 without digits
  expect_number("\x8a\x01\xff", -1);
  expect_number("\x8a\x02\xff\x00"s, 255);
  expect_number("\x8a\x08" + raw_bytes(std::numeric_limits<int64_t>::min()),
                std::numeric_limits<int64_t>::min());
  expect_number("\x8b\x02\x00\x00\x00\x00\x80"s, -32768);  // LONG4
}

TEST(Pickle, WhatNoCheckpointNeedsIsSkipped) {
  EXPECT_EQ(root_of("G" + std::string(8, '\x3f')).kind, PickleKind::kSkipped);
  EXPECT_EQ(root_of("\x8a\x09" + std::string(9, '\x01')).kind, PickleKind::kSkipped);
}

TEST(Pickle, TextsOfEveryLength) {
  expect_text("\x8c\x02hi", "hi");
  expect_text("X\x02\x00\x00\x00hi"s, "hi");
  expect_text("\x8d\x02\x00\x00\x00\x00\x00\x00\x00hi"s, "hi");
  expect_text("U\x02hi", "hi");  // str of Python 2
  expect_text("T\x02\x00\x00\x00hi"s, "hi");
  expect_text("C\x02hi", "hi");  // bytes
  expect_text("B\x02\x00\x00\x00hi"s, "hi");
  expect_text("\x8e\x02\x00\x00\x00\x00\x00\x00\x00hi"s, "hi");
  expect_text("\x8c\x00"s, "");
  expect_text("\x8c\x03.\nN", ".\nN");  // no instructions inside a text
}

TEST(Pickle, Tuples) {
  expect_numbers(")", PickleKind::kTuple, {});
  expect_numbers(kOne + "\x85", PickleKind::kTuple, {1});
  expect_numbers(kOne + kTwo + "\x86", PickleKind::kTuple, {1, 2});
  expect_numbers(kOne + kTwo + kThree + "\x87", PickleKind::kTuple, {1, 2, 3});
  expect_numbers("(" + kOne + kTwo + kThree + kOne + "t", PickleKind::kTuple, {1, 2, 3, 1});
}

TEST(Pickle, Lists) {
  expect_numbers("]", PickleKind::kList, {});
  expect_numbers("(" + kOne + kTwo + "l", PickleKind::kList, {1, 2});
  expect_numbers("]" + kOne + "a", PickleKind::kList, {1});
  expect_numbers("](" + kOne + kTwo + "e" + kThree + "a", PickleKind::kList, {1, 2, 3});
}

TEST(Pickle, Dictionaries) {
  expect_numbers("}", PickleKind::kDict, {});
  expect_numbers("(" + kOne + kTwo + "d", PickleKind::kDict, {1, 2});
  expect_numbers("}" + kOne + kTwo + "s", PickleKind::kDict, {1, 2});
  expect_numbers("}(" + kOne + kTwo + kThree + kOne + "u", PickleKind::kDict, {1, 2, 3, 1});
}

TEST(Pickle, OrderedDictionaries) {
  expect_numbers(ordered_dict() + kOne + kTwo + "s", PickleKind::kDict, {1, 2});
  // As Python 2 writes it: made of a list of pairs.
  expect_numbers(call(global("collections", "OrderedDict"), {"](" + kOne + kTwo + "\x86" + "e"}),
                 PickleKind::kDict, {1, 2});
  // NEWOBJ instead of REDUCE, and attributes behind it.
  expect_numbers(global("collections", "OrderedDict") + ")\x81" + "}" + text("_metadata") + "Nsb",
                 PickleKind::kDict, {});
}

TEST(Pickle, AKeyIsFoundAndTheLastOneCounts) {
  const auto result = read(dict({{"a", kOne}, {"b", kTwo}, {"a", kThree}}));
  const auto& root = result.values[result.root];
  ASSERT_NE(result.find(root, "a"), nullptr);
  EXPECT_EQ(result.find(root, "a")->number, 3);
  EXPECT_EQ(result.find(root, "b")->number, 2);
  EXPECT_EQ(result.find(root, "c"), nullptr);
  EXPECT_EQ(result.find(*result.find(root, "a"), "a"), nullptr) << "a number has no keys";
}

TEST(Pickle, TheStack) {
  expect_number(kOne + kTwo + "0", 1);                 // POP
  expect_number(kOne + "(" + kTwo + kThree + "1", 1);  // POP_MARK
  expect_number(kOne + "(0", 1);                       // POP of a mark
  expect_numbers(kOne + "2\x86", PickleKind::kTuple, {1, 1});
}

TEST(Pickle, TheMemo) {
  expect_numbers(kOne + "q\x05" + kTwo + "h\x05\x87", PickleKind::kTuple, {1, 2, 1});
  expect_numbers(kOne + "r\x05\x00\x01\x00"s + "j\x05\x00\x01\x00"s + "\x86", PickleKind::kTuple,
                 {1, 1});
  // MEMOIZE counts by itself.
  expect_numbers(kOne + "\x94" + kTwo + "\x94" + "h\x00"s + "\x87", PickleKind::kTuple, {1, 2, 1});
}

TEST(Pickle, FramesAreReadOver) {
  expect_number("\x95" + raw_bytes(uint64_t(2)) + kThree, 3);
}

TEST(Pickle, EveryProtocolFromTwoToFive) {
  for (char protocol = 2; protocol <= 5; ++protocol) {
    const auto result = read_pickle("p", "part", "\x80"s + protocol + kTwo + ".");
    EXPECT_EQ(result.values[result.root].number, 2);
  }
}

TEST(Pickle, EndsAtItsStop) {
  const auto result = read_pickle("p", "part", pickle(kTwo) + "what follows");
  EXPECT_EQ(result.bytes, pickle(kTwo).size());
}

TEST(Pickle, AListMayHoldItself) {
  const auto result = read("]q\x01h\x01" + "a"s);
  const auto& root = result.values[result.root];
  EXPECT_EQ(root.items, std::vector<uint32_t>{result.root});
}

TEST(Pickle, ATensorIsAViewOfAStorage) {
  const auto result = read(tensor(storage("HalfStorage", "7", 20), 3, {2, 4}, {8, 2}));
  ASSERT_EQ(result.values[result.root].kind, PickleKind::kTensor);
  ASSERT_EQ(result.tensors.size(), 1u);
  const auto& t = result.tensors[size_t(result.values[result.root].number)];
  EXPECT_EQ(t.offset, 3u);
  EXPECT_EQ(t.shape, (std::vector<int64_t>{2, 4}));
  EXPECT_EQ(t.strides, (std::vector<int64_t>{8, 2}));
  const auto& s = result.storages.at(t.storage);
  EXPECT_EQ(s.key, "7");
  EXPECT_EQ(s.dtype, DType::kF16);
  EXPECT_EQ(s.count, 20u);
}

TEST(Pickle, EveryTypeOfStorage) {
  const std::vector<std::pair<std::string, DType>> types = {
      {"DoubleStorage", DType::kF64}, {"FloatStorage", DType::kF32},
      {"HalfStorage", DType::kF16},   {"BFloat16Storage", DType::kBF16},
      {"LongStorage", DType::kI64},   {"IntStorage", DType::kI32},
      {"ShortStorage", DType::kI16},  {"CharStorage", DType::kI8},
      {"ByteStorage", DType::kU8},    {"BoolStorage", DType::kBool}};
  for (const auto& [name, dtype] : types) {
    const auto result = read(tensor(storage(name, "0", 1), 0, {1}, {1}));
    EXPECT_EQ(result.storages.at(0).dtype, dtype) << name;
  }
}

TEST(Pickle, ATensorOfAGraphicsCard) {
  const auto id = tuple({text("storage"), global("torch.cuda", "FloatStorage"), text("0"),
                         text("cuda:0"), number(6), "N"});
  EXPECT_EQ(read(tensor(id + "Q", 0, {6}, {1})).storages.at(0).dtype, DType::kF32);
}

TEST(Pickle, AParameterIsItsTensor) {
  const auto result = read(call(global("torch._utils", "_rebuild_parameter"),
                                {plain("0", {2}), "\x88", ordered_dict()}));
  EXPECT_EQ(result.values[result.root].kind, PickleKind::kTensor);
}

TEST(Pickle, TheOldestTensors) {
  const auto result =
      read(call(global("torch._utils", "_rebuild_tensor"),
                {storage("FloatStorage", "0", 6), number(0), numbers({2, 3}), numbers({3, 1})}));
  EXPECT_EQ(result.tensors.at(0).shape, (std::vector<int64_t>{2, 3}));
}

// Of the older format: a storage that is a part of another one.
TEST(Pickle, AViewOfAStorage) {
  const auto view = tuple({text("v"), number(10), number(6)});
  const auto result = read(tensor(storage("FloatStorage", "0", 20, view), 2, {4}, {1}));
  EXPECT_EQ(result.storages.at(0).first, 10u);
  EXPECT_EQ(result.storages.at(0).length, 6u);
  EXPECT_EQ(result.tensors.at(0).offset, 12u) << "from the start of the whole storage";
}

TEST(Pickle, EmptyTensorsAndScalars) {
  EXPECT_TRUE(read(tensor(storage("FloatStorage", "0", 1), 0, {}, {})).tensors.at(0).shape.empty());
  EXPECT_EQ(read(tensor(storage("FloatStorage", "0", 0), 0, {0, 5}, {5, 1})).tensors.at(0).shape,
            (std::vector<int64_t>{0, 5}));
}

// What trainers leave beside the weights: read over, never made.
TEST(Pickle, ObjectsOfTrainersAreSkipped) {
  const auto array = call(global("numpy.core.multiarray", "_reconstruct"),
                          {global("numpy", "ndarray"), numbers({0}),
                           "C\x01"
                           "b"});
  const auto dtype = call(global("numpy", "dtype"), {text("f8"), "\x89", "\x88"});
  EXPECT_EQ(root_of(array + "(" + kOne + dtype + "tb").kind, PickleKind::kSkipped);
  EXPECT_EQ(root_of(global("argparse", "Namespace") + ")\x81}" + text("lr") + "G" +
                    std::string(8, '\0') + "sb")
                .kind,
            PickleKind::kSkipped);
  EXPECT_EQ(root_of("\x8c\x08"
                    "argparse\x8c\x09Namespace\x93"
                    ")R")
                .kind,
            PickleKind::kSkipped);
  EXPECT_EQ(root_of(call(call(global("torch", "Size"), {numbers({2})}), {})).kind,
            PickleKind::kSkipped)
      << "what a skipped object returns is skipped";
}

}  // namespace
}  // namespace lightavseg
