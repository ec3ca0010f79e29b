// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/model/data/tiny_material.h"

#include <fmt/format.h>
#include <sndfile.h>

#include <cmath>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <stdexcept>
#include <vector>

#include "model/data/random.h"

namespace lightavseg::testing {

namespace fs = std::filesystem;

const char* tiny_taxonomy_json() {
  return R"({
    "version": 1,
    "visible": ["person", "dog", "cat", "guitar", "banjo", "car", "bus"],
    "sound_only": ["siren", "wolf"],
    "groups": {"pets": ["dog", "cat", "wolf"], "plucked": ["guitar", "banjo"],
               "road": ["car", "bus", "siren"]},
    "instruments": ["guitar", "banjo"],
    "inseparable": {"siren": ["car"], "car": ["bus"], "wolf": ["dog"]},
    "voc": {"person": 15, "dog": 12, "cat": 8, "car": 7, "bus": 6},
    "aliases": {"kitten": "cat", "electric_guitar": "guitar"},
    "rules": [
      {"kind": "sound", "class": "dog", "match": "wolf", "to": "wolf"},
      {"kind": "distractor", "class": "", "match": "taxi", "to": "car"},
      {"kind": "background", "class": "", "match": "zoo", "to": ""}
    ]
  })";
}

Taxonomy tiny_taxonomy() {
  return Taxonomy::parse(tiny_taxonomy_json(), "tiny");
}

void write_text(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

void write_picture(const fs::path& file, const cv::Mat& image) {
  fs::create_directories(file.parent_path());
  if (!cv::imwrite(file.string(), image)) throw std::runtime_error("cannot write " + file.string());
}

void write_tone(const fs::path& file, double frequency_hz, double seconds, int rate_hz) {
  fs::create_directories(file.parent_path());
  std::vector<short> samples(static_cast<std::size_t>(seconds * rate_hz));
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double phase = 6.283185307179586 * frequency_hz * static_cast<double>(i) / rate_hz;
    samples[i] = static_cast<short>(8000 * std::sin(phase));
  }
  SF_INFO info{};
  info.samplerate = rate_hz;
  info.channels = 1;
  info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
  SNDFILE* out = sf_open(file.c_str(), SFM_WRITE, &info);
  if (out == nullptr) throw std::runtime_error("cannot write " + file.string());
  sf_write_short(out, samples.data(), static_cast<sf_count_t>(samples.size()));
  sf_close(out);
}

namespace {

constexpr int kWidth = 120;
constexpr int kHeight = 90;

cv::Mat ground(std::uint64_t seed, bool plain) {
  cv::Mat image(kHeight, kWidth, CV_8UC3, cv::Scalar::all(250));
  Random random(seed);
  for (int y = 0; y < image.rows && !plain; ++y) {
    for (int x = 0; x < image.cols; ++x) {
      for (int c = 0; c < 3; ++c) {
        image.at<cv::Vec3b>(y, x)[c] = static_cast<std::uint8_t>(60 + random.below(60));
      }
    }
  }
  return image;
}

cv::Scalar colour_of(int cls) {
  return {cls * 31 % 256 + 0.0, cls * 83 % 256 + 0.0, 200};
}

// An ellipse of 255 inside a rim of 128.
cv::Mat ellipse_mask(int index) {
  cv::Mat mask = cv::Mat::zeros(kHeight, kWidth, CV_8U);
  const cv::Point centre(50 + 5 * index, 45);
  cv::ellipse(mask, centre, {30, 24}, 0, 0, 360, 128, cv::FILLED);
  cv::ellipse(mask, centre, {28, 22}, 0, 0, 360, 255, cv::FILLED);
  return mask;
}

const char* const kClasses[] = {"person", "dog", "cat", "guitar", "banjo", "car", "bus"};

}  // namespace

TinyMaterial::TinyMaterial() {
  write_photographs();
  write_cutouts();
  write_pool();
}

