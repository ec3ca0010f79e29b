// SPDX-License-Identifier: LGPL-2.1-or-later
// Published weights of a backbone -> a safetensors file of ours.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/network/config.h"

namespace lightavseg {

enum class ForeignBackbone {
  kSeaFormer,         // fudan-zvg/SeaFormer, of mmsegmentation or ImageNet (timm)
  kPannsMobileNetV2,  // qiuqiangkong/audioset_tagging_cnn, MobileNetV2
  kVggish,            // OpenNLPLab/AVSBench, vggish-10086976.pth of harritaylor/torchvggish
  kYamnet,            // w-hc/torch_audioset; also with the norms folded into the convolutions
  kResNet50,          // pytorch/vision
};

/// "seaformer", "panns-mobilenetv2", "vggish", "yamnet", "resnet50".
std::string to_string(ForeignBackbone backbone);

/// All of them, in the order above.
std::vector<ForeignBackbone> all_foreign_backbones();

struct ImportOptions {
  ForeignBackbone as = ForeignBackbone::kSeaFormer;
  /// Size of SeaFormer. Nothing: that of `into`, else told from the widths in the file.
  std::optional<Variant> variant;
  /// A model file whose backbone is replaced; everything else of it is kept. Empty: the result
  /// holds the backbone alone, under `visual.` or `audio.`, and is no whole model.
  std::filesystem::path into;
};

struct ImportReport {
  struct Used {
    std::string from, to;  // names in the checkpoint and in the result
  };
  struct Ignored {
    std::string name, reason;
  };
  std::string dictionary;          // of the checkpoint; see ForeignCheckpoint::dictionary()
  std::optional<Variant> variant;  // of SeaFormer
  std::vector<Used> used;          // every entry of the backbone: none may be missing
  std::vector<Ignored> ignored;
};

/// Reads `checkpoint` and writes `out` atomically, weights as F32. Names lose their prefixes
/// `module.`, `backbone.`, and `visual.` or `audio.`, and must then match: each entry of the
/// backbone once, in its shape. Heads, classifiers, front ends and counters are ignored. Of YAMNet,
/// whose norms have no factors, `bn.weight` may be missing; where the norms are folded into
/// `NAME.weight` and `NAME.bias`, norms that change nothing but add the bias take their place.
///
/// Throws FileError naming the entry that is missing, twice there, unknown, of another shape, no
/// float, NaN, infinite or a negative variance; and where `into` is no model, has another backbone
/// or variant, or was made for other sound features than PANNs' at 32 kHz. `out` is untouched then.
/// Throws ConfigError where `variant` is given for another than SeaFormer.
ImportReport import_backbone(const std::filesystem::path& checkpoint,
                             const std::filesystem::path& out, const ImportOptions& options);

}  // namespace lightavseg
