// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/onnx/graph.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace lightavseg::onnx {
namespace {

// The error text of what must throw GraphError; empty when it does not.
std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const GraphError& error) {
    return error.what();
  }
  return "";
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Graph with_input() {
  Graph g("test");
  g.input("x", {1, 2});
  return g;
}

TEST(OnnxGraph, HoldsWhatWasAdded) {
  auto g = with_input();
  EXPECT_EQ(g.node("Relu", "y", {"x"}), "y");
  g.output("y", {1, 2});
  const auto file = g.serialize({{"key", "value"}});
  for (const char* part : {"test", "Relu", "lightavseg", "key", "value"})
    EXPECT_TRUE(holds(file, part)) << part;
  EXPECT_EQ(file.substr(0, 2), "\x08\x07");  // ir_version = 7
}

TEST(OnnxGraph, TheSameCallsGiveTheSameBytes) {
  const auto make = [] {
    auto g = with_input();
    g.node("Add", "y", {"x", g.scalar(2)}, {});
    g.output("y", {1, 2});
    return g.serialize({});
  };
  EXPECT_EQ(make(), make());
}

TEST(OnnxGraph, KeepsTheBitsOfConstants) {
  Graph g("test");
  const float value = 1.5f;
  g.constant("c", {1}, &value, 1);
  g.output("c", {1});
  EXPECT_TRUE(holds(g.serialize({}), std::string("\x4a\x04\x00\x00\xc0\x3f", 6)));  // raw_data
}

TEST(OnnxGraph, AsksForAScalarOnlyOnce) {
  Graph g("test");
  EXPECT_EQ(g.scalar(6), g.scalar(6));
  EXPECT_NE(g.scalar(6), g.scalar(0.5f));
}

TEST(OnnxGraph, KnowsItsValues) {
  const auto g = with_input();
  EXPECT_TRUE(g.has("x"));
  EXPECT_FALSE(g.has("y"));
}

TEST(OnnxGraph, RefusesANameThatIsTaken) {
  auto g = with_input();
  EXPECT_TRUE(holds(error_of([&] { g.node("Relu", "x", {"x"}); }), "'x' is given twice"));
}

TEST(OnnxGraph, RefusesAnEmptyName) {
  Graph g("test");
  EXPECT_TRUE(holds(error_of([&] { g.input("", {1}); }), "without a name"));
}

TEST(OnnxGraph, RefusesToReadWhatIsNotThere) {
  Graph g("test");
  const auto error = error_of([&] { g.node("Relu", "y", {"x"}); });
  EXPECT_TRUE(holds(error, "node 'y' (Relu) reads 'x', which is not there yet")) << error;
}

TEST(OnnxGraph, LetsInputsBeLeftOut) {
  auto g = with_input();
  EXPECT_EQ(error_of([&] { g.node("Resize", "y", {"x", "", "", "x"}); }), "");
}

TEST(OnnxGraph, RefusesConstantsOfAnotherSize) {
  Graph g("test");
  const float values[3] = {};
  const auto error = error_of([&] { g.constant("c", {2, 2}, values, 3); });
  EXPECT_TRUE(holds(error, "'c' has 3 values, its shape says 4")) << error;
}

TEST(OnnxGraph, RefusesAnOutputThatNobodyMakes) {
  Graph g("test");
  g.output("y", {1});
  EXPECT_TRUE(holds(error_of([&] { g.serialize({}); }), "no node makes the output 'y'"));
}

}  // namespace
}  // namespace lightavseg::onnx
