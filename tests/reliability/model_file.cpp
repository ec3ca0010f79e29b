// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/reliability/model_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>

#include "tests/fuzz/mutate.h"

namespace lightavseg::testing {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kPadding = 4096;  // of the header, so that it can grow without moving values

std::uint64_t length_in(const std::string& bytes) {
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  return length;
}

std::string as_bytes(std::uint64_t length) {
  std::string bytes(kLengthBytes, '\0');
  std::memcpy(bytes.data(), &length, kLengthBytes);
  return bytes;
}

// The characters between the quotes of the value behind "lightavseg.config".
std::string config_in(const std::string& header) {
  const std::string key = "\"lightavseg.config\"";
  const auto found = header.find(key);
  if (found == std::string::npos) throw std::runtime_error("the model has no configuration");
  const auto from = header.find('"', found + key.size()) + 1;
  auto to = from;
  while (header[to] != '"') to += header[to] == '\\' ? 2 : 1;
  return header.substr(from, to - from);
}

}  // namespace

DamagedModel::DamagedModel() {
  std::ifstream file(LIGHTAVSEG_TEST_MODEL, std::ios::binary);
  std::string whole{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (whole.size() < kLengthBytes) throw std::runtime_error("no model at " LIGHTAVSEG_TEST_MODEL);
  const auto length = length_in(whole);
  header_ = whole.substr(kLengthBytes, length);
  config_ = config_in(header_);
  header_.resize(header_.find_last_not_of(' ') + 1);
  data_ = kLengthBytes + header_.size() + kPadding;
  right_ = as_bytes(header_.size() + kPadding) + header_ + std::string(kPadding, ' ') +
           whole.substr(kLengthBytes + length);
  file_.replace(right_);
}

void DamagedModel::mend() {
  file_.patch(0, std::string_view(right_).substr(0, data_));
  // Damaged values are mended where they are damaged.
  if (file_.size() != right_.size()) {
    const auto there = std::min(file_.size(), right_.size());
    file_.resize(there);
    file_.patch(there, std::string_view(right_).substr(there));
  }
  if (!touched_.empty()) file_.patch(at_, std::string_view(right_).substr(at_, touched_.size()));
  touched_.clear();
}

std::string DamagedModel::damage(std::uint64_t seed) {
  mend();
  Random random(seed);
  const int draw = random.below(100);
  if (draw < 45) return damage_header(random);
  if (draw < 80) return damage_config(random);
  if (draw < 85) return damage_length(random);
  if (draw < 90) return damage_values(random);
  return damage_size(random);
}

void DamagedModel::write_header(std::string header) {
  header.resize(data_ - kLengthBytes, ' ');
  file_.patch(kLengthBytes, header);
}

std::string DamagedModel::damage_header(Random& random) {
  write_header(fuzz::mutated(header_, header_, random));
  return "header";
}

std::string DamagedModel::damage_config(Random& random) {
  auto header = header_;
  header.replace(header.find(config_), config_.size(), fuzz::mutated(config_, config_, random));
  write_header(std::move(header));
  return "configuration";
}

std::string DamagedModel::damage_length(Random& random) {
  const auto right = length_in(right_);
  const std::uint64_t lengths[] = {random.next(), right + random.next() % 64,
                                   right - 1 - random.next() % 64,
                                   right_.size() - random.next() % 16, random.next() % 16};
  const auto length = lengths[random.below(int(std::size(lengths)))];
  file_.patch(0, as_bytes(length));
  return fmt::format("header length {}", length);
}

std::string DamagedModel::damage_values(Random& random) {
  at_ = data_ + random.next() % (right_.size() - data_);
  touched_ = right_.substr(at_, 1 + random.next() % 64);
  const int kind = random.below(3);
  for (auto& byte : touched_) byte = kind == 0 ? '\xff' : char(random.next());
  if (kind == 2) std::fill(touched_.begin(), touched_.end(), '\0');
  file_.patch(at_, touched_);
  return fmt::format("{} values from byte {}", touched_.size(), at_);
}

std::string DamagedModel::damage_size(Random& random) {
  const std::size_t sizes[] = {
      right_.size() + 1 + random.next() % 64, right_.size() - 1 - random.next() % 64,
      data_ + random.next() % (right_.size() - data_), random.next() % data_, random.next() % 16};
  const auto size = sizes[random.below(int(std::size(sizes)))];
  file_.resize(size);
  return fmt::format("{} bytes long", size);
}

}  // namespace lightavseg::testing
