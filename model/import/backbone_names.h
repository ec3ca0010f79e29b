// SPDX-License-Identifier: LGPL-2.1-or-later
// The entries of the backbones, by the names of their publishers, which are also ours.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/network/config.h"

namespace lightavseg {

/// Name -> shape of every weight and batch norm statistic, without "num_batches_tracked".
using EntryShapes = std::map<std::string, std::vector<int64_t>>;

/// SeaFormer as in fudan-zvg/SeaFormer (seaformer-seg/mmseg/models/backbones/seaformer.py).
EntryShapes seaformer_entries(Variant variant);

/// MobileNetV2 as in qiuqiangkong/audioset_tagging_cnn (pytorch/models.py) without its front end
/// and its tags. With kPooled there is no fc1.
EntryShapes mobilenet_v2_entries(AudioState state);

/// VGGish as in OpenNLPLab/AVSBench (avs_scripts/avs_s4/torchvggish).
EntryShapes vggish_entries();

/// YAMNet as in w-hc/torch_audioset (torch_audioset/yamnet/model.py) without its tags.
EntryShapes yamnet_entries();

/// ResNet-50 as in pytorch/vision (torchvision/models/resnet.py) without its classifier.
EntryShapes resnet50_entries();

}  // namespace lightavseg
