// SPDX-License-Identifier: LGPL-2.1-or-later
// A window that shows a file, or a test picture, with what sounds tinted, and a slider for the
// threshold: the element in a program with GTK 3.
//
// Usage: preview_gtk [FILE]. Needs gtksink (Debian: gstreamer1.0-gtk3). The window closes with the
// stream's error, which is on stderr.
#include <gst/gst.h>
#include <gtk/gtk.h>

#include <cstdio>

namespace {

// A demuxer needs queues that are longer than its interleaving.
constexpr const char* kFromFile =
    "filesrc name=file ! decodebin name=d "
    "d. ! queue max-size-time=3000000000 max-size-bytes=0 max-size-buffers=0 ! videoconvert ! "
    "m.video_sink "
    "d. ! queue max-size-time=3000000000 max-size-bytes=0 max-size-buffers=0 ! audioconvert ! "
    "m.audio_sink "
    "lightavseg name=m ! queue ! videoconvert ! gtksink name=window";
constexpr const char* kFromTestSources =
    "videotestsrc is-live=true ! m.video_sink audiotestsrc is-live=true wave=ticks ! m.audio_sink "
    "lightavseg name=m ! queue ! videoconvert ! gtksink name=window";

// Called in the main loop; the slider's values reach the stream with its next frame.
void set_threshold(GtkRange* slider, gpointer element) {
  g_object_set(element, "threshold", gtk_range_get_value(slider), nullptr);
}

gboolean on_message(GstBus*, GstMessage* message, gpointer failed) {
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
    GError* error = nullptr;
    gchar* details = nullptr;
    gst_message_parse_error(message, &error, &details);
    std::fprintf(stderr, "%s\n%s\n", error->message, details ? details : "");
    g_clear_error(&error);
    g_free(details);
    *static_cast<bool*>(failed) = true;
    gtk_main_quit();
  }
  return G_SOURCE_CONTINUE;
}

}  // namespace

int main(int argc, char** argv) {
  gst_init(&argc, &argv);
  gtk_init(&argc, &argv);
  GError* error = nullptr;
  GstElement* pipeline = gst_parse_launch(argc > 1 ? kFromFile : kFromTestSources, &error);
  if (error) {
    std::fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  GstElement* element = gst_bin_get_by_name(GST_BIN(pipeline), "m");
  if (argc > 1) {
    GstElement* file = gst_bin_get_by_name(GST_BIN(pipeline), "file");
    g_object_set(file, "location", argv[1], nullptr);
    gst_object_unref(file);
  }

  GtkWidget* window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
  gtk_window_set_title(GTK_WINDOW(window), "LightAVSeg");
  gtk_window_set_default_size(GTK_WINDOW(window), 640, 400);
  GtkWidget* box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
  GstElement* sink = gst_bin_get_by_name(GST_BIN(pipeline), "window");
  GtkWidget* picture = nullptr;
  g_object_get(sink, "widget", &picture, nullptr);
  gtk_box_pack_start(GTK_BOX(box), picture, TRUE, TRUE, 0);
  g_object_unref(picture);  // the box has it now
  GtkWidget* slider = gtk_scale_new_with_range(GTK_ORIENTATION_HORIZONTAL, 0, 1, 0.05);
  gtk_range_set_value(GTK_RANGE(slider), 0.5);
  g_signal_connect(slider, "value-changed", G_CALLBACK(set_threshold), element);
  gtk_box_pack_start(GTK_BOX(box), slider, FALSE, FALSE, 0);
  gtk_container_add(GTK_CONTAINER(window), box);
  g_signal_connect(window, "destroy", G_CALLBACK(gtk_main_quit), nullptr);
  gtk_widget_show_all(window);

  bool failed = false;
  GstBus* bus = gst_element_get_bus(pipeline);
  const guint watch = gst_bus_add_watch(bus, on_message, &failed);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  gtk_main();
  gst_element_set_state(pipeline, GST_STATE_NULL);
  g_source_remove(watch);
  gst_object_unref(bus);
  gst_object_unref(sink);
  gst_object_unref(element);
  gst_object_unref(pipeline);
  return failed ? 1 : 0;
}
