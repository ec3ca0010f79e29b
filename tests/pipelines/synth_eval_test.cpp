// SPDX-License-Identifier: LGPL-2.1-or-later
// `lightavseg synth` and `lightavseg eval` as their users call them, on a tiny material.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "model/data/avsbench.h"
#include "model/engine/engine.h"
#include "model/engine/int8_ranges.h"
#include "model/evaluation/avsbench_evaluation.h"
#include "model/inference/model_description.h"
#include "model/network/config_file.h"
#include "model/network/model_file.h"
#include "tests/model/data/tiny_material.h"
#include "tests/model/evaluation/small_model.h"
#include "tests/model/files/temporary_folder.h"
#include "tests/pipelines/run_tool.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;
using testing::Finished;
using testing::run_tool;

class SynthEvalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::write_text(folder_ / "classes.json", testing::tiny_taxonomy_json());
    material_options_ = " --material '" + material_.dir().string() + "' --taxonomy '" +
                        (folder_ / "classes.json").string() + "' --split train";
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void expect(int code, const std::string& arguments, const std::vector<std::string>& says) const {
    const Finished done = run_tool(arguments);
    EXPECT_EQ(done.code, code) << arguments << "\n" << done.text;
    for (const auto& words : says) {
      EXPECT_NE(done.text.find(words), std::string::npos) << words << "\n" << done.text;
    }
  }
  void save_small_model(Head head, const std::vector<std::string>& names = {}) const {
    save_model(path("model.safetensors"), testing::small_model(head, names), Storage::kFloat32);
  }
  std::string model() const { return " --model " + path("model.safetensors"); }
  static nlohmann::json read_json(const std::string& file) {
    return nlohmann::json::parse(read_plainly(file));
  }

  std::string material_options_;
  TemporaryFolder folder_;
  testing::TinyMaterial material_;
};

TEST_F(SynthEvalTest, DataSetsAreWrittenAndMeasured) {
  save_small_model(Head::kMask);
  for (const std::string layout : {"s4", "ms3"}) {
    const auto set = path(layout);
    expect(0,
           "synth" + material_options_ + " --layout " + layout + " --clips 3 --size 64 -o " + set,
           {"3 clips", layout == "s4" ? "S4" : "MS3"});
    expect(0,
           "eval" + model() + " --avsbench " + set + " --subset " + layout +
               " --split train --batch-clips 2 --protocol avsbench --json " + path("f.json") +
               " --html " + path("f.html"),
           {"miou", "f_score", "protocol avsbench"});
    AvsOptions options;
    options.size = 64;
    const auto opened = layout == "s4" ? AvsBench::open_s4(set, "train", options)
                                       : AvsBench::open_ms3(set, "train", options);
    auto network = load_model(path("model.safetensors"));
    const auto figures =
        named_figures(evaluate_avsbench(network, opened, {}), opened.set(), Protocol::kAvsBench);
    const auto json = read_json(path("f.json"));
    for (const auto& [name, value] : figures) EXPECT_NEAR(json.at(name), value, 1e-9) << name;
    EXPECT_EQ(json.at("clips"), 3);
    EXPECT_EQ(json.at("frames"), layout == "s4" ? 3 : 15);
    EXPECT_NE(read_plainly(path("f.html")).find("worst, clip"), std::string::npos);
  }
}

TEST_F(SynthEvalTest, AvssUsesTheClassNamesOfTheMaterial) {
  save_small_model(Head::kMaskAndClasses, {"background", "dog", "guitar", "gong"});
  expect(0,
         "synth" + material_options_ + " --layout avss --clips 3 --size 64 --seed 2 -o " +
             path("avss"),
         {"AVSS"});
  expect(0,
         "eval" + model() + " --avsbench " + path("avss") + " --subset avss --split train --json " +
             path("f.json") + " --html " + path("f.html"),
         {"miou_without_background", "pixel_accuracy"});
  const auto json = read_json(path("f.json"));
  EXPECT_EQ(json.at("classes_of_the_model_not_in_the_set"), std::vector<std::string>{"gong"});
  EXPECT_TRUE(json.at("class_iou").contains("background"));
  EXPECT_NE(read_plainly(path("f.html")).find("Classes"), std::string::npos);
}

TEST_F(SynthEvalTest, EverythingWrongWithASetIsListedBeforeAnythingIsMeasured) {
  save_small_model(Head::kMask);
  const auto set = path("s4");
  expect(0, "synth" + material_options_ + " --layout s4 --clips 60 --size 32 -o " + set, {});
  // More than one error text shows.
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "s4")) {
    if (entry.path().extension() == ".wav" && entry.path().stem() != "clip00007") {
      fs::resize_file(entry.path(), 3);
    }
  }
  const auto arguments = "eval" + model() + " --avsbench " + set + " --subset s4 --split train";
  const Finished done = run_tool(arguments);
  EXPECT_EQ(done.code, 1) << done.text;
  for (int i = 0; i < 60; ++i) {
    const std::string name =
        "clip000" + std::string(i < 10 ? "0" : "") + std::to_string(i) + ".wav";
    EXPECT_EQ(done.text.find(name) != std::string::npos, i != 7) << name;
  }
  EXPECT_NE(done.text.find("59 problems"), std::string::npos) << done.text;
  EXPECT_EQ(done.text.find("miou"), std::string::npos);
  expect(0, arguments + " --lenient --json " + path("f.json"), {"left out", "1 clips", "miou"});
  EXPECT_EQ(read_json(path("f.json")).at("left_out").size(), 59u);
}

