// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/batch_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "model/evaluation/html.h"

namespace lightavseg::tool {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char* kHead = R"(<!DOCTYPE html>
<meta charset="utf-8">
<title>lightavseg batch</title>
<style>
body { font: 15px sans-serif; background: #202020; color: #e8e8e8; margin: 24px; }
a { color: #30d158; }
figure { display: inline-block; vertical-align: top; width: 480px; margin: 0 16px 24px 0; }
figure img { width: 100%; }
.failed { border-left: 4px solid #ff3b30; padding-left: 8px; }
p { margin: 4px 0; color: #a8a8a8; }
</style>
)";

// A path as it may stand in an address.
std::string link_to(const fs::path& path, const fs::path& page) {
  const fs::path folder = fs::absolute(page).parent_path().lexically_normal();
  const std::string relative =
      fs::absolute(path).lexically_normal().lexically_relative(folder).string();
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/";
  std::string out;
  for (const char c : relative) {
    if (std::string(kPlain).find(c) != std::string::npos)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string figure_of(const BatchOutcome& outcome, const fs::path& page) {
  const std::string name = html::escape(outcome.item.input.string());
  std::string text = fmt::format("<figure class=\"{}\">\n", to_string(outcome.state));
  const std::string result = link_to(outcome.item.result, page);
  if (!outcome.sheet.empty())
    text += fmt::format("<a href=\"{}\"><img alt=\"\" src=\"{}\"></a>\n", result,
                        link_to(outcome.sheet, page));
  const bool there = outcome.state == BatchState::kDone || outcome.state == BatchState::kSkipped;
  text += there ? fmt::format("<figcaption><a href=\"{}\">{}</a></figcaption>\n", result, name)
                : fmt::format("<figcaption>{}</figcaption>\n", name);
  text += fmt::format("<p>{}", to_string(outcome.state));
  if (outcome.frames > 0)
    text += fmt::format(", {} frames, {:.1f} s", outcome.frames, outcome.seconds);
  text += "</p>\n";
  if (!outcome.problem.empty()) text += fmt::format("<p>{}</p>\n", html::escape(outcome.problem));
  for (const auto& note : outcome.notes) text += fmt::format("<p>{}</p>\n", html::escape(note));
  return text + "</figure>\n";
}

}  // namespace

BatchCounts count(const std::vector<BatchOutcome>& outcomes) {
  BatchCounts counts;
  for (const auto& outcome : outcomes) {
    switch (outcome.state) {
      case BatchState::kDone:
        ++counts.done;
        break;
      case BatchState::kSkipped:
        ++counts.skipped;
        break;
      case BatchState::kFailed:
        ++counts.failed;
        break;
      case BatchState::kNotDone:
        ++counts.not_done;
        break;
    }
  }
  return counts;
}

std::string batch_json(const std::vector<BatchOutcome>& outcomes) {
  const BatchCounts counts = count(outcomes);
  ordered_json report = {{"done", counts.done},
                         {"skipped", counts.skipped},
                         {"failed", counts.failed},
                         {"not_done", counts.not_done},
                         {"files", ordered_json::array()}};
  for (const auto& outcome : outcomes) {
    ordered_json file = {{"input", outcome.item.input.string()},
                         {"output", outcome.item.result.string()},
                         {"state", to_string(outcome.state)}};
    if (!outcome.problem.empty()) file["problem"] = outcome.problem;
    if (outcome.state == BatchState::kDone) {
      file["frames"] = outcome.frames;
      file["seconds"] = outcome.seconds;
      file["sound"] = outcome.sound;
      file["notes"] = outcome.notes;
    }
    report["files"].push_back(std::move(file));
  }
  // Names of files may be any bytes.
  return report.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string batch_html(const std::vector<BatchOutcome>& outcomes, const fs::path& page) {
  const BatchCounts counts = count(outcomes);
  std::string text = kHead;
  text += fmt::format("<h1>{} done, {} skipped, {} failed</h1>\n", counts.done, counts.skipped,
                      counts.failed);
  for (const auto& outcome : outcomes) text += figure_of(outcome, page);
  return text;
}

}  // namespace lightavseg::tool
