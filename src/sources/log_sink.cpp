#include "sources/log_sink.h"

#include <chrono>
#include <thread>

namespace sources {
namespace {

constexpr int kBatchRecordsMax = 2'000;
constexpr std::size_t kBatchBytesMax = 1UL << 20;
constexpr auto kRetryAfter = std::chrono::milliseconds(50);

}  // namespace

LogSink::LogSink(eventlog::EventLog& log, const base::Clock& clock,
                 const std::vector<schema::TopicSchema>& topics, EventWriter writer,
                 std::int64_t producer_id, const base::Path& truth_file)
    : log_(log),
      clock_(clock),
      writer_(std::move(writer)),
      producer_id_(producer_id),
      positions_(stream_of(topics, "positions")),
      scans_(stream_of(topics, "scans")),
      orders_(stream_of(topics, "orders")),
      weather_(stream_of(topics, "weather")) {
  if (!truth_file.empty()) truth_.open(truth_file, std::ios::trunc);
}

LogSink::Stream LogSink::stream_of(const std::vector<schema::TopicSchema>& topics,
                                   std::string_view name) const {
  Stream stream;
  for (const schema::TopicSchema& topic : topics) {
    if (topic.simulate != name) continue;
    stream.key = topic.key;
    for (int i = 0; i < topic.topic.partitions; ++i) {
      Lane lane{.partition = {topic.topic.name, i}, .builder = {}, .batches = {}};
      if (const auto last = log_.last_sequence(lane.partition, producer_id_))
        lane.known = *last + 1;
      stream.lanes.push_back(std::move(lane));
    }
  }
  return stream;
}

void LogSink::add(Stream& stream, std::string_view key) {
  const auto lanes = static_cast<int>(stream.lanes.size());
  Lane& lane =
      stream
          .lanes[static_cast<std::size_t>(lanes == 1 ? 0 : eventlog::partition_of_key(key, lanes))];
  if (lane.next_sequence++ < lane.known) return;
  if (lane.builder.records() == 0)
    lane.builder.set_producer(producer_id_, 0, lane.next_sequence - 1);
  lane.builder.add(key, value_, clock_.now_us() / base::kUsPerMs);
  gathered_bytes_ += value_.size() + key.size();
  records_.fetch_add(1, std::memory_order_relaxed);
  if (lane.builder.records() >= kBatchRecordsMax || lane.builder.bytes() >= kBatchBytesMax)
    close_batch(lane);
}

void LogSink::close_batch(Lane& lane) {
  if (lane.builder.records() > 0) lane.batches.push_back(lane.builder.finish());
}

void LogSink::position(const Position& event) {
  if (positions_.lanes.empty()) return;
  key_.clear();
  value_.clear();
  EventWriter::append_truck_id(event.truck, key_);
  writer_.append(event, value_);
  add(positions_, key_);
}

void LogSink::scan(const Scan& event) {
  if (scans_.lanes.empty()) return;
  key_.clear();
  value_.clear();
  writer_.append_shipment_id(event.shipment, key_);
  writer_.append(event, value_);
  add(scans_, key_);
}

void LogSink::order(const Order& event) {
  if (orders_.lanes.empty()) return;
  key_.clear();
  value_.clear();
  writer_.append_shipment_id(event.shipment, key_);
  writer_.append(event, value_);
  add(orders_, key_);
}

void LogSink::weather(const Weather& event) {
  if (weather_.lanes.empty()) return;
  value_.clear();
  writer_.append(event, value_);
  add(weather_, Network::europe().hubs()[event.hub].id);
}

void LogSink::truth(std::string_view json) {
  if (truth_.is_open()) truth_ << json << '\n';
}

base::Result<> LogSink::append(Lane& lane, std::stop_token stop) {
  close_batch(lane);
  for (const std::vector<std::byte>& batch : lane.batches) {
    for (;;) {
      auto done = log_.append_and_wait(lane.partition, batch);
      if (done) break;
      if (done.error().code != base::Code::kUnavailable) {
        return std::unexpected(std::move(done).error().in(
            "the simulated fleet could not append to " + lane.partition.topic));
      }
      if (stop.stop_requested())
        return base::fail(base::Code::kCancelled, "the simulated fleet was stopped");
      std::this_thread::sleep_for(kRetryAfter);
    }
  }
  lane.batches.clear();
  return {};
}

base::Result<> LogSink::flush(std::stop_token stop) {
  for (Stream* stream : {&orders_, &scans_, &positions_, &weather_}) {
    for (Lane& lane : stream->lanes) TRY(append(lane, stop));
  }
  gathered_bytes_ = 0;
  truth_.flush();
  return {};
}

}  // namespace sources
