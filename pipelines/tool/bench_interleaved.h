// SPDX-License-Identifier: LGPL-2.1-or-later
// Times of several pieces of work, taken in turn, so that what else the machine does falls on all
// of them alike.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace lightavseg::tool {

struct Work {
  std::string name;               // unique
  std::function<void(int)> once;  // runs it once; its argument is the thread, 0 .. threads - 1
  int threads = 1;                // that run it at the same time
};

// Runs each work once to warm up, and then `rounds` times (>= 1) all of them one after another,
// each for about `seconds` (at least once). -> [work][round] nanoseconds between two results of
// the work: with n threads, the time of one run divided by n. Rethrows what a work throws.
// Measured by Google Benchmark, whose registry is one for the process: one call at a time.
std::vector<std::vector<double>> measure_interleaved(const std::vector<Work>& works, int rounds,
                                                     double seconds);

// The middle value, or the mean of the two middle ones; `values` must not be empty.
double median(std::vector<double> values);

// Median of a[i] / b[i]. Both of the same size, not empty.
double median_ratio(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace lightavseg::tool
