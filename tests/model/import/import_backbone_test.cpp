// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/import/import_backbone.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "model/files/safetensors.h"
#include "model/files/safetensors_writer.h"
#include "model/files/tensor_values.h"
#include "model/import/backbone_names.h"
#include "model/network/config_file.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

bool is_statistic(const std::string& name) {
  return name.find("running_") != std::string::npos;
}

int64_t parameters(const EntryShapes& entries) {
  int64_t sum = 0;
  for (const auto& [name, shape] : entries) {
    if (is_statistic(name)) continue;
    int64_t count = 1;
    for (const auto axis : shape) count *= axis;
    sum += count;
  }
  return sum;
}

// Entries and parameters of the published networks.
TEST(BackboneNames, SeaFormerHasItsSize) {
  EXPECT_EQ(parameters(seaformer_entries(Variant::kTiny)), 1'620'096);
  EXPECT_EQ(parameters(seaformer_entries(Variant::kSmall)), 3'912'656);
  EXPECT_EQ(parameters(seaformer_entries(Variant::kBase)), 8'485'664);
  EXPECT_EQ(parameters(seaformer_entries(Variant::kLarge)), 13'725'504);
  const auto large = seaformer_entries(Variant::kLarge);
  EXPECT_EQ(large.size(), 762u - 118u);  // without the counters of its batch norms
  EXPECT_EQ(large.at("trans2.transformer_blocks.0.attn.dwconv.c.weight"),
            (std::vector<int64_t>{640, 1, 3, 3}));
}

TEST(BackboneNames, PannsHasItsSize) {
  const auto entries = mobilenet_v2_entries(AudioState::kEmbedding);
  EXPECT_EQ(parameters(entries), 128 + 2'223'296 + 1'311'744);
  EXPECT_EQ(parameters(mobilenet_v2_entries(AudioState::kPooled)), 128 + 2'223'296);
  EXPECT_EQ(entries.at("features.2.conv.3.weight"), (std::vector<int64_t>{96, 1, 3, 3}));
}

TEST(BackboneNames, TheOthersHaveTheirSizes) {
  EXPECT_EQ(parameters(vggish_entries()), 72'141'184);
  EXPECT_EQ(parameters(yamnet_entries()), 3'206'400);
  EXPECT_EQ(parameters(resnet50_entries()), 23'508'032);
  EXPECT_EQ(resnet50_entries().size(), 53u * 5u) << "convolutions with a norm each";
  EXPECT_EQ(vggish_entries().at("embeddings.0.weight"), (std::vector<int64_t>{4096, 12288}));
}

class ImportBackbone : public testing::Test {
 protected:
  struct Weights {
    std::vector<int64_t> shape;
    std::vector<float> values;
  };
  using Checkpoint = std::map<std::string, Weights>;

  static Weights constant(const std::vector<int64_t>& shape, float value) {
    int64_t count = 1;
    for (const auto axis : shape) count *= axis;
    return {shape, std::vector<float>(size_t(count), value)};
  }

  static Checkpoint filled(const EntryShapes& entries, const std::string& prefix, float value) {
    Checkpoint checkpoint;
    for (const auto& [name, shape] : entries) checkpoint[prefix + name] = constant(shape, value);
    return checkpoint;
  }

  static void write(const std::filesystem::path& path, const Checkpoint& checkpoint,
                    const std::map<std::string, std::string>& metadata = {}) {
    std::vector<TensorSource> sources;
    for (const auto& [name, weights] : checkpoint)
      sources.push_back(float_source(name, weights.shape, weights.values));
    write_safetensors(path, sources, metadata);
  }

  // A model as far as this library looks at one.
  void write_model(const ModelConfig& config) {
    write(model_,
          {{"visual.x", constant({1}, 7)},
           {"audio.x", constant({1}, 7)},
           {"head.3.bias", constant({1}, 8)}},
          {{kConfigKey, config.to_json()}, {"licence", "of the model"}});
  }

