// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/validation.h"

#include <algorithm>
#include <mutex>

#include "model/evaluation/for_each_index.h"

namespace lightavseg {
namespace {

// Scenes that no stage of training draws.
constexpr std::uint64_t kValidationSeed = 0x76616c6964ULL;
constexpr int kChunk = 8;

}  // namespace

double class_miou(LightAVSeg& network, const BatchMaker& batches, int count, int threads) {
  network->eval();
  const int64_t classes = network->config().logit_channels() - 1;
  const int chunks = std::max(1, count / kChunk);
  // Integer counts, so that the sum does not depend on the order of the threads.
  auto both = torch::zeros({classes}, torch::kInt64), predicted = both.clone(),
       labelled = both.clone();
  std::mutex mutex;
  for_each_index(chunks, threads, [&](int c) {
    torch::NoGradGuard no_grad;
    const auto batch = batches.visual(kValidationSeed, std::uint64_t(c) * kChunk, kChunk);
    const auto audio = torch::zeros({1, network->config().audio_channels(), 1, 1});
    const auto logits =
        network->forward_with_audio(batch.frames, audio, nullptr, LogitSize::kFinestStage)
            .logits.slice(1, 1);
    const auto guess = logits.argmax(1);
    const int64_t step = batch.labels.size(1) / guess.size(1);
    const auto labels = batch.labels.slice(1, step / 2, c10::nullopt, step)
                            .slice(2, step / 2, c10::nullopt, step)
                            .slice(1, 0, guess.size(1))
                            .slice(2, 0, guess.size(2));
    const auto known = labels.ne(255);
    const auto l = labels.masked_select(known), g = guess.masked_select(known);
    std::lock_guard<std::mutex> lock(mutex);
    both += torch::bincount(l.masked_select(l.eq(g)), {}, classes);
    predicted += torch::bincount(g, {}, classes);
    labelled += torch::bincount(l, {}, classes);
  });
  const auto present = labelled.gt(0);
  const auto iou = both.to(torch::kFloat64) / (predicted + labelled - both).clamp_min(1);
  return iou.masked_select(present).mean().item<double>();
}

double sound_recall(LightAVSeg& network, torch::nn::Linear& head, const BatchMaker& batches,
                    int count) {
  torch::NoGradGuard no_grad;
  network->eval();
  double found = 0, wanted = 0;
  for (int first = 0; first < count; first += kChunk) {
    const auto batch = batches.audio(kValidationSeed, std::uint64_t(first), kChunk);
    const auto scores = head(network->audio_state(batch.log_mel).flatten(1));
    for (int64_t b = 0; b < scores.size(0); ++b) {
      const auto truth = batch.sounding[b].gt(0.5);
      const int64_t n = truth.sum().item<int64_t>();
      if (n == 0) continue;
      const auto top = std::get<1>(scores[b].topk(n));
      found += double(truth.index_select(0, top).sum().item<int64_t>());
      wanted += double(n);
    }
  }
  return wanted > 0 ? found / wanted : 0;
}

}  // namespace lightavseg
