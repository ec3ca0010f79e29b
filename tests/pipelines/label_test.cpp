// SPDX-License-Identifier: LGPL-2.1-or-later
// `lightavseg label` as its users call it: the model that ships outlines the cow of the clip
// that ships, and the result is a part of a material.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>

#include "model/data/material.h"
#include "model/network/model_file.h"
#include "tests/model/data/tiny_material.h"
#include "tests/model/evaluation/small_model.h"
#include "tests/model/files/temporary_folder.h"
#include "tests/pipelines/run_tool.h"
#include "tests/pipelines/video_reader.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;
using testing::run_tool;

class LabelTest : public ::testing::Test {
 protected:
  // A pool of the cow of a frame, once more as in a mirror, of nothing that is called a dog, of a
  // picture whose category is no class, and of a damaged file.
  void write_pool() {
    const fs::path clip = fs::path(LIGHTAVSEG_CLIPS) / "cow-and-duck.mkv";
    cv::Mat cow, mirrored;
    cv::cvtColor(testing::read_video(clip.string()).frames.at(0)(part_), cow, cv::COLOR_RGB2BGR);
    cv::flip(cow, mirrored, 1);
    const cv::Mat grey(part_.size(), CV_8UC3, cv::Scalar::all(128));
    std::string manifest = "file,pseudo,licence,category,trusted_voc,zero_ok\n";
    const auto add = [&](const std::string& name, const cv::Mat& picture) {
      const std::string file = name + "/picture.png";
      testing::write_picture(folder_ / "visual-pool/images" / file, picture);
      testing::write_picture(folder_ / "visual-pool/pseudo" / file,
                             cv::Mat::zeros(part_.size(), CV_8U));
      manifest += "images/" + file + ",pseudo/" + file + ",\"CC0, partly\"," + name + ",,0\n";
    };
    add("cow", cow);
    add("cattle", mirrored);
    add("dog", grey);
    add("lawn", cow);
    add("cat", cow);
    testing::write_text(folder_ / "visual-pool/images/cat/picture.png", "no picture");
    testing::write_text(folder_ / "visual-pool" / "manifest.csv", manifest);
  }

  TemporaryFolder folder_;
  const cv::Rect part_{0, 150, 340, 210};  // of the frame
};

TEST_F(LabelTest, OutlinesObjectsOfAKnownClass) {
  write_pool();
  const fs::path output = folder_ / "pool-masks";
  const auto done =
      run_tool("label --material " + folder_.path().string() + " --output " + output.string());
  ASSERT_EQ(done.code, 0) << done.text;
  EXPECT_NE(done.text.find("masks of 2 of 4 photographs"), std::string::npos) << done.text;

  const Material material = Material::load(folder_.path(), Taxonomy::load(LIGHTAVSEG_TAXONOMY));
  ASSERT_EQ(material.photos().size(), 2u);
  const auto truth =
      nlohmann::json::parse(std::ifstream(fs::path(LIGHTAVSEG_CLIPS) / "cow-and-duck.json"));
  const auto& box = truth["sections"][0]["boxes"]["cow"];
  const cv::Rect there(box[0], box[1], box[2], box[3]);
  for (int i = 0; i < 2; ++i) {
    const Photo& photo = material.photos()[size_t(i)];
    EXPECT_EQ(photo.cls, material.taxonomy().find("cow"));
    EXPECT_FALSE(photo.plain_background);
    cv::Mat object = material.photo(i).labels == photo.cls;
    if (photo.id.find("cattle") != std::string::npos) cv::flip(object, object, 1);
    const cv::Rect found = cv::boundingRect(object) + part_.tl();
    // The box of the truth is that of all of the cow's way, in which its left half is this frame's.
    EXPECT_GT((there & found).area(), 0.75 * found.area()) << photo.id << found;
    EXPECT_GT((there & found).area(), 0.5 * there.area()) << photo.id << found;
  }
  // How much of an even grey it takes for an object is the model's affair: too little, anyway.
  const std::string left_out = read_plainly(output / "left-out.csv");
  EXPECT_EQ(left_out.rfind("file,reason\nvisual-pool/images/dog/picture.png,the model takes ", 0),
            0u)
      << left_out;
  EXPECT_NE(left_out.find("\nvisual-pool/images/cat/picture.png,"), std::string::npos) << left_out;
  const std::string manifest = read_plainly(output / "manifest.csv");
  EXPECT_NE(manifest.find("../visual-pool/images/cow/picture.png,cow,train,image,"
                          "masks/visual-pool/images/cow/picture.png.png,"
                          "\"CC0, partly\",model,natural,0."),
            std::string::npos)
      << manifest;

  // A second time over the first, and with other threads: the same.
  ASSERT_EQ(run_tool("label --threads 1 --material " + folder_.path().string() + " --output " +
                     output.string())
                .code,
            0);
  EXPECT_EQ(read_plainly(output / "manifest.csv"), manifest);
}

TEST_F(LabelTest, SaysWhatItNeeds) {
  write_pool();
  save_model(folder_ / "mask.safetensors", testing::small_model(Head::kMask), Storage::kFloat32);
  const std::string output = " --output " + (folder_ / "out").string();
  auto done = run_tool("label --material " + folder_.path().string() + output + " --model " +
                       (folder_ / "mask.safetensors").string());
  EXPECT_EQ(done.code, 2);
  EXPECT_NE(done.text.find("tells no classes apart"), std::string::npos) << done.text;

  fs::remove_all(folder_ / "visual-pool");
  testing::write_text(folder_ / "empty" / "manifest.csv", "file,class,type\n");
  done = run_tool("label --material " + folder_.path().string() + output);
  EXPECT_EQ(done.code, 2);
  EXPECT_NE(done.text.find("has no pool"), std::string::npos) << done.text;
  EXPECT_FALSE(fs::exists(folder_ / "out"));
}

}  // namespace
}  // namespace lightavseg
