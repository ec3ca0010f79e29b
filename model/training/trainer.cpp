// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <opencv2/core/utility.hpp>
#include <optional>
#include <set>
#include <thread>

#include "model/data/evaluation_scenes.h"
#include "model/data/random.h"
#include "model/evaluation/material_evaluation.h"
#include "model/evaluation/scene_report.h"
#include "model/files/atomic_file.h"
#include "model/network/model_file.h"
#include "model/training/adamw.h"
#include "model/training/batch_stream.h"
#include "model/training/checkpoint.h"
#include "model/training/curves.h"
#include "model/training/initial_weights.h"
#include "model/training/objectives.h"
#include "model/training/progress.h"
#include "model/training/replicas.h"
#include "model/training/report.h"
#include "model/training/runtime.h"
#include "model/training/teacher_model.h"
#include "model/training/tensorboard.h"
#include "model/training/validation.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Material load_material(const TrainConfig& config, const Taxonomy& taxonomy, const char* split) {
  MaterialOptions options;
  options.split = split;
  options.licence_free_only = config.licence_free_only;
  return Material::load(config.material, taxonomy, options);
}

ModelConfig with_classes(ModelConfig model, const Taxonomy& taxonomy, int size) {
  if (model.head != Head::kMask) {
    const auto& names = taxonomy.class_names();
    model.class_names.assign(names.begin(), names.begin() + taxonomy.visible_count() + 1);
  }
  model.train_height = model.train_width = size;
  model.validate();
  return model;
}

// One run, from its data to its results.
class Run {
 public:
  Run(const TrainConfig& config, Communicator& communicator, const TrainerOptions& options);
  TrainResult train();

 private:
  void load_teachers();
  void fill_caches(const StageConfig& stage);
  void resume();
  TrainResult train_stage(int index);
  void enter_stage(const StageConfig& stage);
  void leave_stage(const StageConfig& stage, int index);
  std::map<std::string, double> step(const StageConfig& stage, BatchStream& stream,
                                     const Schedule& schedule, bool wants_values);
  void log(std::int64_t step, const std::map<std::string, double>& values);
  void evaluate(int stage_index);
  void save(int stage_index);
  void write_report();
  std::int64_t steps_before(int stage_index) const;
  bool chief() const { return communicator_.rank() == 0; }

  const TrainConfig& config_;
  Communicator& communicator_;
  const TrainerOptions& options_;
  torch::Device device_;
  Taxonomy taxonomy_;
  Material material_, validation_;
  int visible_, audible_;
  ModelConfig model_;
  Teachers teachers_;
  std::unique_ptr<Replicas> replicas_;
  LightAVSeg averaged_{nullptr};
  std::unique_ptr<AdamW> optimiser_;
  std::unique_ptr<AveragedWeights> average_;
  std::unique_ptr<EvaluationScenes> evaluation_scenes_;
  std::optional<CurveWriter> curves_;
  std::set<std::string> columns_;
  std::vector<html::PictureRow> samples_;  // of the last evaluation of a joint stage
  std::unique_ptr<TensorBoardWriter> tensorboard_;
  std::optional<Checkpoint> resumed_;
  Clock::time_point started_ = Clock::now();
  int first_stage_ = 0;
  std::int64_t step_ = 0;         // steps done in the current stage
  std::int64_t total_steps_ = 0;  // steps done in this process
  double best_ = kNoScore;
};

Run::Run(const TrainConfig& config, Communicator& communicator, const TrainerOptions& options)
    : config_(config),
      communicator_(communicator),
      options_(options),
      device_(config.device),
      taxonomy_(Taxonomy::load(config.taxonomy)),
      material_(load_material(config, taxonomy_, "train")),
      validation_(load_material(config, taxonomy_, "val")),
      visible_(taxonomy_.visible_count() + 1),
      audible_(taxonomy_.class_count() + 1),
      model_(with_classes(config.model, taxonomy_, config.stages.back().size)) {
  cv::setNumThreads(1);
  keep_freed_memory();
  use_single_threaded_operators();
  load_teachers();
  TeacherChannels channels;
  for (const auto& [name, teacher] : teachers_.loaded)
    for (const auto& [output, count] : teacher->channels())
      channels[fmt::format("{}/{}", name, output)] = count;
  if (!config.teacher_model.empty()) {
    teachers_.model = load_teacher_model(config, model_);
    teachers_.model->to(device_);
    channels.merge(teacher_model_channels(teachers_.model->config()));
  }
  torch::manual_seed(config.seed);
  replicas_ = std::make_unique<Replicas>(config, model_, channels, visible_, audible_, device_);
  averaged_ = LightAVSeg(model_);
  averaged_->to(device_);
  load_initial_weights(config, replicas_->master()->network);
  replicas_->share();
  EvaluationOptions evaluation;
  evaluation.size = config.stages.back().size;
  bool joint = false;
  for (const auto& stage : config.stages) joint |= stage.kind == StageKind::kJoint;
  if (chief() && joint)
    evaluation_scenes_ = std::make_unique<EvaluationScenes>(validation_, evaluation);
}

