// SPDX-License-Identifier: LGPL-2.1-or-later
/// Fixed test scenes from one split of a material. The figures that users compare are taken on
/// them, so they are simple and never augmented: a photograph is only resized, a sound is the
/// clearest second of a recording at an RMS of -20 dB of full scale.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/data/material.h"
#include "model/data/scene_composer.h"

namespace lightavseg {

enum class EvaluationKind {
  /// A whole photograph with one known object, whose class sounds. Photographs come in a shuffled
  /// order, each once before any comes again. A network that never listens does well here.
  kSingle,
  /// Two or three objects of different classes on a background; one (even indices) or two (odd
  /// indices) of them sound.
  kMulti,
  /// Scenes 2k and 2k + 1 show the same two or three objects; one class sounds in the first,
  /// another in the second. Nothing but listening tells them apart.
  kSwap,
  /// Photographs (even indices) and objects on backgrounds (odd) with digital silence (indices 0, 1
  /// of every four) or white-to-brown noise at -70 dB (2, 3). Nothing must be marked.
  kSilence,
  /// Photographs (even indices) and objects on backgrounds (odd) while a class sounds that is not
  /// in the picture. Nothing must be marked.
  kOffscreen,
};

/// "single", "multi", "swap", "silence", "offscreen".
const char* to_string(EvaluationKind kind);

/// The kind of such a name. Throws SceneError that lists the names.
EvaluationKind evaluation_kind(const std::string& name);

struct EvaluationOptions {
  int size = 224;  ///< side of the pictures, pixels
  std::uint64_t seed = 1;
  /// Smallest share of the picture that an object of a composite shows.
  double min_visible = 0.01;
};

/// Scenes are pure functions of (material, options, kind, index). Const members may be called from
/// many threads.
class EvaluationScenes {
 public:
  /// Decodes all photographs of the split once, to find those with one known object. `material`
  /// must outlive this object. Throws SceneError if the material allows no scenes.
  EvaluationScenes(const Material& material, const EvaluationOptions& options);
  ~EvaluationScenes();

  /// Throws SceneError if the split has no such scenes (no audible photograph, fewer than two
  /// audible classes with pictures, no sound of another class).
  Scene scene(EvaluationKind kind, int index) const;

  /// Scenes 0 .. count - 1.
  std::vector<Scene> scenes(EvaluationKind kind, int count) const;

  /// How many different photographs kSingle has.
  int single_photographs() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lightavseg
