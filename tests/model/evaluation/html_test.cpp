// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/evaluation/html.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "tests/model/files/temporary_folder.h"

namespace lightavseg::html {
namespace {

const std::vector<std::uint8_t> kPngStart = {0x89, 'P', 'N', 'G', 0x0D, 0x0A, 0x1A, 0x0A};

std::vector<std::uint8_t> bytes(const std::string& text) {
  return {text.begin(), text.end()};
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++found;
  }
  return found;
}

TEST(Html, EscapesEveryCharacterOfMarkup) {
  EXPECT_EQ(escape("a<b> & \"c\" 'd'"), "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
}

// Test vectors of RFC 4648, section 10.
TEST(Html, EncodesBase64) {
  EXPECT_EQ(base64({}), "");
  EXPECT_EQ(base64(bytes("f")), "Zg==");
  EXPECT_EQ(base64(bytes("fo")), "Zm8=");
  EXPECT_EQ(base64(bytes("foo")), "Zm9v");
  EXPECT_EQ(base64(bytes("foob")), "Zm9vYg==");
  EXPECT_EQ(base64(bytes("fooba")), "Zm9vYmE=");
  EXPECT_EQ(base64(bytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(base64({0xFB, 0xFF, 0xFE}), "+//+");
}

TEST(Html, TakesOnlyPngFilesAsPictures) {
  EXPECT_EQ(png_data_uri(kPngStart), "data:image/png;base64,iVBORw0KGgo=");
  EXPECT_THROW(png_data_uri(bytes("GIF89a..")), HtmlError);
  EXPECT_THROW(png_data_uri({}), HtmlError);
}

TEST(Html, APageIsOneDocumentWithoutScriptOrLinks) {
  Page page("A < B", "sub & title");
  page.add_heading("Part");
  page.add_paragraph("text");
  page.add_facts({{"size", "224 <px>"}});
  page.add_pictures({{"best", {{"input", kPngStart}, {"prediction", kPngStart}}}});
  page.add_cards({"<svg></svg>"});
  const std::string text = page.render();
  EXPECT_EQ(text.rfind("<!DOCTYPE html>", 0), 0u);
  EXPECT_NE(text.find("<title>A &lt; B</title>"), std::string::npos);
  EXPECT_NE(text.find("sub &amp; title"), std::string::npos);
  EXPECT_NE(text.find("224 &lt;px&gt;"), std::string::npos);
  EXPECT_NE(text.find("prefers-color-scheme: dark"), std::string::npos);
  EXPECT_EQ(count(text, "<img "), 2u);
  EXPECT_EQ(count(text, "<div class=\"card\"><svg></svg></div>"), 1u);
  EXPECT_EQ(count(text, "<script"), 0u);
  EXPECT_EQ(count(text, "http"), 0u);
  EXPECT_EQ(count(text, "<div"), count(text, "</div>"));
  EXPECT_EQ(count(text, "<figure"), count(text, "</figure>"));
}

TEST(Html, TablesSetNumbersFlushRight) {
  Page page("t");
  page.add_table({{"name", "value"}, {{"a", "0.25"}, {"b<c", "12 %"}, {"d", "224x224"}}});
  const std::string text = page.render();
  EXPECT_NE(text.find("<td class=\"number\">0.25</td>"), std::string::npos);
  EXPECT_NE(text.find("<td class=\"number\">12 %</td>"), std::string::npos);
  EXPECT_NE(text.find("<td>224x224</td>"), std::string::npos);
  EXPECT_NE(text.find("<td>b&lt;c</td>"), std::string::npos);
}

TEST(Html, RefusesATableWithRaggedRows) {
  Page page("t");
  try {
    page.add_table({{"a", "b"}, {{"1", "2"}, {"3"}}});
    FAIL() << "a ragged table was accepted";
  } catch (const HtmlError& error) {
    EXPECT_NE(std::string(error.what()).find("row 1"), std::string::npos);
  }
}

TEST(Html, WritesAPageAndNamesTheFileItCannotWrite) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "page.html";
  const Page page("t");
  page.write(path);
  std::ifstream in(path);
  EXPECT_EQ(std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>()),
            page.render());
  const std::filesystem::path missing = folder / "missing/page.html";
  try {
    page.write(missing);
    FAIL() << "a page was written into a folder that does not exist";
  } catch (const HtmlError& error) {
    EXPECT_NE(std::string(error.what()).find(missing.string()), std::string::npos);
  }
}

}  // namespace
}  // namespace lightavseg::html
