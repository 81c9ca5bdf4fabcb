#include "sources/load_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "sources/load_connection.h"
#include "sources/simulator.h"

namespace sources {
namespace {

constexpr std::int64_t kStepUs = 20 * base::kUsPerMs;
constexpr std::int64_t kLingerUs =
    100 * base::kUsPerMs;  // a started request waits this long for more events
constexpr std::int64_t kLastWaitUs = 30 * base::kUsPerSecond;
constexpr double kRateOfMax = 1e6;  // more than is ever acknowledged
constexpr std::array<std::string_view, 4> kTopics = {"positions", "scans", "orders", "weather"};

std::int64_t random_producer() {
  std::random_device device;
  constexpr std::uint64_t kProducerMax = (1ULL << 61) - 1;  // as the HTTP door takes
  return static_cast<std::int64_t>(((static_cast<std::uint64_t>(device()) << 32) ^ device()) &
                                   kProducerMax);
}

// Gathers events into requests, by connection and topic.
class RequestSink final : public EventSink {
 public:
  RequestSink(const LoadOptions& options, EventWriter writer,
              std::vector<std::unique_ptr<LoadConnection>>& connections)
      : writer_(std::move(writer)),
        connections_(connections),
        records_max_(options.records_per_request),
        with_ids_(!options.ack_log.empty()) {
    lanes_.resize(connections.size() * kTopics.size());
    for (LoadRequest& lane : lanes_) lane.producer = random_producer();
    if (!options.truth_file.empty()) truth_.open(options.truth_file, std::ios::trunc);
  }

  void position(const Position& event) override {
    LoadRequest& lane = lane_of(0, event.truck);
    if (with_ids_) {
      begin_id(lane);
      EventWriter::append_truck_id(event.truck, lane.ids);
      lane.ids.push_back('@');
      writer_.append_time(event.time_us, lane.ids);
      lane.ids.push_back('"');
    }
    add(lane, 0, event.truck, event);
  }
  void scan(const Scan& event) override {
    LoadRequest& lane = lane_of(1, event.truck);
    if (with_ids_) {
      begin_id(lane);
      writer_.append_event_id(event.number, lane.ids);
      lane.ids.push_back('"');
    }
    add(lane, 1, event.truck, event);
  }
  void order(const Order& event) override {
    LoadRequest& lane = lane_of(2, event.shipment);
    if (with_ids_) {
      begin_id(lane);
      writer_.append_shipment_id(event.shipment, lane.ids);
      lane.ids.push_back('"');
    }
    add(lane, 2, event.shipment, event);
  }
  void weather(const Weather& event) override {
    LoadRequest& lane = lane_of(3, event.hub);
    if (with_ids_) {
      begin_id(lane);
      lane.ids.append(Network::europe().hubs()[event.hub].id).push_back('@');
      writer_.append_time(event.time_us, lane.ids);
      lane.ids.push_back('"');
    }
    add(lane, 3, event.hub, event);
  }
  void truth(std::string_view json) override {
    if (truth_.is_open()) truth_ << json << '\n';
  }

  void flush() {
    for (std::size_t i = 0; i < lanes_.size(); ++i) push(i);
  }
  bool ended() const { return ended_; }
  std::int64_t made() const { return made_; }

 private:
  std::size_t index_of(std::size_t topic, std::uint32_t owner) const {
    return owner % connections_.size() * kTopics.size() + topic;
  }
  LoadRequest& lane_of(std::size_t topic, std::uint32_t owner) {
    return lanes_[index_of(topic, owner)];
  }

  static void begin_id(LoadRequest& lane) { lane.ids.append(lane.ids.empty() ? "\"" : ",\""); }

  template <class Event>
  void add(LoadRequest& lane, std::size_t topic, std::uint32_t owner, const Event& event) {
    writer_.append(event, lane.body);
    lane.body.push_back('\n');
    ++made_;
    if (++lane.records >= records_max_) push(index_of(topic, owner));
  }

  void push(std::size_t index) {
    LoadRequest& lane = lanes_[index];
    if (lane.records == 0 || ended_) return;
    LoadRequest request = {.topic = std::string(kTopics[index % kTopics.size()]),
                           .body = std::move(lane.body),
                           .ids = std::move(lane.ids),
                           .records = lane.records,
                           .producer = lane.producer,
                           .sequence = lane.sequence};
    lane = {.topic = {},
            .body = {},
            .ids = {},
            .producer = lane.producer,
            .sequence = lane.sequence + lane.records};
    ended_ = !connections_[index / kTopics.size()]->push(std::move(request));
  }

