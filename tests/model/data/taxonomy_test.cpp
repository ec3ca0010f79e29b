// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/taxonomy.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/model/data/tiny_material.h"

namespace lightavseg {
namespace {

using Json = nlohmann::json;

std::string error_of(const Json& json) {
  try {
    Taxonomy::parse(json.dump(), "t.json");
  } catch (const TaxonomyError& error) {
    return error.what();
  }
  return "";
}

Json tiny() {
  return Json::parse(testing::tiny_taxonomy_json());
}

TEST(TaxonomyTest, NumbersVisibleClassesFirst) {
  const Taxonomy taxonomy = testing::tiny_taxonomy();
  EXPECT_EQ(taxonomy.visible_count(), 7);
  EXPECT_EQ(taxonomy.class_count(), 9);
  EXPECT_EQ(taxonomy.find("background"), 0);
  EXPECT_EQ(taxonomy.find("person"), 1);
  EXPECT_EQ(taxonomy.find("siren"), 8);
  EXPECT_EQ(taxonomy.find("kitten"), taxonomy.find("cat"));
  EXPECT_EQ(taxonomy.find("zebra"), -1);
  EXPECT_TRUE(taxonomy.is_visible(7));
  EXPECT_FALSE(taxonomy.is_visible(8));
  EXPECT_FALSE(taxonomy.is_visible(0));
  EXPECT_EQ(taxonomy.class_name(8), "siren");
}

TEST(TaxonomyTest, KnowsRelations) {
  const Taxonomy taxonomy = testing::tiny_taxonomy();
  const int guitar = taxonomy.find("guitar"), banjo = taxonomy.find("banjo");
  const int car = taxonomy.find("car"), bus = taxonomy.find("bus"), siren = taxonomy.find("siren");
  EXPECT_EQ(taxonomy.confusable_with(guitar), std::vector<int>{banjo});
  EXPECT_TRUE(taxonomy.confusable_with(taxonomy.find("person")).empty());
  EXPECT_TRUE(taxonomy.is_instrument(banjo));
  EXPECT_FALSE(taxonomy.is_instrument(car));
  EXPECT_TRUE(taxonomy.may_sound_like(car, siren));
  EXPECT_TRUE(taxonomy.may_sound_like(bus, car));
  EXPECT_FALSE(taxonomy.may_sound_like(car, bus));
  EXPECT_TRUE(taxonomy.may_sound_like(car, car));
  EXPECT_EQ(taxonomy.from_voc(7), car);
  EXPECT_EQ(taxonomy.from_voc(1), 0);
  EXPECT_EQ(taxonomy.from_voc(255), 0);
}

TEST(TaxonomyTest, RulesComeBeforeNames) {
  const Taxonomy taxonomy = testing::tiny_taxonomy();
  EXPECT_EQ(taxonomy.resolve("sound", "dog", "wolf1.wav").cls, taxonomy.find("wolf"));
  EXPECT_EQ(taxonomy.resolve("cutout", "dog", "wolf1.png").cls, taxonomy.find("dog"));
  EXPECT_EQ(taxonomy.resolve("sound", "dog", "bark.wav").cls, taxonomy.find("dog"));
  EXPECT_EQ(taxonomy.resolve("distractor", "", "taxi.png").cls, taxonomy.find("car"));
  EXPECT_EQ(taxonomy.resolve("distractor", "", "cup.png").cls, 0);
  EXPECT_TRUE(taxonomy.resolve("background", "", "a zoo").left_out);
  EXPECT_EQ(taxonomy.resolve("sound", "zebra", "").cls, -1);
}

TEST(TaxonomyTest, EveryMistakeNamesItsMember) {
  const std::pair<const char*, const char*> replaced[] = {
      {"version", "2"},
      {"visible", R"("person")"},
      {"visible", R"([])"},
      {"visible", R"(["person", "person"])"},
      {"visible", R"(["person", 3])"},
      {"sound_only", R"(["background"])"},
      {"groups", R"([])"},
      {"groups", R"({"x": ["nobody"]})"},
      {"instruments", R"(["nobody"])"},
      {"inseparable", R"({"nobody": []})"},
      {"inseparable", R"({"car": ["siren"]})"},
      {"voc", R"({"car": 21})"},
      {"voc", R"({"siren": 3})"},
      {"aliases", R"({"x": "nobody"})"},
      {"aliases", R"({"cat": "dog"})"},
      {"aliases", R"({"x": 3})"},
      {"rules", R"({})"},
      {"rules", R"([{"kind": "cutout"}])"},
      {"rules", R"([{"kind": "video", "class": "", "match": "", "to": ""}])"},
      {"rules", R"([{"kind": "any", "class": "", "match": "", "to": "nobody"}])"},
      {"rules", R"([{"kind": "any", "class": "", "match": 1, "to": ""}])"},
  };
  for (const auto& [member, value] : replaced) {
    Json json = tiny();
    json[member] = Json::parse(value);
    const std::string error = error_of(json);
    EXPECT_NE(error.find("t.json"), std::string::npos) << member << " " << value;
    EXPECT_NE(error.find(member), std::string::npos) << member << " " << value << ": " << error;
  }
}

TEST(TaxonomyTest, MembersMustBeThereAndKnown) {
  const Json whole = tiny();
  for (const auto& [member, value] : whole.items()) {
    Json json = whole;
    json.erase(member);
    EXPECT_NE(error_of(json).find(member + " is missing"), std::string::npos) << member;
  }
  Json json = tiny();
  json["colour"] = 1;
  EXPECT_NE(error_of(json).find("colour is not a member"), std::string::npos);
  EXPECT_THROW(Taxonomy::parse("{", "t.json"), TaxonomyError);
  EXPECT_THROW(Taxonomy::parse("[]", "t.json"), TaxonomyError);
  EXPECT_THROW(Taxonomy::load("/nonexistent/t.json"), TaxonomyError);
}

TEST(TaxonomyTest, TheShippedOneIsValid) {
  const Taxonomy taxonomy = Taxonomy::load(LIGHTAVSEG_TAXONOMY);
  EXPECT_EQ(taxonomy.find("person"), 1);
  EXPECT_EQ(taxonomy.find("mandolin"), 30);
  EXPECT_GT(taxonomy.visible_count(), 30);
  EXPECT_EQ(taxonomy.find("cello"), taxonomy.find("violin_cello"));
  EXPECT_EQ(taxonomy.find("owl"), taxonomy.find("bird"));
  EXPECT_FALSE(taxonomy.is_visible(taxonomy.find("siren")));
  EXPECT_EQ(taxonomy.resolve("sound", "sheep_goat", "goat_10.ogg").cls, taxonomy.find("goat"));
  EXPECT_EQ(taxonomy.resolve("sound", "sheep_goat", "sheep1.ogg").cls, taxonomy.find("sheep"));
  EXPECT_TRUE(taxonomy.resolve("distractor", "", "animals/birds/cartoon/tux.png").left_out);
}

}  // namespace
}  // namespace lightavseg
