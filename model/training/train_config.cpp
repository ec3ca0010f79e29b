// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/train_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <set>
#include <sstream>

#include "dsp/front_end.h"
#include "model/training/toml_section.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;
using Section = TomlSection;

void read_scenes(Section s, SceneOptions& o) {
  s.read("pairs", o.pairs);
  for (auto [key, value] : std::initializer_list<std::pair<const char*, double*>>{
           {"photograph", &o.photograph},
           {"plain_photograph", &o.plain_photograph},
           {"pool", &o.pool},
           {"on_photograph", &o.on_photograph},
           {"side_by_side", &o.side_by_side},
           {"flat_background", &o.flat_background},
           {"base_is_person", &o.base_is_person},
           {"held", &o.held},
           {"two_objects", &o.two_objects},
           {"three_objects", &o.three_objects},
           {"from_cutout", &o.from_cutout},
           {"distractor", &o.distractor},
           {"squeezed", &o.squeezed},
           {"min_visible", &o.min_visible},
           {"one_visible", &o.one_visible},
           {"two_visible", &o.two_visible},
           {"absent", &o.absent},
           {"other", &o.other},
           {"silence", &o.silence},
           {"confusable", &o.confusable},
           {"absent_beside", &o.absent_beside},
           {"two_sounds", &o.two_sounds},
           {"only_noise", &o.only_noise}})
    s.read_within(key, 0, 1, *value);
  s.read_within("object_scale", 0.5, 2, o.object_scale);
  auto crop = s.table("crop");
  crop.read_within("min_area", 0.01, 1, o.crop.min_area);
  crop.read_within("max_area", 0.01, 1, o.crop.max_area);
  crop.read_within("flip", 0, 1, o.crop.flip);
  crop.refuse_others();
  auto image = s.table("image");
  for (const auto& [key, value] : std::initializer_list<std::pair<const char*, double*>>{
           {"colour", &o.image.colour},
           {"strength", &o.image.strength},
           {"grey", &o.image.grey},
           {"blur", &o.image.blur},
           {"motion_blur", &o.image.motion_blur},
           {"rescale", &o.image.rescale},
           {"noise", &o.image.noise},
           {"jpeg", &o.image.jpeg},
       })
    image.read_within(key, 0, 1, *value);
  image.refuse_others();
  s.refuse_others();
}

void read_loss(Section s, LossWeights& w) {
  for (auto [key, value] :
       std::initializer_list<std::pair<const char*, double*>>{{"bce", &w.bce},
                                                              {"dice", &w.dice},
                                                              {"align", &w.align},
                                                              {"kl_align", &w.kl_align},
                                                              {"mix", &w.mix},
                                                              {"classes", &w.classes},
                                                              {"class_balance", &w.class_balance},
                                                              {"side_classes", &w.side_classes},
                                                              {"image_classes", &w.image_classes},
                                                              {"sound_classes", &w.sound_classes},
                                                              {"gate_classes", &w.gate_classes},
                                                              {"teacher_mask", &w.teacher_mask},
                                                              {"teacher_audio", &w.teacher_audio}})
    s.read_within(key, 0, 1e6, *value);
  s.refuse_others();
}

DistillConfig read_distill(Section s, const std::vector<TeacherConfig>& teachers) {
  DistillConfig d;
  s.read("teacher", d.teacher);
  bool known = false;
  for (const auto& t : teachers) known |= t.name == d.teacher;
  if (!known) s.wrong("teacher", fmt::format("'{}' is no [[teacher]] of this file", d.teacher));
  s.read("output", d.output);
  if (d.output.empty()) s.wrong("output", "is missing: the key of the teacher's dictionary");
  s.read("student", d.student);
  s.read("loss", d.loss);
  const std::set<std::string> losses = {"mse", "cosine", "smooth-l1", "scores", "kl"};
  if (!losses.count(d.loss))
    s.wrong("loss", fmt::format("'{}' is not one of {}", d.loss, fmt::join(losses, ", ")));
  static const std::set<std::string> places = {"audio",     "visual.1",  "visual.2",  "visual.3",
                                               "visual.4",  "visual.5",  "decoded.1", "decoded.2",
                                               "decoded.3", "decoded.4", "decoded.5"};
  if (!places.count(d.student))
    s.wrong("student", fmt::format("'{}' is not one of {}", d.student, fmt::join(places, ", ")));
  s.read_within("weight", 0, 1e6, d.weight);
  s.read("project", d.project);
  s.read("corners", d.corners);
  s.refuse_others();
  return d;
}

