#include "ops/viewport.h"

#include <cmath>

namespace ops {
namespace {

double wrapped(double lon) {
  const double turned = std::fmod(lon + 180, 360);
  return (turned < 0 ? turned + 360 : turned) - 180;
}

}  // namespace

Viewport Viewport::of(const Box& box) {
  Viewport port;
  port.north = mercator_y(box.north);
  port.height = mercator_y(box.south) - port.north;
  const double degrees = box.east >= box.west ? box.east - box.west : box.east - box.west + 360;
  if (degrees >= 360) return port;
  port.west = mercator_x(wrapped(box.west));
  port.width = static_cast<std::uint32_t>(degrees / 360 * 4294967296.0);
  return port;
}

}  // namespace ops
