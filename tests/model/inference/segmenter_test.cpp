// SPDX-License-Identifier: LGPL-2.1-or-later
// What every Segmenter promises, on the planned engine and on the reference.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <thread>

#include "model/inference/segmenter.h"
#include "model/network/model_file.h"
#include "tests/model/files/temporary_folder.h"
#include "tests/model/network/golden_fill.h"

namespace lightavseg {
namespace {

constexpr int kHeight = 64, kWidth = 96, kFrames = 101;

ModelConfig config_of(Head head) {
  ModelConfig config;
  config.variant = Variant::kTiny;
  config.head = head;
  config.train_height = kHeight;
  config.train_width = kWidth;
  if (head != Head::kMask) config.class_names = {"background", "dog", "violin", "car"};
  return config;
}

// A network of deterministic weights and the file that holds it.
class Model {
 public:
  explicit Model(const ModelConfig& config, const Metadata& metadata = {}) : network_(config) {
    testing::golden_fill(*network_);
    network_->eval();
    save_model(path(), network_, Storage::kFloat32, metadata);
  }
  std::string path() const { return (folder_ / "some.model.safetensors").string(); }
  LightAVSeg& network() { return network_; }

  // Made once: writing them takes longer than running them.
  static Model& of(Head head) {
    static std::map<Head, std::unique_ptr<Model>> models;
    auto& model = models[head];
    if (!model) model = std::make_unique<Model>(config_of(head), Metadata{{"version", "1.2"}});
    return *model;
  }

 private:
  TemporaryFolder folder_;
  LightAVSeg network_;
};

std::vector<std::uint8_t> picture(int number = 0) {
  std::vector<std::uint8_t> rgb;
  for (double v : testing::hash_values("picture" + std::to_string(number), kHeight * kWidth * 3))
    rgb.push_back(std::uint8_t(127.5 * (v + 1)));
  return rgb;
}

std::vector<float> sound(int number = 0, int frames = kFrames) {
  std::vector<float> log_mel;
  for (double v : testing::hash_values("sound" + std::to_string(number), frames * 64))
    log_mel.push_back(float(20 * v - 30));
  return log_mel;
}

Segmentation segment(Segmenter& segmenter, const ClassSelection& selection = {}, int number = 0,
                     bool heard_before = false) {
  Segmentation out;
  segmenter.segment(picture(number).data(), sound(number).data(), kFrames, heard_before, selection,
                    out);
  return out;
}

void expect_near(const std::vector<float>& a, const std::vector<float>& b, float tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance) << i;
}

float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  float most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

template <typename Action>
void expect_failure(Action action, const std::vector<std::string>& parts) {
  try {
    action();
  } catch (const std::runtime_error& error) {
    const std::string text = error.what();
    for (const auto& part : parts) EXPECT_NE(text.find(part), std::string::npos) << text;
    EXPECT_EQ(text.find("Exception raised from"), std::string::npos) << text;
    return;
  }
  ADD_FAILURE() << "no error";
}

std::unique_ptr<Segmenter> open(const std::string& engine, const std::string& path,
                                SegmenterOptions options = {}) {
  options.engine = engine;
  return open_segmenter(path, options);
}

struct Combination {
  Head head;
  const char* engine;
};

std::string name_of(const Combination& c) {
  const std::string head = c.head == Head::kMask       ? "Mask"
                           : c.head == Head::kSemantic ? "Semantic"
                                                       : "MaskAndClasses";
  return head + "_" + c.engine;
}

class EveryHead : public ::testing::TestWithParam<Combination> {
 protected:
  Head head() const { return GetParam().head; }
  std::unique_ptr<Segmenter> open(const SegmenterOptions& options = {}) const {
    return lightavseg::open(GetParam().engine, model_.path(), options);
  }

