// SPDX-License-Identifier: LGPL-2.1-or-later
// A small network for tests whose masks are neither empty nor full.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/network/lightavseg.h"
#include "tests/model/network/golden_fill.h"

namespace lightavseg::testing {

// Tiny, for pictures of 64 x 64 pixels.
inline LightAVSeg small_model(Head head, std::vector<std::string> class_names = {}) {
  ModelConfig config;
  config.variant = Variant::kTiny;
  config.head = head;
  config.class_names = std::move(class_names);
  config.train_height = config.train_width = 64;
  LightAVSeg network(config);
  golden_fill(*network);
  network->eval();
  return network;
}

}  // namespace lightavseg::testing
