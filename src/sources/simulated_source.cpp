#include "sources/simulated_source.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/logging.h"
#include "base/metrics.h"
#include "sources/random.h"

namespace sources {
namespace {

constexpr std::int64_t kStepUs = base::kUsPerSecond / 5;
constexpr std::int64_t kCatchUpStepUs = 30 * base::kUsPerSecond;
constexpr std::size_t kGatheredBytesMax = 8UL << 20;
constexpr std::int64_t kSaveEveryUs = 10 * base::kUsPerSecond;
// A pause that is made up for, and the length of a run (in positions) that is repeated at a
// restart.
constexpr std::int64_t kPauseMaxUs = 3600 * base::kUsPerSecond;
constexpr std::int64_t kRepeatPositionsMax = 60'000'000;
// Raised when the same options give other events: a run of another version is not carried on.
constexpr int kSimulationVersion = 1;

base::Path state_file(const base::Path& data) { return data / "simulation.json"; }

}  // namespace

base::Result<SimulateOptions> parse_simulate(const base::Yaml& yaml) {
  TRY(yaml.only({"trucks", "seed", "interval", "history", "truth"}));
  SimulateOptions options;
  const std::int64_t trucks = TRY(yaml.integer_or("trucks", options.trucks));
  if (trucks < 1 || trucks > 10'000'000) {
    return yaml.fail_here("the simulated fleet cannot have this many trucks",
                          "write 1 to 10000000 for 'trucks'");
  }
  options.trucks = static_cast<std::uint32_t>(trucks);
  options.seed = static_cast<std::uint64_t>(TRY(yaml.integer_or("seed", 7)));
  options.position_interval_us = TRY(yaml.duration_us_or("interval", options.position_interval_us));
  options.history_us = TRY(yaml.duration_us_or("history", options.history_us));
  options.truth = TRY(yaml.boolean_or("truth", true));
  return options;
}

SimulatedSource::SimulatedSource(eventlog::EventLog& log,
                                 const std::vector<schema::TopicSchema>& topics,
                                 const base::Clock& clock, base::FileSystem& disk, base::Path data,
                                 SimulateOptions options)
    : log_(log),
      topics_(topics),
      clock_(clock),
      disk_(disk),
      data_(std::move(data)),
      options_(options) {}

base::Result<> SimulatedSource::start() {
  const auto fed = [](const schema::TopicSchema& topic) { return !topic.simulate.empty(); };
  if (std::ranges::none_of(topics_, fed)) {
    return base::fail_with(
        base::Code::kInvalid, "the simulated fleet feeds no topic",
        "write 'simulate: positions' in a file of sources/, or drop 'simulate:' from waybill.yaml");
  }
  Epoch epoch = TRY(load_or_begin());
  TRY(save(epoch));
  tasks_.run("simulator", [this, epoch](std::stop_token stop) { run(stop, epoch); });
  return {};
}

void SimulatedSource::stop() { tasks_.stop(); }

base::Result<SimulatedSource::Epoch> SimulatedSource::load_or_begin() const {
  const base::TimestampUs now_us = clock_.now_us();
  Epoch fresh{.start_us = now_us - now_us % (60 * base::kUsPerSecond),
              .seed = options_.seed,
              .trucks = options_.trucks,
              .position_interval_us = options_.position_interval_us};
  fresh.sent_to_us = fresh.start_us;
  const auto text = base::read_file(disk_, state_file(data_), 1UL << 20);
  if (!text && text.error().code == base::Code::kNotFound) return fresh;
  if (!text) return std::unexpected(text.error());
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object()) {
    return base::fail_with(base::Code::kCorrupt, state_file(data_).string() + " is not JSON",
                           "remove the file: the simulated fleet then begins anew");
  }
  Epoch kept{.start_us = json.value("start_us", std::int64_t{0}),
             .history_from_us = json.value("history_from_us", std::int64_t{0}),
             .sent_to_us = json.value("sent_to_us", std::int64_t{0}),
             .seed = json.value("seed", std::uint64_t{0}),
             .trucks = json.value("trucks", 0U),
             .position_interval_us = json.value("position_interval_us", std::int64_t{0})};
  const std::int64_t repeated =
      (now_us - kept.start_us) / std::max<std::int64_t>(kept.position_interval_us, 1) * kept.trucks;
  const bool carries_on =
      json.value("simulation", 0) == kSimulationVersion && kept.trucks == options_.trucks &&
      kept.seed == options_.seed && kept.position_interval_us == options_.position_interval_us &&
      now_us - kept.sent_to_us <= kPauseMaxUs && repeated <= kRepeatPositionsMax;
  if (carries_on) return kept;
  // What was before was told by the epoch before; nothing of the new one lies under it.
  fresh.history_from_us = std::min(kept.sent_to_us, fresh.start_us);
  fresh.start_us = std::max(fresh.start_us, kept.start_us + 60 * base::kUsPerSecond);
  return fresh;
}

base::Result<> SimulatedSource::save(const Epoch& epoch) const {
  const nlohmann::json json = {{"simulation", kSimulationVersion},
                               {"start_us", epoch.start_us},
                               {"history_from_us", epoch.history_from_us},
                               {"sent_to_us", epoch.sent_to_us},
                               {"seed", epoch.seed},
                               {"trucks", epoch.trucks},
                               {"position_interval_us", epoch.position_interval_us}};
  return base::write_file_durably(disk_, state_file(data_), json.dump(2) + "\n");
}

void SimulatedSource::run(std::stop_token stop, Epoch epoch) {
  const auto done = follow_clock(stop, epoch);
  if (!done && done.error().code != base::Code::kCancelled) {
    spdlog::error("sources: the simulated fleet stands still: {}", done.error().to_string());
  }
}

base::Result<> SimulatedSource::follow_clock(std::stop_token stop, Epoch& epoch) {
  Simulator simulator({.trucks = epoch.trucks,
                       .seed = epoch.seed,
                       .start_us = epoch.start_us,
                       .position_interval_us = epoch.position_interval_us,
                       .warm_up_us = options_.history_us,
                       .history_from_us = epoch.history_from_us});
  const auto producer =
      static_cast<std::int64_t>(mix(static_cast<std::uint64_t>(epoch.start_us) ^ epoch.seed) >> 1);
  LogSink sink(
      log_, clock_, topics_, simulator.writer(), producer,
      options_.truth ? data_ / ("truth-" + simulator.options().epoch + ".jsonl") : base::Path());
  auto& sent = base::counter("waybill_simulated_events_total",
                             "Events of the simulated fleet that were appended.");
  base::TimestampUs at_us = epoch.start_us - options_.history_us;
  base::TimestampUs saved_us = at_us;
  while (!stop.stop_requested()) {
    const base::TimestampUs now_us = clock_.now_us();
    if (at_us + kStepUs > now_us) {
      std::this_thread::sleep_for(
          std::chrono::microseconds(std::min(kStepUs, at_us + kStepUs - now_us)));
      continue;
    }
    at_us = std::min(at_us + kCatchUpStepUs, now_us);
    simulator.step_to(at_us, sink);
    const bool behind = now_us - at_us > kStepUs;
    if (behind && sink.gathered_bytes() < kGatheredBytesMax) continue;
    TRY(sink.flush(stop));
    sent.Increment(static_cast<double>(sink.records() - records_.load()));
    records_.store(sink.records());
    if (at_us - saved_us < kSaveEveryUs) continue;
    epoch.sent_to_us = saved_us = at_us;
    TRY(save(epoch));
  }
  epoch.sent_to_us = std::max(epoch.sent_to_us, at_us);
  return save(epoch);
}

}  // namespace sources
