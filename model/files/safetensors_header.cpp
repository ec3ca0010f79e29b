// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/safetensors_header.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "model/files/file_error.h"
#include "model/files/quoted_text.h"
#include "model/files/tensor_view.h"

namespace lightavseg {

namespace {

using Json = nlohmann::json;

/// Takes the parser's events one by one and refuses the first that does not belong where it is.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  explicit HeaderReader(const std::filesystem::path& path) : path_(path) {}

  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(size_t) override {
    if (place_ == Place::kFile) {
      place_ = Place::kHeader;
    } else if (place_ == Place::kHeader && key_ == kMetadataName) {
      place_ = Place::kMetadata;
    } else if (place_ == Place::kHeader) {
      header_.tensors.emplace_back();
      header_.tensors.back().name = key_;
      has_dtype_ = has_shape_ = false;
      offsets_ = -1;
      place_ = Place::kTensor;
    } else {
      reject("an object");
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::kTensor) {
      if (!has_dtype_) reject_missing("dtype");
      if (!has_shape_) reject_missing("shape");
      if (offsets_ < 0) reject_missing("data_offsets");
    }
    place_ = place_ == Place::kHeader ? Place::kFile : Place::kHeader;
    return true;
  }

  bool key(Json::string_t& key) override {
    switch (place_) {
      case Place::kHeader:
        if (!names_.insert(key).second) {
          fail(key == kMetadataName ? std::string(key) : tensor_field(key),
               "the name appears twice in the header; every name must be unique");
        }
        break;
      case Place::kMetadata:
        if (!header_.metadata.emplace(key, "").second) {
          fail(metadata_field(key), "the key appears twice; every key must be unique");
        }
        break;
      default:
        check_tensor_key(key);
        break;
    }
    key_ = key;
    return true;
  }

  bool string(Json::string_t& text) override {
    if (place_ == Place::kMetadata) {
      header_.metadata[key_] = text;
    } else if (place_ == Place::kTensor && key_ == "dtype") {
      const std::optional<DType> dtype = dtype_from_name(text);
      if (!dtype) {
        fail(field(), fmt::format("{} is not a known element type; known are {}", quoted_text(text),
                                  dtype_names()));
      }
      header_.tensors.back().dtype = *dtype;
      has_dtype_ = true;
    } else {
      reject("the string " + quoted_text(text));
    }
    return true;
  }

  bool start_array(size_t) override {
    if (place_ == Place::kTensor && key_ == "shape") {
      place_ = Place::kShape;
    } else if (place_ == Place::kTensor && key_ == "data_offsets") {
      place_ = Place::kOffsets;
      offsets_ = 0;
    } else {
      reject("an array");
    }
    return true;
  }

  bool end_array() override {
    if (place_ == Place::kShape) {
      has_shape_ = true;
    } else if (offsets_ != 2) {
      fail(field(), fmt::format("there are {} numbers; there must be 2, [begin, end]", offsets_));
    }
    place_ = Place::kTensor;
    return true;
  }

  bool number_unsigned(Json::number_unsigned_t number) override {
    if (place_ == Place::kShape) {
      auto& shape = header_.tensors.back().shape;
      if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        reject(fmt::format("the number {}", number));
      }
      if (shape.size() == kMostTensorAxes) {
        fail(field(), fmt::format("there are more than {} axes", kMostTensorAxes));
      }
      shape.push_back(static_cast<int64_t>(number));
    } else if (place_ == Place::kOffsets) {
      if (offsets_ == 0) header_.tensors.back().begin = number;
      if (offsets_ == 1) header_.tensors.back().end = number;
      if (++offsets_ > 2) {
        fail(field(), "there are more than 2 numbers; there must be 2, [begin, end]");
      }
    } else {
      reject(fmt::format("the number {}", number));
    }
    return true;
  }

  bool number_integer(Json::number_integer_t number) override {
    // The parser calls this only for numbers with a minus sign; -0 is refused with the others.
    reject(fmt::format("the number {}{}", number == 0 ? "-" : "", number));
  }

  bool number_float(Json::number_float_t, const Json::string_t& text) override {
    // Integers beyond 64 bits come here too.
    reject("the number " + quoted_text(text));
  }

