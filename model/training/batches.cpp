// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/batches.h"

namespace lightavseg {
namespace {

torch::Tensor class_vector(const std::vector<int>& classes, int count) {
  auto t = torch::zeros({count});
  auto a = t.accessor<float, 1>();
  for (int c : classes)
    if (c >= 0 && c < count) a[c] = 1;
  return t;
}

}  // namespace

BatchMaker::BatchMaker(const SceneComposer& composer, dsp::FrontEnd front_end, int visible,
                       int audible)
    : composer_(composer), log_mel_(front_end), visible_(visible), audible_(audible) {
}

Batch BatchMaker::joint(std::uint64_t seed, std::uint64_t first, int count) const {
  Batch batch;
  dsp::LogMel::Workspace workspace(log_mel_);
  std::vector<torch::Tensor> frames, waves, mels, masks, valid, labels, visible, sounding;
  const auto add = [&](const Scene& scene) {
    frames.push_back(normalised_frame(scene.image));
    waves.push_back(samples_tensor(scene.audio));
    mels.push_back(log_mel_tensor(log_mel_, scene.audio, workspace));
    const auto mask = byte_map(scene.mask).unsqueeze(0);
    masks.push_back(mask.eq(255).to(torch::kFloat32));
    valid.push_back(mask.ne(128));
    labels.push_back(byte_map(scene.labels));
    visible.push_back(class_vector(scene.visible, visible_));
    sounding.push_back(class_vector(scene.sounding, audible_));
    batch.photo_ids.push_back(scene.photo_id);
    batch.scene_to_photo.push_back(scene.scene_to_photo);
  };
  if (composer_.options().pairs && first % 2 == 0 && count % 2 == 0) {
    for (int i = 0; i < count; i += 2) {
      const auto pair = composer_.compose_pair(seed, (first + std::uint64_t(i)) / 2);
      add(pair.first);
      add(pair.second);
    }
  } else {
    for (int i = 0; i < count; ++i) add(composer_.compose(seed, first + std::uint64_t(i)));
  }
  batch.frames = torch::stack(frames);
  batch.waveform = torch::stack(waves);
  batch.log_mel = torch::stack(mels);
  batch.mask = torch::stack(masks);
  batch.valid = torch::stack(valid);
  batch.labels = torch::stack(labels).to(torch::kInt64);
  batch.visible = torch::stack(visible);
  batch.sounding = torch::stack(sounding);
  return batch;
}

Batch BatchMaker::visual(std::uint64_t seed, std::uint64_t first, int count) const {
  Batch batch;
  std::vector<torch::Tensor> frames, labels, visible;
  for (int i = 0; i < count; ++i) {
    const auto scene = composer_.compose_visual(seed, first + std::uint64_t(i));
    frames.push_back(normalised_frame(scene.image));
    labels.push_back(byte_map(scene.labels));
    visible.push_back(class_vector(scene.image_classes, visible_));
    batch.photo_ids.push_back(scene.photo_id);
    batch.scene_to_photo.push_back(scene.scene_to_photo);
  }
  batch.frames = torch::stack(frames);
  batch.labels = torch::stack(labels).to(torch::kInt64);
  batch.visible = torch::stack(visible);
  return batch;
}

Batch BatchMaker::audio(std::uint64_t seed, std::uint64_t first, int count) const {
  Batch batch;
  dsp::LogMel::Workspace workspace(log_mel_);
  std::vector<torch::Tensor> waves, mels, sounding;
  for (int i = 0; i < count; ++i) {
    const auto scene = composer_.compose_audio(seed, first + std::uint64_t(i));
    waves.push_back(samples_tensor(scene.audio));
    mels.push_back(log_mel_tensor(log_mel_, scene.audio, workspace));
    auto targets = samples_tensor(scene.targets);
    sounding.push_back(targets.slice(0, 0, audible_));
  }
  batch.waveform = torch::stack(waves);
  batch.log_mel = torch::stack(mels);
  batch.sounding = torch::stack(sounding);
  return batch;
}

}  // namespace lightavseg
