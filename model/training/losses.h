// SPDX-License-Identifier: LGPL-2.1-or-later
// The losses of LightAVSeg (arXiv 2605.08805, equations 1 and 7 to 10) and the two rivals of its
// Table 5. All take half-precision inputs under autocast and compute in float32 inside (float64
// inputs stay float64); all return scalars connected to the graph, 0 where nothing is annotated.
// Every function throws LossError when shapes do not fit. Thread-safe: there is no state.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "model/network/lightavseg.h"
#include "model/training/loss_support.h"

namespace lightavseg {

// What a batch should look like.
struct MaskTarget {
  torch::Tensor mask;  // [B, K, H, W] in 0..1, of any type
  // Which pixels count, everything if undefined: [B] for whole frames (frames without annotation
  // are 0) or [B, 1, H, W] (ignored pixels are 0).
  torch::Tensor valid = {};
};

// ---- binary masks ------------------------------------------------------------------------------

struct DiceOptions {
  // Dice is constant for an empty mask and teaches nothing there; counting such frames only scales
  // the others down. AVSegFormer counts them.
  bool only_non_empty = false;
  double smoothing = 0.001;  // added to both sums of squares
};

// Per frame 1 - 2 sum(p g) / (sum(p^2) + s + sum(g^2) + s) with p = sigmoid(logits) over all
// channels and counted pixels, then the mean over frames with a counted pixel. The form of
// vvvb-github/AVSegFormer, scripts/*/loss.py. logits: [B, K, H, W].
torch::Tensor dice_loss(const torch::Tensor& logits, const MaskTarget& target,
                        const DiceOptions& options = {});

// Binary cross-entropy on logits [B, K, H, W], mean over channels and counted pixels.
torch::Tensor bce_loss(const torch::Tensor& logits, const MaskTarget& target);

struct SegmentationLossOptions {
  double dice_weight = 1;
  double bce_weight = 1;
  DiceOptions dice = {};
};

struct SegmentationLoss {
  torch::Tensor total;  // weighted sum, the one to differentiate
  torch::Tensor dice;
  torch::Tensor pixel;  // binary or categorical cross-entropy
};

// Equation 1.
SegmentationLoss segmentation_loss(const torch::Tensor& logits, const MaskTarget& target,
                                   const SegmentationLossOptions& options = {});

// ---- one class per pixel -----------------------------------------------------------------------

struct SemanticLossOptions {
  double dice_weight = 1;
  double cross_entropy_weight = 1;
  DiceOptions dice = {};
  int64_t ignore_label = 255;  // pixels with this label do not count
};

// Logit of "not class 0" for logits [B, K, H, W], [B, 1, H, W]; its sigmoid is 1 - softmax_0.
torch::Tensor foreground_logits(const torch::Tensor& logits);

// Cross-entropy over the classes plus dice of the foreground probability against "label is not 0".
// logits: [B, K, H, W], K at least 2. labels: [B, H, W], integers in 0..K-1 or the ignore label.
// valid: as MaskTarget::valid. Cross-entropy is what AVSBench and AVSegFormer train AVSS with; the
// dice is the paper's, on the only mask it can mean there.
SegmentationLoss semantic_loss(const torch::Tensor& logits, const torch::Tensor& labels,
                               const SemanticLossOptions& options = {},
                               const torch::Tensor& valid = {});

// Cross-entropy of maps that are coarser than their labels: a label is read at the centre of each
// cell. logits: [B, K, h, w]. labels: [B, H, W], integers in 0..K-1 or 255, which does not count.
// balance, 0..1: a cell counts by the cells of its class in its picture to the power of -balance,
// so that with 1 every object counts the same, however small.
torch::Tensor class_loss(const torch::Tensor& logits, const torch::Tensor& labels,
                         double balance = 0);

// ---- alignment ---------------------------------------------------------------------------------

struct AlignmentOptions {
  double temperature = 0.1;  // tau of equation 8
  // Vectors shorter than this have no direction: their cosine is 0 and they get no gradient. The
  // audio state can be all zero behind its ReLU and gate.
  double shortest_norm = 1e-6;
  double clamp = 1e-6;  // probabilities are kept this far from 0 and 1 before the logarithm
};

// Equations 7 and 8: sigmoid(cosine / tau) of every pixel, [B, 1, h, w]. One audio state may serve
// the whole batch.
torch::Tensor alignment_map(const AlignedPair& pair, const AlignmentOptions& options = {});

// Equation 9: the mean over the pairs of the binary cross-entropy between the map, resized as a
// probability, and the mask [B, 1, H, W]. 0 without pairs.
torch::Tensor alignment_loss(const std::vector<AlignedPair>& pairs, const MaskTarget& target,
                             const AlignmentOptions& options = {});

// ---- the rivals of Table 5 ---------------------------------------------------------------------

struct KlAlignmentOptions {
  bool normalise = true;  // bring both vectors to length 1 before the softmax
  // The published code adds the frames of a batch up, so the loss grows with the batch size; false
  // averages them.
  bool sum_over_frames = true;
};

// The audio-visual matching of OpenNLPLab/AVSBench (avs_scripts/avs_ms3/loss.py): visual features
// averaged under the sigmoid of the predicted logits, then KL(softmax(audio) || softmax(visual)),
// mean over the pairs. logits: [B, 1, H, W], of a semantic model its foreground_logits().
// valid: as MaskTarget::valid; only whole frames are told apart.
torch::Tensor kl_alignment_loss(const std::vector<AlignedPair>& pairs, const torch::Tensor& logits,
                                const KlAlignmentOptions& options = {},
                                const torch::Tensor& valid = {});

// The mix loss of vvvb-github/AVSegFormer: the channel mean of a feature map [B, C, h, w], resized
// to the mask and read as logits, against the mask [B, 1, H, W] by dice.
torch::Tensor mix_loss(const torch::Tensor& features, const MaskTarget& target,
                       const DiceOptions& options = {});

}  // namespace lightavseg
