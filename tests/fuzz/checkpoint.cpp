// SPDX-License-Identifier: LGPL-2.1-or-later
// Checkpoints of torch.save(), both formats: zip archive, pickles, storages.
#include <vector>

#include "model/files/file_error.h"
#include "model/import/foreign_checkpoint.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/memory_file.h"

using namespace lightavseg;

namespace {

// The importer reads the values of tensors whose shape it expects, so none that is huge: a stride
// of 0 makes many elements of one.
constexpr std::size_t kMostBytes = std::size_t(1) << 24;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  file.replace(fuzz::text_of(data, size));
  try {
    auto checkpoint = ForeignCheckpoint::open(file.path());
    for (const auto& entry : checkpoint.entries()) {
      const auto bytes = tensor_bytes(entry.dtype, entry.shape);
      fuzz::require(bytes.has_value());
      if (*bytes > kMostBytes) continue;
      try {
        fuzz::require(checkpoint.values(entry).size() * dtype_size(entry.dtype) == *bytes);
      } catch (const FileError&) {
        // Integers, numbers that are not finite, a wrong checksum: the next tensor may be right.
      }
    }
  } catch (const FileError& error) {
    fuzz::require(error.path() == file.path());
  }
  return 0;
}
