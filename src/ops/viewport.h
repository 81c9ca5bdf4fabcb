// A box of degrees as a rectangle of the Mercator grid; it may cross the date line.
#pragma once

#include <cstdint>

#include "ops/fleet.h"

namespace ops {

struct Viewport {
  std::uint32_t west = 0;
  std::uint32_t width = 0xffffffff;  // east = west + width, modulo 2^32
  std::uint32_t north = 0;
  std::uint32_t height = 0xffffffff;

  static Viewport of(const Box& box);
  bool contains(std::uint32_t x, std::uint32_t y) const {
    return x - west <= width && y - north <= height;  // unsigned: wraps below zero to beyond
  }
};

}  // namespace ops
