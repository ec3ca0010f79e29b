// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "dsp/front_end.h"
#include "dsp/mel_filterbank.h"

namespace lightavseg::dsp {

// Log-mel features of mono samples in [-1, 1] at the rate of a front end: frames, Hann window,
// spectrum, mel bands, logarithm, with the constants of front_end.h.
//
// A LogMel never changes after construction: any number of threads may call it at once, each with a
// Workspace of its own. Equal samples give equal bits in every call of a process, whatever the
// thread, the workspace or the alignment of the samples. Constructing and destroying take a lock
// that all LogMels share, because FFTW's planner is not thread-safe; a program that plans with
// single-precision FFTW itself must not do so meanwhile.
//
// Bad samples never raise an error and never reach other frames than those that hold them: NaN and
// infinities count as 0, magnitudes above 1e4 clip, magnitudes below 1e-12 count as 0. The output
// is always finite.
class LogMel {
 public:
  // The buffers of one thread at work. Movable, not copyable; fits every LogMel whose front end has
  // the same n_fft.
  class Workspace {
   public:
    explicit Workspace(const LogMel& log_mel);
    Workspace(Workspace&&) noexcept;
    Workspace& operator=(Workspace&&) noexcept;
    ~Workspace();

   private:
    friend class LogMel;
    struct Buffers;
    std::unique_ptr<Buffers> buffers_;
  };

  // Throws DspError for a value that is no front end, and when FFTW cannot make a plan.
  explicit LogMel(FrontEnd front_end);
  LogMel(LogMel&&) noexcept;
  LogMel& operator=(LogMel&&) noexcept;
  ~LogMel();

  const FrontEndSpec& spec() const { return *spec_; }
  const MelFilterbank& filterbank() const { return filterbank_; }

  // Fewest samples that compute() takes: n_fft / 2 + 1 where borders are mirrored (257 at 16 kHz,
  // 513 at 32 kHz), one whole window elsewhere (400).
  std::size_t min_samples() const;

  // Rows that compute() writes for that many samples; 0 when they are fewer than min_samples().
  int frames(std::size_t samples) const;

  // Whether that frame of an input of `count` samples sees the mirrored border, so that its
  // features change when the input grows or is cut.
  bool sees_border(int frame, std::size_t count) const;

  // Writes the features of samples[count] to out, row-major [frames(count), bands]. Allocates
  // nothing. Throws DspError when count < min_samples(), a pointer is null or the workspace belongs
  // to another n_fft.
  void compute(const float* samples, std::size_t count, float* out, Workspace& workspace) const;

  // The same with a workspace and a result of its own.
  std::vector<float> compute(const float* samples, std::size_t count) const;

  // One row of compute(): bit for bit the row `frame` (0 <= frame < frames(count)) of the same
  // samples. Errors as for compute(), and when the frame does not exist.
  void compute_frame(const float* samples, std::size_t count, int frame, float* row,
                     Workspace& workspace) const;

 private:
  struct Plan;

  void check(const float* samples, std::size_t count, const float* out,
             const Workspace& workspace) const;
  void write_row(const float* samples, std::size_t count, int frame, float* row,
                 Workspace& workspace) const;

  const FrontEndSpec* spec_;
  MelFilterbank filterbank_;
  std::vector<float> hann_;
  std::unique_ptr<Plan> plan_;
};

}  // namespace lightavseg::dsp