  void refused(const std::filesystem::path& path, const std::string& field,
               const std::vector<std::string>& parts) {
    expect_file_error([&] { import_backbone(from_, to_, options_); }, path, field, parts);
    EXPECT_FALSE(std::filesystem::exists(to_));
  }

  // A whole tiny SeaFormer of mmsegmentation but for what `change` does to it is refused.
  void broken(const std::function<void(Checkpoint&)>& change, const std::string& name,
              const std::vector<std::string>& parts) {
    auto checkpoint = filled(seaformer_entries(Variant::kTiny), "backbone.", 0.5f);
    change(checkpoint);
    write(from_, checkpoint);
    refused(from_, "tensor \"" + name + "\"", parts);
  }

  TemporaryFolder folder_;
  std::filesystem::path from_ = folder_ / "from.safetensors", to_ = folder_ / "to.safetensors",
                        model_ = folder_ / "model.safetensors";
  ImportOptions options_;
};

TEST_F(ImportBackbone, SegmentationCheckpoint) {
  auto checkpoint = filled(seaformer_entries(Variant::kTiny), "module.backbone.", 0.25f);
  checkpoint["module.decode_head.conv_seg.bias"] = constant({150}, 1);
  checkpoint["module.backbone.smb1.stem_block.0.bn.num_batches_tracked"] = constant({}, 1);
  checkpoint["teacher.weight"] = constant({1}, 1);
  write(from_, checkpoint);
  const auto report = import_backbone(from_, to_, options_);
  EXPECT_EQ(report.variant, Variant::kTiny);
  EXPECT_EQ(report.used.size(), seaformer_entries(Variant::kTiny).size());
  std::map<std::string, std::string> ignored;
  for (const auto& i : report.ignored) ignored[i.name] = i.reason;
  EXPECT_EQ(
      ignored,
      (std::map<std::string, std::string>{
          {"module.decode_head.conv_seg.bias", "segmentation head"},
          {"module.backbone.smb1.stem_block.0.bn.num_batches_tracked", "counter of training steps"},
          {"teacher.weight", "no part of the backbone"}}));
  const auto file = SafetensorsFile::open(to_);
  EXPECT_EQ(file.tensors().size(), report.used.size());
  EXPECT_EQ(to_float(file, "visual.smb1.stem_block.0.c.weight"),
            std::vector<float>(16 * 27, 0.25f));
  EXPECT_EQ(file.metadata().at("imported.seaformer"), "from.safetensors");
}

TEST_F(ImportBackbone, EverySizeIsToldFromTheFile) {
  for (const auto variant : {Variant::kTiny, Variant::kSmall, Variant::kBase, Variant::kLarge}) {
    write(from_, filled(seaformer_entries(variant), "", 1));
    EXPECT_EQ(import_backbone(from_, to_, options_).variant, variant);
  }
}

TEST_F(ImportBackbone, PannsIntoAModel) {
  options_.as = ForeignBackbone::kPannsMobileNetV2;
  options_.into = model_;
  write_model({});
  auto checkpoint = filled(mobilenet_v2_entries(AudioState::kEmbedding), "", 0.5f);
  checkpoint["logmel_extractor.melW"] = constant({513, 64}, 1);
  checkpoint["fc_audioset.bias"] = constant({527}, 1);
  write(from_, checkpoint);
  EXPECT_EQ(import_backbone(from_, to_, options_).ignored.size(), 2u);
  const auto file = SafetensorsFile::open(to_);
  EXPECT_EQ(file.find("audio.x"), nullptr);
  EXPECT_EQ(to_float(file, "visual.x"), std::vector<float>{7});
  EXPECT_EQ(to_float(file, "head.3.bias"), std::vector<float>{8});
  EXPECT_EQ(to_float(file, "audio.fc1.bias"), std::vector<float>(1024, 0.5f));
  EXPECT_EQ(file.metadata().at("licence"), "of the model");
  EXPECT_EQ(read_model_config(file), ModelConfig());
}

