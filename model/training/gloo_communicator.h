// SPDX-License-Identifier: LGPL-2.1-or-later
// Several processes of one training run, through LibTorch's own c10d with gloo.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "model/training/communicator.h"

namespace lightavseg {

// Where a process stands among those of its run.
struct ProcessPlace {
  int rank = 0;
  int size = 1;
  std::string job;           // names this start of the run among others in the same folder
  bool one_machine = false;  // all processes are on this machine: talk over the loopback
};

// From the variables that launchers set: LIGHTAVSEG_RANK and LIGHTAVSEG_RANKS (our own --nproc),
// SLURM_PROCID and SLURM_NTASKS (srun), OMPI_COMM_WORLD_RANK and _SIZE (mpirun). Nothing if none
// is set. Throws std::runtime_error naming the variable that makes no sense.
std::optional<ProcessPlace> process_place_from_environment();

// Whether this build has gloo.
bool has_gloo();

// Meets the other processes at a file that all of them can reach; the file must not exist from an
// earlier meeting. Throws std::runtime_error when they do not come within ten minutes or this
// build has no gloo.
std::unique_ptr<Communicator> join_processes(const ProcessPlace& place,
                                             const std::filesystem::path& meeting_file);

}  // namespace lightavseg
