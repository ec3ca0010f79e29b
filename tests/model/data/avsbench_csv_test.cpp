// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/avsbench_csv.h"

#include <gtest/gtest.h>

#include "model/data/csv.h"
#include "tests/model/data/avsbench_samples.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

using Fields = std::vector<std::string>;

TEST(AvsBenchCsv, ReadsQuotesMarksAndEitherLineEnd) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.csv";
  write_text(path, "\xef\xbb\xbfname,split\r\nx,train\r\n\r\n\"a,b \"\"c\"\"\",val\nshort\nlast,");
  const AvsCsv csv = read_avs_csv(path);
  EXPECT_EQ(csv.header, (Fields{"name", "split"}));
  ASSERT_EQ(csv.rows.size(), 4U);
  EXPECT_EQ(csv.rows[0].line, 2);
  EXPECT_EQ(csv.rows[0].fields, (Fields{"x", "train"}));
  EXPECT_EQ(csv.rows[1].line, 4);
  EXPECT_EQ(csv.rows[1].fields, (Fields{"a,b \"c\"", "val"}));
  EXPECT_EQ(csv.rows[2].fields, (Fields{"short"}));
  EXPECT_EQ(csv.rows[3].fields, (Fields{"last", ""}));
  EXPECT_TRUE(csv.problems.empty());
  EXPECT_EQ(csv.column("split"), 1);
  EXPECT_EQ(csv.column("label"), -1);
}

TEST(AvsBenchCsv, CollectsBadLinesAndGoesOn) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.csv";
  write_text(path, "name,split\na,b,c\n\"open,train\ngood,test\n");
  const AvsCsv csv = read_avs_csv(path);
  ASSERT_EQ(csv.rows.size(), 1U);
  EXPECT_EQ(csv.rows[0].line, 4);
  EXPECT_EQ(csv.problems, (Fields{path.string() + " line 2: 3 fields, but the header names 2",
                                  path.string() + " line 3: a quote is opened and not closed"}));
}

TEST(AvsBenchCsv, NamesAMissingOrEmptyFile) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.csv";
  EXPECT_EQ(error_of([&] { read_avs_csv(path); }), path.string() + " is missing");
  write_text(path, "\n\n");
  EXPECT_EQ(error_of([&] { read_avs_csv(path); }), path.string() + " has no header line");
  EXPECT_EQ(error_of([&] { read_avs_csv(folder.path()); }), folder.path().string() + " is missing");
}

TEST(AvsBenchCsv, FieldsSurviveALine) {
  const TemporaryFolder folder;
  for (const std::string text : {"plain", "with,comma", "\"quoted\"", "", "a\"b"}) {
    const auto path = folder.path() / "a.csv";
    write_text(path, "x,y\n" + csv_field(text) + ",1\n");
    const AvsCsv csv = read_avs_csv(path);
    ASSERT_EQ(csv.rows.size(), 1U) << text;
    EXPECT_EQ(csv.rows[0].fields, (Fields{text, "1"}));
  }
}

}  // namespace
}  // namespace lightavseg