void Run::load_teachers() {
  std::map<std::string, std::set<std::string>> used;
  for (const auto& stage : config_.stages)
    for (const auto& d : stage.distill) used[d.teacher].insert(d.output);
  for (const auto& t : config_.teachers)
    if (used.count(t.name))
      teachers_.loaded[t.name] = std::make_unique<Teacher>(t, device_, used.at(t.name));
}

void Run::fill_caches(const StageConfig& stage) {
  for (const auto& d : stage.distill) {
    const auto& teacher = *teachers_.loaded.at(d.teacher);
    if (teacher.config().input != TeacherConfig::Input::kImage || !teacher.config().cache ||
        teachers_.caches.count(d.teacher))
      continue;
    // All outputs that any stage wants, so that the file serves them all.
    std::set<std::string> outputs;
    for (const auto& s : config_.stages)
      for (const auto& e : s.distill)
        if (e.teacher == d.teacher) outputs.insert(e.output);
    std::vector<TeacherCache::Picture> pictures;
    const auto add = [&](const std::string& id, const Picture& picture) {
      pictures.push_back({id, [&picture] { return picture.rgb; },
                          picture.rgb.cols * picture.file_scale_x,
                          picture.rgb.rows * picture.file_scale_y});
    };
    for (size_t i = 0; i < material_.photos().size(); ++i)
      add(material_.photos()[i].id, material_.photo(int(i)));
    for (size_t i = 0; i < material_.pool().size(); ++i)
      add(material_.pool()[i].id, material_.pool_picture(int(i)));
    if (chief() && !options_.quiet)
      fmt::print("teacher {}: outputs for {} photographs\n", d.teacher, pictures.size());
    std::fflush(stdout);
    teachers_.caches[d.teacher] = std::make_unique<TeacherCache>(
        teacher, std::vector<std::string>(outputs.begin(), outputs.end()), pictures,
        config_.out / ("teacher-" + d.teacher + ".safetensors"),
        std::max(config_.replicas, config_.loaders));
  }
}

std::int64_t Run::steps_before(int stage_index) const {
  std::int64_t steps = 0;
  for (int i = 0; i < stage_index; ++i) steps += config_.stages[size_t(i)].steps;
  return steps;
}

void Run::resume() {
  std::vector<std::string> warnings;
  resumed_ = load_checkpoint(config_.out, &warnings);
  for (const auto& w : warnings) fmt::print(stderr, "damaged checkpoint skipped: {}\n", w);
  if (!resumed_) return;
  if (resumed_->fingerprint != config_.fingerprint && !options_.other_config)
    throw TrainConfigError(fmt::format(
        "the checkpoint in {} was made with another configuration; resume with the same one, or "
        "pass --other-config to go on from its weights",
        config_.out.string()));
  first_stage_ = resumed_->stage;
  best_ = resumed_->best;
  torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : named_state(*replicas_->master())) {
    const auto it = resumed_->tensors.find("student." + name);
    if (it == resumed_->tensors.end() || it->second.sizes() != tensor.sizes()) {
      if (options_.other_config) continue;
      throw TrainConfigError(fmt::format("the checkpoint lacks {} of this configuration", name));
    }
    tensor.copy_(it->second);
  }
  replicas_->share();
}

