// SPDX-License-Identifier: LGPL-2.1-or-later
// What a program that has pictures and sound needs of the network: a model file goes in, masks
// come out. Knows neither LibTorch nor GStreamer, so its users compile without either.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dsp/front_end.h"

namespace lightavseg {

// What a loaded model is.
struct ModelDescription {
  std::string path;
  std::string name;     // file name without extension
  std::string version;  // of the model, from the file's metadata ("version"); may be empty
  int height = 0;       // pixels of the pictures that it wants
  int width = 0;
  dsp::FrontEnd front_end = dsp::FrontEnd::kPanns32kFrom16k;
  // Names that masks can be chosen by, without the background; empty: the model names nothing.
  std::vector<std::string> class_names;
};

// Which classes a mask may show. Empty: whatever sounds. Otherwise one entry for each of
// ModelDescription::class_names.
using ClassSelection = std::vector<bool>;

// The network's answer for one frame. Vectors keep their memory from call to call.
struct Segmentation {
  int height = 0;  // of the maps, the model's height and width
  int width = 0;
  // Probability that the pixel is part of a sounding object (of a selected class), 0..1,
  // row-major [height, width].
  std::vector<float> mask;
  // Most likely class, whether it sounds or not: 0 none, k is class_names[k - 1]. As coarse as the
  // network's own grid (4 x 4 pixels). Empty when the model names nothing.
  std::vector<std::uint8_t> labels;
};

struct SegmenterOptions {
  // At most that many for one frame; 0: as many as the machine has cores. An engine uses only as
  // many as leave its masks the same to the last digit: one, in both of this version. Whoever has
  // more cores runs several frames, each on a segmenter of its own: see Segmenter::share().
  int threads = 0;
  // What the network computes with: "fp32"; "bf16" or "int8", where the processor has instructions
  // for it, the latter with a model that was calibrated; "auto": the fastest of them that the
  // model's file says to have masks as good (kPrecisionsKey of
  // model/inference/model_description.h). The reference engine has fp32 only.
  std::string precision = "fp32";
  // Side of the square pictures that segment() gets, pixels, 32 to 2048; 0: what the model was made
  // for. Time grows with its square.
  int size = 0;
  // "planned": model/engine, without LibTorch; "reference": LibTorch operator by operator, from a
  // module that is loaded only then; "auto": planned, or reference where the former refuses.
  std::string engine = "auto";
};

// One model ready to run. Not thread-safe: one call at a time, from any thread.
// The same inputs give the same masks, whatever the number of threads.
class Segmenter {
 public:
  virtual ~Segmenter() = default;
  virtual const ModelDescription& description() const = 0;

  // rgb: bytes [height, width, 3] without padding between rows.
  // log_mel: [frames, 64] features of description().front_end of the window that belongs to the
  // picture; when `heard_before` says that they are those of the call before, the audio network
  // need not run again.
  // Features that are NaN mark nothing.
  // Throws std::runtime_error when there are fewer than 32 frames, when the selection has another
  // size than class_names, or when memory runs out; `out` is then unspecified.
  virtual void segment(const std::uint8_t* rgb, const float* log_mel, int frames, bool heard_before,
                       const ClassSelection& selection, Segmentation& out) = 0;

  // Another segmenter of the same model, to run in another thread at the same time; it shares the
  // weights. Null where that cannot be had. Throws std::bad_alloc.
  virtual std::unique_ptr<Segmenter> share() const { return nullptr; }
};

// Loads a model file. Throws FileError naming path and field, or std::runtime_error for an option
// out of range, UnsupportedModel (model/engine/engine.h) where "planned" cannot run it, and
// ReferenceModuleError (model/inference/reference_module.h) where "reference" is not installed.
// Safe from any thread.
std::unique_ptr<Segmenter> open_segmenter(const std::string& path,
                                          const SegmenterOptions& options = {});

// What opens models: open_segmenter, or what a test puts in its place.
using SegmenterFactory = std::function<std::unique_ptr<Segmenter>(const std::string& path,
                                                                  const SegmenterOptions& options)>;

}  // namespace lightavseg
