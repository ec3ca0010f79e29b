// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/seaformer.h"

#include <gtest/gtest.h>

#include "model/network/cost.h"

namespace lightavseg {
namespace {

struct Size {
  Variant variant;
  int64_t parameters;
  size_t entries;  // of a checkpoint, batch counters included
};

class SeaFormerSizes : public ::testing::TestWithParam<Size> {};

TEST_P(SeaFormerSizes, MatchThePublishedModels) {
  SeaFormer net(GetParam().variant);
  EXPECT_EQ(count_parameters(*net), GetParam().parameters);
  EXPECT_EQ(net->named_parameters().size() + net->named_buffers().size(), GetParam().entries);
}

INSTANTIATE_TEST_SUITE_P(All, SeaFormerSizes,
                         ::testing::Values(Size{Variant::kTiny, 1620096, 426},
                                           Size{Variant::kSmall, 3912656, 558},
                                           Size{Variant::kBase, 8485664, 690},
                                           Size{Variant::kLarge, 13725504, 762}));

TEST(SeaFormer, NamesAreThoseOfItsCheckpoints) {
  SeaFormer net(Variant::kLarge);
  const auto parameters = net->named_parameters();
  const auto shape = [&](const char* name) {
    const auto* p = parameters.find(name);
    return p ? p->sizes().vec() : std::vector<int64_t>{};
  };
  using Shape = std::vector<int64_t>;
  EXPECT_EQ(shape("smb1.stem_block.0.c.weight"), (Shape{32, 3, 3, 3}));
  EXPECT_EQ(shape("smb1.layer2.conv.2.c.weight"), (Shape{128, 1, 3, 3}));
  EXPECT_EQ(shape("smb5.layer1.conv.4.c.weight"), (Shape{320, 1536, 1, 1}));
  EXPECT_EQ(shape("trans2.transformer_blocks.1.attn.proj.1.c.weight"), (Shape{256, 320, 1, 1}));
  EXPECT_EQ(shape("trans3.transformer_blocks.2.attn.pos_emb_columnk.pos_embed"),
            (Shape{1, 192, 16}));
  EXPECT_EQ(shape("trans1.transformer_blocks.0.attn.proj_encode_row.1.bn.weight"), (Shape{256}));
  EXPECT_EQ(shape("trans1.transformer_blocks.0.mlp.dwconv.bias"), (Shape{384}));
  SeaFormer tiny(Variant::kTiny);
  const auto of_tiny = tiny->named_parameters();
  const auto* depthwise = of_tiny.find("smb1.layer1.conv.0.c.weight");
  ASSERT_NE(depthwise, nullptr);
  EXPECT_EQ(depthwise->sizes().vec(), (Shape{16, 1, 3, 3}));
}

TEST(SeaFormer, StagesHalveRoundingUpAtAnySize) {
  torch::NoGradGuard no_grad;
  SeaFormer net(Variant::kLarge);
  net->eval();
  const std::vector<std::array<int64_t, 3>> expected = {
      {64, 63, 84}, {128, 32, 42}, {192, 16, 21}, {256, 8, 11}, {320, 4, 6}};
  auto x = torch::zeros({1, 3, 250, 333});
  for (int s = 0; s < 5; ++s) {
    x = net->stage(s, x);
    EXPECT_EQ(x.sizes().vec(),
              (std::vector<int64_t>{1, expected[size_t(s)][0], expected[size_t(s)][1],
                                    expected[size_t(s)][2]}));
  }
}

TEST(SeaFormer, DropPathKeepsTheExpectation) {
  torch::manual_seed(3);
  SeaBlock block(16, 4, 2, 2, 0.5, std::make_shared<DropSource>());
  block->train();
  torch::NoGradGuard no_grad;
  // With all batch norms of the branches at zero gain both branches are exactly zero or dropped,
  // so only the skip remains, whatever is dropped.
  for (auto& p : block->named_parameters())
    if (p.key().find("bn.") != std::string::npos) p.value().zero_();
  const auto x = torch::randn({4, 16, 8, 8});
  EXPECT_TRUE(torch::allclose(block(x), x));
}

}  // namespace
}  // namespace lightavseg