  Model& model_ = Model::of(GetParam().head);
};

INSTANTIATE_TEST_SUITE_P(Segmenter, EveryHead,
                         ::testing::Values(Combination{Head::kMask, "planned"},
                                           Combination{Head::kSemantic, "planned"},
                                           Combination{Head::kMaskAndClasses, "planned"},
                                           Combination{Head::kMask, "reference"},
                                           Combination{Head::kSemantic, "reference"},
                                           Combination{Head::kMaskAndClasses, "reference"}),
                         [](const auto& c) { return name_of(c.param); });

TEST_P(EveryHead, IsDescribed) {
  const auto segmenter = open();
  const auto& d = segmenter->description();
  EXPECT_EQ(d.path, model_.path());
  EXPECT_EQ(d.name, "some.model");
  EXPECT_EQ(d.version, "1.2");
  EXPECT_EQ(d.height, kHeight);
  EXPECT_EQ(d.width, kWidth);
  EXPECT_EQ(d.front_end, dsp::FrontEnd::kPanns32kFrom16k);
  const std::vector<std::string> names = {"dog", "violin", "car"};
  EXPECT_EQ(d.class_names, head() == Head::kMask ? std::vector<std::string>() : names);
}

TEST_P(EveryHead, GivesWhatTheNetworkGives) {
  torch::NoGradGuard no_grad;
  const auto rgb = picture();
  const auto log_mel = sound();
  auto frame = torch::empty({1, 3, kHeight, kWidth});
  for (int y = 0; y < kHeight; ++y)
    for (int x = 0; x < kWidth; ++x)
      for (int c = 0; c < 3; ++c)
        frame[0][c][y][x] =
            (float(rgb[size_t((y * kWidth + x) * 3 + c)]) / 255.0f - kImageMean[c]) / kImageStd[c];
  auto features = torch::tensor(log_mel).reshape({1, 1, kFrames, 64});
  const auto logits =
      model_.network()->forward(frame, features, nullptr, LogitSize::kFinestStage).logits[0];
  torch::Tensor mask, labels;
  switch (head()) {
    case Head::kMask:
      mask = logits[0].sigmoid();
      break;
    case Head::kSemantic:
      mask = 1 - logits.softmax(0)[0];
      labels = logits.argmax(0);
      break;
    case Head::kMaskAndClasses:
      mask = logits[0].sigmoid();
      labels = logits.slice(0, 1).argmax(0);
      break;
  }
  mask = resize_bilinear(mask.logit().unsqueeze(0).unsqueeze(0), kHeight, kWidth)[0][0].sigmoid();

  const auto out = segment(*open());
  EXPECT_EQ(out.height, kHeight);
  EXPECT_EQ(out.width, kWidth);
  ASSERT_EQ(out.mask.size(), size_t(kHeight) * kWidth);
  ASSERT_EQ(logits.size(1), kHeight / 4);
  ASSERT_EQ(logits.size(2), kWidth / 4);
  ASSERT_EQ(out.labels.size(), labels.defined() ? out.mask.size() : 0);
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const size_t i = size_t(y) * kWidth + size_t(x);
      ASSERT_NEAR(out.mask[i], mask[y][x].item<float>(), 1e-4) << y << " " << x;
      if (labels.defined()) {
        ASSERT_EQ(out.labels[i], labels[y / 4][x / 4].item<int64_t>()) << y << " " << x;
      }
    }
  }
}

TEST_P(EveryHead, DoesNotDependOnTheRunTheObjectOrTheThread) {
  const auto segmenter = open();
  const auto first = segment(*segmenter);
  segment(*segmenter, {}, 1);
  const auto again = segment(*segmenter);
  EXPECT_EQ(first.mask, again.mask);
  EXPECT_EQ(first.labels, again.labels);
  EXPECT_EQ(first.mask, segment(*open()).mask);
  Segmentation elsewhere;
  std::thread([&] { elsewhere = segment(*segmenter); }).join();
  EXPECT_EQ(first.mask, elsewhere.mask);
}

