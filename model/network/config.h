// SPDX-License-Identifier: LGPL-2.1-or-later
// Everything that says which LightAVSeg network a set of weights belongs to.
//
// The structure travels as JSON in the metadata of a weight file (key "lightavseg.config"), so
// that a file alone is enough to build its network. Plain values only: copyable, no LibTorch.
#pragma once

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

#include "dsp/front_end.h"

namespace lightavseg {

// A configuration that no network can be built from. field() is the JSON name of what is wrong.
class ConfigError : public std::runtime_error {
 public:
  ConfigError(std::string field, const std::string& what)
      : std::runtime_error("configuration field '" + field + "': " + what),
        field_(std::move(field)) {}
  const std::string& field() const { return field_; }

 private:
  std::string field_;
};

// SeaFormer sizes (fudan-zvg/SeaFormer, local_configs/seaformer).
enum class Variant { kTiny, kSmall, kBase, kLarge };

// Visual network: SeaFormer, or ResNet-50 as in pytorch/vision, which has stages 1..4 only.
enum class VisualNet { kSeaFormer, kResNet50 };

// Audio network: MobileNetV2 of PANNs (qiuqiangkong/audioset_tagging_cnn), VGGish, YAMNet.
enum class AudioNet { kMobileNetV2, kVggish, kYamnet };

// What of the audio network is the global audio state A_0: its `embedding` (MobileNetV2: 1024
// values after fc1; VGGish: 128; YAMNet: 1024) or, of MobileNetV2 only, the 1280-d pooled trunk.
enum class AudioState { kEmbedding, kPooled };

// Spatial pooling that gives the visual vector of equations 2 and 5.
enum class Pooling { kMax, kAverage };

// What stands between the maps of the visual network and the logits.
//   kLightAvSeg   HAR, AGVE and CMFD: vectors only, so the cost grows with the number of pixels
//   kTpavi        AVSBench (Zhou et al., arXiv 2207.05042): every pixel of a scale attends to every
//                 other one
//   kAvSegFormer  AVSegFormer (Gao et al., arXiv 2307.01146): deformable
//                 attention, and queries made from the sound that attend to every pixel
// The other two are what the paper compares with. They take stages 1..4, and each frame alone.
enum class Interaction { kLightAvSeg, kTpavi, kAvSegFormer };

// What the channels of the logits mean.
//   kMask            1 channel: is this pixel part of a sounding object (sigmoid)
//   kSemantic        K channels: class of the sounding object, channel 0 is background (softmax)
//   kMaskAndClasses  1 + K channels: channel 0 as in kMask; channels 1..K say of which of the K
//                    classes (0 is background) the pixel is, sounding or not (softmax)
enum class Head { kMask, kSemantic, kMaskAndClasses };

std::string to_string(Variant v);
std::string to_string(VisualNet v);
std::string to_string(AudioNet v);
std::string to_string(AudioState v);
std::string to_string(Pooling v);
std::string to_string(Interaction v);
std::string to_string(Head v);
// The inverse of to_string; throws ConfigError listing the valid names.
Variant variant_from_string(const std::string& name);
VisualNet visual_net_from_string(const std::string& name);
AudioNet audio_net_from_string(const std::string& name);
Interaction interaction_from_string(const std::string& name);

// What a network was trained on: of MobileNetV2 the one that the paper's 16 kHz asks for.
dsp::FrontEnd usual_front_end(AudioNet net);

struct ModelConfig {
  // Version of the layout of names and fields in a weight file. Readers refuse others.
  static constexpr int kVersion = 1;

  VisualNet visual_net = VisualNet::kSeaFormer;
  Variant variant = Variant::kLarge;  // of SeaFormer; stays so with another network
  // Encoder stages with HAR and AGVE, which are also the decoder levels: increasing, within 1..5
  // (strides 4, 8, 16, 32, 64), with ResNet-50 within 1..4; at least two.
  std::vector<int> stages = {1, 2, 3, 4, 5};
  AudioNet audio_net = AudioNet::kMobileNetV2;
  AudioState audio_state = AudioState::kEmbedding;
  // Features the audio network was trained on; another front end gives another network. VGGish and
  // YAMNet have one each.
  dsp::FrontEnd front_end = dsp::FrontEnd::kPanns32kFrom16k;

  Interaction interaction = Interaction::kLightAvSeg;
  // Of LightAVSeg; the other interactions need them as they are here, up to class_gate.
  bool har = true;   // eq. 2: states refined stage by stage; off: A_i = W_a(A_0), no visual gate
  bool agve = true;  // eq. 3: the state is added to the features; off: features stay visual
  bool cmfd = true;  // eqs. 4-6; off: a purely visual top-down decoder
  Pooling pooling = Pooling::kMax;
  int embed_width = 0;  // E of eq. 4; 0 is 2 C_4 of SeaFormer, and 512 with ResNet-50
  int refine = 2;       // decoder levels below the head with a depthwise refinement, 0..4
  // The cosine of eq. 7 at the finest level as one more input channel of the head. The paper uses
  // it in the loss only.
  bool head_similarity = false;
  // Only with kMaskAndClasses, and not the paper's: the mask logit of a pixel is raised by how
  // likely its class is among what is heard, sum over k of p_k(pixel) * s_k(A_0), where p is the
  // softmax of the class channels and s a linear map of the audio state. Names who is meant where
  // two objects are equally easy to see.
  bool class_gate = false;
  // Ours: the class channels of the head are a sum with 1x1 classifiers of the three coarsest
  // visual maps. The head's own, at a quarter of the frame, are a map of stage_channels()[0]
  // numbers a pixel: enough to say where something is, too few to name forty classes.
  bool class_pyramid = false;

  Head head = Head::kMask;
  // kMask: empty or {"sounding"}. Otherwise K names, the first is "background".
  std::vector<std::string> class_names;

  // Size the network was trained at, pixels; the recommended size, not a limit.
  int train_height = 224;
  int train_width = 224;

  // Channels of the logits.
  int logit_channels() const;
  // Channels of stage outputs at strides 4..64; 0 where there is no such stage.
  std::array<int, 5> stage_channels() const;
  int embed_channels() const;
  int audio_channels() const;

  // Throws ConfigError naming the field.
  void validate() const;

  std::string to_json() const;
  // Throws ConfigError naming the field that is missing, unknown, of the wrong type or out of
  // range.
  static ModelConfig from_json(const std::string& text);

  bool operator==(const ModelConfig& other) const { return to_json() == other.to_json(); }
};

}  // namespace lightavseg
