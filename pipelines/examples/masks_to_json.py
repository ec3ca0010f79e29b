#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints the metadata of lightavseg, one JSON object per frame of a file.

Usage: masks_to_json.py FILE [NAME=VALUE]...    (properties of lightavseg, such as classes=dog)

A pipeline in words, an appsink, and fields read from each buffer: the whole use of the element from
Python. docs/metadata.md lists the fields.
"""
import json
import sys
import warnings

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import GLib, Gst, GstApp  # noqa: E402,F401 (GstApp: the methods of appsink)

# PyGObject calls GObject.ValueArray, its only view of the box, deprecated.
warnings.simplefilter("ignore", DeprecationWarning)
QUEUE = "queue max-size-time=3000000000 max-size-bytes=0 max-size-buffers=0"


def open_pipeline(path, properties):
    """Frames of the file come out of the appsink called out."""
    pipeline = Gst.parse_launch(
        "filesrc name=file ! decodebin name=d "
        f"d. ! {QUEUE} ! videoconvert ! m.video_sink "
        f"d. ! {QUEUE} ! audioconvert ! m.audio_sink "
        "lightavseg name=m output=metadata ! appsink name=out sync=false max-buffers=4")
    # Set here and not in the words above, so that a path may hold any character.
    pipeline.get_by_name("file").props.location = path
    element = pipeline.get_by_name("m")
    for name, value in (item.split("=", 1) for item in properties):
        if not element.find_property(name):
            sys.exit(f"lightavseg has no property '{name}'; gst-inspect-1.0 lightavseg lists them")
        Gst.util_set_object_arg(element, name, value)
    return pipeline


def numbers(structure):
    """The gdouble fields of a structure as a dict."""
    names = (structure.nth_field_name(i) for i in range(structure.n_fields()))
    return {name: round(structure.get_double(name)[1], 4) for name in names}


def record(buffer):
    """What a frame carries, as a dict; None for a frame that did not come from lightavseg."""
    meta = buffer.get_custom_meta("LightAVSegMask")
    if not meta:
        return None
    fields = meta.get_structure()
    box = fields.get_array("bbox")[1]
    labels = fields.get_value("labels")
    return {
        "time": buffer.pts / Gst.SECOND,
        "area": round(fields.get_double("area")[1], 4),
        "score": round(fields.get_double("score")[1], 4),
        "box": [box.get_nth(i) for i in range(box.n_values)],
        "labels": {name: share for name, share in numbers(labels).items() if share > 0},
        "audio_level": round(fields.get_double("audio-level")[1], 1),
        "age": fields.get_uint64("age")[1] / Gst.SECOND,
    }


def main(path, properties):
    Gst.init(None)
    try:
        pipeline = open_pipeline(path, properties)
    except GLib.GError as error:
        sys.exit(f"{error.message}; is lightavseg installed, or GST_PLUGIN_PATH set?")
    pipeline.set_state(Gst.State.PLAYING)
    out = pipeline.get_by_name("out")
    try:
        # A pipeline that failed may never deliver the end of its stream: look at the bus meanwhile.
        while not out.props.eos:
            if sample := out.emit("try-pull-sample", Gst.SECOND // 10):
                print(json.dumps(record(sample.get_buffer())), flush=True)
            elif error := pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR):
                sys.exit("%s\n%s" % error.parse_error())
    except KeyboardInterrupt:
        pass
    finally:
        pipeline.set_state(Gst.State.NULL)


if __name__ == "__main__":
    if len(sys.argv) < 2 or any("=" not in item for item in sys.argv[2:]):
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
