// SPDX-License-Identifier: LGPL-2.1-or-later
// Both formats of torch.save(), right and wrong ones.
#include "model/import/torch_file.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "model/import/foreign_checkpoint.h"
#include "tests/model/import/heap_peak.h"
#include "tests/model/import/torch_bytes.h"

namespace lightavseg {
namespace {

using namespace std::string_literals;
using namespace torch_bytes;

class TorchFiles : public testing::Test {
 protected:
  TorchFile open() { return {path_, MappedFile::open(path_)}; }

  // The elements of the tensor under `key` of the dictionary at the top.
  std::vector<float> elements(TorchFile& file, const char* key) {
    const auto& pickle = file.pickle();
    const auto* found = pickle.find(pickle.values[pickle.root], key);
    if (!found) throw std::runtime_error("no such key");
    const auto bytes = file.elements(pickle.tensors.at(size_t(found->number)));
    std::vector<float> values(bytes.size() / sizeof(float));
    if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }

  void refused(const std::string& field, const std::vector<std::string>& words) {
    expect_file_error([&] { open(); }, path_, field, words);
  }

  TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "net.pth";
  const std::string data_ = torch_bytes::values<float>({0, 1, 2, 3, 4, 5});
  const std::string body_ =
      dict({{"plain", plain("0", {2, 3})},
            {"turned", tensor(storage("FloatStorage", "0", 6), 0, {3, 2}, {1, 3})},
            {"part", tensor(storage("FloatStorage", "0", 6), 2, {2, 2}, {1, 2})},
            {"same", tensor(storage("FloatStorage", "0", 6), 5, {3}, {0})},
            {"scalar", tensor(storage("FloatStorage", "0", 6), 4, {}, {})},
            {"none", tensor(storage("FloatStorage", "0", 6), 0, {0, 3}, {3, 1})}});