TEST_P(EveryHead, TakesPicturesOfAnotherSize) {
  SegmenterOptions options;
  options.size = 64;
  const auto segmenter = open(options);
  EXPECT_EQ(segmenter->description().height, 64);
  EXPECT_EQ(segmenter->description().width, 64);
  std::vector<std::uint8_t> rgb(64 * 64 * 3);
  for (size_t i = 0; i < rgb.size(); ++i) rgb[i] = std::uint8_t(i * i / 64);
  Segmentation out;
  segmenter->segment(rgb.data(), sound().data(), kFrames, false, {}, out);
  EXPECT_EQ(out.height, 64);
  EXPECT_EQ(out.width, 64);
  ASSERT_EQ(out.mask.size(), 64u * 64u);
  const auto [least, most] = std::minmax_element(out.mask.begin(), out.mask.end());
  EXPECT_LT(*least, *most);
}

TEST_P(EveryHead, DoesNotDependOnTheNumberOfThreads) {
  SegmenterOptions options;
  options.threads = 1;
  const auto one = segment(*open(options));
  for (int threads : {0, 2, 3, 64}) {
    options.threads = threads;
    options.precision = "auto";
    at::set_num_threads(3);  // as a program that runs LibTorch beside this may have done
    const auto several = segment(*open(options));
    EXPECT_EQ(one.mask, several.mask) << threads;
    EXPECT_EQ(one.labels, several.labels) << threads;
  }
}

TEST_P(EveryHead, NeedNotHearTheSameSoundAgain) {
  const auto segmenter = open();
  const auto first = segment(*segmenter);
  EXPECT_EQ(segment(*segmenter, {}, 0, true).mask, first.mask);
  // The picture changes, the sound stays that of the call before.
  Segmentation kept, heard;
  segmenter->segment(picture(1).data(), sound(1).data(), kFrames, true, {}, kept);
  segmenter->segment(picture(1).data(), sound(0).data(), kFrames, false, {}, heard);
  EXPECT_EQ(kept.mask, heard.mask);
  EXPECT_GT(largest_difference(kept.mask, first.mask), 1e-3);
}

TEST_P(EveryHead, ListensToTheFirstSoundWhateverIsSaidOfIt) {
  const auto a = open(), b = open();
  EXPECT_EQ(segment(*a, {}, 0, true).mask, segment(*b, {}, 0, false).mask);
}

TEST_P(EveryHead, KeepsItsMemory) {
  const auto segmenter = open();
  auto out = segment(*segmenter);
  const auto* mask = out.mask.data();
  const auto* labels = out.labels.data();
  segmenter->segment(picture(1).data(), sound(1).data(), kFrames, false, {}, out);
  EXPECT_EQ(out.mask.data(), mask);
  EXPECT_EQ(out.labels.data(), labels);
}

TEST_P(EveryHead, MarksNothingWhenFeaturesAreBroken) {
  const auto segmenter = open();
  auto log_mel = sound();
  log_mel[100] = std::numeric_limits<float>::quiet_NaN();
  Segmentation out;
  segmenter->segment(picture().data(), log_mel.data(), kFrames, false, {}, out);
  for (float p : out.mask) ASSERT_TRUE(p >= 0 && p <= 1) << p;
  EXPECT_EQ(segment(*segmenter).mask, segment(*open()).mask);
}

TEST_P(EveryHead, RefusesASelectionOfAnotherSize) {
  const auto segmenter = open();
  expect_failure(
      [&] {
        segment(*segmenter, {true, false});
      },
      {model_.path(), "selection of 2", head() == Head::kMask ? "0" : "3"});
}

TEST_P(EveryHead, RefusesTooShortASoundAndRecovers) {
  const auto segmenter = open();
  const auto right = segment(*segmenter);
  Segmentation out;
  for (int frames : {31, 0, -1})
    expect_failure(
        [&] { segmenter->segment(picture().data(), sound().data(), frames, false, {}, out); },
        {model_.path(), "at least 32 frames"});
  // Nothing was heard in the call before, so there is nothing to keep.
  EXPECT_EQ(segment(*segmenter, {}, 0, true).mask, right.mask);
}

