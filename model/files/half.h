// SPDX-License-Identifier: LGPL-2.1-or-later
// The two 16-bit float formats of weight files, as their bit patterns.
//
// binary16 (IEEE 754-2008): 1 sign, 5 exponent, 10 fraction bits; largest finite value 65504,
// smallest positive one 2^-24. bfloat16: the upper half of a binary32, 8 exponent and 7 fraction
// bits. Narrowing rounds to nearest, ties to even, overflows to infinity, keeps signed zeros and
// subnormals, and keeps a NaN's sign and upper payload bits (made quiet). Widening is
// exact, but for half's signalling NaNs, which become quiet as they do in hardware (F16C).
// All functions are pure and thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lightavseg {

uint16_t float_to_half(float value);
float half_to_float(uint16_t bits);
uint16_t float_to_bfloat16(float value);
float bfloat16_to_float(uint16_t bits);

/// The same for `count` values. Sources may lie at any address, as tensors in a file do;
/// destinations are aligned and do not overlap the source. Pointers may be null where count is 0.
void float_to_half(const void* floats, uint16_t* halves, size_t count);
void half_to_float(const void* halves, float* floats, size_t count);
void float_to_bfloat16(const void* floats, uint16_t* bfloats, size_t count);
void bfloat16_to_float(const void* bfloats, float* floats, size_t count);

}  // namespace lightavseg
