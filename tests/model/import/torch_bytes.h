// SPDX-License-Identifier: LGPL-2.1-or-later
// Files of torch.save() put together by hand, right and wrong ones, without the reader under test.
#pragma once

#include <gtest/gtest.h>
#include <zip.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/model/files/safetensors_bytes.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg::torch_bytes {

/// Instructions that push one value each. Joined they make the body of a pickle.
inline std::string number(int64_t value) {
  return "\x8a\x08" + raw_bytes(value);
}
inline std::string text(std::string_view value) {
  return "X" + raw_bytes(uint32_t(value.size())) + std::string(value);
}
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string tuple(const std::vector<std::string>& values) {
  std::string bytes = "(";
  for (const auto& value : values) bytes += value;
  return bytes + "t";
}
inline std::string numbers(const std::vector<int64_t>& values) {
  std::vector<std::string> items;
  for (const auto value : values) items.push_back(number(value));
  return tuple(items);
}
inline std::string call(const std::string& function, const std::vector<std::string>& arguments) {
  return function + tuple(arguments) + "R";
}
inline std::string ordered_dict() {
  return call(global("collections", "OrderedDict"), {});
}
using Pairs = std::vector<std::pair<std::string, std::string>>;
inline std::string dict(const Pairs& pairs, const std::string& empty = "}") {
  std::string bytes = empty + "(";
  for (const auto& [key, value] : pairs) bytes += text(key) + value;
  return bytes + "u";
}
inline std::string storage(const std::string& type, const std::string& key, int64_t count,
                           const std::string& more = "") {
  return tuple({text("storage"), global("torch", type), text(key), text("cpu"), number(count),
                more}) +
         "Q";
}
inline std::string tensor(const std::string& storage, int64_t offset,
                          const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  return call(global("torch._utils", "_rebuild_tensor_v2"),
              {storage, number(offset), numbers(shape), numbers(strides), "\x89", ordered_dict()});
}
/// A whole float tensor without gaps.
inline std::string plain(const std::string& key, const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  int64_t count = 1;
  for (size_t i = shape.size(); i-- > 0; count *= shape[i]) strides[i] = count;
  return tensor(storage("FloatStorage", key, count), 0, shape, strides);
}

inline std::string pickle(const std::string& body) {
  return "\x80\x02" + body + ".";
}

template <typename T>
std::string values(const std::vector<T>& numbers) {
  std::string bytes;
  for (const auto& value : numbers) bytes += raw_bytes(value);
  return bytes;
}

/// An archive of these entries.
inline void write_zip(const std::filesystem::path& path,
                      const std::map<std::string, std::string>& entries,
                      zip_int32_t method = ZIP_CM_STORE) {
  std::filesystem::remove(path);
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  if (!archive) throw std::runtime_error("the test cannot write " + path.string());
  for (const auto& [name, content] : entries) {
    const auto index = zip_file_add(archive, name.c_str(),
                                    zip_source_buffer(archive, content.data(), content.size(), 0),
                                    ZIP_FL_ENC_UTF_8);
    zip_set_file_compression(archive, zip_uint64_t(index), method, 0);
  }
  if (zip_close(archive) != 0) throw std::runtime_error("the test cannot write " + path.string());
}

/// The archive of torch.save() for an object and the bytes of its storages.
inline void write_torch(const std::filesystem::path& path, const std::string& body,
                        const std::map<std::string, std::string>& storages) {
  std::map<std::string, std::string> entries = {{"net/data.pkl", pickle(body)},
                                                {"net/version", "3\n"}};
  for (const auto& [key, bytes] : storages) entries["net/data/" + key] = bytes;
  write_zip(path, entries);
}

struct Run {
  std::string key;
  int64_t count;
  std::string bytes;
};

/// The older format of torch.save().
inline std::string legacy(const std::string& body, const std::vector<Run>& runs,
                          int64_t version = 1001, bool little_endian = true) {
  std::string bytes("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
  bytes += pickle(number(version));
  bytes += pickle(dict({{"little_endian", little_endian ? "\x88" : "\x89"}}));
  bytes += pickle(body);
  std::string keys = "](";
  for (const auto& run : runs) keys += text(run.key);
  bytes += pickle(keys + "e");
  for (const auto& run : runs) bytes += raw_bytes(run.count) + run.bytes;
  return bytes;
}

}  // namespace lightavseg::torch_bytes
