// SPDX-License-Identifier: LGPL-2.1-or-later
// A static list of steps over one block of memory, in which maps that are never needed at the same
// time lie at the same place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/engine/convolution.h"
#include "model/engine/int8_ranges.h"
#include "model/engine/step_time.h"

namespace lightavseg {

// A map of a plan, dense and channels-last. A vector is a map of one pixel.
struct Map {
  int id = -1;
  int height = 0, width = 0, channels = 0;
  Element element = Element::kFloat32;
  float step = 1;  // of integers

  int pixels() const { return height * width; }
  int size() const { return pixels() * channels; }
  std::size_t bytes() const { return std::size_t(size()) * bytes_of(element); }
  explicit operator bool() const { return id >= 0; }
};

// Where the maps of a plan lie for one caller.
class Memory {
 public:
  Memory(std::byte* base, const std::vector<std::size_t>& offsets)
      : base_(base), offsets_(&offsets) {}
  // Of a map of floats.
  float* operator[](const Map& map) const { return values<float>(map); }
  // T: the type of the map's values, or std::byte.
  template <typename T>
  T* values(const Map& map) const {
    return reinterpret_cast<T*>(base_ + (*offsets_)[std::size_t(map.id)]);
  }

 private:
  std::byte* base_;
  const std::vector<std::size_t>* offsets_;
};

// One step: a convolution, or a function of the memory.
struct Step {
  const char* module;  // see StepTime
  std::string name;
  std::shared_ptr<const Convolution> convolution;
  Map in, out;                  // of the convolution
  int in_row = 0, out_row = 0;  // of the maps, where the convolution begins
  std::function<void(const Memory&)> function;
};

// Immutable once built, hence safe from any thread.
struct Plan {
  std::vector<Step> steps;
  std::vector<std::size_t> offsets;  // of each map, bytes
  std::size_t bytes = 0;             // of the memory of one caller, working memory included
  std::size_t scratch_offset = 0;    // where the convolutions work
};

// Collects steps in the order of their execution, and then places the maps.
class PlanBuilder {
 public:
  // pool: where the weights of convolutions are packed. element: what maps are made of, floats or
  // bfloat16. ranges: if not null, some maps are integers; must outlive the builder.
  explicit PlanBuilder(std::shared_ptr<MemoryPool> pool, Element element = Element::kFloat32,
                       const Int8Ranges* ranges = nullptr)
      : pool_(std::move(pool)), element_(element), ranges_(ranges) {}

  Map map(int height, int width, int channels) { return map_of(element_, height, width, channels); }
  bool has_integers() const { return ranges_ != nullptr; }
  // What the convolution of that name reads, where nothing else does: integers if there are any.
  Map map_read_by(const std::string& name, int height, int width, int channels, bool has_sign);
  // What is always made of floats: what few values stand for many, and what leaves the plan.
  Map float_map(int height, int width, int channels) {
    return map_of(Element::kFloat32, height, width, channels);
  }
  Map vector(int size) { return float_map(1, 1, size); }

  // The map is filled before the first step.
  void is_input(const Map& map);
  // Nothing after the last step that names the map may overwrite it.
  void is_output(const Map& map);
  // Both: nothing else ever lies there.
  void keep(const Map& map);

  // What the following steps count as, such as "visual"; a string literal.
  void module(const char* name) { module_ = name; }

  // How a convolution is placed, beside the sizes of its maps.
  struct Placing {
    Activation activation = Activation::kNone;
    int stride = 1;
    int padding = -1;   // negative: half the kernel
    bool adds = false;  // to what `out` holds
    // Only these rows of `out` are made; rows 0: all.
    int first_row = 0;
    int rows = 0;
  };
  void convolve(const std::string& name, const std::shared_ptr<PackedWeights>& weights,
                const Map& in, const Map& out, const Placing& placing);
  // maps: all that the function reads or writes.
  void step(const std::string& name, const std::vector<Map>& maps,
            std::function<void(const Memory&)> function);
  // The same for a function that is also given a value of the type that the first map is made of,
  // floats or bfloat16: [=](const Memory& m, auto type) { read(m.values<decltype(type)>(map)); }
  template <typename Function>
  void typed_step(const std::string& name, const std::vector<Map>& maps, Function function) {
    if (maps.front().element == Element::kBFloat16)
      step(name, maps, [=](const Memory& m) { function(m, BFloat16()); });
    else
      step(name, maps, [=](const Memory& m) { function(m, 0.0f); });
  }

  std::size_t steps() const { return plan_.steps.size(); }

  // Places the maps. Only once.
  Plan finish();

 private:
  struct Life {
    std::size_t bytes;
    int first, last;  // steps
  };
  Map map_of(Element element, int height, int width, int channels);
  void uses(const Map& map);

  std::shared_ptr<MemoryPool> pool_;
  Element element_;
  const Int8Ranges* ranges_;
  const char* module_ = "";
  Plan plan_;
  std::vector<Life> lives_;
  std::size_t scratch_ = 0;
};

// The memory of one caller, and the steps bound to it. One run at a time.
class PlanRunner {
 public:
  explicit PlanRunner(std::shared_ptr<const Plan> plan);
  PlanRunner(const PlanRunner&) = delete;
  PlanRunner& operator=(const PlanRunner&) = delete;

  float* operator[](const Map& map) const { return memory_[map]; }

  std::size_t steps() const { return plan_->steps.size(); }
  // Runs steps [first, last).
  void run(std::size_t first, std::size_t last);

  void measure(bool on);
  void append_times(std::vector<StepTime>& times) const;

  // Notes, from now on, the largest magnitude of the floats that each convolution reads, or 1e-6
  // where they are smaller: no range is zero.
  void watch() { watches_ = true; }
  // By step, since then.
  const std::map<std::string, float>& ranges() const { return ranges_; }

 private:
  std::byte* row(const Map& map, int index) const;
  void run_step(std::size_t i);

  std::shared_ptr<const Plan> plan_;
  PageBlock block_;
  Memory memory_;
  dnnl::stream stream_;
  std::vector<std::unique_ptr<Convolution::Call>> calls_;  // null where a step is a function
  bool watches_ = false;
  std::map<std::string, float> ranges_;
  bool measures_ = false;
  std::vector<std::int64_t> runs_, nanoseconds_;
};

}  // namespace lightavseg
