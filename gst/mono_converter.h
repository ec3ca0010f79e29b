// SPDX-License-Identifier: LGPL-2.1-or-later
// Any raw audio -> mono floats of one rate, by GstAudioConverter.
#pragma once

#include <gst/audio/audio.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace lightavseg::gst {

// A stream of sample frames in, a stream of mono samples out. Output sample k stands for the time
// of input frame k * input rate / output rate exactly, however the input was cut. Not thread-safe.
class MonoConverter {
 public:
  // Null with a reason when GstAudioConverter cannot read the format.
  static std::unique_ptr<MonoConverter> make(const GstAudioInfo& input, int output_rate,
                                             std::string* reason);

  int input_rate() const { return input_.rate; }
  std::size_t frame_bytes() const { return static_cast<std::size_t>(input_.bpf); }
  const GstAudioInfo& input() const { return input_; }
  // How many frames may be handed to convert() at once, so that its memory stays small.
  std::size_t max_frames() const { return max_frames_; }
  // How many frames of silence push out everything that convert() has not given yet.
  std::size_t delay_frames() const;

  // The samples that `frames` more frames (1..max_frames()) complete. Valid until the next call.
  const std::vector<float>& convert(const void* data, std::size_t frames);
  // The same for frames of silence.
  const std::vector<float>& convert_silence(std::size_t frames);

  // Back to the state after make(). False when GstAudioConverter refuses the format.
  bool restart();

 private:
  struct Free {
    void operator()(GstAudioConverter* converter) const { gst_audio_converter_free(converter); }
  };

  MonoConverter(const GstAudioInfo& input, int output_rate);

  GstAudioInfo input_, output_;
  std::size_t max_frames_;
  bool used_ = false;
  std::unique_ptr<GstAudioConverter, Free> converter_;
  std::vector<float> samples_;
  std::vector<guint8> silence_;
};

}  // namespace lightavseg::gst
