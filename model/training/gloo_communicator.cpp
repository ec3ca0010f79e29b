// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/gloo_communicator.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#ifdef LIGHTAVSEG_HAVE_GLOO
#define USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif

namespace lightavseg {
namespace {

std::optional<int> number_of(const char* name) {
  const char* text = std::getenv(name);
  if (!text || !*text) return std::nullopt;
  int value = 0;
  const char* end = text + std::strlen(text);
  const auto [at, error] = std::from_chars(text, end, value);
  if (error != std::errc() || at != end || value < 0)
    throw std::runtime_error(fmt::format("{}='{}' is no number of a process", name, text));
  return value;
}

#ifdef LIGHTAVSEG_HAVE_GLOO
class GlooCommunicator : public Communicator {
 public:
  GlooCommunicator(const ProcessPlace& place, const std::filesystem::path& file) : place_(place) {
    auto options = c10d::ProcessGroupGloo::Options::create(std::chrono::minutes(10));
    options->devices.push_back(place.one_machine
                                   ? c10d::ProcessGroupGloo::createDeviceForHostname("localhost")
                                   : c10d::ProcessGroupGloo::createDefaultDevice());
    options->threads = 1;
    auto store = c10::make_intrusive<c10d::FileStore>(file.string(), place.size);
    group_ = c10::make_intrusive<c10d::ProcessGroupGloo>(store, place.rank, place.size, options);
  }

  int rank() const override { return place_.rank; }
  int size() const override { return place_.size; }

  void average(std::vector<torch::Tensor>& tensors) override {
    if (tensors.empty()) return;
    // One exchange for all: hundreds of small ones would cost a round trip each.
    std::vector<torch::Tensor> flat;
    flat.reserve(tensors.size());
    for (const auto& t : tensors) flat.push_back(t.reshape(-1).to(torch::kFloat32));
    std::vector<torch::Tensor> all = {torch::cat(flat)};
    group_->allreduce(all)->wait();
    all[0].mul_(1.0 / place_.size);
    int64_t at = 0;
    for (auto& t : tensors) {
      t.copy_(all[0].slice(0, at, at + t.numel()).reshape(t.sizes()));
      at += t.numel();
    }
  }

  bool any(bool value) override {
    std::vector<torch::Tensor> flag = {torch::full({1}, value ? 1.0f : 0.0f)};
    group_->allreduce(flag)->wait();
    return flag[0].item<float>() > 0;
  }

 private:
  ProcessPlace place_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
};
#endif

}  // namespace

std::optional<ProcessPlace> process_place_from_environment() {
  struct Launcher {
    const char* rank;
    const char* size;
    const char* job;
  };
  static const Launcher kLaunchers[] = {
      {"LIGHTAVSEG_RANK", "LIGHTAVSEG_RANKS", "LIGHTAVSEG_JOB"},
      {"SLURM_PROCID", "SLURM_NTASKS", "SLURM_JOB_ID"},
      {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "PMIX_NAMESPACE"}};
  for (const auto& launcher : kLaunchers) {
    const auto rank = number_of(launcher.rank);
    const auto size = number_of(launcher.size);
    if (!rank || !size) continue;
    if (*rank >= *size)
      throw std::runtime_error(
          fmt::format("{}={} must be below {}={}", launcher.rank, *rank, launcher.size, *size));
    const char* job = std::getenv(launcher.job);
    return ProcessPlace{*rank, *size, job ? job : "", &launcher == kLaunchers};
  }
  return std::nullopt;
}

bool has_gloo() {
#ifdef LIGHTAVSEG_HAVE_GLOO
  return true;
#else
  return false;
#endif
}

std::unique_ptr<Communicator> join_processes(const ProcessPlace& place,
                                             const std::filesystem::path& meeting_file) {
#ifdef LIGHTAVSEG_HAVE_GLOO
  return std::make_unique<GlooCommunicator>(place, meeting_file);
#else
  (void)place;
  (void)meeting_file;
  throw std::runtime_error(
      "this build has no gloo, which several processes need: install libgloo-dev and build again");
#endif
}

}  // namespace lightavseg
