// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/material_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "model/data/label_codes.h"
#include "model/data/random.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

// Of a recording, seconds: a day. Starts in samples must fit an int.
constexpr int kLastWindow = 86400;

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

bool to_number(const std::string& text, double* out) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), *out);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

// Wallpaper packages hold one picture in a dozen sizes, named "<name>_contents_images_1280x800".
// The name without the size and without the (sometimes truncated) front path stands for all.
std::string backdrop_key(const fs::path& file) {
  std::string stem = file.stem().string();
  const std::size_t size = stem.find("_contents_images_");
  if (size == std::string::npos) return stem;
  stem.resize(size);
  const std::size_t name = stem.rfind('_');
  return name == std::string::npos ? stem : stem.substr(name + 1);
}

fs::path without_slash(const fs::path& dir) {
  return dir.has_filename() ? dir : dir.parent_path();
}

}  // namespace

std::string hash_split(const fs::path& file) {
  const std::uint64_t place = hash_text(file.stem().string()) % 100;
  return place < 80 ? "train" : place < 90 ? "val" : "test";
}

bool is_free_licence(const std::string& licence) {
  for (const char* limit : {"NC", "ND", "not to be", "unknown", "believed research"}) {
    if (licence.find(limit) != std::string::npos) return false;
  }
  for (const char* free : {"CC0", "CC BY", "MIT", "ODbL", "Apache", "BSD", "GPL", "LGPL",
                           "Public domain", "public domain"}) {
    if (licence.rfind(free, 0) == 0) return true;
  }
  return false;
}

void ManifestReader::problem(const CsvTable& table, std::size_t row, const std::string& what) {
  problems_.push_back(fmt::format("{}:{}: {}", table.name(), table.line(row), what));
}

fs::path ManifestReader::existing(const fs::path& dir, const std::string& file,
                                  const CsvTable& table, std::size_t row, const char* column) {
  std::error_code ignored;
  if (!file.empty() && fs::is_regular_file(dir / file, ignored)) return dir / file;
  problem(table, row,
          file.empty()
              ? fmt::format("column '{}' is empty; it must name a file", column)
              : fmt::format("column '{}': there is no file '{}'", column, (dir / file).string()));
  return {};
}

bool ManifestReader::resolve(const CsvTable& table, std::size_t row, const std::string& kind,
                             const std::string& cls, const std::string& text, int* out) {
  const Taxonomy::Resolved resolved = taxonomy_.resolve(kind, cls, text);
  if (resolved.left_out) return false;
  *out = resolved.cls;
  if (resolved.cls < 0) {
    problem(table, row,
            fmt::format("the class '{}' is unknown; add it to the taxonomy (visible, sound_only, "
                        "aliases or a rule) or correct it",
                        cls));
  }
  return resolved.cls >= 0;
}

void ManifestReader::read_folder_or_parent(const fs::path& given) {
  const fs::path dir = without_slash(given);
  if (!fs::is_directory(dir)) {
    throw MaterialError(fmt::format("material '{}' is not a folder", dir.string()));
  }
  std::vector<fs::path> folders;
  const bool single = fs::exists(dir / "manifest.csv");
  const fs::path parent = single ? fs::absolute(dir).parent_path() : dir;
  if (single) {
    folders.push_back(dir);
  } else {
    for (const auto& entry : fs::directory_iterator(dir)) {
      if (entry.is_directory() && fs::exists(entry.path() / "manifest.csv")) {
        folders.push_back(entry.path());
      }
    }
    std::sort(folders.begin(), folders.end());
  }
  if (folders.empty()) {
    throw MaterialError(fmt::format(
        "material '{}' has no manifest.csv, neither itself nor in a sub-folder", dir.string()));
  }
  for (const fs::path& place : {parent, dir}) {
    if (fs::exists(place / "sounds_audit.csv")) {
      read_audit(place / "sounds_audit.csv");
      break;
    }
  }
  // Pseudo labels first: photographs look them up. A lone folder has them in a sister folder.
  for (const auto& entry : fs::directory_iterator(parent)) {
    if (!entry.is_directory()) continue;
    for (const fs::path& folder : folders) {
      const std::string name = folder.filename().string();
      const fs::path list = entry.path() / (name + "-pseudo.csv");
      if (fs::exists(list)) read_pseudo_list(list, name);
    }
  }
  for (const fs::path& folder : folders) {
    const CsvTable table = CsvTable::read(folder / "manifest.csv");
    if (table.has_column("trusted_voc")) {
      read_pool_manifest(folder, table);
    } else if (table.has_column("split")) {
      read_split_manifest(folder, table);
    } else {
      read_cutout_manifest(folder, table);
    }
  }
  // One folder of several may have nothing of a split; all of them hint at a wrong name.
  if (!with_split_) {
    problems_.insert(problems_.end(), without_split_.begin(), without_split_.end());
  }
}

