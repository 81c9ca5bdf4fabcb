// The binary frames of the live feed, as docs/http-api.md ("Live fleet") lays them out.
//
// Pure: values in, bytes out; little-endian.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ops/truck_store.h"

namespace ops {

enum class FrameKind : std::uint8_t {
  kTrucks = 1,
  kNames = 2,
  kCells = 3,
  kStatuses = 4,
  kGone = 5
};

struct Cell {
  std::uint32_t x = 0;  // of the tile at the frame's zoom
  std::uint32_t y = 0;
  std::uint32_t count = 0;
};

std::string trucks_frame(const TruckStore& trucks, std::span<const Handle> handles, bool snapshot,
                         base::TimestampUs now_us);
std::string names_frame(const TruckStore& trucks, std::span<const Handle> handles,
                        base::TimestampUs now_us);
std::string cells_frame(std::uint8_t zoom, std::span<const Cell> cells, base::TimestampUs now_us);
std::string statuses_frame(std::span<const std::string> statuses, base::TimestampUs now_us);
std::string gone_frame(std::span<const Handle> handles, base::TimestampUs now_us);

}  // namespace ops
