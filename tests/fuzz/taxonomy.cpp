// SPDX-License-Identifier: LGPL-2.1-or-later
// The classes of the training material.
#include "model/data/taxonomy.h"

#include "tests/fuzz/fuzz_target.h"

using namespace lightavseg;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto taxonomy = Taxonomy::parse(fuzz::text_of(data, size), "taxonomy.json");
    for (int cls = 0; cls <= taxonomy.class_count(); ++cls) {
      const auto& name = taxonomy.class_name(cls);
      fuzz::require(taxonomy.find(name) == cls);
      for (const int other : taxonomy.confusable_with(cls)) {
        fuzz::require(other > 0 && other <= taxonomy.class_count());
        taxonomy.may_sound_like(other, cls);
      }
      taxonomy.is_instrument(cls);
      const auto found = taxonomy.resolve("image", name, "picture.jpg");
      fuzz::require(found.cls <= taxonomy.class_count());
    }
    for (int voc = 0; voc <= 21; ++voc)
      fuzz::require(taxonomy.from_voc(voc) <= taxonomy.visible_count());
  } catch (const TaxonomyError&) {
  }
  return 0;
}
