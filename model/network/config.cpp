// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

namespace lightavseg {
namespace {

using nlohmann::json;

template <class E>
using Names = std::vector<std::pair<E, const char*>>;

const Names<Variant> kVariants = {{Variant::kTiny, "tiny"},
                                  {Variant::kSmall, "small"},
                                  {Variant::kBase, "base"},
                                  {Variant::kLarge, "large"}};
const Names<VisualNet> kVisualNets = {{VisualNet::kSeaFormer, "seaformer"},
                                      {VisualNet::kResNet50, "resnet50"}};
const Names<AudioNet> kAudioNets = {{AudioNet::kMobileNetV2, "mobilenetv2"},
                                    {AudioNet::kVggish, "vggish"},
                                    {AudioNet::kYamnet, "yamnet"}};
const Names<AudioState> kAudioStates = {{AudioState::kEmbedding, "embedding"},
                                        {AudioState::kPooled, "pooled"}};
const Names<Pooling> kPoolings = {{Pooling::kMax, "max"}, {Pooling::kAverage, "average"}};
const Names<Interaction> kInteractions = {{Interaction::kLightAvSeg, "lightavseg"},
                                          {Interaction::kTpavi, "tpavi"},
                                          {Interaction::kAvSegFormer, "avsegformer"}};
const Names<Head> kHeads = {
    {Head::kMask, "mask"}, {Head::kSemantic, "semantic"}, {Head::kMaskAndClasses, "mask+classes"}};

template <class E>
std::string name_of(const Names<E>& names, E value) {
  for (const auto& [v, n] : names)
    if (v == value) return n;
  return "?";
}

template <class E>
E value_of(const Names<E>& names, const std::string& field, const std::string& name) {
  std::vector<std::string> valid;
  for (const auto& [v, n] : names) {
    if (name == n) return v;
    valid.emplace_back(n);
  }
  throw ConfigError(field, fmt::format("'{}' is not one of {}", name, fmt::join(valid, ", ")));
}

// Reads one field and remembers its name, so that unknown ones can be told afterwards.
class Fields {
 public:
  explicit Fields(const json& object) : object_(object) {}

  template <class T>
  T get(const char* name) {
    seen_.insert(name);
    const auto it = object_.find(name);
    if (it == object_.end()) throw ConfigError(name, "is missing");
    try {
      // nlohmann converts 1.5 to 1 and true to 1 without a word; a file that says so is wrong.
      if constexpr (std::is_same_v<T, int>)
        if (!it->is_number_integer()) throw ConfigError(name, "must be an integer");
      if constexpr (std::is_same_v<T, bool>)
        if (!it->is_boolean()) throw ConfigError(name, "must be true or false");
      if constexpr (std::is_same_v<T, std::vector<int>>)
        for (const auto& v : *it)
          if (!v.is_number_integer()) throw ConfigError(name, "must be a list of integers");
      return it->template get<T>();
    } catch (const json::exception&) {
      throw ConfigError(name, fmt::format("has the wrong type (found {})", it->type_name()));
    }
  }

  bool has(const char* name) const { return object_.contains(name); }

  void refuse_others() const {
    for (const auto& [name, value] : object_.items())
      if (!seen_.count(name))
        throw ConfigError(name, "is unknown to this version; a newer lightavseg may read the file");
  }

