// SPDX-License-Identifier: LGPL-2.1-or-later
// Builds self-contained HTML pages: text, tables, pictures inside the file and SVG, without script,
// in light and dark. What is passed as text is escaped; only add_markup() takes markup.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace lightavseg::html {

// Thrown with the path in the text when a page cannot be written.
class HtmlError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Makes text safe between tags and inside quoted attributes.
std::string escape(std::string_view text);

// RFC 4648, with padding.
std::string base64(const std::vector<std::uint8_t>& bytes);

// "data:image/png;base64,..." for the bytes of a PNG file; throws HtmlError if they are none.
std::string png_data_uri(const std::vector<std::uint8_t>& png);

struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  // cells; numbers are set flush right
};

struct Picture {
  std::string label;              // under the picture, and its alternative text
  std::vector<std::uint8_t> png;  // bytes of a PNG file
};

// Pictures that belong together, side by side: input, truth, prediction.
struct PictureRow {
  std::string caption;
  std::vector<Picture> pictures;
};

// Not for several threads at once.
class Page {
 public:
  // title: of the window and as the first heading.
  explicit Page(std::string_view title, std::string_view subtitle = {});

  void add_heading(std::string_view text);
  void add_paragraph(std::string_view text);
  // Name and value pairs as a compact list.
  void add_facts(const std::vector<std::pair<std::string, std::string>>& facts);
  // Throws HtmlError when a row has another number of cells than the header.
  void add_table(const Table& table);
  void add_pictures(const std::vector<PictureRow>& rows);
  // Charts or other ready-made markup, laid out as a grid of cards.
  void add_cards(const std::vector<std::string>& markup);
  void add_markup(std::string_view markup);

  // The whole document.
  std::string render() const;

  // Writes the document; the old file stays whole until the new one is complete. Throws HtmlError.
  void write(const std::filesystem::path& path) const;

 private:
  std::string title_;
  std::string body_;
};

}  // namespace lightavseg::html
