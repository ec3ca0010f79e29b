# SPDX-License-Identifier: LGPL-2.1-or-later
"""GStreamer for the tests in Python, which are skipped where PyGObject is missing."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "pipelines"))
import tap_runner  # noqa: E402

try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstApp", "1.0")
    gi.require_version("GstController", "1.0")
    gi.require_version("GstVideo", "1.0")
    from gi.repository import Gst, GstApp, GstController, GstVideo  # noqa: F401 (GstApp: appsink)
except (ImportError, ValueError) as error:
    tap_runner.skip_all(f"PyGObject with GStreamer is missing (python3-gi): {error}")


def samples(description, prepare=lambda pipeline: None, seconds=120):
    """Samples of the appsink called out as they come, until the end of the stream or until the
    caller wants no more. An error of the pipeline is raised. seconds: patience for one sample."""
    pipeline = Gst.parse_launch(description)
    prepare(pipeline)
    sink = pipeline.get_by_name("out")
    pipeline.set_state(Gst.State.PLAYING)
    try:
        while sample := sink.try_pull_sample(seconds * Gst.SECOND):
            yield sample
        message = pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
        if message:
            raise AssertionError("%s (%s)" % message.parse_error())
    finally:
        pipeline.set_state(Gst.State.NULL)


def content(sample):
    """The bytes of a sample's buffer."""
    ok, data = sample.get_buffer().map(Gst.MapFlags.READ)
    assert ok
    try:
        return bytes(data.data)
    finally:
        sample.get_buffer().unmap(data)