TEST_P(EveryHead, TakesWindowsOfOtherLengths) {
  const auto segmenter = open();
  for (int frames : {32, 96, 250}) {
    Segmentation out;
    segmenter->segment(picture().data(), sound(0, frames).data(), frames, false, {}, out);
    EXPECT_EQ(out.mask.size(), size_t(kHeight) * kWidth);
  }
}

class NamedClasses : public EveryHead {};

INSTANTIATE_TEST_SUITE_P(Segmenter, NamedClasses,
                         ::testing::Values(Combination{Head::kSemantic, "planned"},
                                           Combination{Head::kMaskAndClasses, "planned"},
                                           Combination{Head::kSemantic, "reference"},
                                           Combination{Head::kMaskAndClasses, "reference"}),
                         [](const auto& c) { return name_of(c.param); });

class EveryEngine : public ::testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Segmenter> open(const std::filesystem::path& path,
                                  const SegmenterOptions& options = {}) const {
    return lightavseg::open(GetParam(), path.string(), options);
  }
  Segmentation with_biases(Head head, const std::vector<float>& logits,
                           const ClassSelection& selection) const;
};

INSTANTIATE_TEST_SUITE_P(Segmenter, EveryEngine, ::testing::Values("planned", "reference", "auto"),
                         [](const auto& engine) { return std::string(engine.param); });

TEST_P(NamedClasses, AllSelectedIsAsNoneNamed) {
  const auto segmenter = open();
  const auto all = segment(*segmenter, {true, true, true}), any = segment(*segmenter);
  EXPECT_EQ(all.mask, any.mask);
  EXPECT_EQ(all.labels, any.labels);
}

TEST_P(NamedClasses, NothingSelectedMarksNothing) {
  const auto out = segment(*open(), {false, false, false});
  for (float p : out.mask) ASSERT_EQ(p, 0);
}

TEST_P(NamedClasses, SelectionsShareTheMask) {
  const auto segmenter = open();
  const auto all = segment(*segmenter).mask;
  std::vector<float> sum(all.size());
  for (int k = 0; k < 3; ++k) {
    const auto one = segment(*segmenter, {k == 0, k == 1, k == 2}).mask;
    const auto others = segment(*segmenter, {k != 0, k != 1, k != 2}).mask;
    for (size_t i = 0; i < all.size(); ++i) {
      ASSERT_LE(one[i], all[i]);
      ASSERT_NEAR(one[i] + others[i], all[i], 1e-5);
      sum[i] += one[i];
    }
  }
  expect_near(sum, all, 1e-5f);
}

TEST_P(NamedClasses, LabelsDoNotDependOnTheSelection) {
  const auto segmenter = open();
  EXPECT_EQ(segment(*segmenter, {false, true, false}).labels, segment(*segmenter).labels);
}

// A head whose last layer ignores what it gets: its biases are the logits of every pixel.
Segmentation EveryEngine::with_biases(Head head, const std::vector<float>& logits,
                                      const ClassSelection& selection) const {
  torch::NoGradGuard no_grad;
  auto network = LightAVSeg(config_of(head));
  testing::golden_fill(*network);
  network->head_logits->weight.zero_();
  network->head_logits->bias.copy_(torch::tensor(logits));
  TemporaryFolder folder;
  const auto path = folder / "m.safetensors";
  save_model(path, network, Storage::kFloat32);
  return segment(*open(path), selection);
}

TEST_P(EveryEngine, MaskAndClassesByHand) {
  // Logits of the mask, the background and the three classes; odds of 8 : 1 : 1 among these.
  const std::vector<float> logits = {float(std::log(3.0)), 5.0f, float(std::log(8.0)), 0, 0};
  const auto any = with_biases(Head::kMaskAndClasses, logits, {});
  const auto dog = with_biases(Head::kMaskAndClasses, logits, {true, false, false});
  const auto car = with_biases(Head::kMaskAndClasses, logits, {false, false, true});
  for (size_t i = 0; i < any.mask.size(); ++i) {
    ASSERT_NEAR(any.mask[i], 0.75, 1e-6);
    ASSERT_NEAR(dog.mask[i], 0.75 * 0.8, 1e-6);
    ASSERT_NEAR(car.mask[i], 0.75 * 0.1, 1e-6);
    ASSERT_EQ(any.labels[i], 0);  // background is likelier than any class
  }
}

