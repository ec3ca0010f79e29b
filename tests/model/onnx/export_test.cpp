// SPDX-License-Identifier: LGPL-2.1-or-later
// Exported networks, read and judged by ONNX's own library (onnx/onnx): its checker and the shapes
// that it infers. Their numbers are compared in tests/pipelines/export_test.py.
#include "model/onnx/export.h"

#include <gtest/gtest.h>
// libonnx as Debian builds it.
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/files/file_error.h"
#include "model/onnx/graph.h"
#include "tests/model/network/golden_fill.h"

namespace lightavseg {
namespace {

using ::onnx::ModelProto;

LightAVSeg network_of(const ModelConfig& config) {
  LightAVSeg network(config);
  testing::golden_fill(*network);
  network->eval();
  return network;
}

ModelConfig tiny() {
  ModelConfig config;
  config.variant = Variant::kTiny;
  return config;
}

ModelProto parse(const std::string& bytes) {
  ModelProto model;
  EXPECT_TRUE(model.ParseFromString(bytes));
  return model;
}

std::vector<std::int64_t> shape_of(const ::onnx::ValueInfoProto& value) {
  std::vector<std::int64_t> shape;
  for (const auto& dim : value.type().tensor_type().shape().dim()) shape.push_back(dim.dim_value());
  return shape;
}

// Checks the file and what its shapes come to.
void expect_valid(const ModelConfig& config, const onnx::InputSizes& sizes) {
  auto model = parse(onnx::to_onnx(network_of(config), sizes));
  ASSERT_NO_THROW(::onnx::checker::check_model(model));
  const ::onnx::ShapeInferenceOptions strict(/*check_type=*/true, /*strict_mode=*/1,
                                             /*data_propagation=*/true);
  // Throws where an inferred shape contradicts the declared one of the output.
  ASSERT_NO_THROW(
      ::onnx::shape_inference::InferShapes(model, ::onnx::OpSchemaRegistry::Instance(), strict));
  const auto& graph = model.graph();
  std::map<std::string, std::vector<std::int64_t>> inferred;
  for (const auto& value : graph.value_info()) inferred[value.name()] = shape_of(value);
  const std::vector<std::int64_t> wanted = {1, config.logit_channels(), sizes.height, sizes.width};
  ASSERT_EQ(graph.output_size(), 1);
  EXPECT_EQ(shape_of(graph.output(0)), wanted);
  // The value that the output only renames was inferred, not declared.
  const auto& last = graph.node(graph.node_size() - 1);
  ASSERT_EQ(last.op_type(), "Identity");
  EXPECT_EQ(inferred[last.input(0)], wanted);
}

TEST(OnnxExport, EveryVariantIsValid) {
  for (auto variant : {Variant::kTiny, Variant::kSmall, Variant::kBase, Variant::kLarge}) {
    ModelConfig config;
    config.variant = variant;
    SCOPED_TRACE(to_string(variant));
    expect_valid(config, {224, 224, 101});
  }
}

TEST(OnnxExport, OddSizesAreValid) {
  expect_valid(tiny(), {97, 131, 101});
  expect_valid(tiny(), {32, 32, 32});
}

TEST(OnnxExport, EverySwitchIsValid) {
  const std::vector<std::string> classes = {"background", "dog", "guitar"};
  const std::map<std::string, std::function<void(ModelConfig&)>> switches = {
      {"without HAR", [](ModelConfig& c) { c.har = false; }},
      {"without AGVE", [](ModelConfig& c) { c.agve = false; }},
      {"without CMFD", [](ModelConfig& c) { c.cmfd = false; }},
      {"concatenation", [](ModelConfig& c) { c.har = c.agve = c.cmfd = false; }},
      {"average pooling", [](ModelConfig& c) { c.pooling = Pooling::kAverage; }},
      {"pooled audio", [](ModelConfig& c) { c.audio_state = AudioState::kPooled; }},
      {"two stages",
       [](ModelConfig& c) {
         c.stages = {2, 5};
       }},
      {"four stages",
       [](ModelConfig& c) {
         c.stages = {1, 2, 3, 4};
       }},
      {"similarity", [](ModelConfig& c) { c.head_similarity = true; }},
      {"semantic",
       [&](ModelConfig& c) {
         c.head = Head::kSemantic;
         c.class_names = classes;
       }},
      {"class gate and pyramid", [&](ModelConfig& c) {
         c.head = Head::kMaskAndClasses;
         c.class_names = classes;
         c.class_gate = c.class_pyramid = true;
       }}};
  for (const auto& [name, change] : switches) {
    auto config = tiny();
    change(config);
    SCOPED_TRACE(name);
    expect_valid(config, {64, 96, 48});
  }
}

TEST(OnnxExport, DeclaresItsInputs) {
  const auto model = parse(onnx::to_onnx(network_of(tiny()), {64, 96, 48}));
  ASSERT_EQ(model.graph().input_size(), 2);
  EXPECT_EQ(model.graph().input(0).name(), "frames");
  EXPECT_EQ(shape_of(model.graph().input(0)), (std::vector<std::int64_t>{1, 3, 64, 96}));
  EXPECT_EQ(model.graph().input(1).name(), "log_mel");
  EXPECT_EQ(shape_of(model.graph().input(1)), (std::vector<std::int64_t>{1, 1, 48, 64}));
}

TEST(OnnxExport, HasNoBatchNorm) {
  const auto model = parse(onnx::to_onnx(network_of(tiny()), {64, 64, 32}));
  std::set<std::string> operators;
  for (const auto& node : model.graph().node()) operators.insert(node.op_type());
  EXPECT_EQ(operators.count("BatchNormalization"), 0u);
  EXPECT_EQ(operators.count("Conv"), 1u);
}

TEST(OnnxExport, CarriesTheConfigurationAndTheCallersStrings) {
  const auto model = parse(onnx::to_onnx(network_of(tiny()), {64, 64, 32}, {{"licence", "mine"}}));
  std::map<std::string, std::string> strings;
  for (const auto& entry : model.metadata_props()) strings[entry.key()] = entry.value();
  EXPECT_EQ(ModelConfig::from_json(strings[kConfigKey]), tiny());
  EXPECT_EQ(strings["licence"], "mine");
  EXPECT_EQ(model.producer_name(), "lightavseg");
  ASSERT_EQ(model.opset_import_size(), 1);
  EXPECT_EQ(model.opset_import(0).version(), onnx::Graph::kOpset);
}

TEST(OnnxExport, TheSameNetworkGivesTheSameBytes) {
  const auto network = network_of(tiny());
  EXPECT_EQ(onnx::to_onnx(network, {64, 64, 32}), onnx::to_onnx(network, {64, 64, 32}));
}

TEST(OnnxExport, RefusesSizesOutOfRange) {
  const auto network = network_of(tiny());
  for (const auto& [field, sizes] :
       std::map<std::string, onnx::InputSizes>{{"height 31", {31, 64, 32}},
                                               {"width 0", {64, 0, 32}},
                                               {"audio_frames 31", {64, 64, 31}}}) {
    try {
      onnx::to_onnx(network, sizes);
      ADD_FAILURE() << field;
    } catch (const onnx::GraphError& error) {
      EXPECT_NE(std::string(error.what()).find(field), std::string::npos) << error.what();
    }
  }
}

TEST(OnnxExport, RefusesWeightsThatTheGraphWouldNotHold) {
  auto network = network_of(tiny());
  network->register_parameter("novelty", torch::zeros({1}));
  try {
    onnx::to_onnx(network, {64, 64, 32});
    ADD_FAILURE() << "the weight was left out silently";
  } catch (const onnx::GraphError& error) {
    EXPECT_NE(std::string(error.what()).find("'novelty'"), std::string::npos) << error.what();
  }
}

TEST(OnnxExport, RefusesInteractionsOfOthersByName) {
  auto config = tiny();
  config.interaction = Interaction::kTpavi;
  config.stages = {1, 2, 3, 4};
  try {
    onnx::to_onnx(network_of(config), {64, 64, 32});
    ADD_FAILURE() << "was exported";
  } catch (const onnx::GraphError& error) {
    EXPECT_NE(std::string(error.what()).find("tpavi cannot be exported"), std::string::npos)
        << error.what();
  }
}

TEST(OnnxExport, NamesTheFolderThatIsMissing) {
  const std::filesystem::path path = "/nonexistent/model.onnx";
  try {
    onnx::export_onnx(path, network_of(tiny()), {64, 64, 32});
    ADD_FAILURE() << "nothing was thrown";
  } catch (const FileError& error) {
    EXPECT_NE(std::string(error.what()).find("/nonexistent"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace lightavseg
