// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/bench_interleaved.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace lightavseg::tool {
namespace {

// Keeps the times instead of printing them.
class Collector : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const auto& run : runs)
      times[run.run_name.function_name].push_back(1e9 * run.real_accumulated_time /
                                                  double(run.iterations));
  }

  std::map<std::string, std::vector<double>> times;  // nanoseconds by name
};

// The first exception of any thread; they cannot pass through the library.
class Failure {
 public:
  void keep() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!first_) first_ = std::current_exception();
  }
  void rethrow() const {
    if (first_) std::rethrow_exception(first_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr first_;
};

// Seconds of one run on all its threads, after another one that does not count.
double warm_up(const Work& work) {
  Failure failure;
  const auto all = [&] {
    std::vector<std::thread> threads;
    threads.reserve(static_cast<std::size_t>(work.threads));
    for (int t = 0; t < work.threads; ++t)
      threads.emplace_back([&, t] {
        try {
          work.once(t);
        } catch (...) {
          failure.keep();
        }
      });
    for (auto& thread : threads) thread.join();
    failure.rethrow();
  };
  all();
  const auto begin = std::chrono::steady_clock::now();
  all();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

std::vector<std::vector<double>> measure_interleaved(const std::vector<Work>& works, int rounds,
                                                     double seconds) {
  Failure failure;
  for (const auto& work : works) {
    const double once = warm_up(work);
    const auto count = std::clamp(seconds / std::max(once, 1e-9), 1.0, 1e9);
    benchmark::RegisterBenchmark(work.name.c_str(),
                                 [&](benchmark::State& state) {
                                   const int thread = int(state.thread_index());
                                   for (auto _ : state) {
                                     try {
                                       work.once(thread);
                                     } catch (const std::exception& error) {
                                       failure.keep();
                                       state.SkipWithError(error.what());
                                       break;
                                     }
                                   }
                                 })
        ->Iterations(benchmark::IterationCount(count))
        ->Threads(work.threads)
        ->UseRealTime();
  }
  Collector collector;
  for (int round = 0; round < rounds; ++round) benchmark::RunSpecifiedBenchmarks(&collector);
  benchmark::ClearRegisteredBenchmarks();
  failure.rethrow();
  std::vector<std::vector<double>> times;
  for (const auto& work : works) {
    times.push_back(collector.times[work.name]);
    if (times.back().size() != size_t(rounds))
      throw std::runtime_error("bench: '" + work.name + "' was not measured in every round");
  }
  return times;
}

double median(std::vector<double> values) {
  if (values.empty()) throw std::runtime_error("bench: the median of no values");
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

double median_ratio(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) throw std::runtime_error("bench: ratios of lists of unequal length");
  std::vector<double> ratios;
  for (size_t i = 0; i < a.size(); ++i) ratios.push_back(a[i] / b[i]);
  return median(ratios);
}

}  // namespace lightavseg::tool
