// SPDX-License-Identifier: LGPL-2.1-or-later
// The Segmenter on the planned engine (model/engine): no LibTorch.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/engine/engine.h"
#include "model/inference/segmenter.h"

namespace lightavseg {

// Not thread-safe, as any Segmenter; several may share one engine and run at the same time.
class EngineSegmenter : public Segmenter {
 public:
  // Measures each step from now on (or no longer).
  virtual void measure(bool on) = 0;
  // What was measured since, in the order of execution.
  virtual std::vector<StepTime> step_times() const = 0;
  virtual const std::shared_ptr<const Engine>& engine() const = 0;
};

// Throws what Engine::open() throws, UnsupportedModel above all.
std::unique_ptr<EngineSegmenter> open_engine_segmenter(const std::string& path,
                                                       const SegmenterOptions& options = {});

}  // namespace lightavseg