void ManifestReader::read_audit(const fs::path& file) {
  const CsvTable table = CsvTable::read(file);
  table.require_columns({"file", "verdict", "trust", "best_windows"});
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::string& verdict = table.at(row, "verdict");
    Verdict out;
    out.drop = verdict == "drop";
    // A "constructed" label is certain (one instrument was recorded); only the judge is deaf to it.
    out.doubt = verdict == "doubt" && table.at(row, "trust") != "constructed";
    if (verdict != "keep" && verdict != "doubt" && verdict != "drop") {
      problem(table, row, fmt::format("verdict '{}' must be keep, doubt or drop", verdict));
      continue;
    }
    bool good = true;
    for (const std::string& word : words(table.at(row, "best_windows"))) {
      double start = 0;
      good = good && to_number(word, &start) && start >= 0 && start <= kLastWindow;
      out.best_windows.push_back(static_cast<float>(start));
    }
    if (!good) {
      problem(table, row,
              fmt::format("best_windows must be a list of seconds from 0 to {}", kLastWindow));
    }
    if (good) audit_[table.at(row, "file")] = out;
  }
}

void ManifestReader::read_pseudo_list(const fs::path& file, const std::string& folder) {
  const CsvTable table = CsvTable::read(file);
  table.require_columns({"file", "pseudo"});
  for (std::size_t row = 0; row < table.rows(); ++row) {
    PseudoRow out;
    out.file = existing(file.parent_path(), table.at(row, "pseudo"), table, row, "pseudo");
    out.dominant = table.get(row, "pseudo_dominant");
    to_number(table.get(row, "pseudo_dominant_share"), &out.dominant_share);
    if (!out.file.empty()) pseudo_[folder][table.at(row, "file")] = out;
  }
}

std::shared_ptr<const std::vector<int>> ManifestReader::read_label_classes(const fs::path& dir) {
  const fs::path file = dir / "classes.json";
  if (!fs::exists(file)) return nullptr;
  auto out = std::make_shared<std::vector<int>>();
  try {
    std::ifstream in(file);
    for (const auto& name : nlohmann::json::parse(in)) {
      const int cls = taxonomy_.find(name.get<std::string>());
      if (cls < 0 || cls > taxonomy_.visible_count()) {
        problems_.push_back(fmt::format("{}: the class '{}' is not a visible class of the taxonomy",
                                        file.string(), name.get<std::string>()));
        return nullptr;
      }
      out->push_back(cls);
    }
  } catch (const nlohmann::json::exception& error) {
    problems_.push_back(
        fmt::format("{}: must be a JSON list of class names: {}", file.string(), error.what()));
    return nullptr;
  }
  return out;
}

void ManifestReader::read_split_manifest(const fs::path& dir, const CsvTable& table) {
  table.require_columns({"file", "class", "split", "type", "mask"});
  const auto label_classes = read_label_classes(dir);
  std::set<std::string> splits;
  bool any = false;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    splits.insert(table.at(row, "split"));
    if (table.at(row, "split") != options_.split) continue;
    any = true;
    if (options_.licence_free_only && !is_free_licence(table.get(row, "licence"))) continue;
    const std::string& type = table.at(row, "type");
    if (type == "image") {
      add_photo(dir, table, row, label_classes);
    } else if (type == "sound") {
      add_sound(dir, table, row, dir.filename().string());
    } else {
      problem(table, row, fmt::format("type '{}' must be image or sound", type));
    }
  }
  if (!any) {
    std::string known;
    for (const std::string& split : splits) known += (known.empty() ? "" : ", ") + split;
    without_split_.push_back(fmt::format("{}: no row has the split '{}'; the file has: {}",
                                         table.name(), options_.split, known));
  }
  with_split_ |= any;
}

