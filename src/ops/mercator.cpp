#include <algorithm>
#include <cmath>
#include <numbers>

#include "ops/fleet.h"

namespace ops {
namespace {

constexpr double kWorld = 4294967296.0;  // 2^32
constexpr double kLatMax = 85.05112877980659;

std::uint32_t to_grid(double share) {
  return static_cast<std::uint32_t>(std::clamp(std::round(share * kWorld), 0.0, kWorld - 1));
}

}  // namespace

std::uint32_t mercator_x(double lon) { return to_grid((lon + 180) / 360); }

std::uint32_t mercator_y(double lat) {
  const double s = std::sin(std::clamp(lat, -kLatMax, kLatMax) * std::numbers::pi / 180);
  return to_grid(0.5 - std::log((1 + s) / (1 - s)) / (4 * std::numbers::pi));
}

double mercator_lon(std::uint32_t x) { return x / kWorld * 360 - 180; }

double mercator_lat(std::uint32_t y) {
  return std::atan(std::sinh((1 - 2 * (y / kWorld)) * std::numbers::pi)) * 180 / std::numbers::pi;
}

}  // namespace ops
