// SPDX-License-Identifier: LGPL-2.1-or-later
// The page a run can be judged by: its curves, the last and the best value of every metric, and
// sample predictions, in one HTML file that needs nothing else.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "model/evaluation/html.h"
#include "model/training/curves.h"

namespace lightavseg {

struct ReportOptions {
  std::string title = "Training run";
  std::string subtitle;
  // Shown above the curves: configuration, data, commit, duration.
  std::vector<std::pair<std::string, std::string>> facts;
  // Weight of the past in the smoothed lines of curves with at least 50 points, 0..<1.
  double smoothing = 0.9;
  // Which panels get a logarithmic axis and for which metrics less is better; both are given the
  // metric's name without its group. The defaults are the two functions below.
  std::function<bool(const std::string&)> log_scale;
  std::function<bool(const std::string&)> lower_is_better;
  // Sample predictions, as encoded PNG files.
  std::vector<html::PictureRow> samples;
};

// "miou" for "val/miou": what follows the last slash.
std::string metric_name(const std::string& column);

// True for a learning rate, which spans decades.
bool default_log_scale(const std::string& metric);

// True for losses, errors and false alarms, by the words in the name.
bool default_lower_is_better(const std::string& metric);

// One panel per metric: "train/loss" and "val/loss" are two lines of the panel "loss". Throws
// html::HtmlError when a sample is no PNG file or the smoothing is outside [0, 1).
html::Page training_report(const Curves& curves, const ReportOptions& options);

// Reads the curve file of a run and writes its page. Throws CurveError and html::HtmlError.
void write_training_report(const std::filesystem::path& curve_file,
                           const std::filesystem::path& page_file, const ReportOptions& options);

}  // namespace lightavseg
