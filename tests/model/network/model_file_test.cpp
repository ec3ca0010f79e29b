// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/model_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "model/files/file_error.h"
#include "tests/model/files/temporary_folder.h"
#include "tests/model/network/golden_fill.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

class ModelFile : public ::testing::Test {
 protected:
  void SetUp() override {
    config_.variant = Variant::kTiny;
    network_ = LightAVSeg(config_);
    testing::golden_fill(*network_);
    network_->eval();
    tensors_ = named_state(*network_);
    metadata_ = {{kConfigKey, config_.to_json()}};
  }

  // Writes tensors_ and metadata_, loads them and returns the field of the error.
  std::string field_of_error() {
    write_tensors(path_, tensors_, metadata_);
    try {
      load_model(path_);
    } catch (const FileError& error) {
      EXPECT_EQ(error.path(), path_);
      EXPECT_NE(std::string(error.what()).find(path_.string()), std::string::npos);
      text_ = error.what();
      return error.field();
    }
    return "(none)";
  }

  torch::Tensor logits(LightAVSeg& network) {
    torch::NoGradGuard no_grad;
    return network
        ->forward(testing::hash_tensor("frames", {1, 3, 64, 64}).to(torch::kFloat32),
                  testing::hash_tensor("logmel", {1, 1, 101, 64}).to(torch::kFloat32))
        .logits;
  }

  TemporaryFolder folder_;
  const fs::path path_ = folder_ / "model.safetensors";
  ModelConfig config_;
  LightAVSeg network_{nullptr};
  std::map<std::string, torch::Tensor> tensors_;
  Metadata metadata_;
  std::string text_;
};

TEST_F(ModelFile, FullPrecisionIsExact) {
  save_model(path_, network_, Storage::kFloat32, {{"licence", "LGPL-2.1-or-later"}});
  Metadata metadata;
  auto back = load_model(path_, &metadata);
  EXPECT_EQ(back->config(), config_);
  EXPECT_EQ(metadata["licence"], "LGPL-2.1-or-later");
  EXPECT_FALSE(back->is_training());
  for (const auto& [name, tensor] : named_state(*back))
    EXPECT_TRUE(torch::equal(tensor, tensors_[name])) << name;
  EXPECT_TRUE(torch::equal(logits(back), logits(network_)));
}

TEST_F(ModelFile, HalfPrecisionIsHalfTheSizeAndClose) {
  save_model(path_, network_, Storage::kFloat32);
  const auto full = fs::file_size(path_);
  save_model(path_, network_, Storage::kFloat16);
  EXPECT_LT(fs::file_size(path_), full * 52 / 100);
  auto back = load_model(path_);
  const auto expected = logits(network_);
  EXPECT_LT((logits(back) - expected).abs().max().item<float>(),
            0.01f * expected.abs().max().item<float>());
}

TEST_F(ModelFile, WritingTwiceGivesTheSameBytes) {
  const auto bytes = [&] {
    save_model(path_, network_, Storage::kFloat16);
    std::ifstream in(path_, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  EXPECT_EQ(bytes(), bytes());
}

TEST_F(ModelFile, BatchCountersAreIgnored) {
  tensors_["visual.smb1.stem_block.0.bn.num_batches_tracked"] = torch::zeros({}, torch::kInt64);
  EXPECT_EQ(field_of_error(), "(none)");
}

TEST_F(ModelFile, OtherFloatTypesAreRead) {
  tensors_["fp64"] = torch::Tensor();
  tensors_.erase("fp64");
  tensors_["head.3.bias"] = tensors_["head.3.bias"].to(torch::kFloat64);
  tensors_["head.3.weight"] = tensors_["head.3.weight"].to(torch::kBFloat16);
  EXPECT_EQ(field_of_error(), "(none)");
}

TEST_F(ModelFile, MissingTensorIsNamed) {
  tensors_.erase("har.2.conv_v.bias");
  EXPECT_EQ(field_of_error(), "har.2.conv_v.bias");
}

TEST_F(ModelFile, UnknownTensorIsNamed) {
  tensors_["visual.smb9.weight"] = torch::zeros({1});
  EXPECT_EQ(field_of_error(), "visual.smb9.weight");
}

TEST_F(ModelFile, WrongShapeIsNamedWithBoth) {
  tensors_["head.3.weight"] = torch::zeros({1, 17, 1, 1});
  EXPECT_EQ(field_of_error(), "head.3.weight");
  EXPECT_NE(text_.find("[1, 17, 1, 1]"), std::string::npos);
  EXPECT_NE(text_.find("[1, 16, 1, 1]"), std::string::npos);
}

TEST_F(ModelFile, IntegersAreNoWeights) {
  tensors_["head.3.bias"] = torch::zeros({1}, torch::kInt32);
  EXPECT_EQ(field_of_error(), "head.3.bias");
}

TEST_F(ModelFile, NanIsNamedAndLeavesTheNetworkAlone) {
  tensors_["up.1.bn.running_mean"] = tensors_["up.1.bn.running_mean"].clone();
  tensors_["up.1.bn.running_mean"][3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(field_of_error(), "up.1.bn.running_mean");

  LightAVSeg other(config_);
  const auto before = other->named_parameters()["har.0.conv_a.weight"].clone();
  EXPECT_THROW(load_weights(SafetensorsFile::open(path_), *other), FileError);
  EXPECT_TRUE(torch::equal(before, other->named_parameters()["har.0.conv_a.weight"]));
}

TEST_F(ModelFile, InfinityAndNegativeVarianceAreNamed) {
  const auto good = tensors_["up.0.bn.running_var"];
  tensors_["up.0.bn.running_var"] = -good;
  EXPECT_EQ(field_of_error(), "up.0.bn.running_var");
  tensors_["up.0.bn.running_var"] = good * std::numeric_limits<float>::infinity();
  EXPECT_EQ(field_of_error(), "up.0.bn.running_var");
}

TEST_F(ModelFile, ConfigurationIsNeededAndChecked) {
  metadata_.clear();
  EXPECT_EQ(field_of_error(), kConfigKey);
  metadata_[kConfigKey] = "not json";
  EXPECT_EQ(field_of_error(), std::string(kConfigKey) + ".(all)");
  auto object = nlohmann::json::parse(config_.to_json());
  object["version"] = 99;
  metadata_[kConfigKey] = object.dump();
  EXPECT_EQ(field_of_error(), std::string(kConfigKey) + ".version");
}

TEST_F(ModelFile, ConfigurationOfAnotherVariantDoesNotFit) {
  auto other = config_;
  other.variant = Variant::kBase;
  metadata_[kConfigKey] = other.to_json();
  EXPECT_NE(field_of_error(), "(none)");
}

TEST_F(ModelFile, SavingRefusesWhatCouldNotBeRead) {
  save_model(path_, network_, Storage::kFloat32);
  torch::NoGradGuard no_grad;
  network_->named_parameters()["head.3.bias"].fill_(1e6);
  EXPECT_THROW(save_model(path_, network_, Storage::kFloat16), FileError);
  network_->named_parameters()["head.3.bias"].fill_(std::numeric_limits<float>::quiet_NaN());
  EXPECT_THROW(save_model(path_, network_, Storage::kFloat32), FileError);
  EXPECT_NO_THROW(load_model(path_));  // the file of the first save is still there
}

}  // namespace
}  // namespace lightavseg