TEST_F(ImportBackbone, PooledModelNeedsNoFc1) {
  options_.as = ForeignBackbone::kPannsMobileNetV2;
  options_.into = model_;
  ModelConfig config;
  config.audio_state = AudioState::kPooled;
  write_model(config);
  write(from_, filled(mobilenet_v2_entries(AudioState::kEmbedding), "", 0.5f));
  const auto report = import_backbone(from_, to_, options_);
  ASSERT_EQ(report.ignored.size(), 2u);
  EXPECT_NE(report.ignored[0].reason.find("before fc1"), std::string::npos);
}

TEST_F(ImportBackbone, ResNetIntoAModel) {
  options_.as = ForeignBackbone::kResNet50;
  options_.into = model_;
  ModelConfig config;
  config.visual_net = VisualNet::kResNet50;
  config.stages = {1, 2, 3, 4};
  write_model(config);
  auto checkpoint = filled(resnet50_entries(), "", 0.5f);
  checkpoint["fc.weight"] = constant({1000, 2048}, 1);
  write(from_, checkpoint);
  const auto report = import_backbone(from_, to_, options_);
  EXPECT_EQ(report.used.size(), resnet50_entries().size());
  ASSERT_EQ(report.ignored.size(), 1u);
  EXPECT_EQ(report.ignored[0].reason, "classifier of ImageNet");
  const auto file = SafetensorsFile::open(to_);
  EXPECT_EQ(to_float(file, "visual.layer4.2.bn3.bias"), std::vector<float>(2048, 0.5f));
  EXPECT_NE(file.find("audio.x"), nullptr);
  EXPECT_EQ(file.find("visual.x"), nullptr);
}

TEST_F(ImportBackbone, YamnetWithoutFactors) {
  options_.as = ForeignBackbone::kYamnet;
  auto checkpoint = filled(yamnet_entries(), "", 0.5f);
  checkpoint.erase("layer3.depthwise_conv.bn.weight");
  checkpoint["classifier.weight"] = constant({521, 1024}, 1);
  write(from_, checkpoint);
  EXPECT_EQ(import_backbone(from_, to_, options_).used.size(), yamnet_entries().size() - 1);
  const auto file = SafetensorsFile::open(to_);
  EXPECT_EQ(file.tensors().size(), yamnet_entries().size());
  EXPECT_EQ(to_float(file, "audio.layer3.depthwise_conv.bn.weight"), std::vector<float>(64, 1));
  checkpoint.erase("layer3.depthwise_conv.bn.running_var");
  write(from_, checkpoint);
  std::filesystem::remove(to_);
  refused(from_, "tensor \"layer3.depthwise_conv.bn.running_var\"", {"missing"});
}

TEST_F(ImportBackbone, YamnetWithFoldedNorms) {
  options_.as = ForeignBackbone::kYamnet;
  Checkpoint checkpoint;
  for (const auto& [name, shape] : yamnet_entries()) {
    const auto layer = name.substr(0, name.find(".conv.weight"));
    if (layer == name) continue;
    checkpoint[layer + ".weight"] = constant(shape, 0.25f);
    checkpoint[layer + ".bias"] = constant({shape[0]}, 3);
  }
  write(from_, checkpoint);
  const auto report = import_backbone(from_, to_, options_);
  EXPECT_EQ(report.used.size(), 2u * 27u);
  EXPECT_TRUE(report.ignored.empty());
  const auto file = SafetensorsFile::open(to_);
  EXPECT_EQ(file.tensors().size(), yamnet_entries().size());
  EXPECT_EQ(to_float(file, "audio.layer1.fused.conv.weight")[0], 0.25f);
  EXPECT_EQ(to_float(file, "audio.layer1.fused.bn.bias")[0], 3);
  EXPECT_EQ(to_float(file, "audio.layer1.fused.bn.running_mean")[0], 0);
  // With what the layer adds to it, a variance of one.
  EXPECT_EQ(to_float(file, "audio.layer1.fused.bn.running_var")[0] + 1e-4f, 1);
}