  void expect_elements() {
    auto file = open();
    EXPECT_EQ(elements(file, "plain"), (std::vector<float>{0, 1, 2, 3, 4, 5}));
    EXPECT_EQ(elements(file, "turned"), (std::vector<float>{0, 3, 1, 4, 2, 5}));
    EXPECT_EQ(elements(file, "part"), (std::vector<float>{2, 4, 3, 5}));
    EXPECT_EQ(elements(file, "same"), (std::vector<float>{5, 5, 5}));
    EXPECT_EQ(elements(file, "scalar"), (std::vector<float>{4}));
    EXPECT_EQ(elements(file, "none"), (std::vector<float>{}));
  }
};

TEST_F(TorchFiles, ViewsInAnArchive) {
  write_torch(path_, body_, {{"0", data_}});
  expect_elements();
}

TEST_F(TorchFiles, ViewsInTheOlderFormat) {
  write_plainly(path_, legacy(body_, {{"0", 6, data_}}));
  expect_elements();
}

TEST_F(TorchFiles, AreKnownByTheirFirstBytes) {
  write_torch(path_, body_, {{"0", data_}});
  EXPECT_TRUE(TorchFile::recognises(read_plainly(path_)));
  EXPECT_TRUE(TorchFile::recognises(legacy(body_, {{"0", 6, data_}})));
  EXPECT_FALSE(TorchFile::recognises(""));
  EXPECT_FALSE(TorchFile::recognises("PK"));
  EXPECT_FALSE(TorchFile::recognises(pickle(body_)));
  write_plainly(path_, pickle(body_));
  expect_file_error([&] { ForeignCheckpoint::open(path_); }, path_, "", {"torch.save()"});
}

TEST_F(TorchFiles, ArchivesWithoutOrWithTwoPickles) {
  write_zip(path_, {{"net/version", "3\n"}, {"data.pkl", pickle(body_)}});
  refused("data.pkl", {"holds 0 entries"});
  write_zip(path_, {{"a/data.pkl", pickle(body_)}, {"b/data.pkl", pickle(body_)}});
  refused("data.pkl", {"holds 2 entries"});
}

TEST_F(TorchFiles, ProgramsOfTorchScript) {
  write_zip(path_, {{"net/data.pkl", pickle(body_)}, {"net/constants.pkl", ""}});
  refused("constants.pkl", {"TorchScript", "state_dict"});
}

TEST_F(TorchFiles, BigEndianMachines) {
  std::map<std::string, std::string> entries = {
      {"net/data.pkl", pickle(body_)}, {"net/data/0", data_}, {"net/byteorder", "big"}};
  write_zip(path_, entries);
  refused("byteorder", {"little"});
  entries["net/byteorder"] = "little";
  write_zip(path_, entries);
  expect_elements();
  write_plainly(path_, legacy(body_, {{"0", 6, data_}}, 1001, false));
  refused("little_endian", {"must be true"});
}

TEST_F(TorchFiles, OtherVersionsOfTheOlderFormat) {
  write_plainly(path_, legacy(body_, {{"0", 6, data_}}, 1002));
  refused("version", {"1002", "1001"});
}

// A small file must not become a large one in memory.
TEST_F(TorchFiles, PackedEntries) {
  const std::string zeros(size_t(64) << 20, '\0');
  const auto big = dict({{"plain", plain("0", {16, 1 << 20})}});
  write_zip(path_, {{"net/data.pkl", pickle(big)}, {"net/data/0", zeros}}, ZIP_CM_DEFLATE);
  ASSERT_LT(std::filesystem::file_size(path_), 100'000u);
  const HeapPeak peak;
  refused("entry \"net/data.pkl\"", {"compressed"});
  EXPECT_LT(peak.bytes(), size_t(1) << 20);
}

TEST_F(TorchFiles, StoragesThatAreMissingOrTooShort) {
  write_torch(path_, body_, {{"1", data_}});
  refused("entry \"net/data/0\"", {"missing"});
  write_torch(path_, body_, {{"0", data_.substr(1)}});
  refused("storage \"0\"", {"23 bytes", "6 elements"});
  write_plainly(path_, legacy(body_, {}));
  refused("storage \"0\"", {"missing"});
  write_plainly(path_, legacy(body_, {{"0", 5, data_.substr(4)}}));
  refused("storage \"0\"", {"5 elements follow", "6 are announced"});
  write_plainly(path_, legacy(body_, {{"0", 6, data_.substr(4)}}));
  refused("storage \"0\"", {"20 bytes are left"});
  write_plainly(path_, legacy(body_, {{"0", 6, data_}, {"0", 6, data_}}));
  refused("storage \"0\"", {"twice"});
  write_plainly(path_, legacy(body_, {{"0", 6, data_}, {"1", 6, data_}}));
  refused("storage \"1\"", {"not used"});
}

TEST_F(TorchFiles, AStorageOfTwoSizes) {
  write_plainly(path_,
                legacy(dict({{"a", plain("0", {6})}, {"b", plain("0", {5})}}), {{"0", 6, data_}}));
  refused("storage \"0\"", {"two types or sizes"});
}

TEST_F(TorchFiles, NamesThatLeadOutOfTheArchive) {
  write_torch(path_, dict({{"a", plain("../../etc/passwd", {6})}}), {{"0", data_}});
  refused("entry \"net/data/../../etc/passwd\"", {"missing"});
}

TEST_F(TorchFiles, ChangedData) {
  write_torch(path_, body_, {{"0", data_}});
  auto bytes = read_plainly(path_);
  const auto at = bytes.find(data_);
  ASSERT_NE(at, std::string::npos);
  bytes[at] = 'x';
  write_plainly(path_, bytes);
  auto file = open();
  expect_file_error([&] { elements(file, "plain"); }, path_, "entry \"net/data/0\"", {"damaged"});
}

TEST_F(TorchFiles, EveryTruncationOfAnArchive) {
  write_torch(path_, body_, {{"0", data_}});
  const auto whole = read_plainly(path_);
  for (size_t length = 0; length < whole.size(); ++length) {
    write_plainly(path_, whole.substr(0, length));
    EXPECT_THROW(ForeignCheckpoint::open(path_), FileError) << length;
  }
}

TEST_F(TorchFiles, EveryTruncationOfTheOlderFormat) {
  const auto whole = legacy(body_, {{"0", 6, data_}});
  for (size_t length = 0; length < whole.size(); ++length) {
    write_plainly(path_, whole.substr(0, length));
    EXPECT_THROW(ForeignCheckpoint::open(path_), FileError) << length;
  }
}

class Dictionaries : public TorchFiles {
 protected:
  // What is taken of a file that holds this.
  void expect_taken(const Pairs& pairs, const std::string& dictionary, float first) {
    write_torch(path_, dict(pairs), {{"0", data_}});
    auto checkpoint = ForeignCheckpoint::open(path_);
    EXPECT_EQ(checkpoint.dictionary(), dictionary);
    ASSERT_EQ(checkpoint.entries().size(), 1u);
    EXPECT_EQ(checkpoint.entries()[0].name, "w");
    EXPECT_EQ(checkpoint.values(checkpoint.entries()[0]), std::vector<float>{first});
  }

  static std::string weights(int64_t element) {
    return dict(
        {{"w", tensor(storage("FloatStorage", "0", 6), element, {1}, {1})}, {"name", text("x")}},
        ordered_dict());
  }
};

TEST_F(Dictionaries, TheFirstThatHoldsTensors) {
  const auto tensor_at_4 = tensor(storage("FloatStorage", "0", 6), 4, {1}, {1});
  expect_taken({{"state_dict", weights(1)}, {"state_dict_ema", weights(2)}, {"model", weights(3)}},
               "state_dict_ema", 2);
  expect_taken({{"model", weights(3)}, {"state_dict", weights(1)}}, "state_dict", 1);
  expect_taken({{"model", weights(3)}, {"epoch", number(5)}}, "model", 3);
  expect_taken({{"state_dict", dict({{"lr", number(5)}})}, {"model", weights(3)}}, "model", 3);
  expect_taken({{"state_dict_ema", "N"}, {"model", weights(3)}}, "model", 3);
  expect_taken({{"w", tensor_at_4}, {"epoch", number(5)}}, "", 4);
}

TEST_F(Dictionaries, WithoutTensors) {
  write_torch(path_, dict({{"epoch", number(5)}}), {});
  expect_file_error([&] { ForeignCheckpoint::open(path_); }, path_, "", {"no tensors"});
}

TEST_F(Dictionaries, ALaterKeyReplaces) {
  write_torch(path_,
              dict({{"w", tensor(storage("FloatStorage", "0", 6), 1, {1}, {1})},
                    {"w", tensor(storage("FloatStorage", "0", 6), 2, {1}, {1})}}),
              {{"0", data_}});
  auto checkpoint = ForeignCheckpoint::open(path_);
  ASSERT_EQ(checkpoint.entries().size(), 1u);
  EXPECT_EQ(checkpoint.values(checkpoint.entries()[0]), std::vector<float>{2});
}

TEST_F(Dictionaries, ValuesOfEveryFloat) {
  const auto half = raw_bytes(uint16_t(0x3c00)), bfloat = raw_bytes(uint16_t(0x3f80));
  write_torch(path_,
              dict({{"b", tensor(storage("BFloat16Storage", "b", 1), 0, {1}, {1})},
                    {"d", tensor(storage("DoubleStorage", "d", 1), 0, {1}, {1})},
                    {"h", tensor(storage("HalfStorage", "h", 1), 0, {1}, {1})}}),
              {{"b", bfloat}, {"d", raw_bytes(1.0)}, {"h", half}});
  auto checkpoint = ForeignCheckpoint::open(path_);
  ASSERT_EQ(checkpoint.entries().size(), 3u);
  for (const auto& entry : checkpoint.entries())
    EXPECT_EQ(checkpoint.values(entry), std::vector<float>{1}) << entry.name;
}

TEST_F(Dictionaries, ValuesThatAreNoWeights) {
  const auto bad = torch_bytes::values<float>({1, std::numeric_limits<float>::infinity()});
  write_torch(path_,
              dict({{"f", tensor(storage("FloatStorage", "f", 2), 0, {2}, {1})},
                    {"i", tensor(storage("LongStorage", "i", 1), 0, {1}, {1})}}),
              {{"f", bad}, {"i", raw_bytes(int64_t(1))}});
  auto checkpoint = ForeignCheckpoint::open(path_);
  expect_file_error([&] { checkpoint.values(checkpoint.entries().at(0)); }, path_, "tensor \"f\"",
                    {"element 1", "infinite"});
  expect_file_error([&] { checkpoint.values(checkpoint.entries().at(1)); }, path_, "tensor \"i\"",
                    {"I64"});
}

}  // namespace
}  // namespace lightavseg
