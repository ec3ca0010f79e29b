// SPDX-License-Identifier: LGPL-2.1-or-later
// Precompiled header of every target that uses LibTorch.
#include <torch/torch.h>