void ManifestReader::add_photo(const fs::path& dir, const CsvTable& table, std::size_t row,
                               const std::shared_ptr<const std::vector<int>>& label_classes) {
  const std::string& file = table.at(row, "file");
  const std::string folder = dir.filename().string();
  Photo photo;
  if (!resolve(table, row, "image", table.at(row, "class"), fs::path(file).filename().string(),
               &photo.cls))
    return;
  if (!taxonomy_.is_visible(photo.cls)) {
    problem(
        table, row,
        fmt::format("a photograph of '{}', which is not a visible class", table.at(row, "class")));
    return;
  }
  photo.id = folder + "/" + file;
  photo.plain_background = table.get(row, "background") == "plain";
  photo.image = existing(dir, file, table, row, "file");
  photo.mask = existing(dir, table.at(row, "mask"), table, row, "mask");
  if (photo.image.empty() || photo.mask.empty()) return;
  if (const std::string& label = table.get(row, "label"); !label.empty()) {
    photo.labels = existing(dir, label, table, row, "label");
    if (!label_classes) {
      problem(table, row, "has a label map, but the folder has no valid classes.json");
    }
    photo.label_classes = label_classes;
    if (photo.labels.empty() || !label_classes) return;
  }
  const auto list = pseudo_.find(folder);
  if (list != pseudo_.end()) {
    const auto it = list->second.find(file);
    if (it != list->second.end()) {
      photo.pseudo = it->second.file;
      // Masks made by flooding a plain background take in whoever plays the instrument. Where a
      // teacher sees a person on most of the object, the mask is not of the instrument.
      double share = 0;
      to_number(table.get(row, "object_fraction"), &share);
      if (!options_.include_doubtful && taxonomy_.is_instrument(photo.cls) &&
          table.get(row, "mask_source") != "human" && it->second.dominant == "person" &&
          it->second.dominant_share > 0.6 * share) {
        return;
      }
    }
  }
  index_.photos.push_back(photo);
}

void ManifestReader::add_sound(const fs::path& dir, const CsvTable& table, std::size_t row,
                               const std::string& folder) {
  const std::string& file = table.at(row, "file");
  SoundClip clip;
  clip.subclass = table.get(row, "subclass");
  // Not the folder: it repeats the class, which rules match by itself.
  const std::string text = fs::path(file).filename().string() + " " + clip.subclass;
  if (!resolve(table, row, "sound", table.at(row, "class"), text, &clip.cls)) return;
  if (const auto it = audit_.find(file); it != audit_.end()) {
    if (it->second.drop || (it->second.doubt && !options_.include_doubtful)) return;
    clip.best_windows = it->second.best_windows;
  }
  clip.id = folder + "/" + file;
  clip.file = existing(dir, file, table, row, "file");
  if (!clip.file.empty()) index_.sounds.push_back(clip);
}

