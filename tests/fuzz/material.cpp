// SPDX-License-Identifier: LGPL-2.1-or-later
// A folder of training material: the first byte says which of its tables the others are.
#include "model/data/material.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include "model/data/csv.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/memory_file.h"

using namespace lightavseg;

namespace {

namespace fs = std::filesystem;

constexpr const char* kTaxonomy = R"({"version": 1, "visible": ["dog", "violin", "person"],
  "sound_only": ["wind"], "groups": {"pets": ["dog", "wind"]}, "instruments": ["violin"],
  "inseparable": {"wind": ["dog"]}, "voc": {"dog": 12, "person": 15}, "aliases": {"hound": "dog"},
  "rules": [{"kind": "sound", "class": "hound", "match": "howl", "to": ""}]})";

// A table of each kind that is right, with a file in the place of the one under test.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / "lightavseg-fuzz-XXXXXX") {
    std::string pattern = path_.string();
    fuzz::require(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
    fs::create_directory(path_ / "set");
    for (const char* name : {"set/a.jpg", "set/b.wav"}) std::ofstream(path_ / name) << "x";
    write("set/manifest.csv",
          "file,class,split,type,mask,label\na.jpg,dog,train,image,a.jpg,a.jpg\n"
          "b.wav,dog,train,sound,,\n");
    write("sounds_audit.csv", "file,verdict,trust,best_windows\nb.wav,keep,high,0.5 1\n");
    write("set/set-pseudo.csv",
          "file,pseudo,pseudo_dominant,pseudo_dominant_share\na.jpg,a.jpg,person,0.5\n");
    write("set/classes.json", R"(["background", "dog"])");
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const fs::path& path() const { return path_; }

  // Puts the file in the place of one of the tables, or the table back.
  void offer(std::size_t table, const fs::path& file) {
    const fs::path place = path_ / kTables[table];
    fs::rename(place, path_ / "kept");
    fs::create_symlink(file, place);
  }
  void restore(std::size_t table) { fs::rename(path_ / "kept", path_ / kTables[table]); }

  static constexpr std::array<const char*, 4> kTables = {"set/manifest.csv", "sounds_audit.csv",
                                                         "set/set-pseudo.csv", "set/classes.json"};

 private:
  void write(const char* name, const char* contents) { std::ofstream(path_ / name) << contents; }

  fs::path path_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const Taxonomy taxonomy = Taxonomy::parse(kTaxonomy, "taxonomy.json");
  static fuzz::MemoryFile file;
  static Folder folder;
  const std::size_t table = data[0] % Folder::kTables.size();
  file.replace(fuzz::text_of(data + 1, size - 1));
  folder.offer(table, file.path());
  MaterialOptions options;
  options.lenient = (data[0] & 4) != 0;
  options.licence_free_only = (data[0] & 8) != 0;
  options.include_doubtful = (data[0] & 16) != 0;
  try {
    const auto material = Material::load(folder.path(), taxonomy, options);
    for (const auto& photo : material.photos()) fuzz::require(taxonomy.is_visible(photo.cls));
    for (const auto& photo : material.pool())
      for (const int voc : photo.trusted_voc) fuzz::require(voc >= 1 && voc <= 20);
    for (const auto& clip : material.sounds())
      for (const float start : clip.best_windows) fuzz::require(start >= 0 && start <= 86400);
  } catch (const CsvError&) {
  } catch (const MaterialError&) {
  }
  folder.restore(table);
  return 0;
}
