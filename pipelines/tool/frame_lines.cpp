// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/frame_lines.h"

#include <fmt/format.h>
#include <gst/video/video.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "gst/mask_meta.h"

namespace lightavseg::tool {
namespace {

// Enough for any use, and lines that people can read.
double rounded(double value) {
  return std::round(value * 1e6) / 1e6;
}

double number(const GstStructure* fields, const char* name) {
  gdouble value = 0;
  gst_structure_get_double(fields, name, &value);
  return rounded(value);
}

nlohmann::ordered_json box_of(const GstStructure* fields) {
  auto box = nlohmann::ordered_json::array();
  const GValue* values = gst_structure_get_value(fields, "bbox");
  for (guint i = 0; values && i < gst_value_array_get_size(values); ++i)
    box.push_back(g_value_get_int(gst_value_array_get_value(values, i)));
  return box;
}

gboolean add_label(GQuark name, const GValue* value, gpointer out) {
  const double share = rounded(g_value_get_double(value));
  if (share > 0) (*static_cast<nlohmann::ordered_json*>(out))[g_quark_to_string(name)] = share;
  return TRUE;
}

nlohmann::ordered_json labels_of(const GstStructure* fields) {
  auto labels = nlohmann::ordered_json::object();
  const GValue* value = gst_structure_get_value(fields, "labels");
  const GstStructure* found =
      value && GST_VALUE_HOLDS_STRUCTURE(value) ? gst_value_get_structure(value) : nullptr;
  if (found) gst_structure_foreach(found, add_label, &labels);
  return labels;
}

nlohmann::ordered_json regions_of(GstBuffer* buffer) {
  auto regions = nlohmann::ordered_json::array();
  gpointer state = nullptr;
  while (GstMeta* meta = gst_buffer_iterate_meta_filtered(
             buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)) {
    auto* region = reinterpret_cast<GstVideoRegionOfInterestMeta*>(meta);
    const GstStructure* ours = gst_video_region_of_interest_meta_get_param(region, "lightavseg");
    if (!ours) continue;
    regions.push_back({{"label", g_quark_to_string(region->roi_type)},
                       {"box", {region->x, region->y, region->w, region->h}},
                       {"score", number(ours, "score")},
                       {"area", number(ours, "area")}});
  }
  return regions;
}

}  // namespace

FrameLines::FrameLines(GstPad* pad, const std::filesystem::path& path)
    : pad_(GST_PAD(gst_object_ref(pad))), path_(path), file_(std::fopen(path.c_str(), "we")) {
  if (!file_) throw std::runtime_error(path.string() + ": cannot be written");
  probe_ = gst_pad_add_probe(pad_.get(), GST_PAD_PROBE_TYPE_BUFFER, on_buffer, this, nullptr);
}

FrameLines::~FrameLines() {
  if (probe_ != 0) gst_pad_remove_probe(pad_.get(), probe_);
  if (file_) std::fclose(file_);
}

GstPadProbeReturn FrameLines::on_buffer(GstPad*, GstPadProbeInfo* info, gpointer self) {
  static_cast<FrameLines*>(self)->write(GST_PAD_PROBE_INFO_BUFFER(info));
  return GST_PAD_PROBE_OK;
}

void FrameLines::write(GstBuffer* buffer) {
  const GstStructure* fields = gst::mask_meta_of(buffer);
  if (!fields || !file_) return;
  nlohmann::ordered_json line;
  line["frame"] = frame_++;
  line["time"] = rounded(double(GST_BUFFER_PTS(buffer)) / GST_SECOND);
  line["area"] = number(fields, "area");
  line["score"] = number(fields, "score");
  line["box"] = box_of(fields);
  line["labels"] = labels_of(fields);
  line["regions"] = regions_of(buffer);
  line["audio_level_db"] = number(fields, "audio-level");
  // Names from model files may be any bytes; a line must stay JSON all the same.
  const auto text = line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  if (std::fputs((text + "\n").c_str(), file_) < 0) failed_ = true;
}

void FrameLines::finish() {
  gst_pad_remove_probe(pad_.get(), probe_);
  probe_ = 0;
  const bool closed = std::fclose(file_) == 0;
  file_ = nullptr;
  if (failed_ || !closed)
    throw std::runtime_error(path_.string() + ": cannot be written; is the disc full?");
}

}  // namespace lightavseg::tool
