// A pipeline's life as a value: some models, the records that come, and what happens in between.
// Made from a seed, played in a World, judged by DuckDB, and shrunk when it fails.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "stream/world.h"

namespace stream_test {

struct Event {
  std::size_t topic = 0;  // 0: a(id, event_time, k, v), 1: b(id, event_time, k, w, until)
  Record record = {};
};

struct Step {
  enum class What : std::uint8_t { kWait, kEpoch, kDrain, kStart, kPause, kResume, kRewind };
  std::vector<Event> events = {};  // that come first
  What what = What::kWait;
  std::string model = {};  // of kPause, kResume, kRewind
  int writes_left = -1;    // then the process is cut off; -1: never
  bool last_is_done = false;
  // Of the next start, whatever the cause.
  int parallelism = 1;
  std::size_t rows_max = 400'000;
};

struct RandomCase {
  std::uint32_t seed = 0;
  std::vector<std::string> models = {};
  std::vector<std::string> judged =
      {};  // what their tables are to be; empty: the models themselves
  int partitions[2] = {1, 1};
  std::vector<Step> steps = {};
  std::size_t events() const;
};

RandomCase random_case(std::uint32_t seed);

// Plays the case; what differs from DuckDB's answer over all records at once, "" when nothing does.
std::string wrong_with(const RandomCase& c);

// A smaller case that still `fails`: events, then cuts and crashes, then models are dropped for as
// long as it does, in at most `tries` plays.
RandomCase shrunk(RandomCase c, const std::function<bool(const RandomCase&)>& fails, int tries);

// For people: the models, and each step with its records.
std::string to_text(const RandomCase& c);

}  // namespace stream_test
