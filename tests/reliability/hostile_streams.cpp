// SPDX-License-Identifier: LGPL-2.1-or-later
// Random pipelines around the elements, which must all end: by the end of the stream, or by one
// typed error. Prints TAP, so that it is a test as well.
#include <fmt/format.h>
#include <gst/gst.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>

#include "tests/gst/stub_segmenter.h"
#include "tests/reliability/hostile_run.h"

namespace {

using lightavseg::test::HostileEnd;
using Clock = std::chrono::steady_clock;

std::atomic<std::uint64_t> current_seed{0};
std::atomic<std::int64_t> current_start{0};  // ticks of Clock

void tell_seed(const char* what) {
  const auto text = fmt::format("# {} with --seed {} --count 1\n", what, current_seed.load());
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

// Not what a signal handler should do, but the process is lost and the seed is what matters.
void on_crash(int signal) {
  tell_seed("crashed");
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// A call that never returns can only be noticed from outside.
void watch(int patience_s) {
  std::thread([patience_s] {
    for (;;) {
      std::this_thread::sleep_for(std::chrono::seconds(1));
      const Clock::time_point start{Clock::duration{current_start.load()}};
      if (Clock::now() - start < std::chrono::seconds(3 * patience_s)) continue;
      tell_seed("hangs");
      std::abort();
    }
  }).detach();
}

struct Tally {
  int eos = 0, refused = 0, faults = 0;
  std::map<std::string, int> errors;  // by type
  double longest_s = 0;
  std::uint64_t longest_seed = 0;
};

// "gst-stream-error-quark 7" of the whole text.
std::string type_of(const std::string& error) {
  return error.substr(0, error.find(" of "));
}

void count(const HostileEnd& end, std::uint64_t seed, double seconds, bool verbose, Tally& tally) {
  if (seconds > tally.longest_s) {
    tally.longest_s = seconds;
    tally.longest_seed = seed;
  }
  static constexpr const char* kNames[] = {"end", "error", "refused", "FAULT"};
  const bool fault = end.kind == HostileEnd::Kind::kFault;
  if (verbose || fault) {
    fmt::print("# seed {}: {} {} ({:.2f} s)\n", seed, kNames[int(end.kind)], end.text, seconds);
    std::fflush(stdout);
  }
  switch (end.kind) {
    case HostileEnd::Kind::kEos:
      ++tally.eos;
      break;
    case HostileEnd::Kind::kError:
      ++tally.errors[type_of(end.text)];
      break;
    case HostileEnd::Kind::kRefused:
      ++tally.refused;
      break;
    case HostileEnd::Kind::kFault:
      ++tally.faults;
  }
}

void report(const Tally& tally) {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  int errors = 0;
  for (const auto& [type, n] : tally.errors) errors += n;
  fmt::print("# {} ended, {} told one error, {} had caps refused, {} faults\n", tally.eos, errors,
             tally.refused, tally.faults);
  for (const auto& [type, n] : tally.errors) fmt::print("#   {}: {}\n", type, n);
  fmt::print("# longest {:.1f} s (seed {}), at most {} MB resident\n", tally.longest_s,
             tally.longest_seed, use.ru_maxrss / 1024);
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seed = 1, pipelines = 300;
  int patience_s = 20;
  bool verbose = false;
  CLI::App app("Random pipelines around the elements, which must all end");
  app.add_option("--seed", seed, "Of the first pipeline; the next ones count up from it");
  app.add_option("--count", pipelines, "Pipelines to run");
  app.add_option("--patience", patience_s, "Seconds in which each must end");
  app.add_flag("--verbose", verbose, "Tell how each of them ended");
  CLI11_PARSE(app, argc, argv);

  gst_init(nullptr, nullptr);
  lightavseg::gst::test::use_stubs();
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, on_crash);
  fmt::print("1..1\n");
  Tally tally;
  for (std::uint64_t i = 0; i < pipelines; ++i) {
    const auto start = Clock::now();
    current_seed = seed + i;
    current_start = start.time_since_epoch().count();
    if (i == 0) watch(patience_s);
    const auto end = lightavseg::test::run_hostile_pipeline(seed + i, patience_s);
    count(end, seed + i, std::chrono::duration<double>(Clock::now() - start).count(), verbose,
          tally);
  }
  report(tally);
  fmt::print("{}ok 1 - {} pipelines from seed {}\n", tally.faults ? "not " : "", pipelines, seed);
  return tally.faults ? 1 : 0;
}
