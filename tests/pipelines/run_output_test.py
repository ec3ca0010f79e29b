# SPDX-License-Identifier: LGPL-2.1-or-later
"""What lightavseg run can write. Arguments: the tool, the clip that ships."""
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

CLIP = pathlib.Path(sys.argv.pop(2)).resolve()

import media  # noqa: E402
import tap_runner  # noqa: E402
import tool  # noqa: E402
import virtual_screen  # noqa: E402

HOLDER = tempfile.TemporaryDirectory(prefix="lightavseg-run-")
FRAMES = 5
WIDTH, HEIGHT = 160, 90


def excerpt():
    """A second of the clip in which something sounds and is marked; MP4 with AAC."""
    path = pathlib.Path(HOLDER.name) / "cow.mp4"
    if not path.exists():
        media.ffmpeg("-ss", "1", "-i", CLIP, "-t", "1", "-vf", f"fps=5,scale={WIDTH}:{HEIGHT}",
                     "-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "0", "-c:a", "aac", path)
    return path


class Outputs(tool.TestCase):
    def export(self, name, *options, says=()):
        out = self.folder / name
        self.check(tool.DONE, "run", excerpt(), "-o", out, *options, says=says)
        self.assertEqual([p for p in self.folder.iterdir() if ".part" in p.name], [])
        return out

    def check_alpha(self, out, before=()):
        """Neither opaque nor empty everywhere; the same mask as the others within the codec."""
        data = media.pixels(out, "rgba", before)
        self.assertEqual(len(data), FRAMES * WIDTH * HEIGHT * 4)
        alpha = data[3::4]
        self.assertLess(min(alpha), 8)
        self.assertGreater(max(alpha), 247)
        return alpha

    def test_mp4_is_an_overlay_with_the_sound_untouched(self):
        out = self.export("o.mp4", says="5 frames, 1.0 s")
        self.assertEqual(media.video(out)["codec_name"], "h264")
        self.assertEqual(media.video(out)["pix_fmt"], "yuv420p")
        self.assertTrue(media.is_copy(out, excerpt()))
        self.assertEqual(media.times(out), media.times(excerpt()))

    def test_mov_is_prores_4444_with_alpha(self):
        out = self.export("o.mov")
        self.assertEqual(media.video(out)["codec_name"], "prores")
        self.assertEqual(media.video(out)["codec_tag_string"], "ap4h")
        self.check_alpha(out)
        self.assertTrue(media.is_copy(out, excerpt()))

    def test_mkv_is_ffv1_with_alpha_and_untouched_colour(self):
        out = self.export("o.mkv")
        self.assertEqual(media.video(out)["codec_name"], "ffv1")
        self.assertEqual(media.video(out)["pix_fmt"], "yuva420p")
        self.check_alpha(out)
        self.assertEqual(media.pixels(out, "yuva420p")[:WIDTH * HEIGHT],
                         media.pixels(excerpt(), "yuv420p")[:WIDTH * HEIGHT])
        self.assertTrue(media.is_copy(out, excerpt()))

    def test_cutout_has_no_colour_where_nothing_sounds(self):
        out = self.export("o.mkv", "--output", "cutout")
        data = media.pixels(out)
        hidden = [data[i:i + 3] for i in range(0, len(data), 4) if data[i + 3] == 0]
        self.assertGreater(len(hidden), 100)
        # Colours of 4:2:0 reach over the edge by a pixel.
        black = sum(max(p) < 16 for p in hidden)
        self.assertGreater(black / len(hidden), 0.95)

    def test_webm_with_alpha_is_vp9(self):
        out = self.export("o.webm", "--output", "alpha", says="encoded as Vorbis")
        found = media.video(out)
        self.assertEqual(found["codec_name"], "vp9")
        self.assertEqual(found["tags"]["alpha_mode"], "1")
        alpha = self.check_alpha(out, ("-c:v", "libvpx-vp9"))
        exact = self.check_alpha(self.export("exact.mkv"))
        differ = [abs(a - b) for a, b in zip(alpha, exact)]
        self.assertLess(sum(differ) / len(exact), 2)
        self.assertLess(max(differ), 40)
        self.assertEqual(media.times(out), media.times(excerpt()))
        self.assertEqual([s["codec_name"] for s in media.audio(out)], ["vorbis"])

    def test_webm_without_alpha_is_vp8(self):
        out = self.export("o.webm")
        self.assertEqual(media.video(out)["codec_name"], "vp8")

    def test_matte_in_mkv_is_grey_and_exact(self):
        out = self.export("o.mkv", "--output", "matte")
        self.assertEqual(media.video(out)["pix_fmt"], "gray")
        grey = media.pixels(out, "gray")
        alpha = media.pixels(self.export("a.mkv"), "rgba")[3::4]
        self.assertEqual(grey, alpha)

    def test_matte_in_mp4_and_mov_is_grey(self):
        for name in ("o.mp4", "o.mov"):
            data = media.pixels(self.export(name, "--output", "matte"), "rgb24")
            spread = max(max(data[i:i + 3]) - min(data[i:i + 3])
                         for i in range(0, len(data), 3 * 97))
            self.assertLess(spread, 6, name)
            self.assertLess(min(data), 10, name)
            self.assertGreater(max(data), 245, name)

    def test_pictures_in_a_folder(self):
        folder = self.folder / "frames"
        self.check(tool.DONE, "run", excerpt(), "-o", f"{folder}/")
        self.assertEqual(sorted(p.name for p in folder.iterdir()),
                         [f"{i:06}.png" for i in range(FRAMES)])
        self.assertEqual(media.video(folder / "000000.png")["pix_fmt"], "rgba")

    def test_pictures_with_a_pattern(self):
        out = self.folder / "frames" / "m-%03d.png"
        self.check(tool.DONE, "run", excerpt(), "-o", out, "--output", "matte")
        self.assertEqual(sorted(p.name for p in out.parent.iterdir()),
                         [f"m-{i:03}.png" for i in range(FRAMES)])
        self.assertEqual(media.video(out.parent / "m-004.png")["pix_fmt"], "gray")

    def test_a_folder_with_something_in_it_is_left_alone(self):
        (self.folder / "frames").mkdir()
        (self.folder / "frames" / "mine.txt").write_text("kept", encoding="utf-8")
        self.check(tool.FAILED, "run", excerpt(), "-o", f"{self.folder}/frames/",
                   says="there already")
        self.assertEqual([p.name for p in (self.folder / "frames").iterdir()], ["mine.txt"])

    def test_lines_of_json(self):
        out = self.export("o.jsonl")
        lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        self.assertEqual([line["frame"] for line in lines], list(range(FRAMES)))
        self.assertEqual([line["time"] for line in lines], [0, 0.2, 0.4, 0.6, 0.8])
        for line in lines:
            self.assertEqual(set(line), {"frame", "time", "area", "score", "box", "labels",
                                         "regions", "audio_level_db"})
        marked = max(lines, key=lambda line: line["area"])
        self.assertGreater(marked["area"], 0.01)
        self.assertTrue(marked["labels"])
        x, y, width, height = marked["regions"][0]["box"]
        self.assertTrue(0 <= x < x + width <= WIDTH and 0 <= y < y + height <= HEIGHT)
        self.assertGreater(marked["audio_level_db"], -60)

    def test_two_runs_give_the_same(self):
        self.assertEqual(self.export("a.jsonl").read_bytes(), self.export("b.jsonl").read_bytes())

    def test_summary_as_json(self):
        out = self.folder / "o.jsonl"
        says = self.check(tool.DONE, "run", excerpt(), "-o", out, "--json")
        summary = json.loads(says)
        self.assertEqual((summary["frames"], summary["sound"], summary["notes"]), (5, True, []))
        self.assertEqual(summary["output"], str(out))

    def test_sound_that_the_container_does_not_take_is_encoded(self):
        source = media.make(self.folder / "vorbis.mkv")
        out = self.folder / "o.mp4"
        self.check(tool.DONE, "run", source, "-o", out, says="encoded as AAC")
        self.assertEqual([s["codec_name"] for s in media.audio(out)], ["aac"])
        self.assertAlmostEqual(float(media.audio(out)[0]["duration"]), 1, delta=0.1)

    def test_default_names(self):
        clip = self.folder / "a.mp4"
        shutil.copy(excerpt(), clip)
        for output, ending in (("matte", ".mkv"), ("metadata", ".jsonl")):
            self.check(tool.DONE, "run", clip, "--output", output)
            self.assertTrue((self.folder / f"a-sounding{ending}").exists())

    def test_contact_sheet_of_alpha(self):
        sheet = self.folder / "s.png"
        self.export("o.mkv", "--contact-sheet", sheet)
        self.assertGreater(media.video(sheet)["width"], 1000)

    def test_preview_beside_the_file(self):
        for name in ("o.mkv", "o.jsonl"):
            seen = self.folder / "seen.raw"
            self.export(name, "--preview-sink", f"filesink location={seen}")
            self.assertGreater(seen.stat().st_size, FRAMES * WIDTH * HEIGHT)
            seen.unlink()

    def test_preview_in_a_window(self):
        if virtual_screen.MISSING:
            self.skipTest(virtual_screen.MISSING)
        display = virtual_screen.start(self)
        for name in ("o.jsonl", "o.mov"):
            done = subprocess.run([tool.PATH, "run", str(excerpt()), "-o",
                                   str(self.folder / name), "--preview"],
                                  env=dict(os.environ, DISPLAY=display), capture_output=True,
                                  text=True, check=False, timeout=120)
            self.assertEqual(done.returncode, tool.DONE, done.stderr)
            self.assertTrue((self.folder / name).exists())


class Refusals(tool.TestCase):
    def refuse(self, code, *arguments, says):
        self.check(code, "run", excerpt(), *arguments, says=says)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_alpha_does_not_fit_into_mp4(self):
        self.refuse(tool.WRONG_USE, "-o", self.folder / "o.mp4", "--output", "alpha",
                    says=("MP4 has no alpha", ".mov"))

    def test_metadata_is_jsonl(self):
        self.refuse(tool.WRONG_USE, "-o", self.folder / "o.mp4", "--output", "metadata",
                    says=".jsonl")
        self.refuse(tool.WRONG_USE, "-o", self.folder / "o.jsonl", "--output", "matte",
                    says="--output metadata")

    def test_unknown_output(self):
        self.refuse(tool.WRONG_USE, "-o", self.folder / "o.mp4", "--output", "mask",
                    says="overlay, alpha")

    def test_one_png_is_not_enough(self):
        self.refuse(tool.WRONG_USE, "-o", self.folder / "o.png", says="%06d.png")

    def test_output_is_no_property_here(self):
        self.refuse(tool.WRONG_USE, "-o", self.folder / "o.mkv", "--set", "output=matte",
                    says="--output")

    def test_side_by_side_of_alpha(self):
        self.refuse(tool.WRONG_USE, "-o", self.folder / "o.mov", "--side-by-side",
                    says="overlay or matte")

    def test_folder_that_is_not_there(self):
        self.refuse(tool.FAILED, "-o", self.folder / "none" / "o.mkv", says="no folder")

    def fill_the_disc(self, name, most):
        """Files that may not grow do as a full disc does. What was there before stays."""
        out = self.folder / name
        is_folder = name.endswith("/")
        if not is_folder:
            out.write_text("older")
        done = subprocess.run(
            [tool.PATH, "run", str(excerpt()), "-o", f"{self.folder}/{name}"],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
            restore_signals=False,  # Python ignores the signal that comes with it
            capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, tool.FAILED, done.stdout + done.stderr)
        self.assertIn(str(out), done.stderr)
        self.assertRegex(done.stderr, "room on its disc|disc full")
        if not is_folder:
            self.assertEqual(out.read_text(), "older")
            out.unlink()
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_full_disc_for_mkv(self):
        self.fill_the_disc("o.mkv", 4000)

    def test_a_full_disc_for_mp4(self):
        self.fill_the_disc("o.mp4", 1500)

    def test_a_full_disc_for_webm(self):
        self.fill_the_disc("o.webm", 1500)

    def test_a_full_disc_for_pictures(self):
        self.fill_the_disc("o/", 1500)

    def test_a_full_disc_for_lines(self):
        self.fill_the_disc("o.jsonl", 300)

    def test_audio_track_that_is_not_there(self):
        self.refuse(tool.WRONG_USE, "-o", self.folder / "o.mkv", "--audio-track", "2",
                    says="has 1 of them")

    def test_preview_without_a_screen(self):
        environment = {k: v for k, v in os.environ.items()
                       if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
        done = subprocess.run([tool.PATH, "run", str(excerpt()), "--preview"], env=environment,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, tool.WRONG_USE)
        self.assertIn("no screen", done.stderr)

    def test_webm_with_alpha_without_ffmpeg_names_the_package(self):
        environment = dict(os.environ, PATH=str(self.folder))
        done = subprocess.run([tool.PATH, "run", str(excerpt()), "--output", "alpha", "-o",
                               str(self.folder / "o.webm")], env=environment,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, tool.FAILED)
        self.assertIn("Debian: ffmpeg", done.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_mp4_without_an_encoder_names_the_packages(self):
        plugins = self.folder / "plugins"
        plugins.mkdir()
        folder = subprocess.run(["pkg-config", "--variable=pluginsdir", "gstreamer-1.0"],
                                capture_output=True, text=True, check=True).stdout.strip()
        for name in ("coreelements", "playback", "typefindfunctions", "isomp4"):
            os.symlink(f"{folder}/libgst{name}.so", plugins / f"libgst{name}.so")
        environment = dict(os.environ, GST_PLUGIN_SYSTEM_PATH_1_0=str(plugins),
                           GST_PLUGIN_PATH_1_0="", GST_REGISTRY=str(self.folder / "registry"))
        done = subprocess.run([tool.PATH, "run", str(excerpt()), "-o",
                               str(self.folder / "o.mp4")], env=environment,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, tool.FAILED, done.stderr)
        self.assertIn("gstreamer1.0-plugins-ugly", done.stderr)


if __name__ == "__main__":
    tap_runner.main()