TEST_F(SynthEvalTest, TheMaterialGivesFiguresAndAPage) {
  save_small_model(Head::kMaskAndClasses,
                   {"background", "person", "dog", "cat", "guitar", "banjo", "car", "bus"});
  expect(0,
         "eval" + model() + material_options_ + " --clips 3 --json " + path("f.json") + " --html " +
             path("f.html"),
         {"miou_multi_oracle", "miou_multi_vision", "swap", "offscreen_false"});
  const auto json = read_json(path("f.json"));
  for (const char* name : {"miou", "miou_multi", "miou_multi_oracle", "miou_multi_vision", "swap",
                           "silence_false", "offscreen_false"}) {
    EXPECT_GE(json.at(name), 0) << name;
    EXPECT_LE(json.at(name), 1) << name;
  }
  const auto page = read_plainly(path("f.html"));
  for (const char* words : {"Nothing sounds", "best, scene", "median, scene", "worst, scene"}) {
    EXPECT_NE(page.find(words), std::string::npos) << words;
  }
}

TEST_F(SynthEvalTest, ACalibratedModelRunsInInt8) {
  save_small_model(Head::kMaskAndClasses,
                   {"background", "person", "dog", "cat", "guitar", "banjo", "car", "bus"});
  const std::string calibrated = path("calibrated.safetensors");
  expect(0,
         "calibrate" + model() + material_options_ +
             " --clips 2 --size 96 --as-good bf16,int8 --output " + calibrated,
         {"ranges of ", " steps in " + calibrated});
  const auto file = SafetensorsFile::open(calibrated);
  EXPECT_EQ(file.metadata().at(kPrecisionsKey), "bf16,int8");
  EXPECT_FALSE(Int8Ranges(file).empty());
  EXPECT_EQ(read_model_config(file).train_height, 96);
  EXPECT_EQ(read_model_config(file).train_width, 96);
  if (!is_supported(Arithmetic::kInt8)) return;
  expect(0,
         "eval --model " + calibrated + material_options_ +
             " --engine planned --precision int8 --clips 2 --json " + path("int8.json"),
         {"miou"});
  EXPECT_EQ(read_json(path("int8.json")).at("precision"), "int8");
  expect(1, "eval" + model() + material_options_ + " --engine planned --precision int8",
         {"int8_ranges", "lightavseg calibrate"});
}

TEST_F(SynthEvalTest, VideosComeWithTheirTruth) {
  expect(0,
         "synth" + material_options_ + " --video " + path("clip.mkv") +
             " --object person --object guitar --absent wolf --sections first,silence,absent"
             " --section-s 1 --size 48x96 --fps 5",
         {"15 frames of 96 x 48"});
  const auto truth = read_json(path("clip.json"));
  EXPECT_EQ(truth["seconds"], 3.0);
  EXPECT_EQ(truth["objects"][0]["class"], "person");
  EXPECT_EQ(truth["sections"][2]["classes"][0], "wolf");
  EXPECT_GT(fs::file_size(path("clip.mkv")), 1000u);
}

TEST_F(SynthEvalTest, OnlyFreeFilesOnDemand) {
  expect(0,
         "synth" + material_options_ + " --licence free --video " + path("clip.mkv") +
             " --sections first,second --section-s 0.5 --size 48x96 --fps 5 --object cat/cat1.png"
             " --object guitar",
         {});
  expect(1,
         "synth" + material_options_ + " --licence free --video " + path("clip.mkv") +
             " --object cat/cat2.png",
         {"cat/cat2.png"});
}

TEST_F(SynthEvalTest, WrongUse) {
  const std::string both = "--layout s4|ms3|avss";
  expect(2, "synth" + material_options_, {both});
  expect(2, "synth" + material_options_ + " --layout s4 --video a.mkv -o x", {both});
  expect(2, "synth" + material_options_ + " --layout s4", {"-o FOLDER"});
  expect(2, "synth" + material_options_ + " --layout s5 -o x", {"s5"});
  expect(2, "synth" + material_options_ + " --video a.avi", {".mkv, .webm and .mp4"});
  expect(2, "synth" + material_options_ + " --video a.mkv --sections loud", {"loud"});
  expect(2, "synth --layout s4 -o x", {"--material"});
  expect(2, "eval", {"--material", "--avsbench"});
  expect(2, "eval --material a --avsbench b", {"either"});
  expect(2, "eval --avsbench b", {"--subset"});
  expect(2, "eval --avsbench b --subset s4 --split validation", {"validation", "train, val"});
  expect(2, "eval --avsbench b --subset s4 --protocol mine", {"mine"});
  expect(2, "eval --material a --precision bf16", {"--precision bf16", "--engine planned"});
}

TEST_F(SynthEvalTest, FailuresNameTheCause) {
  expect(1, "synth" + material_options_ + " --video " + path("a.mkv") + " --object unicorn",
         {"unicorn"});
  save_small_model(Head::kMask);
  expect(1, "eval" + model() + " --avsbench " + path("nothing") + " --subset ms3", {"nothing"});
}

}  // namespace
}  // namespace lightavseg
