// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dsp/log_mel.h"

#include <fftw3.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <mutex>
#include <new>
#include <string>

#include "dsp/errors.h"
#include "dsp/sample_guard.h"

namespace lightavseg::dsp {
namespace {

constexpr double kTwoPi = 6.283185307179586476925;

std::mutex& planner_mutex() {
  static std::mutex mutex;
  return mutex;
}

struct FftwDeleter {
  void operator()(void* memory) const { fftwf_free(memory); }
};

// Memory of FFTW's own allocator: plans use the SIMD code only on buffers aligned like the ones
// they were made for, so every buffer comes from here.
template <typename T>
std::unique_ptr<T[], FftwDeleter> aligned_buffer(std::size_t count) {
  auto* memory = static_cast<T*>(fftwf_malloc(count * sizeof(T)));
  if (memory == nullptr) throw std::bad_alloc();
  std::fill_n(reinterpret_cast<float*>(memory), count * sizeof(T) / sizeof(float), 0.0f);
  return std::unique_ptr<T[], FftwDeleter>(memory);
}

MelFilterbank make_filterbank(const FrontEndSpec& spec) {
  const auto make =
      spec.mel_scale == MelScale::kSlaney ? &MelFilterbank::slaney : &MelFilterbank::htk;
  return make(spec.mel_sample_rate, spec.mel_n_fft, spec.bands, spec.fmin, spec.fmax)
      .restricted(spec.n_fft / 2 + 1, spec.spectrum_gain);
}

std::vector<float> periodic_hann(int length) {
  std::vector<float> window(static_cast<std::size_t>(length));
  for (int i = 0; i < length; ++i) {
    window[static_cast<std::size_t>(i)] =
        static_cast<float>(0.5 - 0.5 * std::cos(kTwoPi * i / length));
  }
  return window;
}

// Mirrors a position without repeating the border sample; needs -count < position < 2 count - 1.
std::int64_t mirrored(std::int64_t position, std::int64_t count) {
  if (position < 0) return -position;
  if (position >= count) return 2 * (count - 1) - position;
  return position;
}

std::int64_t frame_start(const FrontEndSpec& spec, int frame) {
  return static_cast<std::int64_t>(frame) * spec.hop - (spec.centred ? spec.n_fft / 2 : 0);
}

[[noreturn]] void fail(const FrontEndSpec& spec, const std::string& what) {
  throw DspError("log-mel " + std::string(spec.name) + ": " + what);
}

}  // namespace

struct LogMel::Workspace::Buffers {
  explicit Buffers(int length)
      : n_fft(length),
        time(aligned_buffer<float>(static_cast<std::size_t>(length))),
        transform(aligned_buffer<fftwf_complex>(static_cast<std::size_t>(length / 2 + 1))),
        spectrum(aligned_buffer<float>(static_cast<std::size_t>(length / 2 + 1))) {}

