# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small media files for the tests of run and batch, made and looked at with ffmpeg."""
import json
import subprocess


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y",
                    *map(str, arguments)], check=True, timeout=60)


def turned(source, path):
    """A copy of a file that asks players to turn its picture by 90 degrees."""
    options = subprocess.run(["ffmpeg", "-hide_banner", "-h", "full"], capture_output=True,
                             text=True, check=True, timeout=60).stdout
    if "-display_rotation" in options:  # FFmpeg 6 and later
        ffmpeg("-display_rotation", "-90", "-i", source, "-c", "copy", path)
    else:
        ffmpeg("-i", source, "-c", "copy", "-metadata:s:v", "rotate=90", path)


def make(path, *, seconds=1, fps=5, size="96x64", sound="sine", tracks=1, extra=()):
    """A test picture and a tone; sound: "sine", or "" for none."""
    inputs = ["-f", "lavfi", "-i", f"testsrc=size={size}:rate={fps}:duration={seconds}"]
    maps = ["-map", "0:v"]
    if sound:
        for number in range(tracks):
            inputs += ["-f", "lavfi", "-i",
                       f"sine=frequency={300 + 200 * number}:duration={seconds}"]
            maps += ["-map", f"{number + 1}:a"]
    codecs = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "0", "-c:a", "aac"]
    if path.suffix == ".mkv":
        codecs = ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libvorbis"]
    ffmpeg(*inputs, *maps, *codecs, *extra, path)
    return path


def probe(path):
    """The streams of a file as dictionaries."""
    done = subprocess.run(["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)],
                          capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)["streams"]


def video(path):
    return next(s for s in probe(path) if s["codec_type"] == "video")


def audio(path):
    return [s for s in probe(path) if s["codec_type"] == "audio"]


def times(path, kind="v"):
    """Presentation times of the packets of the first stream of that kind, in seconds."""
    done = subprocess.run(["ffprobe", "-v", "error", "-select_streams", f"{kind}:0",
                           "-show_entries", "packet=pts_time", "-of", "csv=p=0", str(path)],
                          capture_output=True, text=True, check=True, timeout=60)
    return sorted(float(word.strip(",")) for word in done.stdout.split())


def pixels(path, form="rgba", before=()):
    """All frames as raw bytes, one after the other; before: options of the input."""
    done = subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin",
                           *before, "-i", str(path), "-fps_mode", "passthrough", "-f", "rawvideo",
                           "-pix_fmt", form, "-"],
                          capture_output=True, check=True, timeout=60)
    return done.stdout


def packets(path, kind="a:0"):
    """A checksum of the undecoded packets of a stream."""
    done = subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-i",
                           str(path), "-map", f"0:{kind}", "-c", "copy", "-f", "framehash", "-"],
                          capture_output=True, text=True, check=True, timeout=60)
    return [line.split(",")[-1].strip() for line in done.stdout.splitlines()
            if not line.startswith("#")]


def is_copy(result, source, kind="a:0"):
    """Whether the sound was copied, not encoded. What the file hides at both ends (the lead-in of
    AAC, the rest of the last packet) GStreamer leaves out, one packet each."""
    ours, theirs = packets(result, kind), packets(source, kind)
    starts = [i for i in range(3) if theirs[i:i + len(ours)] == ours]
    return bool(starts) and len(ours) >= len(theirs) - 2 > 0
