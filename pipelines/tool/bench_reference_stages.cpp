// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/bench_reference_stages.h"

#include <ATen/record_function.h>

#include <chrono>
#include <memory>

namespace lightavseg::tool {
namespace {

using Clock = std::chrono::steady_clock;

// Follows the scopes of LightAVSegImpl, which do not nest. What lies between two of them belongs
// to "pre" until the backbone begins, and to "post" once the head is done.
struct Watch {
  std::map<std::string, double> nanoseconds;
  Clock::time_point last;
  bool has_head = false;

  void spend(const std::string& part) {
    const auto now = Clock::now();
    nanoseconds[part] += std::chrono::duration<double, std::nano>(now - last).count();
    last = now;
  }
};
thread_local Watch* watch = nullptr;

std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction&) {
  if (watch) watch->spend(watch->has_head ? "post" : "pre");
  return nullptr;
}

void on_end(const at::RecordFunction& scope, at::ObserverContext*) {
  if (!watch) return;
  const std::string name = scope.name();
  const auto part = name.substr(0, name.find('.'));  // visual.3 is part of visual
  watch->spend(part);
  watch->has_head = watch->has_head || part == "head";
}

}  // namespace

std::map<std::string, double> reference_stages(const std::function<void()>& once, int runs) {
  Watch counted;
  const auto handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(on_start, on_end).scopes({at::RecordScope::USER_SCOPE}));
  watch = &counted;
  const auto stop = [&] {
    watch = nullptr;
    at::removeCallback(handle);
  };
  try {
    for (int i = 0; i < runs; ++i) {
      counted.has_head = false;
      counted.last = Clock::now();
      once();
      counted.spend("post");
    }
  } catch (...) {
    stop();
    throw;
  }
  stop();
  for (auto& [part, time] : counted.nanoseconds) time /= runs;
  return counted.nanoseconds;
}

}  // namespace lightavseg::tool