void TinyMaterial::use_test_split_for_validation() const {
  for (const auto& entry : fs::recursive_directory_iterator(dir())) {
    if (entry.path().filename() != "manifest.csv") continue;
    auto text = read_plainly(entry.path());
    for (std::size_t at = 0; (at = text.find(",test,", at)) != std::string::npos;)
      text.replace(at, 6, ",val,");
    write_text(entry.path(), text);
  }
}

void TinyMaterial::write_photographs() {
  const fs::path root = dir_ / "avs-material";
  std::string manifest =
      "file,class,source_repo,original_path,licence,split,type,subclass,mask,label,mask_source,"
      "background,object_fraction\n";
  for (int c = 0; c < 7; ++c) {
    const std::string cls = kClasses[c];
    for (int i = 0; i < 5; ++i) {
      const std::string split = i < 3 ? "train" : "test";
      const bool plain = cls == "guitar";
      const std::string name = fmt::format("{}/{}{}", cls, cls, i);
      cv::Mat image = ground(static_cast<std::uint64_t>(10 * c + i), plain);
      const cv::Mat mask = ellipse_mask(i);
      image.setTo(colour_of(c + 1), mask > 0);
      write_picture(root / ("images/" + name + ".png"), image);
      write_picture(root / ("masks/" + name + ".png"), mask);
      std::string label;
      if (cls == "car" && i == 0) {
        cv::Mat labels = cv::Mat::zeros(mask.size(), CV_8U);
        labels.setTo(2, mask == 255);  // in the order of classes.json
        labels.setTo(255, mask == 128);
        labels(cv::Rect(90, 10, 25, 70)).setTo(1);
        label = "labels/" + name + ".png";
        write_picture(root / label, labels);
      }
      manifest += fmt::format(
          "images/{0}.png,{1},some/repo,\"a, b\",{2},{3},image,,masks/{0}.png,{4},human,{5},0.2\n",
          name, cls, i == 1 ? "CC BY 4.0" : "unknown", split, label, plain ? "plain" : "natural");
      if (cls == "bus") continue;
      const std::string sound = fmt::format("sounds/{}/{}{}.wav", cls, cls, i);
      write_tone(root / sound, 200 + 150 * c + 20 * i, i == 1 ? 0.4 : 2.0);
      manifest += fmt::format("{},{},some/repo,x,{},{},sound,{},,,,,\n", sound, cls,
                              i == 1 ? "MIT" : "unknown", split, i % 2 == 0 ? "even" : "odd");
    }
  }
  write_tone(root / "sounds/siren/siren0.wav", 900, 2.0);
  write_tone(root / "sounds/background/rain.wav", 3000, 2.0);
  manifest += "sounds/siren/siren0.wav,siren,some/repo,x,unknown,train,sound,,,,,,\n";
  manifest += "sounds/background/rain.wav,background,some/repo,x,unknown,train,sound,,,,,,\n";
  write_text(root / "manifest.csv", manifest);
  write_text(root / "classes.json", R"(["background", "person", "car", "bus"])");
  write_text(dir_ / "sounds_audit.csv",
             "file,class,verdict,trust,best_windows\n"
             "sounds/dog/dog0.wav,dog,drop,folder,\n"
             "sounds/dog/dog1.wav,dog,doubt,folder,0.25\n"
             "sounds/guitar/guitar0.wav,guitar,doubt,constructed,0.00\n"
             "sounds/cat/cat0.wav,cat,keep,curated,0.50 1.00\n");
}

