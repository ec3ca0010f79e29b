// SPDX-License-Identifier: LGPL-2.1-or-later
// Random choices that are the same on every machine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>

namespace lightavseg::test {

// Not thread-safe. One seed gives one sequence, with any standard library.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t bits() { return engine_(); }
  unsigned below(unsigned n) { return static_cast<unsigned>(engine_() % n); }
  int between(int least, int most) {
    return least + static_cast<int>(below(static_cast<unsigned>(most - least + 1)));
  }
  bool percent(unsigned p) { return below(100) < p; }
  template <typename T, std::size_t N>
  const T& of(const std::array<T, N>& choices) {
    return choices[below(N)];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace lightavseg::test