void Run::enter_stage(const StageConfig& stage) {
  fill_caches(stage);
  auto& student = *replicas_->master();
  auto prefixes = stage.train;
  if (prefixes.empty()) {
    prefixes =
        stage.kind == StageKind::kAudio
            ? std::vector<std::string>{"network.audio", "network.head.sounds", "heads"}
            : std::vector<std::string>{"network.visual", "network.har",         "network.cmfd",
                                       "network.up",     "network.refine",      "network.head",
                                       "network.concat", "network.interaction", "heads"};
  }
  replicas_->set_trainable(prefixes);
  std::vector<AdamW::Parameter> parameters;
  for (const auto& p : student.named_parameters()) {
    if (!has_prefix(p.key(), prefixes)) continue;
    AdamW::Parameter q{p.key(), p.value()};
    for (const auto& [prefix, rate] : stage.rate_of)
      if (has_prefix(p.key(), {prefix})) q.rate = rate;
    // Biases, norms and position tables are not weights that could grow for no reason.
    const bool plain = p.value().dim() < 2 || p.key().find("pos_embed") != std::string::npos;
    q.decay = plain ? 0 : stage.weight_decay;
    parameters.push_back(q);
  }
  if (parameters.empty())
    throw TrainConfigError(
        fmt::format("stage {}: no parameter begins with one of its `train`", stage.name));
  optimiser_ = std::make_unique<AdamW>(parameters);
  std::vector<torch::Tensor> source, target;
  const auto from = named_state(*student.network);
  for (auto& [name, tensor] : named_state(*averaged_)) {
    source.push_back(from.at(name));
    target.push_back(tensor);
  }
  average_ = std::make_unique<AveragedWeights>(source, target, stage.ema);
  step_ = 0;
  if (resumed_) {
    // The first stage after a restart goes on in its middle.
    std::map<std::string, torch::Tensor> moments;
    torch::NoGradGuard no_grad;
    for (const auto& [name, tensor] : resumed_->tensors)
      if (name.rfind("adam.", 0) == 0) moments[name.substr(5)] = tensor;
    try {
      if (resumed_->step > 0) optimiser_->load(moments, resumed_->adam_steps);
      for (auto& [name, tensor] : named_state(*averaged_))
        tensor.copy_(resumed_->tensors.at("ema." + name));
      average_->set_steps(resumed_->ema_steps);
      step_ = resumed_->step;
    } catch (const std::exception&) {
      if (!options_.other_config)
        throw TrainConfigError("the checkpoint does not fit the stage " + stage.name);
    }
    resumed_.reset();
  }
}

void Run::save(int stage_index) {
  if (!chief()) return;
  Checkpoint c;
  c.fingerprint = config_.fingerprint;
  c.stage = stage_index;
  c.step = step_;
  c.best = best_;
  for (const auto& [name, tensor] : named_state(*replicas_->master()))
    c.tensors["student." + name] = tensor;
  for (const auto& [name, tensor] : named_state(*averaged_)) c.tensors["ema." + name] = tensor;
  if (optimiser_ && step_ > 0) {
    c.adam_steps = optimiser_->steps();
    c.ema_steps = average_->steps();
    for (const auto& [name, tensor] : optimiser_->state()) c.tensors["adam." + name] = tensor;
  }
  save_checkpoint(config_.out, c);
}

void Run::log(std::int64_t step, const std::map<std::string, double>& values) {
  if (!chief() || values.empty()) return;
  bool fresh = !curves_;
  for (const auto& [name, value] : values) fresh |= columns_.insert(name).second;
  if (fresh)
    curves_ = CurveWriter::resume(config_.out / "curves.csv",
                                  std::vector<std::string>(columns_.begin(), columns_.end()), step);
  curves_->append(step, values);
  if (!tensorboard_)
    tensorboard_ = std::make_unique<TensorBoardWriter>(config_.out / "tensorboard");
  tensorboard_->add_scalars(step, values);
}

std::map<std::string, double> Run::step(const StageConfig& stage, BatchStream& stream,
                                        const Schedule& schedule, bool wants_values) {
  const int count = config_.replicas;
  std::vector<Objective> objectives(static_cast<size_t>(count));
  replicas_->for_each([&](int r, Student& student) {
    const int global = communicator_.rank() * count + r;
    auto generator = replicas_->generator(r);
    generator.set_current_seed(mix_bits(
        mix_bits(stage.data_seed * 0x9e3779b9ULL + std::uint64_t(step_)) + std::uint64_t(global)));
    const auto batch = to_device(stream.take(step_ * count + r), device_);
    {
      const Autocast autocast(config_.precision == Precision::kBFloat16, device_.type());
      objectives[size_t(r)] = objective(student, stage, batch, teachers_);
    }
    objectives[size_t(r)].total.backward();
  });
  replicas_->combine(communicator_);
  const double norm = optimiser_->clip_gradients(stage.clip_norm);
  optimiser_->step(stage.learning_rate * schedule.multiplier(step_));
  average_->update();
  replicas_->clear_gradients();
  std::map<std::string, double> values;
  if (wants_values) {
    for (const auto& o : objectives)
      for (const auto& [name, value] : o.parts)
        values["train/" + name] += value.item<double>() / count;
    if (communicator_.size() > 1) {
      std::vector<torch::Tensor> scalars;
      scalars.reserve(values.size());
      for (const auto& [name, value] : values)
        scalars.push_back(torch::full({1}, value, torch::kFloat32));
      communicator_.average(scalars);
      size_t i = 0;
      for (auto& [name, value] : values) value = scalars[i++].item<double>();
    }
    values["train/gradient_norm"] = norm;
    values["train/learning_rate"] = stage.learning_rate * schedule.multiplier(step_);
  }
  return values;
}

