# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by the recipes: their options, the plugin of a build folder, camera and microphone, and
# running a pipeline. A recipe is one GStreamer pipeline in a bash array, so that file names with
# blanks stay whole.
# shellcheck shell=bash disable=SC2034,SC2054  # used by the recipes; commas in caps are meant

set -euo pipefail
recipe="$(basename "$0")"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
clip="$root/pipelines/clips/cow-and-duck.mkv"
build="$root/build"
out="$root/demo-results"
seconds=
sink=autovideosink
dry=no
words=()       # what is neither an option nor NAME=VALUE
properties=()  # NAME=VALUE: properties of lightavseg

# A demuxer delivers picture and sound in one thread; a queue that is shorter than the distance
# between the two in the file would stop it.
long_queue=(queue max-size-time=3000000000 max-size-bytes=0 max-size-buffers=0)

common_help() {
  cat <<'TEXT'

  --seconds N     stop after N seconds
  --out FOLDER    where files go (default: demo-results)
  --sink ELEMENT  in place of autovideosink
  --build FOLDER  use the plugin of this build folder (default: build, where that exists)
  --dry-run       print the pipeline, do not run it
  NAME=VALUE      a property of lightavseg, such as threshold=0.3 (may be repeated)
TEXT
}

fail() {
  echo "$recipe: $*" >&2
  exit 1
}

wrong_use() {
  echo "$recipe: $*; see $recipe --help" >&2
  exit 2
}

# recipe_options "$@": calls the recipe's own usage() for --help.
recipe_options() {
  while (($#)); do
    case "$1" in
      --seconds)
        [[ "${2:-}" =~ ^[0-9]+$ ]] || wrong_use "--seconds needs a whole number"
        seconds="$2" && shift
        ;;
      --out) (($# >= 2)) || wrong_use "--out needs a folder"; out="$2" && shift ;;
      --sink) (($# >= 2)) || wrong_use "--sink needs an element"; sink="$2" && shift ;;
      --build) (($# >= 2)) || wrong_use "--build needs a folder"; build="$2" && shift ;;
      --dry-run) dry=yes ;;
      --help | -h)
        usage
        common_help
        exit 0
        ;;
      --*) wrong_use "unknown option '$1'" ;;
      *=*) properties+=("$1") ;;
      *) words+=("$1") ;;
    esac
    shift
  done
  if [[ -f "$build/gst/libgstlightavseg.so" ]]; then
    GST_PLUGIN_PATH="$(realpath "$build")/gst${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}"
    export GST_PLUGIN_PATH
    export LIGHTAVSEG_MODEL_PATH="${LIGHTAVSEG_MODEL_PATH:-$root/model/pretrained}"
  fi
}

# input_file: the file that the first word names, or the clip that ships.
input_file() {
  input="${words[0]:-$clip}"
  [[ -f "$input" ]] || fail "$input: no such file"
}

# find_camera, find_microphone: a source as words of a pipeline; a test source, with a note, where
# there is none.
find_camera() {
  local device
  for device in /dev/video*; do
    if [[ -r "$device" ]] && gst-inspect-1.0 --exists v4l2src; then
      camera=(v4l2src "device=$device" ! decodebin)
      return
    fi
  done
  echo "There is no camera (/dev/video*), so this is a test picture." >&2
  camera=(videotestsrc is-live=true pattern=ball ! video/x-raw,width=1280,height=720,framerate=30/1)
}

find_microphone() {
  if [[ -n "${PULSE_SERVER:-}" || -e "${XDG_RUNTIME_DIR:-/nonexistent}/pulse/native" ]] ||
    compgen -G '/dev/snd/pcm*c' >/dev/null; then
    microphone=(autoaudiosrc)
    return
  fi
  echo "There is no microphone, so this is a ticking test sound." >&2
  microphone=(audiotestsrc is-live=true wave=ticks ! audio/x-raw,rate=48000)
}

# live_sources: live_input becomes camera and microphone linked to a lightavseg named l. A camera
# that waits for the network would drop frames of its own accord; the leaky queue drops here, and
# only when everything downstream is too slow. Sound is never dropped.
live_sources() {
  find_camera
  find_microphone
  live_input=(
    "${camera[@]}" ! queue leaky=downstream max-size-buffers=4 ! videoconvert ! l.video_sink
    "${microphone[@]}" ! "${long_queue[@]}" ! l.audio_sink)
}

quoted() {
  local word
  for word in "$@"; do
    if [[ "$word" =~ ^[A-Za-z0-9_./=:,!%@+-]+$ ]]; then
      printf '%s ' "$word"
    else
      printf '%q ' "$word"
    fi
  done
  echo
}

# run_command COMMAND...: runs it, for as many seconds as were asked for; prints it with --dry-run.
run_command() {
  if [[ "$dry" == yes ]]; then
    quoted "$@"
    return
  fi
  local limit=() status=0
  [[ -z "$seconds" ]] || limit=(timeout --signal=INT "$seconds")
  "${limit[@]}" "$@" || status=$?
  # 124: the time given was over, which is what was asked for.
  ((status == 0 || status == 124)) || fail "$1 ended with $status"
}

# -e: Ctrl-C and --seconds end the stream properly, so that files are finished.
run_pipeline() {
  run_command gst-launch-1.0 -q -e "$@"
}
