// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/csv.h"

#include <gtest/gtest.h>

namespace lightavseg {
namespace {

std::string error_of(const std::string& text) {
  try {
    CsvTable::parse(text, "m.csv");
  } catch (const CsvError& error) {
    return error.what();
  }
  return "";
}

TEST(CsvTest, ReadsFieldsByColumnName) {
  const CsvTable table = CsvTable::parse("a,b\n1,2\n3,\n", "m.csv");
  ASSERT_EQ(table.rows(), 2u);
  EXPECT_EQ(table.at(0, "b"), "2");
  EXPECT_EQ(table.at(1, "a"), "3");
  EXPECT_EQ(table.at(1, "b"), "");
  EXPECT_EQ(table.get(0, "c"), "");
  EXPECT_FALSE(table.has_column("c"));
}

TEST(CsvTest, ReadsQuotesCommasAndLineBreaksInFields) {
  const CsvTable table =
      CsvTable::parse("a,b\r\n\"x, \"\"y\"\"\",\"two\nlines\"\r\nlast,\"\"", "m.csv");
  ASSERT_EQ(table.rows(), 2u);
  EXPECT_EQ(table.at(0, "a"), "x, \"y\"");
  EXPECT_EQ(table.at(0, "b"), "two\nlines");
  EXPECT_EQ(table.at(1, "b"), "");
  EXPECT_EQ(table.line(0), 2);
  EXPECT_EQ(table.line(1), 4);
}

TEST(CsvTest, SkipsByteOrderMarkAndBlankLines) {
  const CsvTable table = CsvTable::parse(
      "\xEF\xBB\xBF"
      "a,b\n\n1,2\n\n",
      "m.csv");
  ASSERT_EQ(table.rows(), 1u);
  EXPECT_EQ(table.at(0, "a"), "1");
  EXPECT_EQ(table.line(0), 3);
}

TEST(CsvTest, ErrorsNameTheLineAndTheRemedy) {
  EXPECT_NE(error_of("a,b\n1,2\n1,2,3\n").find("m.csv:3: 3 fields"), std::string::npos);
  EXPECT_NE(error_of("a,b\n1,x\"y\n").find("m.csv:2: a quote inside"), std::string::npos);
  EXPECT_NE(error_of("a,b\n1,\"open\n").find("opens on line 2 never closes"), std::string::npos);
  EXPECT_NE(error_of("a,b\n1,\"x\"y\n").find("after a closing quote"), std::string::npos);
  EXPECT_NE(error_of("a,b\n1\r2,3\n").find("carriage return"), std::string::npos);
  EXPECT_NE(error_of("a,a\n").find("two columns are named 'a'"), std::string::npos);
  EXPECT_NE(error_of("").find("must name the columns"), std::string::npos);
}

TEST(CsvTest, ListsAllMissingColumns) {
  const CsvTable table = CsvTable::parse("a,b\n", "m.csv");
  EXPECT_NO_THROW(table.require_columns({"a", "b"}));
  try {
    table.require_columns({"a", "x", "y"});
    FAIL() << "no error";
  } catch (const CsvError& error) {
    EXPECT_NE(std::string(error.what()).find("x, y are missing; the file has a, b"),
              std::string::npos);
  }
}

TEST(CsvTest, NamesAColumnThatIsNotThere) {
  const CsvTable table = CsvTable::parse("a,b\n1,2\n", "m.csv");
  EXPECT_THROW(table.at(0, "c"), CsvError);
}

TEST(CsvTest, NamesAFileThatCannotBeRead) {
  try {
    CsvTable::read("/nonexistent/manifest.csv");
    FAIL() << "no error";
  } catch (const CsvError& error) {
    EXPECT_NE(std::string(error.what()).find("/nonexistent/manifest.csv"), std::string::npos);
  }
}

}  // namespace
}  // namespace lightavseg