StageConfig read_stage(Section s, const TrainConfig& config, size_t index) {
  StageConfig stage;
  s.read("name", stage.name);
  if (stage.name.empty()) s.wrong("name", "is missing");
  s.read_name<StageKind>(
      "kind",
      {{"audio", StageKind::kAudio}, {"visual", StageKind::kVisual}, {"joint", StageKind::kJoint}},
      stage.kind);
  s.read_at_least<std::int64_t>("steps", 0, stage.steps);
  s.read_at_least("batch", 1, stage.batch);
  s.read_at_least("size", 32, stage.size);
  s.read_within("learning_rate", 0, 10, stage.learning_rate);
  s.read_within("weight_decay", 0, 10, stage.weight_decay);
  s.read_within("clip_norm", 0, 1e6, stage.clip_norm);
  s.read_within("ema", 0, 0.99999, stage.ema);
  s.read_name<ScheduleKind>(
      "schedule", {{"constant", ScheduleKind::kConstant}, {"cosine", ScheduleKind::kCosine}},
      stage.schedule);
  s.read_at_least<std::int64_t>("warmup_steps", 0, stage.warmup_steps);
  s.read_within("final_multiplier", 0, 1, stage.final_multiplier);
  s.read_strings("train", stage.train);
  s.table("rate_of").numbers(stage.rate_of);
  read_loss(s.table("loss"), stage.loss);
  for (auto& d : s.tables("distill")) stage.distill.push_back(read_distill(d, config.teachers));
  stage.data_seed = config.seed * 1000 + index;
  s.read("data_seed", stage.data_seed);
  s.read_at_least<std::int64_t>("scene_limit", 0, stage.scene_limit);
  read_scenes(s.table("scenes"), stage.scenes);
  stage.scenes.size = stage.size;
  if (stage.warmup_steps > stage.steps)
    s.wrong("warmup_steps",
            fmt::format("{} is more than the {} steps", stage.warmup_steps, stage.steps));
  if (stage.batch % config.replicas != 0)
    s.wrong("batch",
            fmt::format("{} cannot be split over {} replicas", stage.batch, config.replicas));
  s.refuse_others();
  return stage;
}

void read_model(Section s, ModelConfig& m) {
  s.read_name<Variant>("variant",
                       {{"tiny", Variant::kTiny},
                        {"small", Variant::kSmall},
                        {"base", Variant::kBase},
                        {"large", Variant::kLarge}},
                       m.variant);
  s.read_name<VisualNet>("visual_net",
                         {{"seaformer", VisualNet::kSeaFormer}, {"resnet50", VisualNet::kResNet50}},
                         m.visual_net);
  if (m.visual_net == VisualNet::kResNet50 && m.stages.back() == 5) m.stages = {1, 2, 3, 4};
  s.read_name<AudioNet>("audio_net",
                        {{"mobilenetv2", AudioNet::kMobileNetV2},
                         {"vggish", AudioNet::kVggish},
                         {"yamnet", AudioNet::kYamnet}},
                        m.audio_net);
  s.read_name<Interaction>("interaction",
                           {{"lightavseg", Interaction::kLightAvSeg},
                            {"tpavi", Interaction::kTpavi},
                            {"avsegformer", Interaction::kAvSegFormer}},
                           m.interaction);
  if (m.interaction != Interaction::kLightAvSeg) m.stages = {1, 2, 3, 4};
  if (m.audio_net != AudioNet::kMobileNetV2) m.front_end = usual_front_end(m.audio_net);
  s.read("har", m.har);
  s.read("agve", m.agve);
  s.read("cmfd", m.cmfd);
  s.read_name<Pooling>("pooling", {{"max", Pooling::kMax}, {"average", Pooling::kAverage}},
                       m.pooling);
  s.read("embed_width", m.embed_width);
  s.read("refine", m.refine);
  s.read("head_similarity", m.head_similarity);
  s.read("class_gate", m.class_gate);
  s.read("class_pyramid", m.class_pyramid);
  s.read_name<Head>("head", {{"mask", Head::kMask}, {"mask+classes", Head::kMaskAndClasses}},
                    m.head);
  std::string front_end = std::string(dsp::to_string(m.front_end));
  s.read("front_end", front_end);
  try {
    m.front_end = dsp::front_end_from_string(front_end);
  } catch (const std::exception& error) {
    s.wrong("front_end", error.what());
  }
  s.refuse_others();
}

// What `table` does not have is as in `other`: tables key by key, everything else whole.
void fill_from(const toml::table& other, toml::table& table) {
  for (const auto& [key, node] : other) {
    auto* own = table.get(key);
    if (!own)
      node.visit([&, &key = key](const auto& value) { table.insert(key, value); });
    else if (own->is_table() && node.is_table())
      fill_from(*node.as_table(), *own->as_table());
  }
}

// The stage of that name among the first `count`, null if there is none.
toml::table* stage_named(toml::array& stages, const std::string& name, size_t count) {
  while (count-- > 0)
    if (auto* stage = stages[count].as_table(); stage && (*stage)["name"] == name) return stage;
  return nullptr;
}

// Replaces `like` of every stage by what it stands for.
void fill_stages(toml::table& root) {
  auto* stages = root["stage"].as_array();
  if (!stages) return;
  for (size_t i = 0; i < stages->size(); ++i) {
    auto* stage = (*stages)[i].as_table();
    if (!stage || !stage->contains("like")) continue;
    std::string name;
    Section section(*stage, fmt::format("stage[{}]", i));
    section.read("like", name);
    const auto* other = stage_named(*stages, name, i);
    if (!other) section.wrong("like", fmt::format("'{}' is no stage before this one", name));
    stage->erase("like");
    fill_from(*other, *stage);
  }
}