void TinyMaterial::write_cutouts() {
  const fs::path root = dir_ / "cutout-material";
  std::string manifest = "file,class,type,source,original\n";
  const auto add = [&](const std::string& file, const char* cls, const char* type) {
    manifest += fmt::format("{},{},{},Debian:some,orig-{}\n", file, cls, type, file);
  };
  const auto sprite = [&](const std::string& file, const cv::Scalar& colour) {
    cv::Mat image(60, 60, CV_8UC4, cv::Scalar(colour[0], colour[1], colour[2], 0));
    cv::circle(image, {30, 30}, 22, {colour[0], colour[1], colour[2], 255}, cv::FILLED);
    write_picture(root / file, image);
  };
  for (int i = 0; i < 3; ++i) {
    const std::string name = fmt::format("cutouts/kitten/kitten{}.png", i);
    sprite(name, colour_of(3));
    add(name, "kitten", "cutout");
    const std::string guitar = fmt::format("cutouts/electric_guitar/eg{}.png", i);
    sprite(guitar, colour_of(4));
    add(guitar, "electric_guitar", "cutout");
  }
  sprite("distractors/taxi.png", colour_of(6));
  add("distractors/taxi.png", "", "distractor");
  for (int i = 0; i < 30; ++i) {
    const std::string cup = fmt::format("distractors/cup{}.png", i);
    sprite(cup, {0, 0, 255});
    add(cup, "", "distractor");
    const std::string hall = fmt::format("backgrounds/hall{}.png", i);
    write_picture(root / hall, ground(static_cast<std::uint64_t>(100 + i), false));
    add(hall, "", "background");
    const std::string speech = fmt::format("speech/say{}.wav", i);
    write_tone(root / speech, 150 + i, 1.2);
    add(speech, "", "speech");
  }
  write_picture(root / "backgrounds/zoo.png", ground(99, false));
  add("backgrounds/zoo.png", "", "background");
  for (const char* size : {"800x600", "1280x800", "1024x768"}) {
    const std::string dune = fmt::format("backgrounds/x_Dune_contents_images_{}.png", size);
    write_picture(root / dune, ground(98, false));
    add(dune, "", "background");
  }
  write_tone(root / "sounds/kitten/kitten_sound.wav", 640, 1.5);
  add("sounds/kitten/kitten_sound.wav", "kitten", "sound");
  write_tone(root / "sounds/dog/wolf1.wav", 340, 1.5);
  add("sounds/dog/wolf1.wav", "dog", "sound");
  for (int i = 0; i < 10; ++i) {
    const std::string noise = fmt::format("noise/{}{}.wav", i < 5 ? "water" : "music", i);
    write_tone(root / noise, 2000 + 40 * i, 1.5);
    add(noise, "", "noise");
  }
  write_text(root / "manifest.csv", manifest);
}

void TinyMaterial::write_pool() {
  const fs::path root = dir_ / "visual-pool";
  cv::Mat pseudo = cv::Mat::zeros(kHeight, kWidth, CV_8U);
  pseudo(cv::Rect(10, 10, 40, 40)).setTo(15);
  pseudo(cv::Rect(60, 10, 40, 40)).setTo(12);
  pseudo(cv::Rect(60, 60, 20, 20)).setTo(255);
  std::string manifest =
      "file,pseudo,licence,group,category,pseudo_foreground,trusted_voc,zero_ok\n";
  const auto add = [&](const std::string& name, const std::string& rest) {
    write_picture(root / ("images/" + name + ".png"), ground(hash_text(name), false));
    manifest += fmt::format("images/{0}.png,pseudo/{0}.png,unknown,{1}\n", name, rest);
  };
  write_picture(root / "pseudo/people.png", pseudo);
  add("people", "faces,person,0.3,15,1");
  write_picture(root / "pseudo/axe.png", pseudo);
  add("axe", "inst,electric_guitar,0.3,15 12,0");
  write_picture(root / "pseudo/lawn.png", cv::Mat::zeros(kHeight, kWidth, CV_8U));
  add("lawn", "msrc,msrc,0.0,15,1");
  write_text(root / "manifest.csv", manifest);

  // The teacher sees somebody beside the first dog, and a player in the second banjo's mask.
  cv::Mat beside = cv::Mat::zeros(kHeight, kWidth, CV_8U);
  beside(cv::Rect(95, 5, 20, 80)).setTo(15);
  write_picture(root / "avs-material-pseudo/dog/dog0.png", beside);
  write_picture(root / "avs-material-pseudo/banjo/banjo1.png", beside);
  write_text(root / "avs-material-pseudo.csv",
             "file,pseudo,pseudo_dominant,pseudo_dominant_share\n"
             "images/dog/dog0.png,avs-material-pseudo/dog/dog0.png,person,0.15\n"
             "images/banjo/banjo1.png,avs-material-pseudo/banjo/banjo1.png,person,0.19\n");
}

}  // namespace lightavseg::testing
