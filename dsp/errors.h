// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <stdexcept>

namespace lightavseg::dsp {

// Thrown by everything in dsp/ for input that cannot be processed. The text names the value that is
// wrong, what would be right and what to do.
class DspError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace lightavseg::dsp
