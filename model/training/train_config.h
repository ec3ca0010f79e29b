// SPDX-License-Identifier: LGPL-2.1-or-later
// What a training run is: one TOML file, read once, with `key=value` changes from the command line.
//
// Every key of the file must be known; docs/training.md lists them all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/data/scene_composer.h"
#include "model/network/config.h"
#include "model/training/schedule.h"

namespace lightavseg {

// The text names the key, what is wrong with its value and what would be right.
class TrainConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What one stage learns from.
//   kAudio   sounds with class labels (and teachers): the audio network alone
//   kVisual  pictures with pixel labels (and teachers): everything but the audio network, with a
//            zero audio state
//   kJoint   scenes: the whole network, the audio network frozen unless `train` names it
enum class StageKind { kAudio, kVisual, kJoint };

enum class Precision { kFloat32, kBFloat16 };

// A TorchScript module that maps [B, 3, H, W] in 0..1 or a waveform [B, samples] in -1..1 to a
// dictionary of tensors.
struct TeacherConfig {
  enum class Input { kImage, kWaveform };

  std::string name;
  std::filesystem::path file;
  Input input = Input::kImage;
  // Images: look at every photograph once and keep the outputs on disk; scenes that are not one
  // photograph then have no teacher. Otherwise it looks at every scene, at every step.
  bool cache = true;
  // Images, of a module that resizes them first: to a size this many times as large, above 0. What
  // is small in a scene is a few pixels at the size of ImageNet's pictures.
  double input_scale = 1;
};

// One output of a teacher for one place of the student.
struct DistillConfig {
  std::string teacher;
  std::string output;
  std::string student;  // "visual.1".."visual.5" (V_i), "decoded.1".., "audio" (A_0)
  std::string loss;     // "mse", "cosine", "smooth-l1", "scores" (multi-label), "kl"
  double weight = 1;
  bool project = true;   // a learnt 1x1 projection to the teacher's channels
  bool corners = false;  // the teacher's grid has samples on the picture's border
};

// Weights of the losses of a stage; 0 leaves one out.
struct LossWeights {
  double bce = 1, dice = 1;      // equation 1
  double align = 0.5;            // lambda of equation 10
  double kl_align = 0, mix = 0;  // the rivals of Table 5
  double classes = 0.5;          // per-pixel classes of the head, mask+classes models
  double class_balance = 0;  // 0..1: a pixel counts by pixels of its class in its picture ^ -this
  double side_classes = 0;   // per-pixel classes at strides 16 and 32, before the audio
  double image_classes = 0;  // which classes are visible, from the deepest stage
  double sound_classes = 0;  // which classes sound, from the audio state
  double gate_classes = 0;   // the same for the network's class gate, where it has one
  // Only with a teacher model:
  double teacher_mask = 1;     // joint stages: its soft masks
  double teacher_audio = 0.5;  // its audio states: A_0 in audio stages, A^_i in joint ones
};

struct StageConfig {
  std::string name;
  StageKind kind = StageKind::kJoint;
  std::int64_t steps = 0;
  int batch = 8;   // samples of one step, over all replicas and ranks
  int size = 224;  // side of the pictures, pixels
  double learning_rate = 1e-4;
  double weight_decay = 0.01;
  double clip_norm = 0;  // 0: no clipping
  double ema = 0;        // decay of the averaged weights, 0: none
  ScheduleKind schedule = ScheduleKind::kConstant;
  std::int64_t warmup_steps = 0;
  double final_multiplier = 0;
  // Prefixes of parameter names that learn; empty: everything but the audio network (kAudio: only
  // the audio network).
  std::vector<std::string> train;
  std::map<std::string, double> rate_of;  // multipliers of the rate by prefix
  LossWeights loss;
  std::vector<DistillConfig> distill;
  std::int64_t scene_limit =
      0;  // draw only that many different scenes, again and again; 0: no limit
  std::uint64_t data_seed = 0;  // different scenes in different stages
  SceneOptions scenes;
};

struct TrainConfig {
  // [run]
  std::uint64_t seed = 1;
  std::filesystem::path out = "runs/lightavseg";
  int replicas = 1;  // one-thread copies of the network that average their gradients
  int loaders = 0;   // threads that compose scenes ahead; 0: every replica composes its own
  Precision precision = Precision::kBFloat16;
  std::string device = "cpu";
  double checkpoint_s = 180;        // seconds between checkpoints
  std::int64_t log_steps = 20;      // steps between rows of the curves
  std::int64_t evaluate_steps = 0;  // 0: only at the end of a stage
  int evaluate_clips = 120;

  // [material]
  std::filesystem::path material;
  std::filesystem::path taxonomy;
  bool licence_free_only = false;

  // [model]; class names come from the taxonomy
  ModelConfig model;
  std::filesystem::path init;  // weights to start from; empty: random
  // Models whose visual and audio networks are taken over, whatever else they hold; empty: none.
  std::filesystem::path visual_init, audio_init;
  std::filesystem::path teacher_model;  // a model of ours to learn from; empty: none

  std::vector<TeacherConfig> teachers;
  std::vector<StageConfig> stages;

  // The file as given and the changes: what a checkpoint must agree with.
  std::string fingerprint;
};

// run.out and material.dir are relative to the working folder, teacher files to material.dir, other
// paths to the folder of the file. changes: "run.seed=3", "stage.joint.steps=100"
// (stages by name). Throws TrainConfigError.
TrainConfig read_train_config(const std::filesystem::path& file,
                              const std::vector<std::string>& changes = {});

}  // namespace lightavseg
