# SPDX-License-Identifier: LGPL-2.1-or-later
"""A short piece of the clip that ships, for tests that need not see all of it."""
import subprocess

WIDTH, HEIGHT, FRAMES = 320, 180, 40


def cut(clip, path):
    """Writes two seconds of the clip, in which the cow is heard, at 20 frames a second (Matroska,
    JPEG and Vorbis)."""
    subprocess.run(
        ["ges-launch-1.0", "--track-types", "video+audio", "--video-caps",
         f"video/x-raw,width={WIDTH},height={HEIGHT},framerate=20/1", "+clip", str(clip),
         "inpoint=1.0", "duration=2.0", "-o", path.as_uri(), "-f",
         "video/x-matroska:image/jpeg:audio/x-vorbis"],
        check=True, capture_output=True, timeout=120)