void Run::evaluate(int stage_index) {
  const auto& stage = config_.stages[size_t(stage_index)];
  if (!chief()) return;
  LightAVSeg network(model_);
  {
    torch::NoGradGuard no_grad;
    const auto from = named_state(stage.ema > 0 ? *averaged_ : *replicas_->master()->network);
    for (auto& [name, tensor] : named_state(*network)) tensor.copy_(from.at(name));
  }
  network->eval();
  std::map<std::string, double> values;
  SceneOptions scenes;
  scenes.size = stage.size;
  const SceneComposer composer(validation_, scenes);
  const BatchMaker batches(composer, model_.front_end, visible_, audible_);
  switch (stage.kind) {
    case StageKind::kAudio: {
      if (replicas_->master()->sounds.is_empty()) break;
      torch::nn::Linear head(replicas_->master()->sounds->options);
      torch::NoGradGuard no_grad;
      head->weight.copy_(replicas_->master()->sounds->weight);
      head->bias.copy_(replicas_->master()->sounds->bias);
      values["val/sound_recall"] = sound_recall(network, head, batches, 400);
      break;
    }
    case StageKind::kVisual:
      if (model_.head != Head::kMaskAndClasses) break;  // nothing to name pixels with
      values["val/class_miou"] =
          class_miou(network, batches, 3 * config_.evaluate_clips, config_.replicas);
      break;
    case StageKind::kJoint: {
      MaterialEvaluationOptions options;
      options.clips = config_.evaluate_clips;
      options.threads = std::max(config_.replicas, config_.loaders);
      const auto figures = evaluate_material(network, *evaluation_scenes_, options);
      for (const auto& [name, value] : named_figures(figures)) values["val/" + name] = value;
      // One number to choose by: masks that are right, follow the sound and are absent without it.
      const double score = figures.miou + figures.miou_multi + 0.5 * figures.swap -
                           0.5 * figures.silence_false - 0.25 * figures.offscreen_false;
      values["val/score"] = score;
      samples_ = sample_rows(network, *evaluation_scenes_, taxonomy_.class_names());
      if (score > best_) {
        best_ = score;
        save_model(config_.out / "model.safetensors", network, Storage::kFloat16,
                   {{"lightavseg.score", fmt::format("{:.4f}", score)}});
      }
      break;
    }
  }
  std::string text;
  for (const auto& [name, value] : values)
    text += fmt::format("  {} {:.3f}", name.substr(4), value);
  fmt::print("\n[{}] step {}:{}\n", stage.name, step_, text);
  std::fflush(stdout);
  log(steps_before(stage_index) + step_, values);
}

void Run::write_report() {
  if (!chief() || !fs::exists(config_.out / "curves.csv")) return;
  ReportOptions options;
  options.title = "LightAVSeg " + to_string(model_.variant);
  options.subtitle = config_.out.filename().string();
  for (const auto& stage : config_.stages)
    options.facts.emplace_back(
        stage.name, fmt::format("{} steps of {} at {} pixels, rate {}", stage.steps, stage.batch,
                                stage.size, stage.learning_rate));
  options.samples = samples_;
  write_training_report(config_.out / "curves.csv", config_.out / "report.html", options);
}

void Run::leave_stage(const StageConfig& stage, int index) {
  if (stage.ema > 0) {
    torch::NoGradGuard no_grad;
    const auto from = named_state(*averaged_);
    for (auto& [name, tensor] : named_state(*replicas_->master()->network))
      tensor.copy_(from.at(name));
    replicas_->share();
  }
  if (chief()) {
    const auto& network = replicas_->master()->network;
    save_model(config_.out / ("stage-" + stage.name + ".safetensors"), network, Storage::kFloat32);
    // Without a joint stage there is no score to choose by.
    if (index + 1 == int(config_.stages.size()) && best_ == kNoScore)
      save_model(config_.out / "model.safetensors", network, Storage::kFloat16);
  }
  step_ = 0;
  optimiser_.reset();
  save(index + 1);
  write_report();
}

