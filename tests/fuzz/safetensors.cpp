// SPDX-License-Identifier: LGPL-2.1-or-later
// Model files: header, layout, values, and the configuration in the metadata.
#include "model/files/safetensors.h"

#include "model/files/file_error.h"
#include "model/files/tensor_values.h"
#include "model/network/config_file.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/memory_file.h"

using namespace lightavseg;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  file.replace(fuzz::text_of(data, size));
  try {
    const auto opened = SafetensorsFile::open(file.path());
    std::size_t bytes = 0;
    for (const auto& tensor : opened.tensors()) {
      fuzz::require(opened.find(tensor.name) == &tensor);
      bytes += tensor.bytes;
      first_non_finite(tensor);  // reads every element
      if (is_floating(tensor.dtype))
        fuzz::require(to_float(tensor).size() * dtype_size(tensor.dtype) == tensor.bytes);
    }
    fuzz::require(bytes <= size);
    read_model_config(opened).validate();
  } catch (const FileError& error) {
    fuzz::require(error.path() == file.path());
  }
  return 0;
}
