// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/curves.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>

#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

class CurvesTest : public ::testing::Test {
 protected:
  void write(const std::string& text) { std::ofstream(path_, std::ios::binary) << text; }
  std::string text() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  std::string read_error() const {
    try {
      read_curves(path_);
    } catch (const CurveError& error) {
      return error.what();
    }
    return "";
  }

  TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "curves.csv";
};

TEST_F(CurvesTest, WritesWholeLinesAtOnce) {
  CurveWriter writer = CurveWriter::create(path_, {"train/loss", "val/miou"});
  EXPECT_EQ(text(), "step,train/loss,val/miou\n");
  writer.append(10, {{"train/loss", 0.5}});
  EXPECT_EQ(text(), "step,train/loss,val/miou\n10,0.5,\n");
  writer.append(20, {{"val/miou", 0.25}, {"train/loss", 0.125}});
  EXPECT_EQ(text(), "step,train/loss,val/miou\n10,0.5,\n20,0.125,0.25\n");
}

TEST_F(CurvesTest, ReadsBackWhatItWrote) {
  {
    CurveWriter writer = CurveWriter::create(path_, {"a", "b"});
    writer.append(1, {{"a", 1.0 / 3}});
    writer.append(2, {{"a", std::numeric_limits<double>::infinity()}, {"b", -1e-300}});
    writer.append(3, {{"a", std::nan("")}});
  }
  const Curves curves = read_curves(path_);
  EXPECT_EQ(curves.columns, (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(curves.rows.size(), 3u);
  EXPECT_EQ(*curves.rows[0].values[0], 1.0 / 3);
  EXPECT_FALSE(curves.rows[0].values[1].has_value());
  EXPECT_TRUE(std::isinf(*curves.rows[1].values[0]));
  EXPECT_TRUE(std::isnan(*curves.rows[2].values[0]));
  const auto b = curves.series("b");
  ASSERT_EQ(b.size(), 1u);
  EXPECT_EQ(b[0].first, 2);
  EXPECT_EQ(b[0].second, -1e-300);
  EXPECT_THROW(curves.series("c"), CurveError);
}

TEST_F(CurvesTest, SkipsALastLineThatWasCutOff) {
  write("step,a\n1,0.5\n2,0.2");
  const Curves curves = read_curves(path_);
  ASSERT_EQ(curves.rows.size(), 1u);
  EXPECT_EQ(curves.rows[0].step, 1);
}

TEST_F(CurvesTest, ResumeDropsLaterRowsAndTheBrokenLine) {
  write("step,a\n1,0.5\n2,0.25\n3,0.125\n4,0.0");
  CurveWriter writer = CurveWriter::resume(path_, {"a"}, 2);
  EXPECT_EQ(text(), "step,a\n1,0.5\n2,0.25\n");
  writer.append(3, {{"a", 0.75}});
  EXPECT_EQ(text(), "step,a\n1,0.5\n2,0.25\n3,0.75\n");
}

TEST_F(CurvesTest, ResumeAddsNewColumnsAndKeepsOldOnes) {
  write("step,a,b\n1,0.5,1\n");
  CurveWriter writer = CurveWriter::resume(path_, {"a", "c"}, 1);
  EXPECT_EQ(writer.columns(), (std::vector<std::string>{"a", "b", "c"}));
  writer.append(2, {{"c", 3}});
  EXPECT_EQ(text(), "step,a,b,c\n1,0.5,1,\n2,,,3\n");
}

TEST_F(CurvesTest, ResumeWithoutAFileStartsOne) {
  CurveWriter::resume(path_, {"a"}, 5);
  EXPECT_EQ(text(), "step,a\n");
}

TEST_F(CurvesTest, AMovedWriterStillWrites) {
  CurveWriter first = CurveWriter::create(path_, {"a"});
  CurveWriter second = std::move(first);
  second.append(1, {{"a", 2}});
  EXPECT_EQ(text(), "step,a\n1,2\n");
}

TEST_F(CurvesTest, NeverOverwritesAnotherRun) {
  write("step,a\n1,0.5\n");
  EXPECT_THROW(CurveWriter::create(path_, {"a"}), CurveError);
  EXPECT_EQ(text(), "step,a\n1,0.5\n");
}

TEST_F(CurvesTest, RefusesNamesThatBreakTheFile) {
  for (const char* bad : {"", "step", "a,b", "a\"b", "a\nb"}) {
    EXPECT_THROW(CurveWriter::create(path_, {bad}), CurveError) << bad;
  }
  EXPECT_THROW(CurveWriter::create(path_, {"a", "a"}), CurveError);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(CurvesTest, RefusesUnknownNamesAndFallingSteps) {
  CurveWriter writer = CurveWriter::create(path_, {"a"});
  writer.append(5, {{"a", 1}});
  EXPECT_THROW(writer.append(6, {{"b", 1}}), CurveError);
  EXPECT_THROW(writer.append(4, {{"a", 1}}), CurveError);
  EXPECT_EQ(text(), "step,a\n5,1\n");
}

TEST_F(CurvesTest, NamesTheLineThatIsWrong) {
  EXPECT_NE(read_error().find("curves.csv"), std::string::npos);  // no file
  write("");
  EXPECT_NE(read_error().find("header"), std::string::npos);
  write("epoch,a\n");
  EXPECT_NE(read_error().find("\"epoch\""), std::string::npos);
  write("step,a\n1,2,3\n");
  EXPECT_NE(read_error().find(":2: 3 fields"), std::string::npos);
  write("step,a\nx,2\n");
  EXPECT_NE(read_error().find("\"x\""), std::string::npos);
  write("step,a\n1,two\n");
  EXPECT_NE(read_error().find("\"two\" in column \"a\""), std::string::npos);
  write("step,a\n2,1\n1,1\n");
  EXPECT_NE(read_error().find(":3: step 1 follows step 2"), std::string::npos);
}

TEST_F(CurvesTest, NamesAFolderThatIsMissing) {
  const std::filesystem::path path = folder_ / "missing/curves.csv";
  try {
    CurveWriter::create(path, {"a"});
    FAIL() << "a file was created in a folder that does not exist";
  } catch (const CurveError& error) {
    EXPECT_NE(std::string(error.what()).find(path.string()), std::string::npos);
  }
}

}  // namespace
}  // namespace lightavseg
