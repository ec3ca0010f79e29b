// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/material.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include "model/data/label_codes.h"
#include "model/data/material_reader.h"
#include "tests/model/data/tiny_material.h"

namespace lightavseg {
namespace {

using testing::TinyMaterial;

Material load(const TinyMaterial& tiny, const MaterialOptions& options = {}) {
  return Material::load(tiny.dir(), testing::tiny_taxonomy(), options);
}

std::string error_of(const std::filesystem::path& dir, const MaterialOptions& options = {}) {
  try {
    Material::load(dir, testing::tiny_taxonomy(), options);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

template <typename Items>
std::set<std::string> ids(const Items& items) {
  std::set<std::string> out;
  for (const auto& item : items) out.insert(item.id);
  return out;
}

const Photo& photo_named(const Material& material, const char* part, int* index) {
  for (std::size_t i = 0; i < material.photos().size(); ++i) {
    if (material.photos()[i].id.find(part) == std::string::npos) continue;
    *index = static_cast<int>(i);
    return material.photos()[i];
  }
  throw std::runtime_error(std::string("no photo ") + part);
}

TEST(MaterialTest, ReadsAllFoldersOfAParent) {
  const TinyMaterial tiny;
  const Material material = load(tiny);
  const Taxonomy& taxonomy = material.taxonomy();
  EXPECT_EQ(material.photos().size(), 21u) << "7 classes x 3";
  EXPECT_EQ(material.pool().size(), 3u);
  EXPECT_EQ(material.cutouts_of(taxonomy.find("cat")).size(), 3u);
  EXPECT_EQ(material.cutouts_of(taxonomy.find("car")).size(), 1u) << "the taxi is a car by a rule";
  EXPECT_TRUE(material.audible(taxonomy.find("siren")));
  EXPECT_FALSE(material.audible(taxonomy.find("bus")));
  EXPECT_EQ(material.sounds_of(taxonomy.find("wolf")).size(), 1u);
  EXPECT_GT(material.sounds_of(taxonomy.find("person")).size(), 10u) << "speech is of persons";
  bool music = false;
  for (const int index : material.sounds_of(0)) {
    music = music || material.sounds()[static_cast<std::size_t>(index)].music;
  }
  EXPECT_TRUE(music);
}

TEST(MaterialTest, ObeysSplitsWhateverTheirName) {
  const TinyMaterial tiny;
  const auto manifest = tiny.dir() / "avs-material" / "manifest.csv";
  std::string text = read_plainly(manifest);
  for (std::size_t at; (at = text.find(",test,")) != std::string::npos;) {
    text.replace(at, 6, ",held-out,");
  }
  testing::write_text(manifest, text);
  MaterialOptions options;
  options.split = "held-out";
  const Material material =
      Material::load(tiny.dir() / "avs-material", testing::tiny_taxonomy(), options);
  EXPECT_EQ(material.photos().size(), 14u);
  EXPECT_EQ(material.sounds().size(), 12u);
  options.split = "train";
  const Material train =
      Material::load(tiny.dir() / "avs-material", testing::tiny_taxonomy(), options);
  for (const std::string& id : ids(train.photos())) EXPECT_EQ(ids(material.photos()).count(id), 0u);
  options.split = "tset";
  EXPECT_NE(error_of(tiny.dir(), options)
                .find("no row has the split 'tset'; the file has: "
                      "held-out, train"),
            std::string::npos);
}

TEST(MaterialTest, OneFolderOfSeveralMayHaveNothingOfASplit) {
  const TinyMaterial tiny;
  testing::write_text(tiny.dir() / "more" / "manifest.csv",
                      "file,class,split,type,mask\n"
                      "../avs-material/images/cat/cat0.png,cat,train,image,"
                      "../avs-material/masks/cat/cat0.png\n");
  MaterialOptions options;
  options.split = "test";
  EXPECT_EQ(Material::load(tiny.dir(), testing::tiny_taxonomy(), options).photos().size(), 14u);
  options.split = "train";
  EXPECT_EQ(Material::load(tiny.dir(), testing::tiny_taxonomy(), options).photos().size(), 22u);
}

TEST(MaterialTest, HashSplitIsStableDisjointAndComplete) {
  EXPECT_EQ(hash_split("a/b/duck.webp"), hash_split("duck.ogg")) << "only the stem counts";
  std::map<std::string, int> counts;
  for (int i = 0; i < 2000; ++i) ++counts[hash_split("file" + std::to_string(i) + ".png")];
  EXPECT_NEAR(counts["train"], 1600, 60);
  EXPECT_NEAR(counts["val"], 200, 40);
  EXPECT_NEAR(counts["test"], 200, 40);

  const TinyMaterial tiny;
  std::set<std::string> all;
  std::size_t sum = 0;
  for (const char* split : {"train", "val", "test"}) {
    MaterialOptions options;
    options.split = split;
    const Material material =
        Material::load(tiny.dir() / "cutout-material", testing::tiny_taxonomy(), options);
    for (const std::string& id : ids(material.distractors())) all.insert(id);
    sum += material.distractors().size();
    if (options.split != "train") {
      EXPECT_TRUE(material.cutouts().empty()) << "rare classes are all in train";
    }
  }
  EXPECT_EQ(all.size(), 30u);
  EXPECT_EQ(sum, 30u);
}

TEST(MaterialTest, BackdropsOfManySizesCountOnceAndRulesLeaveSomeOut) {
  const TinyMaterial tiny;
  std::set<std::string> all;
  for (const char* split : {"train", "val", "test"}) {
    MaterialOptions options;
    options.split = split;
    const Material material =
        Material::load(tiny.dir() / "cutout-material", testing::tiny_taxonomy(), options);
    for (const std::string& id : ids(material.backdrops())) all.insert(id);
  }
  EXPECT_EQ(all.size(), 31u) << "30 halls and one dune";
  for (const std::string& id : all) EXPECT_EQ(id.find("zoo"), std::string::npos);
}

TEST(MaterialTest, ObeysTheAudit) {
  const TinyMaterial tiny;
  const Material strict = load(tiny);
  EXPECT_EQ(ids(strict.sounds()).count("avs-material/sounds/dog/dog0.wav"), 0u);
  EXPECT_EQ(ids(strict.sounds()).count("avs-material/sounds/dog/dog1.wav"), 0u);
  EXPECT_EQ(ids(strict.sounds()).count("avs-material/sounds/guitar/guitar0.wav"), 1u);
  MaterialOptions options;
  options.include_doubtful = true;
  const Material all = load(tiny, options);
  EXPECT_EQ(ids(all.sounds()).count("avs-material/sounds/dog/dog0.wav"), 0u);
  EXPECT_EQ(ids(all.sounds()).count("avs-material/sounds/dog/dog1.wav"), 1u);
  EXPECT_EQ(all.photos().size(), strict.photos().size() + 0u) << "human masks are never doubted";
  for (const SoundClip& clip : strict.sounds()) {
    if (clip.id == "avs-material/sounds/cat/cat0.wav") {
      EXPECT_EQ(clip.best_windows, (std::vector<float>{0.5f, 1.0f}));
    }
  }
}

TEST(MaterialTest, LicenceFreeMeansFree) {
  EXPECT_TRUE(is_free_licence("MIT"));
  EXPECT_TRUE(is_free_licence("CC BY 3.0 (some README)"));
  EXPECT_TRUE(is_free_licence("ODbL 1.0 / DbCL 1.0"));
  EXPECT_FALSE(is_free_licence(""));
  EXPECT_FALSE(is_free_licence("unknown"));
  EXPECT_FALSE(is_free_licence("CC BY-NC 3.0"));
  EXPECT_FALSE(is_free_licence("CC BY-ND 3.0"));
  EXPECT_FALSE(is_free_licence("not stated in repository (believed CC BY 4.0)"));
  EXPECT_FALSE(is_free_licence("CC BY-SA 3.0 (README: not to be made available as-is)"));

  const TinyMaterial tiny;
  MaterialOptions options;
  options.licence_free_only = true;
  options.include_doubtful = true;
  const Material material = load(tiny, options);
  EXPECT_EQ(material.photos().size(), 7u);
  EXPECT_TRUE(material.pool().empty());
  EXPECT_FALSE(material.cutouts().empty()) << "a manifest without licences is of free packages";
}

TEST(MaterialTest, ListsEverythingThatIsWrongAtOnce) {
  const TinyMaterial tiny;
  const auto root = tiny.dir() / "avs-material";
  std::filesystem::remove(root / "images/dog/dog0.png");
  std::filesystem::remove(root / "masks/cat/cat0.png");
  std::filesystem::remove(root / "sounds/car/car2.wav");
  testing::write_text(root / "manifest.csv",
                      read_plainly(root / "manifest.csv") +
                          "images/z.png,zebra,r,x,unknown,train,image,,m.png,,,natural,\n" +
                          "images/s.png,siren,r,x,unknown,train,image,,m.png,,,natural,\n" +
                          "film.mp4,dog,r,x,unknown,train,video,,,,,,\n");
  testing::write_text(tiny.dir() / "cutout-material" / "manifest.csv",
                      "file,class,type\nx.png,cat,statue\ny.webp,cat,cutout\n");
  testing::write_text(tiny.dir() / "sounds_audit.csv",
                      "file,verdict,trust,best_windows\na,maybe,x,\nb,keep,x,1 two\n");
  const std::string error = error_of(tiny.dir());
  for (const char* part :
       {"images/dog/dog0.png", "masks/cat/cat0.png", "sounds/car/car2.wav", "'zebra' is unknown",
        "'siren', which is not a visible class", "type 'video'", "type 'statue'", "y.webp",
        "verdict 'maybe'", "best_windows", "manifest.csv:2"}) {
    EXPECT_NE(error.find(part), std::string::npos) << part << " in\n" << error;
  }
  EXPECT_NE(error.find("has 10 problem(s)"), std::string::npos) << error;
  EXPECT_EQ(count(error, "\n  "), 10);

  MaterialOptions lenient;
  lenient.lenient = true;
  const Material material = load(tiny, lenient);
  EXPECT_EQ(material.warnings().size(), 10u);
  EXPECT_EQ(material.photos().size(), 19u) << "two files are gone";
}

TEST(MaterialTest, FoldersMustBeThere) {
  EXPECT_NE(error_of("/nonexistent/material").find("is not a folder"), std::string::npos);
  const TinyMaterial tiny;
  EXPECT_NE(error_of(tiny.dir() / "avs-material" / "images").find("has no manifest.csv"),
            std::string::npos);
}

TEST(MaterialTest, ManifestsMustHaveTheirColumns) {
  const TinyMaterial tiny;
  testing::write_text(tiny.dir() / "avs-material" / "manifest.csv", "file,split\na,train\n");
  EXPECT_NE(error_of(tiny.dir()).find("class, type, mask are missing"), std::string::npos);
}

TEST(MaterialTest, PhotographLabelsFollowTheMask) {
  const TinyMaterial tiny;
  const Material material = load(tiny);
  int index = 0;
  const Photo& photo = photo_named(material, "cat0", &index);
  const Picture& picture = material.photo(index);
  EXPECT_EQ(picture.rgb.size(), picture.labels.size());
  EXPECT_EQ(picture.labels.at<std::uint8_t>(45, 50), photo.cls);
  EXPECT_EQ(picture.labels.at<std::uint8_t>(0, 0), kBackgroundLabel);
  EXPECT_EQ(picture.labels.at<std::uint8_t>(45, 50 - 29), perhaps(photo.cls));
  EXPECT_TRUE(picture.may_show.empty());
}

TEST(MaterialTest, LabelMapsAddOtherClasses) {
  const TinyMaterial tiny;
  const Material material = load(tiny);
  int index = 0;
  photo_named(material, "car0", &index);
  const cv::Mat& labels = material.photo(index).labels;
  EXPECT_EQ(labels.at<std::uint8_t>(45, 50), material.taxonomy().find("car"));
  EXPECT_EQ(labels.at<std::uint8_t>(45, 100), material.taxonomy().find("person"));
  EXPECT_EQ(labels.at<std::uint8_t>(45, 50 - 29), kUnknownLabel);
}

TEST(MaterialTest, ATeacherAddsPersonsBesideAnimals) {
  const TinyMaterial tiny;
  const Material material = load(tiny);
  int index = 0;
  const Photo& dog = photo_named(material, "dog0", &index);
  const cv::Mat& labels = material.photo(index).labels;
  EXPECT_EQ(labels.at<std::uint8_t>(45, 50), dog.cls);
  EXPECT_EQ(labels.at<std::uint8_t>(45, 105), material.taxonomy().find("person"));
}

TEST(MaterialTest, PlayersTakenForInstrumentsAreLeftOut) {
  const TinyMaterial tiny;
  EXPECT_EQ(ids(load(tiny).photos()).count("avs-material/images/banjo/banjo1.png"), 1u)
      << "a human mask is trusted";
  const auto manifest = tiny.dir() / "avs-material" / "manifest.csv";
  std::string text = read_plainly(manifest);
  const std::size_t row = text.find("images/banjo/banjo1.png");
  text.replace(text.find(",human,", row), 7, ",auto,");
  testing::write_text(manifest, text);
  EXPECT_EQ(ids(load(tiny).photos()).count("avs-material/images/banjo/banjo1.png"), 0u);
  MaterialOptions options;
  options.include_doubtful = true;
  EXPECT_EQ(ids(load(tiny, options).photos()).count("avs-material/images/banjo/banjo1.png"), 1u);
}

TEST(MaterialTest, PoolLabelsAreTrustedOnlyWhereTheManifestSaysSo) {
  const TinyMaterial tiny;
  const Material material = load(tiny);
  const Taxonomy& taxonomy = material.taxonomy();
  for (std::size_t i = 0; i < material.pool().size(); ++i) {
    const PoolPhoto& photo = material.pool()[i];
    const cv::Mat& labels = material.pool_picture(static_cast<int>(i)).labels;
    EXPECT_EQ(labels.at<std::uint8_t>(65, 65) == kUnknownLabel,
              photo.id.find("lawn") == std::string::npos);
    if (photo.id.find("people") != std::string::npos) {
      EXPECT_EQ(labels.at<std::uint8_t>(20, 20), taxonomy.find("person"));
      EXPECT_EQ(labels.at<std::uint8_t>(20, 70), kUnknownLabel) << "dog is not trusted";
      EXPECT_EQ(labels.at<std::uint8_t>(0, 0), kBackgroundLabel);
    } else if (photo.id.find("axe") != std::string::npos) {
      EXPECT_EQ(photo.image_class, taxonomy.find("guitar"));
      EXPECT_EQ(labels.at<std::uint8_t>(20, 20), kUnknownLabel) << "an instrument's body";
      EXPECT_EQ(labels.at<std::uint8_t>(20, 70), taxonomy.find("dog"));
      EXPECT_EQ(labels.at<std::uint8_t>(0, 0), kUnknownLabel);
    } else {
      EXPECT_TRUE(photo.empty);
    }
  }
  const auto backdrops = ids(material.backdrops());
  EXPECT_EQ(backdrops.count("visual-pool/images/lawn.png"), 1u);
  EXPECT_EQ(backdrops.count("visual-pool/images/people.png"), 0u);
}

TEST(MaterialTest, ReducesLargePhotographsAndRemembersTheScale) {
  const TinyMaterial tiny;
  MaterialOptions options;
  options.max_side = 60;
  const Material material = load(tiny, options);
  const Picture& picture = material.photo(0);
  EXPECT_EQ(picture.rgb.size(), cv::Size(60, 45));
  EXPECT_DOUBLE_EQ(picture.file_scale_x, 2);
  options.max_side = 8;
  EXPECT_THROW(load(tiny, options), MaterialError);
}

TEST(MaterialTest, DamagedFilesAreNamedWhenTheyAreDecoded) {
  const TinyMaterial tiny;
  const auto root = tiny.dir() / "avs-material";
  testing::write_text(root / "images/person/person0.png", "not a picture");
  testing::write_picture(root / "masks/person/person1.png", cv::Mat::zeros(5, 5, CV_8U));
  testing::write_picture(root / "masks/person/person2.png", cv::Mat(90, 120, CV_8U, cv::Scalar(7)));
  testing::write_tone(root / "sounds/person/person0.wav", 300, 1, 44100);
  testing::write_picture(tiny.dir() / "cutout-material/cutouts/kitten/kitten0.png",
                         cv::Mat::zeros(20, 20, CV_8UC3));
  testing::write_picture(tiny.dir() / "cutout-material/cutouts/kitten/kitten1.png",
                         cv::Mat::zeros(20, 20, CV_8UC4));
  const Material material = load(tiny);
  const auto message = [](const auto& call) -> std::string {
    try {
      call();
    } catch (const MaterialError& error) {
      return error.what();
    }
    return "";
  };
  const std::pair<const char*, const char*> photos[] = {
      {"person0.png", "cannot be decoded"},
      {"person1.png", "is 5 x 5 where its photograph is 120 x 90"},
      {"person2.png", "holds the value 7"}};
  for (const auto& [name, part] : photos) {
    int index = 0;
    photo_named(material, name, &index);
    const std::string text = message([&] { material.photo(index); });
    EXPECT_NE(text.find(name), std::string::npos) << text;
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
  for (std::size_t i = 0; i < material.sounds().size(); ++i) {
    if (material.sounds()[i].id != "avs-material/sounds/person/person0.wav") continue;
    const std::string text = message([&] { material.sound(static_cast<int>(i)); });
    EXPECT_NE(text.find("44100 Hz; convert it to 16000 Hz mono"), std::string::npos) << text;
  }
  EXPECT_NE(message([&] { material.cutout(0); }).find("no alpha channel"), std::string::npos);
  EXPECT_NE(message([&] { material.photo(1000); }).find("no item 1000"), std::string::npos);
  int transparent = 0;
  for (std::size_t i = 0; i < material.cutouts().size(); ++i) {
    const std::string text = message([&] { material.cutout(static_cast<int>(i)); });
    transparent += text.find("wholly transparent") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(transparent, 1);
}

TEST(MaterialTest, DecodesOnceForManyThreads) {
  const TinyMaterial tiny;
  const Material material = load(tiny);
  std::vector<const Picture*> seen(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < seen.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < static_cast<int>(material.photos().size()); ++i) material.photo(i);
      seen[t] = &material.photo(3);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Picture* picture : seen) EXPECT_EQ(picture, seen[0]);
}

}  // namespace
}  // namespace lightavseg
