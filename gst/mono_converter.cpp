// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/mono_converter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace lightavseg::gst {
namespace {

// In Hz. Below, a small buffer lasts minutes, and converting it seconds; above, the filter grows.
constexpr int kMinRate = 1'000, kMaxRate = 16'000'000;
constexpr int kMaxChannels = 63;              // GStreamer's mixer ends the process at more
constexpr std::int64_t kBlockSamples = 8192;  // of input or output, whichever is more

// 1 x channels matrix of equal weights. GstAudioConverter refuses channels without positions.
void set_equal_weights(GstStructure* config, int channels) {
  GValue weight = G_VALUE_INIT, row = G_VALUE_INIT, matrix = G_VALUE_INIT;
  g_value_init(&weight, G_TYPE_FLOAT);  // the only type that 1.22 takes
  g_value_set_float(&weight, 1.0f / static_cast<float>(channels));
  g_value_init(&row, GST_TYPE_ARRAY);
  for (int channel = 0; channel < channels; ++channel) gst_value_array_append_value(&row, &weight);
  g_value_init(&matrix, GST_TYPE_ARRAY);
  gst_value_array_append_value(&matrix, &row);
  gst_structure_set_value(config, GST_AUDIO_CONVERTER_OPT_MIX_MATRIX, &matrix);
  g_value_unset(&matrix);
  g_value_unset(&row);
  g_value_unset(&weight);
}

GstStructure* converter_config(const GstAudioInfo& input, int output_rate) {
  GstStructure* config = gst_structure_new("mono", GST_AUDIO_CONVERTER_OPT_RESAMPLER_METHOD,
                                           GST_TYPE_AUDIO_RESAMPLER_METHOD,
                                           GST_AUDIO_RESAMPLER_METHOD_KAISER, nullptr);
  // Audible aliasing would be seen by the network: the quality of the audioresample element.
  gst_audio_resampler_options_set_quality(GST_AUDIO_RESAMPLER_METHOD_KAISER,
                                          GST_AUDIO_RESAMPLER_QUALITY_DEFAULT, input.rate,
                                          output_rate, config);
  if (input.channels > 1 && GST_AUDIO_INFO_IS_UNPOSITIONED(&input)) {
    set_equal_weights(config, input.channels);
  }
  return config;
}

std::string why_unusable(const GstAudioInfo& info) {
  if (info.finfo == nullptr || info.rate <= 0 || info.channels <= 0 || info.bpf <= 0) {
    return fmt::format(
        "the audio format is incomplete ({} Hz, {} channels); give raw audio with "
        "format, rate and channels",
        info.rate, info.channels);
  }
  const char* name = GST_AUDIO_INFO_NAME(&info);
  if (info.finfo->format <= GST_AUDIO_FORMAT_ENCODED || info.finfo->unpack_func == nullptr) {
    return fmt::format("audio format {} is not raw; put decodebin in front", name);
  }
  if (info.layout != GST_AUDIO_LAYOUT_INTERLEAVED) {
    return fmt::format("the layout of the {} audio is not interleaved; put audioconvert in front",
                       name);
  }
  if (info.channels > kMaxChannels) {
    return fmt::format(
        "audio with {} channels is more than the {} that GStreamer mixes; take some "
        "of them with deinterleave",
        info.channels, kMaxChannels);
  }
  if (info.rate < kMinRate || info.rate > kMaxRate) {
    return fmt::format("audio rate {} Hz is not {} to {} Hz; put audioresample in front", info.rate,
                       kMinRate, kMaxRate);
  }
  return {};
}

}  // namespace

MonoConverter::MonoConverter(const GstAudioInfo& input, int output_rate) : input_(input) {
  gst_audio_info_init(&output_);
  const GstAudioChannelPosition mono[] = {GST_AUDIO_CHANNEL_POSITION_MONO};
  gst_audio_info_set_format(&output_, GST_AUDIO_FORMAT_F32, output_rate, 1, mono);
  const std::int64_t frames = kBlockSamples * input.rate / std::max(input.rate, output_rate);
  max_frames_ = static_cast<std::size_t>(std::max<std::int64_t>(1, frames));
}

std::unique_ptr<MonoConverter> MonoConverter::make(const GstAudioInfo& input, int output_rate,
                                                   std::string* reason) {
  std::string why = why_unusable(input);
  std::unique_ptr<MonoConverter> made;
  if (why.empty()) {
    made.reset(new MonoConverter(input, output_rate));
    if (!made->restart()) {
      why = fmt::format(
          "GStreamer cannot convert {} audio of {} Hz with {} channels to mono of "
          "{} Hz; put audioconvert and audioresample in front",
          GST_AUDIO_INFO_NAME(&input), input.rate, input.channels, output_rate);
      made.reset();
    }
  }
  if (reason != nullptr) *reason = why;
  return made;
}

bool MonoConverter::restart() {
  // gst_audio_converter_reset() keeps the phase of the resampler (seen in 1.22), which would shift
  // what follows by a fraction of a sample, so that it is made anew.
  if (converter_ == nullptr || (used_ && input_.rate != output_.rate)) {
    converter_.reset(gst_audio_converter_new(GST_AUDIO_CONVERTER_FLAG_NONE, &input_, &output_,
                                             converter_config(input_, output_.rate)));
  }
  used_ = false;
  return converter_ != nullptr;
}

std::size_t MonoConverter::delay_frames() const {
  const std::size_t latency = gst_audio_converter_get_max_latency(converter_.get());
  // One more, for the output samples that lie behind the last input frame.
  return latency > 0 ? latency + 1 : 0;
}

const std::vector<float>& MonoConverter::convert_silence(std::size_t frames) {
  // GstAudioConverter takes a null pointer for silence, but in 1.22 clears too few bytes for it, so
  // that earlier samples sound again.
  const std::size_t bytes = frames * frame_bytes();
  if (silence_.size() < bytes) {
    silence_.resize(bytes);
    gst_audio_format_info_fill_silence(input_.finfo, silence_.data(), silence_.size());
  }
  return convert(silence_.data(), frames);
}

const std::vector<float>& MonoConverter::convert(const void* data, std::size_t frames) {
  used_ = true;
  samples_.resize(gst_audio_converter_get_out_frames(converter_.get(), frames));
  // The converter takes arrays of blocks, one block for interleaved audio, and only reads the input
  // without GST_AUDIO_CONVERTER_FLAG_IN_WRITABLE.
  gpointer in[] = {const_cast<gpointer>(data)};
  float unused = 0;
  gpointer out[] = {samples_.empty() ? &unused : samples_.data()};
  gst_audio_converter_samples(converter_.get(), GST_AUDIO_CONVERTER_FLAG_NONE, in, frames, out,
                              samples_.size());
  return samples_;
}

}  // namespace lightavseg::gst
