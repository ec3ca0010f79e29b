// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>
#include <zip.h>

#include <utility>

#include "model/files/file_error.h"
#include "model/files/quoted_text.h"
#include "model/import/torch_file.h"

namespace lightavseg {
namespace {

std::string entry_field(const std::string& name) {
  return "entry " + quoted_text(name);
}

}  // namespace

ZipArchive::ZipArchive(std::filesystem::path path, std::string_view bytes)
    : path_(std::move(path)), length_(bytes.size()) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  zip_t* archive = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : nullptr;
  const std::string problem = zip_error_strerror(&error);
  zip_error_fini(&error);
  if (!archive) {
    if (source) zip_source_free(source);
    throw FileError(path_, "",
                    fmt::format("the zip archive cannot be read ({}); the file is "
                                "damaged or truncated, get it again",
                                problem));
  }
  archive_ = std::shared_ptr<zip_t>(archive, zip_discard);
}

std::vector<std::string> ZipArchive::names() const {
  std::vector<std::string> names;
  const auto count = zip_get_num_entries(archive_.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i)
    if (const char* name = zip_get_name(archive_.get(), zip_uint64_t(i), ZIP_FL_ENC_RAW))
      names.emplace_back(name);
  return names;
}

bool ZipArchive::has(const std::string& name) const {
  return zip_name_locate(archive_.get(), name.c_str(), ZIP_FL_ENC_RAW) >= 0;
}

size_t ZipArchive::size(const std::string& name) const {
  zip_stat_t facts;
  zip_stat_init(&facts);
  if (zip_stat(archive_.get(), name.c_str(), ZIP_FL_ENC_RAW, &facts) != 0)
    throw FileError(path_, entry_field(name), "is missing from the archive; get the file again");
  constexpr zip_uint64_t kNeeded = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
  // torch.save() packs nothing; so no small file can claim to be a large one.
  if ((facts.valid & kNeeded) != kNeeded || facts.comp_method != ZIP_CM_STORE ||
      facts.size > length_)
    throw FileError(path_, entry_field(name),
                    "is compressed or longer than the file; torch.save() stores entries as they "
                    "are, so load and save the file in Python");
  return size_t(facts.size);
}

std::string ZipArchive::read(const std::string& name) const {
  std::string contents(size(name), '\0');
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> entry(
      zip_fopen(archive_.get(), name.c_str(), ZIP_FL_ENC_RAW), zip_fclose);
  if (!entry)
    throw FileError(path_, entry_field(name),
                    fmt::format("cannot be opened: {}", zip_strerror(archive_.get())));
  size_t done = 0;
  // The read that finds the end also compares the checksum, hence one byte more than there is.
  for (char beyond = 0;;) {
    const bool full = done == contents.size();
    const auto got = full ? zip_fread(entry.get(), &beyond, 1)
                          : zip_fread(entry.get(), &contents[done], contents.size() - done);
    if (got < 0 || (got == 0) != full)
      throw FileError(path_, entry_field(name),
                      fmt::format("cannot be read ({}); the file is damaged, get it again",
                                  got < 0 ? zip_file_strerror(entry.get()) : "wrong length"));
    if (full) return contents;
    done += size_t(got);
  }
}

}  // namespace lightavseg
