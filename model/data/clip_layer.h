// SPDX-License-Identifier: LGPL-2.1-or-later
/// Objects that move over a picture. Part of ClipComposer.
#pragma once

#include <opencv2/core.hpp>

#include "model/data/canvas.h"
#include "model/data/material.h"

namespace lightavseg {

/// A gentle way to and fro around a point.
struct Wander {
  cv::Point2d way;  ///< largest distance from the middle in either direction, pixels
  double period_x_s = 1, period_y_s = 1;
  double phase_x = 0, phase_y = 0;  ///< 0 .. 1, of the periods

  /// Where it is, relative to the middle.
  cv::Point2d at(double time_s) const;
};

struct Layer {
  Sprite sprite;     ///< at the size at which it is shown
  cv::Point2d home;  ///< its middle, pixels of the picture
  Wander wander;
  double sway_degrees = 0, sway_s = 1, sway_phase = 0;
};

/// Like a sine of amplitude 1 and period 1, but exact on every machine: arcs of parabolas.
double smooth_wave(double x);

/// The sprite at another size, with a transparent rim.
Sprite resized_sprite(const Sprite& sprite, double scale);

/// Draws the layer as it is at that time, at fractions of a pixel; where it covers more than half,
/// `label` replaces what was there.
void draw_layer(const Layer& layer, double time_s, int label, Canvas* canvas);

}  // namespace lightavseg
