// SPDX-License-Identifier: LGPL-2.1-or-later
// Loops compiled for several instruction sets, one of which the loader picks.
#pragma once

// In front of a function whose loops the compiler turns into vector instructions: baseline, AVX2
// with FMA, and AVX-512. Elsewhere, and where sanitizers would run before the loader is done, once.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LIGHTAVSEG_VECTORISE \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LIGHTAVSEG_VECTORISE
#endif