void ManifestReader::read_cutout_manifest(const fs::path& dir, const CsvTable& table) {
  table.require_columns({"file", "class", "type"});
  const std::string folder = dir.filename().string();
  // First the classes of all rows, because the rule for rare classes counts them.
  struct Row {
    std::size_t row;
    std::string type;
    int cls;
  };
  std::vector<Row> rows;
  std::map<std::pair<std::string, int>, int> counts;
  std::set<std::string> backdrop_keys;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    std::string type = table.at(row, "type");
    const std::string kind = type == "speech" || type == "noise" ? "sound" : type;
    if (kind != "sound" && kind != "cutout" && kind != "distractor" && kind != "background") {
      problem(table, row,
              fmt::format("type '{}' must be cutout, distractor, background, sound, speech or "
                          "noise",
                          type));
      continue;
    }
    if (options_.licence_free_only && table.has_column("licence") &&
        !is_free_licence(table.at(row, "licence"))) {
      continue;
    }
    const std::string& file = table.at(row, "file");
    if (type == "background" && !backdrop_keys.insert(backdrop_key(file)).second) continue;
    int cls = 0;
    const std::string name = type == "speech" ? "person" : table.at(row, "class");
    const std::string text = fs::path(file).filename().string() + " " + table.get(row, "original");
    if (!resolve(table, row, kind, name, text, &cls)) continue;
    if (type == "distractor" && cls > 0) type = "cutout";
    // A picture of something that is only known by its sound is of no use.
    if (type == "cutout" && !taxonomy_.is_visible(cls)) continue;
    rows.push_back({row, type, cls});
    ++counts[{type, cls}];
  }
  for (const auto& [row, type, cls] : rows) {
    const std::string& file = table.at(row, "file");
    const bool rare = (type == "cutout" || type == "sound") && counts[{type, cls}] < 4;
    const std::string key = type == "background" ? backdrop_key(file) : file;
    if ((rare ? "train" : hash_split(key)) != options_.split) continue;
    const fs::path path = existing(dir, file, table, row, "file");
    if (path.empty()) continue;
    const std::string id = fmt::format("{}/{}", folder, file);
    if (type == "background") {
      index_.backdrops.push_back({id, path, -1});
    } else if (type == "cutout") {
      index_.cutouts.push_back({id, cls, table.at(row, "class"), path});
    } else if (type == "distractor") {
      index_.distractors.push_back({id, 0, "", path});
    } else {
      SoundClip clip;
      clip.id = id;
      clip.cls = cls;
      clip.subclass = type == "speech" ? "speech" : table.at(row, "class");
      clip.music = type == "noise" && file.find("music") != std::string::npos;
      clip.file = path;
      index_.sounds.push_back(clip);
    }
  }
}

void ManifestReader::read_pool_manifest(const fs::path& dir, const CsvTable& table) {
  table.require_columns({"file", "pseudo", "category", "trusted_voc", "zero_ok"});
  if (options_.split != "train") return;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (options_.licence_free_only && !is_free_licence(table.get(row, "licence"))) continue;
    PoolPhoto photo;
    photo.id = dir.filename().string() + "/" + table.at(row, "file");
    photo.licence = table.get(row, "licence");
    photo.image = existing(dir, table.at(row, "file"), table, row, "file");
    photo.pseudo = existing(dir, table.at(row, "pseudo"), table, row, "pseudo");
    if (photo.image.empty() || photo.pseudo.empty()) continue;
    bool good = true;
    for (const std::string& word : words(table.at(row, "trusted_voc"))) {
      double voc = 0;
      good = good && to_number(word, &voc) && voc >= 1 && voc <= 20;
      if (good) photo.trusted_voc.push_back(static_cast<int>(voc));
    }
    const std::string& zero_ok = table.at(row, "zero_ok");
    if (!good || (zero_ok != "0" && zero_ok != "1")) {
      problem(table, row,
              "trusted_voc must be a list of VOC numbers from 1 to 20, zero_ok must be 0 or 1");
      continue;
    }
    const int promised = taxonomy_.find(table.at(row, "category"));
    photo.image_class = taxonomy_.is_visible(promised) ? promised : 0;
    // The teacher knows VOC classes only: of any other class of ours it says "nothing there".
    bool voc_knows = photo.image_class == 0;
    for (int voc = 1; voc <= 20 && !voc_knows; ++voc) {
      voc_knows = taxonomy_.from_voc(voc) == photo.image_class;
    }
    photo.zero_ok = zero_ok == "1" && voc_knows;
    double foreground = 1;
    to_number(table.get(row, "pseudo_foreground"), &foreground);
    // A category that only repeats the source's name promises no object: street, lawn, kitchen.
    photo.empty = photo.zero_ok && photo.image_class == 0 && foreground < 0.01 &&
                  table.get(row, "group") == table.at(row, "category");
    if (photo.empty) {
      index_.backdrops.push_back({photo.id, photo.image, static_cast<int>(index_.pool.size())});
    }
    index_.pool.push_back(photo);
  }
}

}  // namespace lightavseg