  int n_fft;
  std::unique_ptr<float[], FftwDeleter> time;
  std::unique_ptr<fftwf_complex[], FftwDeleter> transform;
  std::unique_ptr<float[], FftwDeleter> spectrum;
};

LogMel::Workspace::Workspace(const LogMel& log_mel)
    : buffers_(std::make_unique<Buffers>(log_mel.spec().n_fft)) {
}
LogMel::Workspace::Workspace(Workspace&&) noexcept = default;
LogMel::Workspace& LogMel::Workspace::operator=(Workspace&&) noexcept = default;
LogMel::Workspace::~Workspace() = default;

struct LogMel::Plan {
  explicit Plan(int n_fft) {
    const auto length = static_cast<std::size_t>(n_fft);
    const auto time = aligned_buffer<float>(length);
    const auto transform = aligned_buffer<fftwf_complex>(length / 2 + 1);
    const std::lock_guard<std::mutex> lock(planner_mutex());
    // FFTW_ESTIMATE: a plan picked by timing would differ from run to run, and so would the last
    // bits of the features.
    handle = fftwf_plan_dft_r2c_1d(n_fft, time.get(), transform.get(),
                                   FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
    if (handle == nullptr) {
      throw DspError("FFTW made no plan for a real transform of " + std::to_string(n_fft) +
                     " samples; check that the fftw3f library is a complete build");
    }
  }
  ~Plan() {
    const std::lock_guard<std::mutex> lock(planner_mutex());
    fftwf_destroy_plan(handle);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  fftwf_plan handle;
};

LogMel::LogMel(FrontEnd front_end)
    : spec_(&dsp::spec(front_end)),
      filterbank_(make_filterbank(*spec_)),
      hann_(periodic_hann(spec_->window)),
      plan_(std::make_unique<Plan>(spec_->n_fft)) {
}
LogMel::LogMel(LogMel&&) noexcept = default;
LogMel& LogMel::operator=(LogMel&&) noexcept = default;
LogMel::~LogMel() = default;

std::size_t LogMel::min_samples() const {
  return static_cast<std::size_t>(spec_->centred ? spec_->n_fft / 2 + 1 : spec_->window);
}

int LogMel::frames(std::size_t samples) const {
  if (samples < min_samples()) return 0;
  const std::size_t covered =
      spec_->centred ? samples : samples - static_cast<std::size_t>(spec_->window);
  return static_cast<int>(1 + covered / static_cast<std::size_t>(spec_->hop));
}

bool LogMel::sees_border(int frame, std::size_t count) const {
  const std::int64_t start = frame_start(*spec_, frame);
  return start < 0 || start + spec_->window > static_cast<std::int64_t>(count);
}

void LogMel::compute(const float* samples, std::size_t count, float* out,
                     Workspace& workspace) const {
  check(samples, count, out, workspace);
  const int rows = frames(count);
  for (int frame = 0; frame < rows; ++frame) {
    write_row(samples, count, frame, out + static_cast<std::ptrdiff_t>(frame) * spec_->bands,
              workspace);
  }
}

std::vector<float> LogMel::compute(const float* samples, std::size_t count) const {
  Workspace workspace(*this);
  std::vector<float> out(static_cast<std::size_t>(frames(count)) *
                         static_cast<std::size_t>(spec_->bands));
  compute(samples, count, out.data(), workspace);
  return out;
}

void LogMel::compute_frame(const float* samples, std::size_t count, int frame, float* row,
                           Workspace& workspace) const {
  check(samples, count, row, workspace);
  if (frame < 0 || frame >= frames(count)) {
    fail(*spec_, "frame " + std::to_string(frame) + " does not exist; " + std::to_string(count) +
                     " samples have frames 0 to " + std::to_string(frames(count) - 1));
  }
  write_row(samples, count, frame, row, workspace);
}

// The texts are put together only on failure: the good path must not allocate.
void LogMel::check(const float* samples, std::size_t count, const float* out,
                   const Workspace& workspace) const {
  if (count < min_samples()) {
    fail(*spec_, std::to_string(count) + " samples are too few; " +
                     (spec_->centred ? "mirroring the borders" : "one window") +
                     " needs at least " + std::to_string(min_samples()) + " at " +
                     std::to_string(spec_->sample_rate) + " Hz; pad the input with silence");
  }
  if (samples == nullptr) fail(*spec_, "samples is a null pointer; pass the mono samples");
  if (out == nullptr) fail(*spec_, "out is a null pointer; pass room for one row per frame");
  if (workspace.buffers_ == nullptr || workspace.buffers_->n_fft != spec_->n_fft) {
    fail(*spec_, "the workspace was moved from or made for another transform length than " +
                     std::to_string(spec_->n_fft) + "; make one from this LogMel");
  }
}

void LogMel::write_row(const float* samples, std::size_t count, int frame, float* row,
                       Workspace& workspace) const {
  float* const time = workspace.buffers_->time.get();
  fftwf_complex* const transform = workspace.buffers_->transform.get();
  float* const spectrum = workspace.buffers_->spectrum.get();

  const std::int64_t start = frame_start(*spec_, frame);
  if (sees_border(frame, count)) {
    for (int i = 0; i < spec_->window; ++i) {
      time[i] = samples[mirrored(start + i, static_cast<std::int64_t>(count))];
    }
  } else {
    std::copy_n(samples + start, spec_->window, time);
  }
  const float* const hann = hann_.data();
  for (int i = 0; i < spec_->window; ++i) time[i] = guarded(time[i]) * hann[i];
  std::fill(time + spec_->window, time + spec_->n_fft, 0.0f);

  fftwf_execute_dft_r2c(plan_->handle, time, transform);

  const int bins = filterbank_.used_bins();
  for (int k = 0; k < bins; ++k) {
    spectrum[k] = transform[k][0] * transform[k][0] + transform[k][1] * transform[k][1];
  }
  if (spec_->spectrum == Spectrum::kMagnitude) {
    for (int k = 0; k < bins; ++k) spectrum[k] = std::sqrt(spectrum[k]);
  }
  filterbank_.apply(spectrum, row);

  const auto constant = static_cast<float>(spec_->log_constant);
  if (spec_->compression == Compression::kDecibels) {
    for (int b = 0; b < spec_->bands; ++b) row[b] = 10.0f * std::log10(std::max(row[b], constant));
  } else {
    for (int b = 0; b < spec_->bands; ++b) row[b] = std::log(row[b] + constant);
  }
}

}  // namespace lightavseg::dsp
