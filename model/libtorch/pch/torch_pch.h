// SPDX-License-Identifier: LGPL-2.1-or-later
// Precompiled header of every target that uses LibTorch.
#pragma once

#include <torch/torch.h>
