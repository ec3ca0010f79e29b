// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/seaformer_spec.h"

namespace lightavseg {

const SeaFormerSpec& seaformer_spec(Variant variant) {
  static const SeaFormerSpec tiny{16,
                                  4,
                                  {{{{3, 1, 16, 1}, {3, 4, 16, 2}, {3, 3, 16, 1}},
                                    {{5, 3, 32, 2}, {5, 3, 32, 1}},
                                    {{3, 3, 64, 2}, {3, 3, 64, 1}},
                                    {{5, 3, 128, 2}},
                                    {{3, 6, 160, 2}}}},
                                  {{3, 2, 16, 2}, {4, 2, 24, 4}}};
  static const SeaFormerSpec small{16,
                                   6,
                                   {{{{3, 1, 16, 1}, {3, 4, 24, 2}, {3, 3, 24, 1}},
                                     {{5, 3, 48, 2}, {5, 3, 48, 1}},
                                     {{3, 3, 96, 2}, {3, 3, 96, 1}},
                                     {{5, 4, 160, 2}},
                                     {{3, 6, 192, 2}}}},
                                   {{3, 3, 16, 2}, {4, 3, 24, 4}}};
  static const SeaFormerSpec base{16,
                                  8,
                                  {{{{3, 1, 16, 1}, {3, 4, 32, 2}, {3, 3, 32, 1}},
                                    {{5, 3, 64, 2}, {5, 3, 64, 1}},
                                    {{3, 3, 128, 2}, {3, 3, 128, 1}},
                                    {{5, 4, 192, 2}},
                                    {{3, 6, 256, 2}}}},
                                  {{3, 4, 16, 2}, {4, 4, 24, 4}}};
  static const SeaFormerSpec large{32,
                                   8,
                                   {{{{3, 3, 32, 1}, {3, 4, 64, 2}, {3, 4, 64, 1}},
                                     {{5, 4, 128, 2}, {5, 4, 128, 1}},
                                     {{3, 4, 192, 2}, {3, 4, 192, 1}},
                                     {{5, 4, 256, 2}},
                                     {{3, 6, 320, 2}}}},
                                   {{2, 3, 16, 2}, {3, 3, 20, 4}, {4, 3, 24, 6}}};
  switch (variant) {
    case Variant::kTiny:
      return tiny;
    case Variant::kSmall:
      return small;
    case Variant::kBase:
      return base;
    case Variant::kLarge:
      break;
  }
  return large;
}

}  // namespace lightavseg
