// SPDX-License-Identifier: LGPL-2.1-or-later
/// A small counter-based random generator: the n-th number of a stream is a pure function of
/// (seed, index, stream, n), so a scene comes out the same on any machine and thread count.
/// The mixing function is the finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace lightavseg {

/// A bijection of 64 bits in which every output bit depends on every input bit.
constexpr std::uint64_t mix_bits(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// FNV-1a with a final mix; used where a name decides (splits), so it must never change.
constexpr std::uint64_t hash_text(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return mix_bits(hash);
}

/// Not thread-safe; make one per scene and purpose, they cost nothing.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed, std::uint64_t index = 0, std::uint64_t stream = 0)
      : key_(mix_bits(mix_bits(mix_bits(seed + kStep) + index * kStep) + (stream + 1) * kStep)) {}

  std::uint64_t next() { return mix_bits(key_ + ++count_ * kStep); }

  /// In [0, 1), on a grid of 2^-53.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  /// In [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  /// In 0 .. count - 1; count must be positive.
  int below(int count) { return static_cast<int>(uniform() * count); }

  bool chance(double probability) { return uniform() < probability; }

  /// Mean 0, variance 1, within +-3.47: the sum of four uniforms. Only exact operations, because
  /// log and cos differ in their last bit between C libraries.
  double bell() {
    double sum = -2.0;
    for (int i = 0; i < 4; ++i) sum += uniform();
    return sum * 1.7320508075688772;
  }

  /// An index drawn in proportion to the weights (none negative); -1 if they sum to zero.
  int pick(const std::vector<double>& weights) {
    double sum = 0;
    for (const double weight : weights) sum += weight;
    double point = uniform() * sum;
    int last = -1;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (weights[i] <= 0) continue;
      last = static_cast<int>(i);
      if (point < weights[i]) return last;
      point -= weights[i];
    }
    return last;
  }

 private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15ULL;
  std::uint64_t key_;
  std::uint64_t count_ = 0;
};

}  // namespace lightavseg
