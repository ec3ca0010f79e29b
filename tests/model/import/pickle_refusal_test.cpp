// SPDX-License-Identifier: LGPL-2.1-or-later
// Pickles that would do something, ask for something unknown, or contradict themselves.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "model/import/pickle.h"
#include "tests/model/import/torch_bytes.h"

namespace lightavseg {
namespace {

using namespace std::string_literals;
using namespace torch_bytes;

// Refused at the instruction that begins at this byte of the body, with these words.
void refused_at(size_t byte, const std::string& body, const std::vector<std::string>& words) {
  expect_file_error([&] { read_pickle("net.pth", "data.pkl", pickle(body)); }, "net.pth",
                    "data.pkl at byte " + std::to_string(byte + 2), words);
}

// The same, wherever it is noticed.
void refused(const std::string& body, const std::vector<std::string>& words) {
  try {
    read_pickle("net.pth", "data.pkl", pickle(body));
  } catch (const FileError& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.rfind("net.pth: data.pkl at byte ", 0), 0u) << text;
    for (const auto& word : words) EXPECT_NE(text.find(word), std::string::npos) << text;
    return;
  }
  ADD_FAILURE() << "taken";
}

// Names that run something, in the ways that pickles have of calling them.
class Malicious : public testing::TestWithParam<std::pair<const char*, const char*>> {
 protected:
  const std::string module_ = GetParam().first, name_ = GetParam().second;
  const std::string quoted_ = "\"" + module_ + "." + name_ + "\"";
};

TEST_P(Malicious, IsRefusedByName) {
  refused_at(0, call(global(module_, name_), {text("touch /tmp/owned")}),
             {quoted_, "Nothing of it was run", "state_dict"});
}

TEST_P(Malicious, AlsoWithStackGlobal) {
  const auto names = text(module_) + text(name_);
  refused_at(names.size(), names + "\x93" + tuple({text("x")}) + "R", {quoted_});
}

TEST_P(Malicious, AlsoWhenItIsNotCalled) {
  refused(dict({{"state_dict", dict({{"a", plain("0", {2})}})}, {"hook", global(module_, name_)}}),
          {quoted_});
}

TEST_P(Malicious, AlsoAsAKindOfStorage) {
  refused(tuple({text("storage"), global(module_, name_), text("0"), text("cpu"), number(1)}) + "Q",
          {quoted_});
}

INSTANTIATE_TEST_SUITE_P(
    Names, Malicious,
    testing::Values(std::pair("os", "system"), std::pair("posix", "system"),
                    std::pair("subprocess", "Popen"), std::pair("builtins", "eval"),
                    std::pair("builtins", "exec"), std::pair("builtins", "getattr"),
                    std::pair("builtins", "__import__"), std::pair("__builtin__", "eval"),
                    std::pair("torch.jit", "load"), std::pair("torch", "load"),
                    std::pair("torch.hub", "load"), std::pair("torch.storage", "_load_from_bytes"),
                    std::pair("torch._utils", "_rebuild_device_tensor_from_numpy"),
                    std::pair("numpy", "load"), std::pair("runpy", "run_path"),
                    std::pair("pickle", "loads"), std::pair("functools", "partial"),
                    std::pair("operator", "attrgetter"), std::pair("webbrowser", "open"),
                    // Neighbours of names that are known.
                    std::pair("collections", "Counter"), std::pair("torch", "FloatStorage.x"),
                    std::pair("xtorch", "FloatStorage"), std::pair("argparse", "FileType"),
                    std::pair("", "")));

// An object of a class of one's own, as Python's __reduce__ and __reduce_ex__ leave it.
TEST(PickleRefusal, ObjectsOfOtherClasses) {
  refused(call(global("copy_reg", "_reconstructor"),
               {global("my.model", "Net"), global("__builtin__", "object"), "N"}),
          {"\"copy_reg._reconstructor\""});
  refused(global("my.model", "Net") + ")\x81}b", {"\"my.model.Net\""});
}

TEST(PickleRefusal, WholeModels) {
  refused(tuple({text("module"), global("torch", "FloatStorage"), text("net.py"), text("source")}) +
              "Q",
          {"whole Python model", "state_dict"});
}

// A name of control characters cannot steer a terminal, nor a long one flood a log.
TEST(PickleRefusal, HarmfulNames) {
  try {
    read_pickle("p", "part", pickle(global("\x1b[2J", std::string(100'000, 'x'))));
    ADD_FAILURE() << "taken";
  } catch (const FileError& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_LT(text.size(), 1000u);
  }
}

TEST(PickleRefusal, UnknownInstructions) {
  // All that Python has beside those that torch.save() writes; EXT1 and OBJ call functions.
  for (const char opcode : "FILSVgiopP\x82\x83\x84\x8f\x90\x91\x92\x96\x97\x98\xff"s)
    refused_at(0, opcode + "x\n"s, {fmt::format("0x{:02x}", static_cast<unsigned char>(opcode))});
  refused_at(0, "\0"s, {"0x00"});
}

TEST(PickleRefusal, OtherProtocols) {
  expect_file_error([] { read_pickle("p", "part", "\x80\x01K\x01."); }, "p", "part at byte 0",
                    {"protocol 1; 2 to 5"});
  expect_file_error([] { read_pickle("p", "part", "\x80\x06K\x01."); }, "p", "part at byte 0",
                    {"protocol 6"});
}

TEST(PickleRefusal, EmptyStacks) {
  refused_at(0, "", {"too few values"});
  for (const char* body : {"0", "2", "q\x01", "R", "K\x01R", "\x81", "b", "Nb", "\x85", "K\x01\x86",
                           "K\x01K\x01\x87", "a", "Na", "NNs", "Ns", "Q", "\x93", "N\x93", "\x94"})
    EXPECT_THROW(read_pickle("p", "part", pickle(body)), FileError) << body;
  // A mark hides what lies below it.
  refused("NN(\x86", {"too few values"});
}

TEST(PickleRefusal, MissingMarks) {
  for (const char* body : {"t", "l", "d", "]e", "}u", "1"}) refused(body, {"no mark"});
}

TEST(PickleRefusal, ThingsThatAreSomethingElse) {
  refused("NNa", {"no list"});
  refused("}(NNe", {"no list"});
  refused("]NNs", {"no dictionary"});
  refused("}(Nu", {"has no value"});
  refused("(NNNd", {"has no value"});
  refused("N)R", {"no function"});
  refused(global("collections", "OrderedDict") + "]R", {"must be a tuple"});
  refused("]}b", {"attributes"});
  refused(call(global("collections", "OrderedDict"), {"](Ne"}), {"pairs"});
  refused(call(global("torch", "FloatStorage"), {}), {"storage without a key"});
  refused("h\x07", {"number 7"});
  refused("cos\nsystem", {"no end"});
}

TEST(PickleRefusal, WrongStorages) {
  const auto id = [](const std::vector<std::string>& items) { return tuple(items) + "Q"; };
  const auto type = global("torch", "FloatStorage");
  const std::string cpu = text("cpu"), key = text("0");
  refused(id({text("storage"), type, key, cpu}), {"does not write"});
  refused(id({text("other"), type, key, cpu, number(1)}), {"does not write"});
  refused(id({text("storage"), type, number(0), cpu, number(1)}), {"does not write"});
  refused(id({text("storage"), type, text(std::string(65, 'x')), cpu, number(1)}),
          {"does not write"});
  refused("NQ", {"does not write"});
  refused(id({text("storage"), text("torch.FloatStorage"), key, cpu, number(1)}), {"FloatStorage"});
  refused(id({text("storage"), global("collections", "OrderedDict"), key, cpu, number(1)}),
          {"FloatStorage"});
  refused(id({text("storage"), type, key, cpu, number(-1)}), {"storage size"});
  refused(id({text("storage"), type, key, cpu, number(int64_t(1) << 41)}), {"storage size"});
  refused(id({text("storage"), type, key, cpu, number(6), numbers({1, 2})}), {"view"});
  refused(id({text("storage"), type, key, cpu, number(6), numbers({0, 7, 0})}), {"0..6"});
  refused(id({text("storage"), type, key, cpu, number(6), numbers({0, 4, 3})}), {"0..2"});
}

TEST(PickleRefusal, WrongTensors) {
  const auto six = storage("FloatStorage", "0", 6);
  const auto rebuild = global("torch._utils", "_rebuild_tensor_v2");
  refused(call(rebuild, {six, number(0), numbers({6})}), {"made of a storage"});
  refused(call(rebuild, {"N", number(0), numbers({6}), numbers({1})}), {"made of a storage"});
  refused(call(rebuild, {six, number(0), number(6), numbers({1})}), {"shape", "tuple"});
  refused(call(rebuild, {six, number(0), numbers({-6}), numbers({1})}), {"shape", "integer"});
  refused(call(rebuild, {six, number(0), tuple({text("6")}), numbers({1})}), {"shape", "integer"});
  refused(tensor(six, -1, {1}, {1}), {"offset"});
  refused(tensor(six, 7, {1}, {1}), {"0..6"});
  refused(tensor(six, 0, {2, 3}, {1}), {"[2, 3]", "1 strides"});
  refused(tensor(six, 0, {6}, {-1}), {"strides"});
  refused(tensor(six, 0, std::vector<int64_t>(65, 1), std::vector<int64_t>(65, 1)), {"65 axes"});
  refused(call(global("torch._utils", "_rebuild_parameter"), {"N"}), {"made of a tensor"});
}

TEST(PickleRefusal, TensorsThatReachBeyondTheirStorage) {
  const auto six = storage("FloatStorage", "0", 6);
  const std::vector<std::string> words = {"reaches beyond the 6 elements"};
  refused(tensor(six, 0, {7}, {1}), words);
  refused(tensor(six, 1, {6}, {1}), words);
  refused(tensor(six, 6, {1}, {1}), words);
  refused(tensor(six, 0, {2, 3}, {4, 1}), words);
  refused(tensor(six, 5, {2}, {int64_t(1) << 40}), words);
  refused(tensor(storage("FloatStorage", "0", 6, tuple({text("v"), number(2), number(3)})), 0, {4},
                 {1}),
          {"beyond the 3 elements"});
  // A stride of 0 makes a large tensor of one element, up to a limit.
  refused(tensor(six, 0, {1 << 14, 1 << 11}, {0, 0}), {"repeats the 6 elements"});
  refused(tensor(six, 0, {1 << 20, 1 << 10}, {0, 0}), {"larger than"});
  refused(tensor(six, 0, {int64_t(1) << 40, int64_t(1) << 40}, {0, 0}), {"larger than"});
}

TEST(PickleRefusal, EveryTruncation) {
  const auto whole =
      pickle(dict({{"state_dict", dict({{"a", plain("0", {2, 3})},
                                        {"b", tensor(storage("LongStorage", "1", 3), 0, {3}, {1})}},
                                       ordered_dict())},
                   {"epoch", number(5)},
                   {"list",
                    "](K\x01M\x02\x01"
                    "J\x01\x01\x01\x01\x88\x89Ne"},
                   {"lr", "G" + std::string(8, '\1')}}));
  EXPECT_NO_THROW(read_pickle("p", "part", whole));
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_THROW(read_pickle("p", "part", whole.substr(0, length)), FileError) << length;
}

}  // namespace
}  // namespace lightavseg