  EventWriter writer_;
  std::vector<std::unique_ptr<LoadConnection>>& connections_;
  const std::int64_t records_max_;
  const bool with_ids_;
  std::vector<LoadRequest> lanes_;
  std::ofstream truth_;
  std::int64_t made_ = 0;
  bool ended_ = false;
};

base::Result<> check(const LoadOptions& options) {
  constexpr double kEventsPerTruckMax = 25;
  if (options.trucks == 0 || options.connections < 1 || options.records_per_request < 1) {
    return base::fail_with(base::Code::kInvalid,
                           "trucks, connections and records per request start at 1",
                           "give each a number above 0");
  }
  if (options.events_per_second > kEventsPerTruckMax * options.trucks) {
    return base::fail_with(base::Code::kInvalid,
                           fmt::format("{} trucks cannot send {:.0f} events a second",
                                       options.trucks, options.events_per_second),
                           fmt::format("ask for at most {:.0f}/s, or for more trucks",
                                       kEventsPerTruckMax * options.trucks));
  }
  return {};
}

SimulatorOptions fleet_of(const LoadOptions& options, base::TimestampUs start_us) {
  const double rate = options.events_per_second > 0 ? options.events_per_second : kRateOfMax;
  return {
      .trucks = options.trucks,
      .seed = options.seed,
      .start_us = start_us,
      .position_interval_us = static_cast<std::int64_t>(options.trucks / rate * base::kUsPerSecond),
      .history_from_us = start_us - options.history_us,
      .epoch = epoch_name(start_us) + fmt::format("x{:x}", random_producer() % 0x1000)};
}

// Makes events as the clock goes, never ahead of it, until the end.
void follow_clock(const LoadOptions& options, const base::Clock& clock, Simulator& simulator,
                  RequestSink& sink, std::stop_token stop,
                  const std::function<void()>& each_second) {
  const base::TimestampUs begin_us = std::max(clock.now_us(), simulator.options().start_us);
  base::TimestampUs at_us = simulator.options().start_us;
  base::TimestampUs flushed_us = begin_us;
  base::TimestampUs told_us = begin_us;
  while (!stop.stop_requested() && !sink.ended()) {
    const base::TimestampUs now_us = clock.now_us();
    if (options.duration_us > 0 && now_us - begin_us >= options.duration_us) return;
    if (now_us - told_us >= base::kUsPerSecond) {
      told_us = now_us;
      each_second();
    }
    if (now_us - flushed_us >= kLingerUs) {
      flushed_us = now_us;
      sink.flush();
    }
    if (at_us + kStepUs > now_us) {
      std::this_thread::sleep_for(std::chrono::microseconds(at_us + kStepUs - now_us));
      continue;
    }
    at_us += kStepUs;
    simulator.step_to(at_us, sink);
  }
}

}  // namespace

std::string LoadReport::to_string() const {
  std::string text = fmt::format(
      "acknowledged {} events in {:.1f} s: {:.0f} events/s, {} requests, p50 {:.1f} ms, p99 {:.1f} "
      "ms, {} retries",
      acknowledged, seconds, events_per_second(), requests, p50_ms, p99_ms, retries);
  if (unacknowledged > 0) text += fmt::format(", {} events without an answer", unacknowledged);
  return text;
}

base::Result<double> parse_rate(const std::string& text) {
  if (text == "max") return 0.0;
  std::string number = text;
  if (number.ends_with("/s")) number.resize(number.size() - 2);
  std::size_t used = 0;
  double rate = 0;
  try {
    rate = std::stod(number, &used);
  } catch (const std::exception&) {
    used = std::string::npos;
  }
  if (used != number.size() || !(rate > 0) || rate > 1e9) {
    return base::fail_with(base::Code::kInvalid, "not a rate: " + text,
                           "write events a second: 10000/s, or: max");
  }
  return rate;
}

base::Result<LoadReport> run_simulate(const LoadOptions& options, const base::Clock& clock,
                                      std::stop_token stop,
                                      const std::function<void(const LoadReport&)>& progress) {
  TRY(check(options));
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (ready != CURLE_OK)
    return base::fail(base::Code::kIo, "libcurl does not start: {}", curl_easy_strerror(ready));
  LoadLedger ledger(options.give_up_us);
  if (!options.ack_log.empty()) TRY(ledger.open_ack_log(options.ack_log));

  // The fleet warms up before it starts, at about 50 us a truck.
  Simulator simulator(
      fleet_of(options, clock.now_us() + 100 * base::kUsPerMs + 50LL * options.trucks));
  std::vector<std::unique_ptr<LoadConnection>> connections;
  for (int i = 0; i < options.connections; ++i) {
    connections.push_back(std::make_unique<LoadConnection>(options.to, ledger));
  }
  RequestSink sink(options, simulator.writer(), connections);
  simulator.step_to(simulator.options().start_us, sink);
  const base::TimestampUs begin_us = std::max(clock.now_us(), simulator.options().start_us);
  const auto report_now = [&] {
    LoadReport report = ledger.report();
    report.seconds = static_cast<double>(clock.now_us() - begin_us) / base::kUsPerSecond;
    report.unacknowledged = sink.made() - report.acknowledged;
    return report;
  };
  follow_clock(options, clock, simulator, sink, stop, [&] {
    if (progress) progress(report_now());
  });
  sink.flush();
  for (const auto& connection : connections) connection->close(kLastWaitUs);
  if (auto error = ledger.error()) return std::unexpected(*std::move(error));
  return report_now();
}

}  // namespace sources
