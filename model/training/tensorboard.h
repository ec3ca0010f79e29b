// SPDX-License-Identifier: LGPL-2.1-or-later
// Scalars for TensorBoard, written without TensorFlow: an event file is a sequence of TFRecords
// (length, checksum, bytes, checksum), each with one Event message. The formats are those of
// tensorflow/tensorflow (core/lib/io/record_writer.cc, core/util/event.proto and
// core/framework/summary.proto).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace lightavseg {

// Thrown with the path in the text when an event file cannot be created or written.
class TensorBoardError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// CRC-32C (Castagnoli polynomial) as TFRecords use it, and its masked form, which is stored.
std::uint32_t crc32c(std::string_view bytes);
std::uint32_t masked_crc32c(std::string_view bytes);

// Writes one event file. Every call reaches the operating system before it returns, so a run that
// is killed loses nothing that it reported. Not for several threads at once.
class TensorBoardWriter {
 public:
  // Creates `folder` and in it a file "events.out.tfevents.<seconds>.<host>.<process>"; an earlier
  // file of the run stays beside it and TensorBoard reads both. start_time_s: seconds since 1970
  // for the name and the first event, now if left out.
  explicit TensorBoardWriter(const std::filesystem::path& folder,
                             std::optional<double> start_time_s = std::nullopt);
  TensorBoardWriter(const TensorBoardWriter&) = delete;
  TensorBoardWriter& operator=(const TensorBoardWriter&) = delete;
  ~TensorBoardWriter();

  // One event with all scalars of a step; "train/loss" and "train/dice" share a group. Values are
  // stored as 32-bit floats. wall_time_s: seconds since 1970, now if left out.
  void add_scalars(std::int64_t step, const std::map<std::string, double>& scalars,
                   std::optional<double> wall_time_s = std::nullopt);

  // After a restart from a checkpoint: TensorBoard then hides what an earlier file says about
  // `first_step` and later steps.
  void mark_restart(std::int64_t first_step, std::optional<double> wall_time_s = std::nullopt);

  const std::filesystem::path& path() const { return path_; }

 private:
  void write_record(std::string_view event);

  std::filesystem::path path_;
  int file_ = -1;
};

}  // namespace lightavseg
