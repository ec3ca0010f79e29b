// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++found;
  }
  return found;
}

Curves toy_curves() {
  Curves curves;
  curves.columns = {"train/loss", "val/loss", "val/miou", "lr", "never"};
  const auto none = std::optional<double>();
  curves.rows = {{10, {1.5, 1.25, 0.25, 0.001, none}},
                 {20, {0.75, 0.5, 0.625, 0.0001, none}},
                 {30, {0.875, 0.5, 0.375, 0.00001, none}}};
  return curves;
}

TEST(Report, HasOnePanelPerMetric) {
  const std::string page = training_report(toy_curves(), {}).render();
  EXPECT_EQ(count(page, "<svg "), 4u);
  EXPECT_EQ(count(page, "aria-label=\"loss\""), 1u);
  EXPECT_EQ(count(page, "aria-label=\"miou (val)\""), 1u);
  EXPECT_EQ(count(page, "aria-label=\"lr\""), 1u);
  EXPECT_EQ(count(page, "no values yet"), 1u);
}

TEST(Report, ListsTheLastAndTheBestValue) {
  const std::string page = training_report(toy_curves(), {}).render();
  EXPECT_NE(page.find("<td>train/loss</td><td class=\"number\">0.875</td>"
                      "<td class=\"number\">30</td><td class=\"number\">0.75</td>"
                      "<td class=\"number\">20</td>"),
            std::string::npos);
  EXPECT_NE(page.find("<td>val/miou</td><td class=\"number\">0.375</td>"
                      "<td class=\"number\">30</td><td class=\"number\">0.625</td>"
                      "<td class=\"number\">20</td>"),
            std::string::npos);
  // Of two equal values the earlier is the best.
  EXPECT_NE(page.find("<td>val/loss</td><td class=\"number\">0.5</td><td class=\"number\">30</td>"
                      "<td class=\"number\">0.5</td><td class=\"number\">20</td>"),
            std::string::npos);
  EXPECT_EQ(page.find("<td>never</td>"), std::string::npos);
  // No learning rate is the best one.
  EXPECT_NE(page.find("<td>lr</td><td class=\"number\">1e-05</td><td class=\"number\">30</td>"
                      "<td></td><td></td>"),
            std::string::npos);
}

TEST(Report, TheCallerDecidesWhatIsBetter) {
  ReportOptions options;
  options.lower_is_better = [](const std::string& metric) { return metric == "miou"; };
  const std::string page = training_report(toy_curves(), options).render();
  EXPECT_NE(page.find("<td>val/miou</td><td class=\"number\">0.375</td><td class=\"number\">30</td>"
                      "<td class=\"number\">0.25</td>"),
            std::string::npos);
}

TEST(Report, ADivergedCurveStillHasABestValue) {
  Curves curves;
  curves.columns = {"loss"};
  curves.rows = {{1, {2.0}}, {2, {NAN}}};
  const std::string page = training_report(curves, {}).render();
  EXPECT_NE(page.find("<td class=\"number\">nan</td>"), std::string::npos);
  EXPECT_NE(page.find("<td class=\"number\">2</td>"), std::string::npos);
}

TEST(Report, SmoothsOnlyLongCurves) {
  EXPECT_EQ(count(training_report(toy_curves(), {}).render(), "class=\"raw\""), 0u);
  Curves curves;
  curves.columns = {"train/loss", "val/loss", "lr"};
  for (int i = 0; i < 200; ++i) {
    const double value = i % 2 ? 1 : 2;
    curves.rows.push_back(
        {i, {value, i % 10 ? std::nullopt : std::optional<double>(value), value}});
  }
  EXPECT_EQ(count(training_report(curves, {}).render(), "class=\"raw\""), 1u);
}

TEST(Report, EmbedsSamplesAndFacts) {
  ReportOptions options;
  options.title = "run <1>";
  options.facts = {{"optimiser", "AdamW"}};
  options.samples = {
      {"dog barks", {{"prediction", {0x89, 'P', 'N', 'G', 0x0D, 0x0A, 0x1A, 0x0A}}}}};
  const std::string page = training_report(toy_curves(), options).render();
  EXPECT_NE(page.find("run &lt;1&gt;"), std::string::npos);
  EXPECT_NE(page.find("AdamW"), std::string::npos);
  EXPECT_NE(page.find("dog barks"), std::string::npos);
  EXPECT_EQ(count(page, "data:image/png;base64,"), 1u);
}

TEST(Report, RefusesBrokenSamplesAndSmoothing) {
  ReportOptions options;
  options.samples = {{"", {{"x", {1, 2, 3}}}}};
  EXPECT_THROW(training_report(toy_curves(), options), html::HtmlError);
  Curves curves;
  curves.columns = {"loss"};
  for (int i = 0; i < 200; ++i) curves.rows.push_back({i, {1.0}});
  ReportOptions smoothing;
  smoothing.smoothing = 1;
  EXPECT_THROW(training_report(curves, smoothing), html::HtmlError);
}

TEST(Report, HandlesARunThatHasNotStarted) {
  EXPECT_NE(training_report(Curves(), {}).render().find("No curves yet"), std::string::npos);
}

TEST(Report, KnowsWhichMetricsShouldFall) {
  EXPECT_TRUE(default_lower_is_better("loss"));
  EXPECT_TRUE(default_lower_is_better("False_area"));
  EXPECT_FALSE(default_lower_is_better("miou"));
  EXPECT_TRUE(default_log_scale("lr"));
  EXPECT_FALSE(default_log_scale("loss"));
  EXPECT_EQ(metric_name("a/b/c"), "c");
  EXPECT_EQ(metric_name("c"), "c");
}

TEST(Report, IsWrittenFromACurveFile) {
  const TemporaryFolder folder;
  std::ofstream(folder / "curves.csv") << "step,loss\n1,0.5\n";
  write_training_report(folder / "curves.csv", folder / "report.html", {});
  EXPECT_GT(std::filesystem::file_size(folder / "report.html"), 1000u);
  EXPECT_THROW(write_training_report(folder / "none.csv", folder / "report.html", {}), CurveError);
}

}  // namespace
}  // namespace lightavseg