TEST_F(ImportBackbone, EveryBackboneHasAName) {
  std::vector<std::string> names;
  for (const auto backbone : all_foreign_backbones()) names.push_back(to_string(backbone));
  EXPECT_EQ(names, (std::vector<std::string>{"seaformer", "panns-mobilenetv2", "vggish", "yamnet",
                                             "resnet50"}));
}

TEST_F(ImportBackbone, ModelsOfOtherBackbones) {
  options_.into = model_;
  write_model({});
  const auto field = [](const char* name) { return std::string(kConfigKey) + "." + name; };
  write(from_, filled(yamnet_entries(), "", 1));
  options_.as = ForeignBackbone::kYamnet;
  refused(model_, field("audio_net"), {"is mobilenetv2", "of yamnet"});
  options_.as = ForeignBackbone::kVggish;
  refused(model_, field("audio_net"), {"is mobilenetv2", "of vggish"});
  options_.as = ForeignBackbone::kResNet50;
  refused(model_, field("visual_net"), {"is seaformer", "of resnet50"});
}

TEST_F(ImportBackbone, WrongEntries) {
  const std::string name = "backbone.smb1.layer1.conv.0.bn.running_var";
  broken([&](Checkpoint& c) { c[name].values[3] = -1; }, name, {"negative variance"});
  broken([&](Checkpoint& c) { c[name] = constant({17}, 1); }, name, {"[17]", "[16]", "tiny"});
  broken([&](Checkpoint& c) { c["smb1.layer1.conv.0.bn.running_var"] = c[name]; },
         "smb1.layer1.conv.0.bn.running_var", {"same as", name});
  broken([&](Checkpoint& c) { c["backbone.smb1.layer9.x"] = c[name]; }, "backbone.smb1.layer9.x",
         {"unknown to seaformer tiny"});
  broken(
      [&](Checkpoint& c) {
        c[name + "iance"] = c[name];
        c.erase(name);
      },
      "smb1.layer1.conv.0.bn.running_var", {"missing, and 0 more", "running_variance"});
  broken([&](Checkpoint& c) { c.erase("backbone.smb5.layer1.conv.4.c.weight"); },
         "smb5.layer1.conv.4.c.weight", {"no SeaFormer", "--as"});
  broken([&](Checkpoint& c) { c["backbone.smb5.layer1.conv.4.c.weight"] = constant({3}, 1); },
         "smb5.layer1.conv.4.c.weight", {"[3]", "no size"});
  options_.variant = Variant::kLarge;
  broken([](Checkpoint&) {}, "smb1.layer1.conv.4.bn.bias", {"missing", "--variant"});
}

TEST_F(ImportBackbone, WrongModels) {
  write(from_, filled(seaformer_entries(Variant::kTiny), "", 1));
  options_.into = model_;
  write(model_, {{"visual.x", constant({1}, 1)}});
  refused(model_, kConfigKey, {"not a LightAVSeg model"});
  write_model({});
  options_.variant = Variant::kTiny;
  refused(model_, std::string(kConfigKey) + ".variant", {"is large, but tiny"});
  options_.variant.reset();
  options_.as = ForeignBackbone::kPannsMobileNetV2;
  ModelConfig config;
  config.front_end = dsp::FrontEnd::kVggish;
  write_model(config);
  refused(model_, std::string(kConfigKey) + ".front_end", {"vggish", "panns-32k-from-16k"});
  options_.variant = Variant::kTiny;
  EXPECT_THROW(import_backbone(from_, to_, options_), ConfigError);
}

}  // namespace
}  // namespace lightavseg