TrainResult Run::train_stage(int index) {
  const auto& stage = config_.stages[size_t(index)];
  if (stage.steps == 0) return TrainResult::kFinished;
  enter_stage(stage);
  ScheduleOptions schedule_options;
  schedule_options.kind = stage.schedule;
  schedule_options.total_steps = std::max<std::int64_t>(1, stage.steps);
  schedule_options.warmup_steps = stage.warmup_steps;
  schedule_options.final_multiplier = stage.final_multiplier;
  const Schedule schedule(schedule_options);

  const SceneComposer composer(material_, stage.scenes);
  const BatchMaker batches(composer, model_.front_end, visible_, audible_);
  const int replicas = config_.replicas;
  const int world = replicas * communicator_.size();
  const int share = stage.batch / world;
  if (share * world != stage.batch)
    throw TrainConfigError(fmt::format("stage {}: batch {} cannot be split over {} replicas",
                                       stage.name, stage.batch, world));
  BatchStream stream(
      [&](std::int64_t i) {
        const std::int64_t step = i / replicas;
        const std::int64_t global = communicator_.rank() * replicas + i % replicas;
        auto first = std::uint64_t(step * stage.batch + global * share);
        if (stage.scene_limit > 0) first %= std::uint64_t(stage.scene_limit);
        switch (stage.kind) {
          case StageKind::kAudio:
            return batches.audio(stage.data_seed, first, share);
          case StageKind::kVisual:
            return batches.visual(stage.data_seed, first, share);
          case StageKind::kJoint:
            break;
        }
        return batches.joint(stage.data_seed, first, share);
      },
      step_ * replicas, config_.loaders, 2 * (config_.loaders + replicas));

  auto progress_options = progress_options_for_stdout(options_.quiet || !chief());
  progress_options.label = stage.name;
  progress_options.total = stage.steps * stage.batch;
  progress_options.interval_s = 30;
  ProgressLine progress(std::cout, progress_options);
  progress.resume_from(step_ * stage.batch);
  const std::int64_t before = steps_before(index);
  auto saved = Clock::now();
  double shown_loss = 0;
  while (step_ < stage.steps) {
    const bool logs = step_ % config_.log_steps == 0;
    auto values = step(stage, stream, schedule, logs);
    ++step_;
    ++total_steps_;
    if (logs) {
      shown_loss = values["train/loss"];
      log(before + step_, values);
    }
    progress.update(step_ * stage.batch, {{"loss", shown_loss}});
    const bool due = config_.evaluate_steps > 0 && step_ % config_.evaluate_steps == 0;
    if (due && step_ < stage.steps) {
      evaluate(index);
      write_report();
    }
    bool stop = (options_.stop && *options_.stop) ||
                (options_.max_steps >= 0 && total_steps_ >= options_.max_steps) ||
                (options_.max_seconds > 0 && seconds_since(started_) > options_.max_seconds);
    stop = communicator_.any(stop);
    if (stop || seconds_since(saved) > config_.checkpoint_s) {
      save(index);
      saved = Clock::now();
    }
    if (stop) return TrainResult::kStopped;
  }
  progress.finish();
  evaluate(index);
  leave_stage(stage, index);
  return TrainResult::kFinished;
}

TrainResult Run::train() {
  fs::create_directories(config_.out);
  if (options_.resume)
    resume();
  else if (chief() && fs::exists(config_.out / "curves.csv"))
    throw TrainConfigError(fmt::format(
        "{} holds an earlier run; go on with --resume or give another folder, --set run.out=...",
        config_.out.string()));
  if (options_.resume && fs::exists(config_.out / "curves.csv"))
    for (const auto& c : read_curves(config_.out / "curves.csv").columns) columns_.insert(c);
  for (int i = first_stage_; i < int(config_.stages.size()); ++i)
    if (train_stage(i) == TrainResult::kStopped) {
      write_report();
      return TrainResult::kStopped;
    }
  return TrainResult::kFinished;
}

}  // namespace

TrainResult train(const TrainConfig& config, Communicator& communicator,
                  const TrainerOptions& options) {
  return Run(config, communicator, options).train();
}

}  // namespace lightavseg
