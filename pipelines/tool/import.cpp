// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg import: published weights of the backbones, as files of ours.
#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/import/import_backbone.h"
#include "pipelines/tool/command.h"

namespace lightavseg::tool {
namespace {

struct Options {
  std::string file, out, as, variant, into;
  bool list = false;
};

void run(const Options& o) {
  ImportOptions options;
  for (const auto backbone : all_foreign_backbones())
    if (to_string(backbone) == o.as) options.as = backbone;
  options.into = o.into;
  if (!o.variant.empty()) {
    if (options.as != ForeignBackbone::kSeaFormer)
      throw UsageError(fmt::format("import: --variant: {} has one size; leave it out", o.as));
    try {
      options.variant = variant_from_string(o.variant);
    } catch (const ConfigError& error) {
      throw UsageError(std::string("import: --variant: ") + error.what());
    }
  }
  const auto report = import_backbone(o.file, o.out, options);
  if (o.list)
    for (const auto& used : report.used) fmt::print("{} -> {}\n", used.from, used.to);
  std::map<std::string, int> reasons;
  for (const auto& ignored : report.ignored) {
    if (o.list) fmt::print("{} ignored: {}\n", ignored.name, ignored.reason);
    ++reasons[ignored.reason];
  }
  fmt::print("{}{}: {} entries of {} used, 0 missing, {} ignored\n", o.as,
             report.variant ? " " + to_string(*report.variant) : "", report.used.size(),
             report.dictionary.empty() ? "the file" : report.dictionary, report.ignored.size());
  for (const auto& [reason, count] : reasons) fmt::print("  ignored {}: {}\n", count, reason);
  fmt::print("written: {}\n", o.out);
}

}  // namespace

void add_import(CLI::App& app) {
  auto* command = app.add_subcommand("import", "Take published weights of a backbone");
  auto o = std::make_shared<Options>();
  std::vector<std::string> names;
  for (const auto backbone : all_foreign_backbones()) names.push_back(to_string(backbone));
  command->add_option("FILE", o->file, "Checkpoint of PyTorch (.pth, .pt) or safetensors")
      ->required();
  command->add_option("-o,--output", o->out, "Safetensors file to write")->required();
  command->add_option("--as", o->as, "Whose weights they are")
      ->required()
      ->check(CLI::IsMember(names));
  command->add_option("--variant", o->variant,
                      "Size of SeaFormer: tiny, small, base or large (default: as in the file)");
  command->add_option("--into", o->into,
                      "Model whose backbone is replaced; the rest of it is kept");
  command->add_flag("--list", o->list, "Print what becomes of every entry");
  command->callback([o] { run(*o); });
}

}  // namespace lightavseg::tool