 private:
  const json& object_;
  std::set<std::string> seen_;
};

}  // namespace

std::string to_string(Variant v) {
  return name_of(kVariants, v);
}
std::string to_string(VisualNet v) {
  return name_of(kVisualNets, v);
}
std::string to_string(AudioNet v) {
  return name_of(kAudioNets, v);
}
std::string to_string(AudioState v) {
  return name_of(kAudioStates, v);
}
std::string to_string(Pooling v) {
  return name_of(kPoolings, v);
}
std::string to_string(Interaction v) {
  return name_of(kInteractions, v);
}
std::string to_string(Head v) {
  return name_of(kHeads, v);
}
Variant variant_from_string(const std::string& name) {
  return value_of(kVariants, "variant", name);
}
VisualNet visual_net_from_string(const std::string& name) {
  return value_of(kVisualNets, "visual_net", name);
}
AudioNet audio_net_from_string(const std::string& name) {
  return value_of(kAudioNets, "audio_net", name);
}
Interaction interaction_from_string(const std::string& name) {
  return value_of(kInteractions, "interaction", name);
}

dsp::FrontEnd usual_front_end(AudioNet net) {
  switch (net) {
    case AudioNet::kVggish:
      return dsp::FrontEnd::kVggish;
    case AudioNet::kYamnet:
      return dsp::FrontEnd::kYamnet;
    case AudioNet::kMobileNetV2:
      break;
  }
  return dsp::FrontEnd::kPanns32kFrom16k;
}

int ModelConfig::logit_channels() const {
  const int classes = static_cast<int>(class_names.size());
  switch (head) {
    case Head::kMask:
      return 1;
    case Head::kSemantic:
      return classes;
    case Head::kMaskAndClasses:
      return 1 + classes;
  }
  return 1;
}

std::array<int, 5> ModelConfig::stage_channels() const {
  if (visual_net == VisualNet::kResNet50) return {256, 512, 1024, 2048, 0};
  switch (variant) {
    case Variant::kTiny:
      return {16, 32, 64, 128, 160};
    case Variant::kSmall:
      return {24, 48, 96, 160, 192};
    case Variant::kBase:
      return {32, 64, 128, 192, 256};
    case Variant::kLarge:
      break;
  }
  return {64, 128, 192, 256, 320};
}

int ModelConfig::embed_channels() const {
  if (embed_width > 0) return embed_width;
  // Twice the 2048 channels would make the decoder larger than the backbone; this is what the
  // large SeaFormer gets.
  return visual_net == VisualNet::kResNet50 ? 512 : 2 * stage_channels()[3];
}

int ModelConfig::audio_channels() const {
  switch (audio_net) {
    case AudioNet::kVggish:
      return 128;
    case AudioNet::kYamnet:
      return 1024;
    case AudioNet::kMobileNetV2:
      break;
  }
  return audio_state == AudioState::kEmbedding ? 1024 : 1280;
}

void ModelConfig::validate() const {
  if (stages.size() < 2) throw ConfigError("stages", "needs at least two of 1..5");
  for (size_t i = 0; i < stages.size(); ++i) {
    if (stages[i] < 1 || stages[i] > 5)
      throw ConfigError("stages", fmt::format("{} is outside 1..5", stages[i]));
    if (i > 0 && stages[i] <= stages[i - 1])
      throw ConfigError("stages", fmt::format("must increase, found {}", fmt::join(stages, ", ")));
  }
  if (visual_net == VisualNet::kResNet50) {
    if (stages.back() > 4) throw ConfigError("stages", "5 is outside 1..4, all that resnet50 has");
    if (variant != Variant::kLarge)
      throw ConfigError("variant", "is a size of seaformer; with resnet50 it must be \"large\"");
  }
  if (audio_net != AudioNet::kMobileNetV2) {
    if (audio_state != AudioState::kEmbedding)
      throw ConfigError("audio_state", fmt::format("must be \"embedding\" with the audio net {}",
                                                   to_string(audio_net)));
    if (front_end != usual_front_end(audio_net))
      throw ConfigError("front_end", fmt::format("is {}, but the audio net {} needs {}",
                                                 dsp::to_string(front_end), to_string(audio_net),
                                                 dsp::to_string(usual_front_end(audio_net))));
  }
  if (embed_width < 0 || embed_width > 8192)
    throw ConfigError("embed_width", fmt::format("{} is outside 0..8192", embed_width));
  if (refine < 0 || refine > 4)
    throw ConfigError("refine", fmt::format("{} is outside 0..4", refine));
  if (train_height < 32 || train_height > 8192)
    throw ConfigError("train_height", fmt::format("{} is outside 32..8192", train_height));
  if (train_width < 32 || train_width > 8192)
    throw ConfigError("train_width", fmt::format("{} is outside 32..8192", train_width));
  if (interaction != Interaction::kLightAvSeg) {
    const auto with = " with the interaction " + to_string(interaction);
    if (stages != std::vector<int>{1, 2, 3, 4})
      throw ConfigError(
          "stages", fmt::format("must be 1, 2, 3, 4{}, found {}", with, fmt::join(stages, ", ")));
    using Switches = std::initializer_list<std::pair<const char*, bool>>;
    for (const auto& [field, on] : Switches{{"har", har}, {"agve", agve}, {"cmfd", cmfd}})
      if (!on) throw ConfigError(field, "is a part of lightavseg; it must be true" + with);
    for (const auto& [field, on] :
         Switches{{"head_similarity", head_similarity}, {"class_pyramid", class_pyramid}})
      if (on) throw ConfigError(field, "is a part of lightavseg; it must be false" + with);
  }
  if (head_similarity && !agve && !cmfd)
    throw ConfigError("head_similarity",
                      "needs agve or cmfd: without them no level has an audio state");
  if (class_gate && head != Head::kMaskAndClasses)
    throw ConfigError("class_gate", "needs head \"mask+classes\": it weighs classes");
  if (class_pyramid && head != Head::kMaskAndClasses)
    throw ConfigError("class_pyramid", "needs head \"mask+classes\": it names classes");
  if (head == Head::kMask) {
    if (class_names.size() > 1)
      throw ConfigError("class_names", "a mask model has no classes; use head \"mask+classes\"");
  } else {
    if (class_names.size() < 2 || class_names.size() > 1024)
      throw ConfigError(
          "class_names",
          fmt::format("{} names, needs 2..1024 with \"background\" first", class_names.size()));
    if (class_names[0] != "background")
      throw ConfigError("class_names", fmt::format("the first must be \"background\", found \"{}\"",
                                                   class_names[0]));
    std::set<std::string> unique;
    for (const auto& name : class_names) {
      if (name.empty()) throw ConfigError("class_names", "holds an empty name");
      if (!unique.insert(name).second)
        throw ConfigError("class_names", fmt::format("\"{}\" stands there twice", name));
    }
  }
}

std::string ModelConfig::to_json() const {
  json object = {
      {"version", kVersion},
      {"variant", to_string(variant)},
      {"stages", stages},
      {"audio_net", to_string(audio_net)},
      {"audio_state", to_string(audio_state)},
      {"front_end", dsp::to_string(front_end)},
      {"har", har},
      {"agve", agve},
      {"cmfd", cmfd},
      {"pooling", to_string(pooling)},
      {"embed_width", embed_width},
      {"refine", refine},
      {"head_similarity", head_similarity},
      {"head", to_string(head)},
      {"class_names", class_names},
      {"train_height", train_height},
      {"train_width", train_width},
  };
  // Absent where it is off, so that such files can be read by versions that do not know it.
  if (visual_net != VisualNet::kSeaFormer) object["visual_net"] = to_string(visual_net);
  if (interaction != Interaction::kLightAvSeg) object["interaction"] = to_string(interaction);
  if (class_gate) object["class_gate"] = true;
  if (class_pyramid) object["class_pyramid"] = true;
  return object.dump();
}

ModelConfig ModelConfig::from_json(const std::string& text) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (object.is_discarded()) throw ConfigError("(all)", "is not valid JSON");
  if (!object.is_object()) throw ConfigError("(all)", "is not a JSON object");
  Fields fields(object);
  const int version = fields.get<int>("version");
  if (version != kVersion)
    throw ConfigError("version", fmt::format("{} cannot be read, this lightavseg reads {}", version,
                                             int(kVersion)));
  ModelConfig c;
  if (fields.has("visual_net"))
    c.visual_net = value_of(kVisualNets, "visual_net", fields.get<std::string>("visual_net"));
  if (fields.has("interaction"))
    c.interaction = value_of(kInteractions, "interaction", fields.get<std::string>("interaction"));
  c.variant = value_of(kVariants, "variant", fields.get<std::string>("variant"));
  c.stages = fields.get<std::vector<int>>("stages");
  c.audio_net = value_of(kAudioNets, "audio_net", fields.get<std::string>("audio_net"));
  c.audio_state = value_of(kAudioStates, "audio_state", fields.get<std::string>("audio_state"));
  try {
    c.front_end = dsp::front_end_from_string(fields.get<std::string>("front_end"));
  } catch (const ConfigError&) {
    throw;
  } catch (const std::exception& error) {
    throw ConfigError("front_end", error.what());
  }
  c.har = fields.get<bool>("har");
  c.agve = fields.get<bool>("agve");
  c.cmfd = fields.get<bool>("cmfd");
  c.pooling = value_of(kPoolings, "pooling", fields.get<std::string>("pooling"));
  c.embed_width = fields.get<int>("embed_width");
  c.refine = fields.get<int>("refine");
  c.head_similarity = fields.get<bool>("head_similarity");
  if (fields.has("class_gate")) c.class_gate = fields.get<bool>("class_gate");
  if (fields.has("class_pyramid")) c.class_pyramid = fields.get<bool>("class_pyramid");
  c.head = value_of(kHeads, "head", fields.get<std::string>("head"));
  c.class_names = fields.get<std::vector<std::string>>("class_names");
  c.train_height = fields.get<int>("train_height");
  c.train_width = fields.get<int>("train_width");
  fields.refuse_others();
  c.validate();
  return c;
}

}  // namespace lightavseg
