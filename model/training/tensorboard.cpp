// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/tensorboard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>

namespace lightavseg {
namespace {

// Field numbers of the messages Event, SessionLog, Summary and Summary.Value.
constexpr int kEventWallTime = 1;
constexpr int kEventStep = 2;
constexpr int kEventFileVersion = 3;
constexpr int kEventSummary = 5;
constexpr int kEventSessionLog = 7;
constexpr int kSessionLogStatus = 1;
constexpr int kSessionLogStart = 1;
constexpr int kSummaryValue = 1;
constexpr int kValueTag = 1;
constexpr int kValueSimple = 2;

enum WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0x82F63B78u : 0u);
    table[i] = crc;
  }
  return table;
}

template <typename Integer>
void append_little_endian(std::string* out, Integer value) {
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    out->push_back(static_cast<char>((value >> (8 * i)) & 0xFF));
  }
}

void append_varint(std::string* out, std::uint64_t value) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>((value & 0x7F) | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

void append_key(std::string* out, int field, WireType type) {
  append_varint(out, static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(type));
}

void append_integer_field(std::string* out, int field, std::int64_t value) {
  append_key(out, field, kVarint);
  append_varint(out, static_cast<std::uint64_t>(value));
}

void append_double_field(std::string* out, int field, double value) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  append_key(out, field, kFixed64);
  append_little_endian(out, bits);
}

void append_float_field(std::string* out, int field, float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  append_key(out, field, kFixed32);
  append_little_endian(out, bits);
}

void append_bytes_field(std::string* out, int field, std::string_view bytes) {
  append_key(out, field, kBytes);
  append_varint(out, bytes.size());
  out->append(bytes);
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static const std::array<std::uint32_t, 256> table = make_crc_table();
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const char c : bytes) crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

std::uint32_t masked_crc32c(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
}

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& folder,
                                     std::optional<double> start_time_s) {
  const double start = start_time_s.value_or(seconds_now());
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    throw TensorBoardError(
        fmt::format("{}: the folder cannot be created: {}", folder.string(), error.message()));
  }
  const std::string stem = fmt::format("events.out.tfevents.{:010d}.{}.{}",
                                       static_cast<std::int64_t>(start), host_name(), ::getpid());
  // Two writers of one process in one second must not share a file.
  for (int attempt = 0; file_ < 0; ++attempt) {
    path_ = folder / (attempt == 0 ? stem : fmt::format("{}.{}", stem, attempt));
    file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
    if (file_ < 0 && errno != EEXIST) {
      throw TensorBoardError(
          fmt::format("{}: cannot be created: {}", path_.string(), std::strerror(errno)));
    }
  }
  std::string event;
  append_double_field(&event, kEventWallTime, start);
  append_bytes_field(&event, kEventFileVersion, "brain.Event:2");
  write_record(event);
}

TensorBoardWriter::~TensorBoardWriter() {
  if (file_ >= 0) ::close(file_);
}

void TensorBoardWriter::add_scalars(std::int64_t step, const std::map<std::string, double>& scalars,
                                    std::optional<double> wall_time_s) {
  std::string summary;
  for (const auto& [tag, number] : scalars) {
    std::string value;
    append_bytes_field(&value, kValueTag, tag);
    append_float_field(&value, kValueSimple, static_cast<float>(number));
    append_bytes_field(&summary, kSummaryValue, value);
  }
  std::string event;
  append_double_field(&event, kEventWallTime, wall_time_s.value_or(seconds_now()));
  append_integer_field(&event, kEventStep, step);
  append_bytes_field(&event, kEventSummary, summary);
  write_record(event);
}

void TensorBoardWriter::mark_restart(std::int64_t first_step, std::optional<double> wall_time_s) {
  std::string session_log;
  append_integer_field(&session_log, kSessionLogStatus, kSessionLogStart);
  std::string event;
  append_double_field(&event, kEventWallTime, wall_time_s.value_or(seconds_now()));
  append_integer_field(&event, kEventStep, first_step);
  append_bytes_field(&event, kEventSessionLog, session_log);
  write_record(event);
}

void TensorBoardWriter::write_record(std::string_view event) {
  std::string length;
  append_little_endian(&length, static_cast<std::uint64_t>(event.size()));
  std::string record = length;
  append_little_endian(&record, masked_crc32c(length));
  record.append(event);
  append_little_endian(&record, masked_crc32c(event));
  std::string_view rest = record;
  while (!rest.empty()) {
    const ssize_t written = ::write(file_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      throw TensorBoardError(fmt::format("{}: an event could not be written: {}", path_.string(),
                                         std::strerror(errno)));
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace lightavseg
