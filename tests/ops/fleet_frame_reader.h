// A client's reading of the live feed, written from docs/http-api.md alone.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ops {

struct FrameReader {
  struct Truck {
    std::uint32_t x, y;
    std::uint16_t speed_dkmh;
    std::uint8_t heading_half, status;
    std::uint32_t age_ms;
  };
  std::map<std::uint32_t, Truck> trucks;
  std::map<std::uint32_t, std::string> names;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> cells;
  std::vector<std::string> statuses;
  std::int64_t time_ms = 0;
  int zoom = -1;
  int snapshots = 0;
  int truck_rows = 0;

  const Truck& by_name(const std::string& name) const {
    for (const auto& [handle, truck] : trucks) {
      if (names.at(handle) == name) return truck;
    }
    throw std::out_of_range(name);
  }

  void take(const std::string& frame) {
    at_ = 0;
    frame_ = &frame;
    EXPECT_EQ(get<std::uint16_t>(), 0x4257);
    EXPECT_EQ(get<std::uint8_t>(), 1);
    const auto kind = get<std::uint8_t>();
    time_ms = get<std::int64_t>();
    if (kind == 1) take_trucks();
    if (kind == 2) take_names();
    if (kind == 3) take_cells();
    if (kind == 4) take_statuses();
    if (kind == 5) {
      for (const auto handle : column<std::uint32_t>(get<std::uint32_t>()))
        EXPECT_EQ(trucks.erase(handle), 1U);
    }
    EXPECT_EQ(at_, frame.size()) << "kind " << int{kind};
  }

 private:
  template <class T>
  T get() {
    T value{};
    EXPECT_LE(at_ + sizeof(T), frame_->size());
    std::memcpy(&value, frame_->data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  template <class T>
  std::vector<T> column(std::size_t n) {
    std::vector<T> values(n);
    for (T& value : values) value = get<T>();
    return values;
  }
  std::string text() {
    const std::size_t length = get<std::uint8_t>();
    at_ += length;
    return frame_->substr(at_ - length, length);
  }
  void take_trucks() {
    if ((get<std::uint8_t>() & 1) != 0) {
      trucks.clear();
      ++snapshots;
    }
    cells.clear();
    const std::size_t n = get<std::uint32_t>();
    const auto handle = column<std::uint32_t>(n);
    const auto x = column<std::uint32_t>(n);
    const auto y = column<std::uint32_t>(n);
    const auto speed = column<std::uint16_t>(n);
    const auto heading = column<std::uint8_t>(n);
    const auto status = column<std::uint8_t>(n);
    const auto age = column<std::uint32_t>(n);
    for (std::size_t i = 0; i < n; ++i) {
      EXPECT_TRUE(names.contains(handle[i])) << "a name comes before its truck";
      EXPECT_LT(status[i], statuses.size()) << "statuses come before trucks";
      trucks[handle[i]] = {x[i], y[i], speed[i], heading[i], status[i], age[i]};
    }
    truck_rows += static_cast<int>(n);
  }
  void take_names() {
    const auto n = get<std::uint32_t>();
    for (std::uint32_t i = 0; i < n; ++i) {
      const auto handle = get<std::uint32_t>();
      EXPECT_TRUE(names.emplace(handle, text()).second) << "a name is sent once";
    }
  }
  void take_cells() {
    trucks.clear();
    cells.clear();
    zoom = get<std::uint8_t>();
    const std::size_t n = get<std::uint32_t>();
    const auto x = column<std::uint32_t>(n);
    const auto y = column<std::uint32_t>(n);
    const auto count = column<std::uint32_t>(n);
    for (std::size_t i = 0; i < n; ++i)
      EXPECT_TRUE(cells.emplace(std::pair{x[i], y[i]}, count[i]).second);
  }
  void take_statuses() {
    statuses.clear();
    const auto n = get<std::uint8_t>();
    for (int i = 0; i < n; ++i) statuses.push_back(text());
  }

  std::size_t at_ = 0;
  const std::string* frame_ = nullptr;
};

}  // namespace ops