// Puts "a.b=c" into the table; "stage.NAME.key" finds the stage of that name.
void apply_change(toml::table& root, const std::string& change) {
  const auto fail = [&](const std::string& why) {
    throw TrainConfigError(fmt::format("--set {}: {}", change, why));
  };
  const size_t equals = change.find('=');
  if (equals == std::string::npos) fail("needs the form key=value");
  std::vector<std::string> keys;
  std::stringstream parts(change.substr(0, equals));
  for (std::string key; std::getline(parts, key, '.');) keys.push_back(key);
  if (keys.empty()) fail("has no key");
  const std::string value = change.substr(equals + 1);
  toml::table parsed;
  try {
    parsed = toml::parse("v = " + value);
  } catch (const toml::parse_error&) {
    // Words need no quotes on the command line.
    parsed = toml::table{{"v", value}};
  }
  toml::table* table = &root;
  for (size_t i = 0; i + 1 < keys.size(); ++i) {
    if (table == &root && keys[i] == "stage") {
      auto* stages = root["stage"].as_array();
      toml::table* found = stages ? stage_named(*stages, keys[i + 1], stages->size()) : nullptr;
      if (!found) fail(fmt::format("there is no stage '{}'", keys[i + 1]));
      table = found;
      ++i;
      continue;
    }
    if (!table->contains(keys[i])) table->insert(keys[i], toml::table{});
    table = (*table)[keys[i]].as_table();
    if (!table) fail(fmt::format("'{}' is no table", keys[i]));
  }
  parsed["v"].visit([&](auto& node) { table->insert_or_assign(keys.back(), node); });
}

}  // namespace

TrainConfig read_train_config(const fs::path& file, const std::vector<std::string>& changes) {
  toml::table root = parse_toml_file(file);
  fill_stages(root);
  for (const auto& change : changes) apply_change(root, change);

  const fs::path folder = file.parent_path();
  TrainConfig c;
  Section top(root, "");
  auto run = top.table("run");
  run.read("seed", c.seed);
  std::string out = c.out.string();
  run.read("out", out);
  c.out = out;
  run.read_at_least("replicas", 1, c.replicas);
  run.read_at_least("loaders", 0, c.loaders);
  run.read_name<Precision>(
      "precision", {{"fp32", Precision::kFloat32}, {"bf16", Precision::kBFloat16}}, c.precision);
  run.read("device", c.device);
  if (c.device != "cpu" && c.device.rfind("cuda", 0) != 0)
    run.wrong("device", fmt::format("'{}' is neither cpu nor cuda", c.device));
  run.read_within("checkpoint_s", 1, 1e6, c.checkpoint_s);
  run.read_at_least<std::int64_t>("log_steps", 1, c.log_steps);
  run.read_at_least<std::int64_t>("evaluate_steps", 0, c.evaluate_steps);
  run.read_at_least("evaluate_clips", 1, c.evaluate_clips);
  run.refuse_others();

  auto material = top.table("material");
  material.read_path("dir", "", c.material);
  if (c.material.empty()) material.wrong("dir", "is missing: the folder of the training material");
  material.read_path("taxonomy", folder, c.taxonomy);
  if (c.taxonomy.empty()) material.wrong("taxonomy", "is missing: the class list, a JSON file");
  std::string licence = "any";
  material.read("licence", licence);
  if (licence != "any" && licence != "free")
    material.wrong("licence", fmt::format("'{}' is neither any nor free", licence));
  c.licence_free_only = licence == "free";
  material.refuse_others();

  auto model = top.table("model");
  model.read_path("init", folder, c.init);
  model.read_path("visual_init", folder, c.visual_init);
  model.read_path("audio_init", folder, c.audio_init);
  model.read_path("teacher", folder, c.teacher_model);
  read_model(std::move(model), c.model);

  for (auto& s : top.tables("teacher")) {
    TeacherConfig t;
    s.read("name", t.name);
    if (t.name.empty()) s.wrong("name", "is missing");
    s.read_path("file", c.material, t.file);
    if (t.file.empty()) s.wrong("file", "is missing: a TorchScript module");
    s.read_name<TeacherConfig::Input>(
        "input",
        {{"image", TeacherConfig::Input::kImage}, {"waveform", TeacherConfig::Input::kWaveform}},
        t.input);
    s.read("cache", t.cache);
    s.read("input_scale", t.input_scale);
    if (!(t.input_scale > 0)) s.wrong("input_scale", "must be above 0");
    s.refuse_others();
    c.teachers.push_back(t);
  }
  auto stages = top.tables("stage");
  if (stages.empty()) throw TrainConfigError("stage: the file has no [[stage]]");
  std::set<std::string> names;
  for (size_t i = 0; i < stages.size(); ++i) {
    c.stages.push_back(read_stage(stages[i], c, i));
    if (!names.insert(c.stages.back().name).second)
      throw TrainConfigError(
          fmt::format("stage[{}].name: '{}' stands there twice", i, c.stages.back().name));
  }
  top.refuse_others();
  std::ostringstream text;
  text << root;
  c.fingerprint = text.str();
  return c;
}

}  // namespace lightavseg