  bool null() override { reject("null"); }
  bool boolean(bool value) override { reject(value ? "true" : "false"); }
  bool binary(Json::binary_t&) override { reject("binary data"); }

  bool parse_error(size_t position, const std::string&, const Json::exception& error) override {
    // The library's text starts with its own name and number in brackets.
    std::string_view text = error.what();
    const size_t bracket = text.find("] ");
    if (bracket != std::string_view::npos) text.remove_prefix(bracket + 2);
    fail("header", fmt::format("it is not valid JSON at its byte {}: {}; the file is damaged or "
                               "not a safetensors file",
                               position, quoted_text(text)));
  }

 private:
  enum class Place { kFile, kHeader, kMetadata, kTensor, kShape, kOffsets };

  void check_tensor_key(const std::string& key) const {
    const std::string& name = header_.tensors.back().name;
    const bool known = key == "dtype" || key == "shape" || key == "data_offsets";
    if (!known) {
      fail(tensor_field(name), fmt::format("the field {} is unknown; known are \"dtype\", "
                                           "\"shape\" and \"data_offsets\"",
                                           quoted_text(key)));
    }
    const bool seen = (key == "dtype" && has_dtype_) || (key == "shape" && has_shape_) ||
                      (key == "data_offsets" && offsets_ >= 0);
    if (seen) fail(tensor_field(name, key), "the field appears twice; it must be there once");
  }

  static std::string metadata_field(std::string_view key) {
    return std::string(kMetadataName) + " " + quoted_text(key);
  }

  /// The field whose value is being read.
  std::string field() const {
    switch (place_) {
      case Place::kFile:
        return "header";
      case Place::kHeader:
        return key_ == kMetadataName ? key_ : tensor_field(key_);
      case Place::kMetadata:
        return metadata_field(key_);
      default:
        return tensor_field(header_.tensors.back().name, key_);
    }
  }

  /// What the value at this place must be.
  std::string_view expected() const {
    switch (place_) {
      case Place::kFile:
        return "an object that maps names to tensors";
      case Place::kHeader:
        return key_ == kMetadataName ? "an object that maps strings to strings"
                                     : "an object with dtype, shape and data_offsets";
      case Place::kMetadata:
        return "a string";
      case Place::kTensor:
        if (key_ == "dtype") return "a string";
        return key_ == "shape" ? "an array of non-negative integers"
                               : "an array of two non-negative integers";
      case Place::kShape:
        return "a non-negative integer below 2^63";
      case Place::kOffsets:
        return "a non-negative integer below 2^64";
    }
    return "";
  }

  [[noreturn]] void reject(const std::string& found) const {
    fail(field(), fmt::format("found {}; it must be {}", found, expected()));
  }

  [[noreturn]] void reject_missing(std::string_view missing) const {
    fail(tensor_field(header_.tensors.back().name, missing),
         "the field is missing; every tensor needs dtype, shape and data_offsets");
  }

  [[noreturn]] void fail(const std::string& field, const std::string& problem) const {
    throw FileError(path_, field, problem);
  }

  const std::filesystem::path& path_;
  SafetensorsHeader header_;
  std::unordered_set<std::string> names_;
  Place place_ = Place::kFile;
  std::string key_;
  bool has_dtype_ = false;
  bool has_shape_ = false;
  int offsets_ = -1;  // numbers read so far; -1 before data_offsets was seen
};

}  // namespace

SafetensorsHeader parse_safetensors_header(const std::filesystem::path& path,
                                           std::string_view json) {
  // The format asks for this first byte; the parser alone would also take spaces or a mark of
  // byte order in front.
  if (json.empty() || json.front() != '{') {
    throw FileError(path, "header",
                    fmt::format("it starts with {}; it must start with \"{{\"; the file is damaged "
                                "or not a safetensors file",
                                quoted_text(json.substr(0, 1))));
  }
  // The parser takes a zero byte for the end of the text and would ignore whatever comes after.
  const size_t zero = json.find('\0');
  if (zero != std::string_view::npos) {
    throw FileError(path, "header",
                    fmt::format("its byte {} is 0, which JSON does not allow; padding must be "
                                "spaces",
                                zero + 1));
  }
  HeaderReader reader(path);
  Json::sax_parse(json.begin(), json.end(), &reader);
  return reader.take();
}

}  // namespace lightavseg
