// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/settings.h"

GType gst_lightavseg_output_get_type() {
  static const GEnumValue values[] = {
      {int(lightavseg::gst::Output::kOverlay), "The picture with the mask tinted over it",
       "overlay"},
      {int(lightavseg::gst::Output::kAlpha), "The picture with the mask as straight alpha",
       "alpha"},
      {int(lightavseg::gst::Output::kCutout), "As alpha, colour cleared where alpha is 0",
       "cutout"},
      {int(lightavseg::gst::Output::kMatte), "The mask alone, grey, full range", "matte"},
      {int(lightavseg::gst::Output::kMetadata), "The picture untouched, the mask as metadata only",
       "metadata"},
      {0, nullptr, nullptr},
  };
  static gsize type = 0;
  if (g_once_init_enter(&type))
    g_once_init_leave(&type, g_enum_register_static("GstLightAVSegOutput", values));
  return type;
}

namespace lightavseg::gst {
namespace {

constexpr auto kStatic = GParamFlags(G_PARAM_STATIC_STRINGS);
constexpr auto kPlaying =
    GParamFlags(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING);
constexpr auto kControlled = GParamFlags(kPlaying | GST_PARAM_CONTROLLABLE);
constexpr auto kReady =
    GParamFlags(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);

std::string text_of(const GValue* value) {
  const char* text = g_value_get_string(value);
  return text ? text : "";
}

void install_model_settings(GObjectClass* klass) {
  g_object_class_install_property(
      klass, kSettingModel,
      g_param_spec_string("model", "Model",
                          "Path of a LightAVSeg model file (safetensors); empty for the model that "
                          "ships. Loaded when going to PAUSED; while running, the other model is "
                          "loaded beside the stream and taken between two frames, and if that "
                          "fails the old one stays and a lightavseg-model-failed message tells why",
                          "", kPlaying));
  g_object_class_install_property(
      klass, kSettingLabels,
      g_param_spec_string(
          "labels", "Labels",
          "Path of a text file with one class name per line, to be used in place of "
          "the names in the model; empty for those. Taken together with the model",
          "", kPlaying));
  g_object_class_install_property(
      klass, kSettingThreads,
      g_param_spec_uint("threads", "Threads",
                        "Frames that the network works on at the same time, each in a thread of "
                        "its own; 0 for as many as there are cores, at most 4. The masks do not "
                        "depend on it. Taken when going to PAUSED",
                        0, 64, 0, kReady));
  g_object_class_install_property(
      klass, kSettingPrecision,
      g_param_spec_string("precision", "Precision",
                          "Arithmetic of the network: fp32; bf16 or int8 where the processor has "
                          "instructions for it; or auto: the fastest one that the file of the "
                          "model says to have masks as good. Taken when going to PAUSED",
                          "auto", kReady));
  g_object_class_install_property(
      klass, kSettingInputSize,
      g_param_spec_uint("input-size", "Input size",
                        "Side of the square that the network sees of a frame, 32 to 2048 pixels; 0 "
                        "for what the model was made for. Smaller is faster, with the square of "
                        "it, and overlooks small objects. Taken when going to PAUSED",
                        0, 2048, 0, kReady));
  g_object_class_install_property(
      klass, kSettingEngine,
      g_param_spec_string("engine", "Engine",
                          "What runs the network: planned (fast, without LibTorch), reference "
                          "(LibTorch operator by operator, loaded only then) or auto (planned, "
                          "reference for a model that it refuses). Taken when going to PAUSED",
                          "auto", kReady));
}

void install_look_settings(GObjectClass* klass) {
  g_object_class_install_property(
      klass, kSettingOutput,
      g_param_spec_enum("output", "Output",
                        "What leaves the source pad; a change renegotiates before the next frame",
                        gst_lightavseg_output_get_type(), int(Output::kOverlay), kPlaying));
  g_object_class_install_property(
      klass, kSettingThreshold,
      g_param_spec_double("threshold", "Threshold",
                          "Probability from which a pixel belongs to the mask, 0 to 1; 0 for the "
                          "soft probabilities themselves. From the next frame on",
                          0, 1, 0.5, kControlled));
  g_object_class_install_property(
      klass, kSettingFeather,
      g_param_spec_double("feather", "Feather",
                          "Softness of the edge in pixels of the video, 0 to 200. From the next "
                          "frame on",
                          0, 200, 2, kControlled));
  g_object_class_install_property(
      klass, kSettingInvert,
      g_param_spec_boolean("invert", "Invert",
                           "Mark what does not sound instead of what does. From the next frame on",
                           FALSE, kControlled));
  g_object_class_install_property(
      klass, kSettingSmoothing,
      g_param_spec_double("smoothing", "Smoothing",
                          "How much of the mask before is blended in where the two nearly agree, "
                          "0 (none) to 1; a moving edge stays crisp. From the next mask on",
                          0, 1, 0.5, kControlled));
  g_object_class_install_property(
      klass, kSettingOverlayColor,
      g_param_spec_uint("overlay-color", "Overlay color",
                        "Tint of the overlay as ARGB, such as 0xffff3b30; its alpha multiplies "
                        "overlay-opacity. From the next frame on",
                        0, G_MAXUINT32, RenderSettings().overlay_color, kControlled));
  g_object_class_install_property(
      klass, kSettingOverlayOpacity,
      g_param_spec_double("overlay-opacity", "Overlay opacity",
                          "Opacity of the overlay where the mask is full, 0 to 1. From the next "
                          "frame on",
                          0, 1, 0.5, kControlled));
  g_object_class_install_property(
      klass, kSettingClasses,
      g_param_spec_string("classes", "Classes",
                          "Names of the classes to show, separated by commas; empty for whatever "
                          "sounds. From the next mask on",
                          "", kPlaying));
}

void install_time_settings(GObjectClass* klass) {
  g_object_class_install_property(
      klass, kSettingInferenceInterval,
      g_param_spec_uint("inference-interval", "Inference interval",
                        "Run the network on every Nth frame, the others show the mask before; "
                        "frames, 1 to 1000. From the next frame on",
                        1, 1000, 1, kControlled));
  g_object_class_install_property(
      klass, kSettingMaxMaskAge,
      g_param_spec_uint64("max-mask-age", "Maximum mask age",
                          "An older mask than this is not shown but an empty one, ns. From the "
                          "next frame on",
                          0, G_MAXUINT64, GST_SECOND, kPlaying));
  g_object_class_install_property(
      klass, kSettingAudioOffset,
      g_param_spec_int64("audio-offset", "Audio offset",
                         "Shifts the second of sound that belongs to a frame, ns, -5 s to 5 s; by "
                         "default it ends with the frame. Positive values look ahead and add to "
                         "the latency. From the next frame on",
                         -5 * gint64(GST_SECOND), 5 * gint64(GST_SECOND), 0, kPlaying));
  g_object_class_install_property(
      klass, kSettingAudioProbe,
      g_param_spec_string("audio-probe", "Audio probe",
                          "Name of a lightavsegaudio element of the same pipeline to get the sound "
                          "from, where no audio can be linked (an effect of a video editor); empty "
                          "for audio_sink. Taken when going to PAUSED",
                          "", kReady));
  g_object_class_install_property(
      klass, kSettingStats,
      g_param_spec_boxed("stats", "Statistics",
                         "Counters since PAUSED: frames, inferences, silent, reused, skipped, "
                         "late; milliseconds: mask-mean-ms, mask-p95-ms, render-mean-ms, "
                         "render-p95-ms; latency (ns), audio-level (dB), audio-fill (0 to 1)",
                         GST_TYPE_STRUCTURE, GParamFlags(G_PARAM_READABLE | kStatic)));
}

}  // namespace

std::vector<std::string> Settings::selected_classes() const {
  std::vector<std::string> names;
  gchar** parts = g_strsplit(classes.c_str(), ",", -1);
  for (gchar** p = parts; *p; ++p)
    if (const char* name = g_strstrip(*p); *name) names.emplace_back(name);
  g_strfreev(parts);
  return names;
}

const char* to_string(Output output) {
  auto* klass = static_cast<GEnumClass*>(g_type_class_ref(gst_lightavseg_output_get_type()));
  const GEnumValue* value = g_enum_get_value(klass, int(output));
  g_type_class_unref(klass);  // a static type: the nick outlives it
  return value ? value->value_nick : "unknown";
}

void install_settings(GObjectClass* klass) {
  install_model_settings(klass);
  install_look_settings(klass);
  install_time_settings(klass);
}

bool set_setting(Settings& s, guint id, const GValue* value) {
  switch (id) {
    case kSettingModel:
      s.model = text_of(value);
      return true;
    case kSettingLabels:
      s.labels = text_of(value);
      return true;
    case kSettingOutput:
      s.render.output = Output(g_value_get_enum(value));
      return true;
    case kSettingThreshold:
      s.render.look.threshold = g_value_get_double(value);
      return true;
    case kSettingFeather:
      s.render.look.feather = g_value_get_double(value);
      return true;
    case kSettingInvert:
      s.render.look.invert = g_value_get_boolean(value);
      return true;
    case kSettingSmoothing:
      s.smoothing = g_value_get_double(value);
      return true;
    case kSettingOverlayColor:
      s.render.overlay_color = g_value_get_uint(value);
      return true;
    case kSettingOverlayOpacity:
      s.render.overlay_opacity = g_value_get_double(value);
      return true;
    case kSettingClasses:
      s.classes = text_of(value);
      return true;
    case kSettingInferenceInterval:
      s.inference_interval = g_value_get_uint(value);
      return true;
    case kSettingMaxMaskAge:
      s.max_mask_age = g_value_get_uint64(value);
      return true;
    case kSettingAudioOffset:
      s.audio_offset = g_value_get_int64(value);
      return true;
    case kSettingAudioProbe:
      s.audio_probe = text_of(value);
      return true;
    case kSettingThreads:
      s.threads = g_value_get_uint(value);
      return true;
    case kSettingPrecision:
      s.precision = text_of(value);
      return true;
    case kSettingInputSize:
      s.input_size = g_value_get_uint(value);
      return true;
    case kSettingEngine:
      s.engine = text_of(value);
      return true;
    default:
      return false;
  }
}

bool get_setting(const Settings& s, guint id, GValue* value) {
  switch (id) {
    case kSettingModel:
      g_value_set_string(value, s.model.c_str());
      return true;
    case kSettingLabels:
      g_value_set_string(value, s.labels.c_str());
      return true;
    case kSettingOutput:
      g_value_set_enum(value, int(s.render.output));
      return true;
    case kSettingThreshold:
      g_value_set_double(value, s.render.look.threshold);
      return true;
    case kSettingFeather:
      g_value_set_double(value, s.render.look.feather);
      return true;
    case kSettingInvert:
      g_value_set_boolean(value, s.render.look.invert);
      return true;
    case kSettingSmoothing:
      g_value_set_double(value, s.smoothing);
      return true;
    case kSettingOverlayColor:
      g_value_set_uint(value, s.render.overlay_color);
      return true;
    case kSettingOverlayOpacity:
      g_value_set_double(value, s.render.overlay_opacity);
      return true;
    case kSettingClasses:
      g_value_set_string(value, s.classes.c_str());
      return true;
    case kSettingInferenceInterval:
      g_value_set_uint(value, s.inference_interval);
      return true;
    case kSettingMaxMaskAge:
      g_value_set_uint64(value, s.max_mask_age);
      return true;
    case kSettingAudioOffset:
      g_value_set_int64(value, s.audio_offset);
      return true;
    case kSettingAudioProbe:
      g_value_set_string(value, s.audio_probe.c_str());
      return true;
    case kSettingThreads:
      g_value_set_uint(value, s.threads);
      return true;
    case kSettingPrecision:
      g_value_set_string(value, s.precision.c_str());
      return true;
    case kSettingInputSize:
      g_value_set_uint(value, s.input_size);
      return true;
    case kSettingEngine:
      g_value_set_string(value, s.engine.c_str());
      return true;
    default:
      return false;
  }
}

}  // namespace lightavseg::gst
