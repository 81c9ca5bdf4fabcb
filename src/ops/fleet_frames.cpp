#include "ops/fleet_frames.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace ops {
namespace {

static_assert(std::endian::native == std::endian::little, "frames are written in memory order");

constexpr std::uint16_t kMagic = 0x4257;
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kTruckBytes = 4 + 4 + 4 + 2 + 1 + 1 + 4;

template <class T>
void put(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

std::string start(FrameKind kind, std::size_t size, base::TimestampUs now_us) {
  std::string out;
  out.reserve(kHeaderBytes + size);
  put(out, kMagic);
  put(out, kVersion);
  put(out, static_cast<std::uint8_t>(kind));
  put(out, static_cast<std::int64_t>(now_us / base::kUsPerMs));
  return out;
}

template <class T>
void put_column(std::string& out, const std::vector<T>& values, std::span<const Handle> handles) {
  const std::size_t at = out.size();
  out.resize(at + handles.size() * sizeof(T));
  char* to = out.data() + at;
  for (const Handle handle : handles) {
    std::memcpy(to, &values[handle], sizeof(T));
    to += sizeof(T);
  }
}

void put_handles(std::string& out, std::span<const Handle> handles) {
  if (handles.empty()) return;
  const std::size_t at = out.size();
  out.resize(at + handles.size_bytes());
  std::memcpy(out.data() + at, handles.data(), handles.size_bytes());
}

}  // namespace

std::string trucks_frame(const TruckStore& trucks, std::span<const Handle> handles, bool snapshot,
                         base::TimestampUs now_us) {
  std::string out = start(FrameKind::kTrucks, 5 + handles.size() * kTruckBytes, now_us);
  put(out, static_cast<std::uint8_t>(snapshot ? 1 : 0));
  put(out, static_cast<std::uint32_t>(handles.size()));
  put_handles(out, handles);
  put_column(out, trucks.x, handles);
  put_column(out, trucks.y, handles);
  put_column(out, trucks.speed_dkmh, handles);
  put_column(out, trucks.heading_half, handles);
  put_column(out, trucks.status, handles);
  for (const Handle handle : handles) {
    const std::int64_t age_ms = (now_us - trucks.event_time_us[handle]) / base::kUsPerMs;
    put(out, static_cast<std::uint32_t>(
                 std::clamp<std::int64_t>(age_ms, 0, std::numeric_limits<std::uint32_t>::max())));
  }
  return out;
}

std::string names_frame(const TruckStore& trucks, std::span<const Handle> handles,
                        base::TimestampUs now_us) {
  std::string out = start(FrameKind::kNames, 4 + handles.size() * 16, now_us);
  put(out, static_cast<std::uint32_t>(handles.size()));
  for (const Handle handle : handles) {
    const std::string_view name = trucks.name(handle);
    put(out, handle);
    put(out, static_cast<std::uint8_t>(name.size()));
    out.append(name);
  }
  return out;
}

std::string cells_frame(std::uint8_t zoom, std::span<const Cell> cells, base::TimestampUs now_us) {
  std::string out = start(FrameKind::kCells, 5 + cells.size() * sizeof(Cell), now_us);
  put(out, zoom);
  put(out, static_cast<std::uint32_t>(cells.size()));
  for (const Cell& cell : cells) put(out, cell.x);
  for (const Cell& cell : cells) put(out, cell.y);
  for (const Cell& cell : cells) put(out, cell.count);
  return out;
}

std::string statuses_frame(std::span<const std::string> statuses, base::TimestampUs now_us) {
  std::string out = start(FrameKind::kStatuses, 1 + statuses.size() * 16, now_us);
  put(out, static_cast<std::uint8_t>(statuses.size()));
  for (const std::string& status : statuses) {
    put(out, static_cast<std::uint8_t>(status.size()));
    out.append(status);
  }
  return out;
}

std::string gone_frame(std::span<const Handle> handles, base::TimestampUs now_us) {
  std::string out = start(FrameKind::kGone, 4 + handles.size_bytes(), now_us);
  put(out, static_cast<std::uint32_t>(handles.size()));
  put_handles(out, handles);
  return out;
}

}  // namespace ops
