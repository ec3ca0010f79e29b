// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/evaluation/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <system_error>

namespace lightavseg::html {
namespace {

// The series colours keep their contrast on both grounds and apart for colour-blind readers.
constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --ground: #f6f7f9; --card: #ffffff; --ink: #1c2430;
  --soft: #5b6675; --line: #dfe4ea; --series0: #2563c9; --series1: #d2601a; --series2: #12805c;
  --series3: #a03ba8; --series4: #8a6d00; --series5: #c2304a; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #12161c; --card: #1b2129; --ink: #e6eaf0; --soft: #98a3b3; --line: #2f3844;
    --series0: #7aa9ff; --series1: #ff9d5c; --series2: #4fd1a1; --series3: #e18be8;
    --series4: #e3c04d; --series5: #ff8095; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 76rem; background: var(--ground);
  color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { margin: 0; font-size: 1.7rem; letter-spacing: -0.01em; }
h2 { margin: 2.25rem 0 0.75rem; font-size: 1.15rem; }
p { margin: 0.5rem 0; } .subtitle { color: var(--soft); }
.facts { display: flex; flex-wrap: wrap; gap: 0.5rem 2rem; margin: 1rem 0; }
.facts dt { color: var(--soft); font-size: 0.8rem; }
.facts dd { margin: 0; font-variant-numeric: tabular-nums; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 23rem), 1fr));
  gap: 1rem; }
.card, .scroll, .sample { background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; }
.card { padding: 0.75rem; } .card svg { display: block; width: 100%; height: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 0.45rem 0.9rem; text-align: left; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
th { color: var(--soft); font-size: 0.8rem; font-weight: 600; } .number { text-align: right; }
.sample { margin: 0 0 1rem; padding: 0.75rem; }
.sample > figcaption { margin-bottom: 0.5rem; font-weight: 600; }
.pictures { display: flex; flex-wrap: wrap; gap: 0.75rem; }
.pictures figure { margin: 0; flex: 0 1 14rem; }
.pictures img { display: block; width: 100%; height: auto; border-radius: 6px; }
.pictures figcaption { color: var(--soft); font-size: 0.8rem; }
svg text { fill: var(--soft); font-size: 11px; } svg .title { fill: var(--ink); font-size: 14px;
  font-weight: 600; } svg .grid { stroke: var(--line); stroke-width: 1; }
svg .raw { fill: none; stroke-width: 1; opacity: 0.28; }
svg .smooth { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
)";

bool is_number(std::string_view cell) {
  double value = 0;
  const auto result = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (cell.empty() || result.ec != std::errc()) return false;
  const std::string_view unit(result.ptr,
                              static_cast<std::size_t>(cell.data() + cell.size() - result.ptr));
  return unit.empty() || unit == "%" || unit == " %" || unit == " s" || unit == " ms";
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string base64(const std::vector<std::uint8_t>& bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = static_cast<std::uint32_t>(bytes[i]) << 16;
    if (left > 1) group |= static_cast<std::uint32_t>(bytes[i + 1]) << 8;
    if (left > 2) group |= bytes[i + 2];
    out += kDigits[group >> 18];
    out += kDigits[(group >> 12) & 63];
    out += left > 1 ? kDigits[(group >> 6) & 63] : '=';
    out += left > 2 ? kDigits[group & 63] : '=';
  }
  return out;
}

std::string png_data_uri(const std::vector<std::uint8_t>& png) {
  static constexpr std::array<std::uint8_t, 8> kSignature = {0x89, 'P',  'N',  'G',
                                                             0x0D, 0x0A, 0x1A, 0x0A};
  if (png.size() < kSignature.size() ||
      !std::equal(kSignature.begin(), kSignature.end(), png.begin())) {
    throw HtmlError(fmt::format(
        "a picture of {} bytes is no PNG file; encode it as PNG before adding it", png.size()));
  }
  return "data:image/png;base64," + base64(png);
}

Page::Page(std::string_view title, std::string_view subtitle) : title_(title) {
  body_ = fmt::format("<h1>{}</h1>\n", escape(title));
  if (!subtitle.empty()) body_ += fmt::format("<p class=\"subtitle\">{}</p>\n", escape(subtitle));
}

void Page::add_heading(std::string_view text) {
  body_ += fmt::format("<h2>{}</h2>\n", escape(text));
}

void Page::add_paragraph(std::string_view text) {
  body_ += fmt::format("<p>{}</p>\n", escape(text));
}

void Page::add_facts(const std::vector<std::pair<std::string, std::string>>& facts) {
  if (facts.empty()) return;
  body_ += "<dl class=\"facts\">\n";
  for (const auto& [name, value] : facts) {
    body_ += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(value));
  }
  body_ += "</dl>\n";
}

void Page::add_table(const Table& table) {
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    if (table.rows[i].size() != table.header.size()) {
      throw HtmlError(fmt::format("row {} of a table has {} cells where the header has {}", i,
                                  table.rows[i].size(), table.header.size()));
    }
  }
  // A heading stands over its numbers, so it follows the first row.
  body_ += "<div class=\"scroll\"><table>\n<thead><tr>";
  for (std::size_t i = 0; i < table.header.size(); ++i) {
    const bool number = !table.rows.empty() && is_number(table.rows[0][i]);
    body_ += fmt::format("<th scope=\"col\"{}>{}</th>", number ? " class=\"number\"" : "",
                         escape(table.header[i]));
  }
  body_ += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    body_ += "<tr>";
    for (const std::string& cell : row) {
      body_ +=
          fmt::format("<td{}>{}</td>", is_number(cell) ? " class=\"number\"" : "", escape(cell));
    }
    body_ += "</tr>\n";
  }
  body_ += "</tbody></table></div>\n";
}

void Page::add_pictures(const std::vector<PictureRow>& rows) {
  for (const PictureRow& row : rows) {
    std::string markup = "<figure class=\"sample\">";
    if (!row.caption.empty()) {
      markup += fmt::format("<figcaption>{}</figcaption>", escape(row.caption));
    }
    markup += "<div class=\"pictures\">\n";
    for (const Picture& picture : row.pictures) {
      const std::string label = escape(picture.label);
      markup +=
          fmt::format("<figure><img alt=\"{}\" src=\"{}\"><figcaption>{}</figcaption></figure>\n",
                      label, png_data_uri(picture.png), label);
    }
    body_ += markup + "</div></figure>\n";
  }
}

void Page::add_cards(const std::vector<std::string>& markup) {
  if (markup.empty()) return;
  body_ += "<div class=\"cards\">\n";
  for (const std::string& card : markup) {
    body_ += fmt::format("<div class=\"card\">{}</div>\n", card);
  }
  body_ += "</div>\n";
}

void Page::add_markup(std::string_view markup) {
  body_ += markup;
}

std::string Page::render() const {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
      escape(title_), kStyle, body_);
}

void Page::write(const std::filesystem::path& path) const {
  const std::filesystem::path temporary = path.string() + ".new";
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out << render();
  out.close();
  std::error_code error;
  if (out) std::filesystem::rename(temporary, path, error);
  if (!out || error) {
    throw HtmlError(
        fmt::format("{}: the page cannot be written{}; check the folder and the free space",
                    path.string(), error ? ": " + error.message() : ""));
  }
}

}  // namespace lightavseg::html
