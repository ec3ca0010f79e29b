// SPDX-License-Identifier: LGPL-2.1-or-later
// What the tests of the metadata share: masks made by hand, frames that carry them, and a pipeline
// between an appsrc and an appsink.
#pragma once

#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gst/mask.h"
#include "gst/mask_meta.h"
#include "gst/owned.h"
#include "tests/gst/test_frames.h"

namespace lightavseg::gst::test {

using Sample = Owned<GstSample>;
using Buffer = Owned<GstBuffer>;

inline std::shared_ptr<const ModelDescription> model_that_names(std::vector<std::string> classes) {
  auto model = std::make_shared<ModelDescription>();
  model->name = "two-rooms";
  model->class_names = std::move(classes);
  return model;
}

inline MaskPtr mask_of(std::vector<float> probability, int height, int width,
                       const std::vector<std::uint8_t>& labels = {},
                       std::shared_ptr<const ModelDescription> model = nullptr) {
  auto mask = std::make_unique<Mask>();
  mask->pts = 3 * GST_SECOND;
  mask->running_time = 2 * GST_SECOND;
  mask->height = height;
  mask->width = width;
  mask->probability = std::move(probability);
  mask->audio_level_db = -17.5;
  mask->audio_filled = 0.75;
  mask->model = std::move(model);
  return finish_mask(std::move(mask), labels, 0.5);
}

// [8, 16] with probability 0.75 in columns 4..7 of rows 2..3, else 0.
inline MaskPtr block_mask(std::shared_ptr<const ModelDescription> model = nullptr,
                          std::uint8_t label = 0) {
  std::vector<float> probability(8 * 16);
  std::vector<std::uint8_t> labels;
  if (label) labels.assign(probability.size(), 0);
  for (std::size_t y = 2; y < 4; ++y) {
    for (std::size_t x = 4; x < 8; ++x) {
      probability[y * 16 + x] = 0.75f;
      if (label) labels[y * 16 + x] = label;
    }
  }
  return mask_of(std::move(probability), 8, 16, labels, std::move(model));
}

// A frame of zeros, with the metadata of `mask` unless null.
inline GstBuffer* frame_with(const GstVideoInfo& info, const Mask* mask, GstClockTime pts = 0) {
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&info), nullptr);
  gst_buffer_memset(buffer, 0, 0, GST_VIDEO_INFO_SIZE(&info));
  GST_BUFFER_PTS(buffer) = pts;
  GST_BUFFER_DURATION(buffer) = 40 * GST_MSECOND;
  if (mask) attach_mask_meta(buffer, info, *mask, 5 * GST_MSECOND);
  return buffer;
}

inline std::vector<int> box_of_meta(GstBuffer* buffer) {
  const GstStructure* fields = mask_meta_of(buffer);
  const GValue* box = fields ? gst_structure_get_value(fields, "bbox") : nullptr;
  std::vector<int> numbers;
  for (guint i = 0; box && i < gst_value_array_get_size(box); ++i) {
    numbers.push_back(g_value_get_int(gst_value_array_get_value(box, i)));
  }
  return numbers;
}

inline GstSample* sample_of_meta(GstBuffer* buffer) {
  const GstStructure* fields = mask_meta_of(buffer);
  const GValue* value = fields ? gst_structure_get_value(fields, "mask") : nullptr;
  return value ? gst_value_get_sample(value) : nullptr;
}

// Pixels of a plane without padding.
inline std::vector<std::uint8_t> plane(GstSample* sample, guint index = 0) {
  GstVideoInfo info;
  GstVideoFrame frame;
  std::vector<std::uint8_t> pixels;
  if (!gst_video_info_from_caps(&info, gst_sample_get_caps(sample)) ||
      !gst_video_frame_map(&frame, &info, gst_sample_get_buffer(sample), GST_MAP_READ)) {
    ADD_FAILURE() << "sample cannot be mapped";
    return pixels;
  }
  const int row_bytes =
      GST_VIDEO_FRAME_COMP_WIDTH(&frame, index) * GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, index);
  for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, index); ++y) {
    const auto* row = static_cast<const std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, index)) +
                      y * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, index);
    pixels.insert(pixels.end(), row, row + row_bytes);
  }
  gst_video_frame_unmap(&frame);
  return pixels;
}

// `appsrc name=in ! MIDDLE ! appsink name=out`, or a whole description that has both.
class Line {
 public:
  Line(const std::string& middle, const GstVideoInfo& info) : info_(info) {
    const bool is_whole = middle.find("name=out") != std::string::npos;
    const std::string text = "appsrc name=in format=time ! " + middle +
                             (is_whole ? "" : " ! appsink name=out sync=false");
    GError* error = nullptr;
    pipeline_ = gst_parse_launch(text.c_str(), &error);
    EXPECT_EQ(error, nullptr) << text << ": " << error->message;
    g_clear_error(&error);
    in_ = gst_bin_get_by_name(GST_BIN(pipeline_), "in");
    GstCaps* caps = gst_video_info_to_caps(&info_);
    gst_app_src_set_caps(GST_APP_SRC(in_), caps);
    gst_caps_unref(caps);
    gst_element_set_state(pipeline_, GST_STATE_PLAYING);
  }

  ~Line() {
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    gst_object_unref(in_);
    gst_object_unref(pipeline_);
  }

  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  GstElement* pipeline() { return pipeline_; }

  // The element of that name; valid as long as the line.
  GstElement* element(const char* name) {
    GstElement* found = gst_bin_get_by_name(GST_BIN(pipeline_), name);
    EXPECT_NE(found, nullptr) << name;
    if (found) gst_object_unref(found);
    return found;
  }

  // Takes the buffer.
  void push(GstBuffer* buffer) {
    ASSERT_EQ(gst_app_src_push_buffer(GST_APP_SRC(in_), buffer), GST_FLOW_OK);
  }

  // The next frame, 40 ms after the last, with the metadata of `mask` unless null.
  void push_frame(const Mask* mask) { push(frame_with(info_, mask, 40 * GST_MSECOND * count_++)); }

  // The next sample of an appsink, null after five seconds without one.
  Sample pull(const char* sink = "out") {
    return Sample(gst_app_sink_try_pull_sample(GST_APP_SINK(element(sink)), 5 * GST_SECOND));
  }

  // Takes the messages of these types that were posted so far.
  std::vector<std::string> messages(GstMessageType types) {
    GstBus* bus = gst_element_get_bus(pipeline_);
    std::vector<std::string> texts;
    while (GstMessage* message = gst_bus_pop_filtered(bus, types)) {
      GError* error = nullptr;
      if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING) {
        gst_message_parse_warning(message, &error, nullptr);
      } else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_INFO) {
        gst_message_parse_info(message, &error, nullptr);
      } else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
        gst_message_parse_error(message, &error, nullptr);
      }
      texts.emplace_back(error ? error->message : "");
      g_clear_error(&error);
      gst_message_unref(message);
    }
    gst_object_unref(bus);
    return texts;
  }

 private:
  GstVideoInfo info_;
  GstElement* pipeline_ = nullptr;
  GstElement* in_ = nullptr;
  guint64 count_ = 0;
};

}  // namespace lightavseg::gst::test
