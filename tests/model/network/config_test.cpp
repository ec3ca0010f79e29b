// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/config.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

namespace lightavseg {
namespace {

using nlohmann::json;

TEST(ModelConfig, TravelsThroughJson) {
  ModelConfig c;
  c.variant = Variant::kBase;
  c.stages = {1, 3, 5};
  c.audio_state = AudioState::kPooled;
  c.front_end = dsp::FrontEnd::kVggish;
  c.har = false;
  c.pooling = Pooling::kAverage;
  c.embed_width = 320;
  c.refine = 1;
  c.head_similarity = true;
  c.head = Head::kMaskAndClasses;
  c.class_names = {"background", "dog", "Geige \"Öl\""};
  c.train_height = 180;
  c.train_width = 320;
  const auto back = ModelConfig::from_json(c.to_json());
  EXPECT_EQ(back, c);
  EXPECT_EQ(back.class_names, c.class_names);
  EXPECT_EQ(back.logit_channels(), 4);
  EXPECT_EQ(back.audio_channels(), 1280);
  EXPECT_FALSE(ModelConfig() == c);
}

TEST(ModelConfig, DefaultsAreThePapersLarge) {
  const ModelConfig c;
  EXPECT_NO_THROW(c.validate());
  EXPECT_EQ(c.embed_channels(), 512);
  EXPECT_EQ(c.logit_channels(), 1);
  EXPECT_EQ(to_string(c.variant), "large");
}

struct BadField {
  const char* field;
  std::function<void(json&)> spoil;
};

class BadConfig : public ::testing::TestWithParam<BadField> {};

TEST_P(BadConfig, IsRefusedByName) {
  auto object = json::parse(ModelConfig().to_json());
  GetParam().spoil(object);
  try {
    ModelConfig::from_json(object.dump());
    FAIL() << "accepted " << object.dump();
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.field(), GetParam().field);
    EXPECT_NE(std::string(error.what()).find(GetParam().field), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Fields, BadConfig,
    ::testing::Values(
        BadField{"version", [](json& j) { j["version"] = 2; }},
        BadField{"version", [](json& j) { j.erase("version"); }},
        BadField{"version", [](json& j) { j["version"] = 1.5; }},
        BadField{"variant", [](json& j) { j["variant"] = "huge"; }},
        BadField{"variant", [](json& j) { j["variant"] = 3; }},
        BadField{"stages", [](json& j) { j["stages"] = {1}; }},
        BadField{"stages", [](json& j) { j["stages"] = {2, 1}; }},
        BadField{"stages", [](json& j) { j["stages"] = {0, 1}; }},
        BadField{"stages", [](json& j) { j["stages"] = {1, 6}; }},
        BadField{"stages", [](json& j) { j["stages"] = {1.5, 2.5}; }},
        BadField{"audio_net", [](json& j) { j["audio_net"] = "resnet"; }},
        BadField{"audio_state", [](json& j) { j["audio_state"] = ""; }},
        BadField{"front_end", [](json& j) { j["front_end"] = "mfcc"; }},
        BadField{"har", [](json& j) { j["har"] = 1; }},
        BadField{"agve", [](json& j) { j["agve"] = "yes"; }},
        BadField{"cmfd", [](json& j) { j.erase("cmfd"); }},
        BadField{"pooling", [](json& j) { j["pooling"] = "median"; }},
        BadField{"embed_width", [](json& j) { j["embed_width"] = -1; }},
        BadField{"refine", [](json& j) { j["refine"] = 5; }},
        BadField{"head", [](json& j) { j["head"] = "masks"; }},
        BadField{"class_names", [](json& j) { j["class_names"] = {"background", "dog"}; }},
        BadField{"class_names",
                 [](json& j) {
                   j["head"] = "semantic";
                   j["class_names"] = {"dog", "background"};
                 }},
        BadField{"class_names",
                 [](json& j) {
                   j["head"] = "semantic";
                   j["class_names"] = {"background", "dog", "dog"};
                 }},
        BadField{"class_names",
                 [](json& j) {
                   j["head"] = "semantic";
                   j["class_names"] = {"background"};
                 }},
        BadField{"class_names",
                 [](json& j) {
                   j["head"] = "semantic";
                   j["class_names"] = {"background", ""};
                 }},
        BadField{"head_similarity",
                 [](json& j) {
                   j["head_similarity"] = true;
                   j["agve"] = false;
                   j["cmfd"] = false;
                 }},
        BadField{"class_gate",
                 [](json& j) {
                   j["class_gate"] = true;
                   j["head"] = "mask";
                   j["class_names"] = json::array();
                 }},
        BadField{"class_gate", [](json& j) { j["class_gate"] = 1; }},
        BadField{"class_pyramid",
                 [](json& j) {
                   j["class_pyramid"] = true;
                   j["head"] = "semantic";
                 }},
        BadField{"train_height", [](json& j) { j["train_height"] = 16; }},
        BadField{"train_width", [](json& j) { j["train_width"] = 100000; }},
        BadField{"surprise", [](json& j) { j["surprise"] = true; }}));

TEST(ModelConfig, ClassGateStandsInTheFileOnlyWhereItIsOn) {
  ModelConfig c;
  c.head = Head::kMaskAndClasses;
  c.class_names = {"background", "dog"};
  EXPECT_EQ(c.to_json().find("class_gate"), std::string::npos);
  EXPECT_FALSE(ModelConfig::from_json(c.to_json()).class_gate);
  c.class_gate = true;
  EXPECT_TRUE(ModelConfig::from_json(c.to_json()).class_gate);
  EXPECT_FALSE(ModelConfig::from_json(c.to_json()).class_pyramid);
  c.class_pyramid = true;
  EXPECT_TRUE(ModelConfig::from_json(c.to_json()).class_pyramid);
}

TEST(ModelConfig, RefusesWhatIsNoObject) {
  EXPECT_THROW(ModelConfig::from_json("{"), ConfigError);
  EXPECT_THROW(ModelConfig::from_json("[]"), ConfigError);
  EXPECT_THROW(ModelConfig::from_json(""), ConfigError);
  EXPECT_THROW(variant_from_string("Large"), ConfigError);
}

}  // namespace
}  // namespace lightavseg