TEST_P(EveryEngine, SemanticByHand) {
  // Odds of 2 : 5 : 2 : 1.
  const std::vector<float> logits = {float(std::log(2.0)), float(std::log(5.0)),
                                     float(std::log(2.0)), 0};
  const auto any = with_biases(Head::kSemantic, logits, {});
  const auto two = with_biases(Head::kSemantic, logits, {false, true, true});
  for (size_t i = 0; i < any.mask.size(); ++i) {
    ASSERT_NEAR(any.mask[i], 0.8, 1e-6);
    ASSERT_NEAR(two.mask[i], 0.3, 1e-6);
    ASSERT_EQ(any.labels[i], 1);
  }
}

TEST_P(EveryEngine, RefusesAMissingFile) {
  TemporaryFolder folder;
  const auto path = folder / "nothing.safetensors";
  expect_file_error([&] { open(path); }, path, "", {"no such file"});
}

TEST_P(EveryEngine, RefusesAnotherKindOfFile) {
  TemporaryFolder folder;
  const auto path = folder / "picture.safetensors";
  write_plainly(path, "\x89PNG and more that is no header");
  expect_file_error([&] { open(path); }, path, "header length", {});
}

TEST_P(EveryEngine, RefusesAFileWithoutConfiguration) {
  TemporaryFolder folder;
  const auto path = folder / "other.safetensors";
  write_tensors(path, {{"w", torch::zeros({2})}}, {});
  expect_file_error([&] { open(path); }, path, kConfigKey, {"not a LightAVSeg model"});
}

TEST_P(EveryEngine, RefusesAFileThatLacksTensors) {
  TemporaryFolder folder;
  const auto path = folder / "half.safetensors";
  write_tensors(path, {{"w", torch::zeros({2})}}, {{kConfigKey, ModelConfig().to_json()}});
  expect_file_error([&] { open(path); }, path, "audio.bn0.bias", {"lacks"});
}

TEST_P(EveryEngine, RefusesMoreClassesThanAByteCanTell) {
  auto config = config_of(Head::kSemantic);
  config.class_names = {"background"};
  for (int i = 0; i < 255; ++i) config.class_names.push_back("c" + std::to_string(i));
  EXPECT_EQ(open(Model(config).path())->description().class_names.size(), 255u);
  config.class_names.push_back("one too many");
  const Model model(config);
  expect_file_error([&] { open(model.path()); }, model.path(), "lightavseg.config.class_names",
                    {"256", "255"});
}

TEST_P(EveryEngine, RefusesOptionsOutOfRange) {
  const auto path = Model::of(Head::kMask).path();
  SegmenterOptions options;
  options.precision = "int4";
  expect_failure([&] { open(path, options); },
                 {"precision", "int4", "fp32", "bf16", "int8", "auto"});
  options.precision = "fp32";
  options.threads = -1;
  expect_failure([&] { open(path, options); }, {"threads -1", "0"});
  options.threads = 0;
  for (const int size : {-1, 31, 2049}) {
    options.size = size;
    expect_failure([&] { open(path, options); }, {"input size " + std::to_string(size), "2048"});
  }
}

TEST(Segmenter, TheReferenceHasNoOtherPrecisions) {
  const auto path = Model::of(Head::kMask).path();
  SegmenterOptions options;
  options.engine = "reference";
  for (const char* precision : {"bf16", "int8"}) {
    options.precision = precision;
    expect_failure([&] { open_segmenter(path, options); },
                   {precision, "reference", "fp32", "planned"});
  }
}

}  // namespace
}  // namespace lightavseg
