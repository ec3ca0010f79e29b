// SPDX-License-Identifier: LGPL-2.1-or-later
// Where the model that ships lies.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lightavseg {

// The program or shared object that holds this code; empty when the system does not tell.
std::filesystem::path own_binary();

// Whether it lies in the folder that it was built in.
bool runs_from_build_folder();

// Folders that are looked at, in order: those of the environment variable LIGHTAVSEG_MODEL_PATH
// (separated by ':'; empty ones are left out), then the installed data folder, then, when the
// running code lies in its build folder, the source tree. They need not exist.
//
// All functions read the environment, so they may run in several threads as long as none changes
// it.
std::vector<std::filesystem::path> model_folders();

// The first of these folders' files of that name that exists; empty when there is none.
std::filesystem::path find_data_file(const std::string& name);

// The same, for a file that must be there. Throws FileError that lists the folders looked at and
// says `advice`: what to do, as the beginning of a sentence that goes on with ", or set ...".
std::filesystem::path shipped_data_file(const std::string& name, const std::string& advice);

// Path of `lightavseg.safetensors`. Throws FileError that lists the folders looked at and says how
// to get a model.
std::filesystem::path shipped_model();

}  // namespace lightavseg
