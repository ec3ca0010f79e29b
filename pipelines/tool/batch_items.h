// SPDX-License-Identifier: LGPL-2.1-or-later
// Which files a batch works on, and what each of them becomes.
#pragma once

#include <filesystem>
#include <istream>
#include <string>
#include <vector>

namespace lightavseg::tool {

struct BatchItem {
  std::filesystem::path input;
  std::filesystem::path result;  // ends in / for a folder of pictures
  std::string problem;           // why it cannot be worked on; usually empty
};

// Part `index` (from 1) of `count`.
struct Shard {
  int index = 1, count = 1;
};

// "2/8". Throws UsageError.
Shard parse_shard(const std::string& text);

// Files, folders (all videos in them and below, by their names), patterns with *, ? and [ ], and
// "-" for a list with one of these per line. Sorted within a folder or pattern, otherwise in the
// order given; what is named twice comes once. Results lie in `out` under the input's name with
// `ending` in place of its own (/: a folder), in the same folders below as the inputs of a folder.
// Two inputs whose results would have one name: the second has a problem. Throws UsageError when
// there is nothing, or a pattern or folder gives nothing.
std::vector<BatchItem> batch_items(const std::vector<std::string>& inputs, std::istream& list,
                                   const std::filesystem::path& out, const std::string& ending);

// Every count-th item.
std::vector<BatchItem> items_of(const std::vector<BatchItem>& items, Shard shard);

// Whether the result is there and not older than its input.
bool is_finished(const BatchItem& item);

}  // namespace lightavseg::tool
