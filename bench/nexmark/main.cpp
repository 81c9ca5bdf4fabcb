// Nexmark's events, as files of JSON lines or in the log of a project:
//
//   nexmark files FOLDER EVENTS [SEED [RATE]]    person.jsonl, auction.jsonl, bid.jsonl
//   nexmark log DATA EVENTS [SEED [RATE]]        topics of one partition in DATA/log
//
// RATE: events in a second of event time (10 000).
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>

#include "log/embedded_log.h"
#include "log/record_batch.h"
#include "nexmark/generator.h"

namespace {

using nexmark::Event;
using nexmark::Generator;
using nexmark::kKinds;

constexpr int kBatchRecords = 2000;
constexpr std::int64_t kEventsMax = 1'000'000'000;

base::Result<> to_files(const base::Path& folder, std::int64_t events, Generator& generator) {
  std::filesystem::create_directories(folder);
  std::array<std::ofstream, kKinds> files;
  for (int kind = 0; kind < kKinds; ++kind) {
    const auto name = fmt::format("{}.jsonl", nexmark::name_of(static_cast<nexmark::Kind>(kind)));
    files[static_cast<std::size_t>(kind)].open(folder / name);
  }
  Event event;
  for (std::int64_t i = 0; i < events; ++i) {
    generator.next(event);
    files[static_cast<std::size_t>(event.kind)] << event.json << '\n';
  }
  for (std::ofstream& file : files) {
    if (!file.flush())
      return base::fail_with(base::Code::kIo, "cannot write " + folder.string(), "make room");
  }
  return {};
}

base::Result<> to_log(const base::Path& data, std::int64_t events, Generator& generator) {
  const base::SystemClock clock;
  const auto log = TRY(
      eventlog::open_embedded_log(base::posix_file_system(), clock, {.directory = data / "log"}));
  for (int kind = 0; kind < kKinds; ++kind) {
    TRY(log->create_topic(
        {.name = nexmark::name_of(static_cast<nexmark::Kind>(kind)), .partitions = 1}));
  }
  std::array<eventlog::BatchBuilder, kKinds> builders;
  Event event;
  const auto send = [&](std::size_t kind) -> base::Result<> {
    if (builders[kind].records() == 0) return {};
    TRY(log->append_and_wait({nexmark::name_of(static_cast<nexmark::Kind>(kind)), 0},
                             builders[kind].finish()));
    return {};
  };
  for (std::int64_t i = 0; i < events; ++i) {
    generator.next(event);
    const auto kind = static_cast<std::size_t>(event.kind);
    builders[kind].add(fmt::to_string(event.key), event.json, event.time_ms);
    if (builders[kind].records() >= kBatchRecords) TRY(send(kind));
  }
  for (std::size_t kind = 0; kind < builders.size(); ++kind) TRY(send(kind));
  return {};
}

std::optional<std::int64_t> number(std::string_view text, std::int64_t max) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || value < 1 ||
      value > max)
    return std::nullopt;
  return value;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string mode = count > 1 ? arguments[1] : "";
  const auto events = count > 3 ? number(arguments[3], kEventsMax) : std::nullopt;
  const auto seed = count > 4 ? number(arguments[4], INT64_MAX) : std::optional<std::int64_t>(1);
  const auto rate =
      count > 5 ? number(arguments[5], kEventsMax) : std::optional<std::int64_t>(10'000);
  if ((mode != "files" && mode != "log") || !events || !seed || !rate || count > 6) {
    std::cerr << "usage: nexmark files|log FOLDER EVENTS [SEED [RATE]]\n";
    return 2;
  }
  Generator generator({.seed = static_cast<std::uint64_t>(*seed), .events_per_second = *rate});
  const auto done = mode == "files" ? to_files(arguments[2], *events, generator)
                                    : to_log(arguments[2], *events, generator);
  if (!done) std::cerr << done.error().to_string() << '\n';
  return done ? 0 : 1;
}
