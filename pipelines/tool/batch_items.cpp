// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/batch_items.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <map>
#include <set>

#include "pipelines/tool/usage_error.h"

namespace lightavseg::tool {
namespace {

namespace fs = std::filesystem;

constexpr std::array kVideoEndings = {".3gp", ".avi", ".flv",  ".m2ts", ".m4v", ".mkv",
                                      ".mov", ".mp4", ".mpeg", ".mpg",  ".mts", ".mxf",
                                      ".ogv", ".ts",  ".webm", ".wmv"};

struct Input {
  fs::path path;
  fs::path below;  // folders between the folder that was named and the file
};

bool is_video(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kVideoEndings.begin(), kVideoEndings.end(), ending) != kVideoEndings.end();
}

bool is_hidden(const fs::path& path) {
  const std::string name = path.filename().string();
  return !name.empty() && name[0] == '.';
}

void add_folder(const fs::path& folder, const fs::path& out, std::vector<Input>& inputs) {
  std::vector<fs::path> found;
  std::error_code error;
  auto at = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied,
                                             error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    std::error_code ignored;
    // Earlier results are no inputs.
    if (at->is_directory(ignored) &&
        (is_hidden(at->path()) || fs::equivalent(at->path(), out, ignored)))
      at.disable_recursion_pending();
    if (at->is_regular_file(ignored) && is_video(at->path()) && !is_hidden(at->path()))
      found.push_back(at->path());
  }
  if (found.empty())
    throw UsageError(fmt::format("{}: there is no video in this folder{}{}", folder.string(),
                                 error ? ": " : "", error ? error.message() : ""));
  std::sort(found.begin(), found.end());
  for (const auto& path : found)
    inputs.push_back({path, path.lexically_relative(folder).parent_path()});
}

void add_pattern(const std::string& pattern, std::vector<Input>& inputs) {
  glob_t found = {};
  const int code = ::glob(pattern.c_str(), GLOB_TILDE, nullptr, &found);
  for (std::size_t i = 0; code == 0 && i < found.gl_pathc; ++i) {
    const fs::path path = found.gl_pathv[i];
    std::error_code ignored;
    if (!fs::is_directory(path, ignored)) inputs.push_back({path, {}});
  }
  ::globfree(&found);
  if (code != 0) throw UsageError(pattern + ": no file has such a name");
}

void add(const std::string& text, std::istream& list, const fs::path& out,
         std::vector<Input>& inputs) {
  std::error_code ignored;
  if (text == "-") {
    for (std::string line; std::getline(list, line);) {
      if (!line.empty() && line != "-") add(line, list, out, inputs);
    }
  } else if (fs::is_directory(text, ignored)) {
    add_folder(text, out, inputs);
  } else if (!fs::exists(text, ignored) && text.find_first_of("*?[") != std::string::npos) {
    add_pattern(text, inputs);
  } else {
    inputs.push_back({text, {}});
  }
}

}  // namespace

Shard parse_shard(const std::string& text) {
  Shard shard;
  const char* end = text.data() + text.size();
  const auto [slash, error] = std::from_chars(text.data(), end, shard.index);
  const bool good = error == std::errc() && slash != end && *slash == '/';
  const auto [last, second] = good ? std::from_chars(slash + 1, end, shard.count)
                                   : std::from_chars_result{text.data(), std::errc()};
  if (!good || second != std::errc() || last != end || shard.index < 1 || shard.count < shard.index)
    throw UsageError(fmt::format("--shard {}: give i/n with i from 1 to n, such as 2/8", text));
  return shard;
}

std::vector<BatchItem> batch_items(const std::vector<std::string>& texts, std::istream& list,
                                   const fs::path& out, const std::string& ending) {
  std::vector<Input> inputs;
  for (const auto& text : texts) add(text, list, out, inputs);
  if (inputs.empty()) throw UsageError("batch: there is no input; name files or folders");
  std::vector<BatchItem> items;
  std::set<fs::path> seen;
  std::map<fs::path, fs::path> owners;  // of results
  for (const auto& input : inputs) {
    if (!seen.insert(fs::absolute(input.path).lexically_normal()).second) continue;
    BatchItem item;
    item.input = input.path;
    item.result = out / input.below / (input.path.stem().string() + ending);
    const auto [owner, first] = owners.emplace(item.result, input.path);
    if (!first)
      item.problem = fmt::format(
          "{}: its result would have the name of that of {}: {}; run it into another "
          "folder, or rename it",
          input.path.string(), owner->second.string(), item.result.string());
    items.push_back(std::move(item));
  }
  return items;
}

std::vector<BatchItem> items_of(const std::vector<BatchItem>& items, Shard shard) {
  std::vector<BatchItem> part;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i % static_cast<std::size_t>(shard.count) == static_cast<std::size_t>(shard.index - 1))
      part.push_back(items[i]);
  }
  return part;
}

bool is_finished(const BatchItem& item) {
  std::error_code error;
  const fs::path result = item.result.has_filename() ? item.result : item.result.parent_path();
  if (!fs::exists(result, error)) return false;
  if (fs::is_directory(result, error) && fs::is_empty(result, error)) return false;
  const auto made = fs::last_write_time(result, error);
  const auto changed = fs::last_write_time(item.input, error);
  return error || made >= changed;
}

}  // namespace lightavseg::tool
