#include "stream/source_reader.h"

#include <algorithm>
#include <limits>

namespace stream {
namespace {

constexpr std::size_t kPieceBytes = 2UL << 20;
constexpr std::size_t kPendingBytesMax = 512UL << 20;
constexpr std::int64_t kWaitUs = 200'000;
constexpr std::int64_t kReplayWaitUs = 5 * base::kUsPerSecond;
constexpr eventlog::Offset kNoEnd = std::numeric_limits<eventlog::Offset>::max();

}  // namespace

SourceReader::SourceReader(const eventlog::EventLog& log, const schema::TopicSchema& topic,
                           std::size_t rows_max)
    : log_(log), topic_(topic), rows_max_(rows_max) {}

SourceReader::~SourceReader() { stop(); }

void SourceReader::start(std::map<eventlog::TopicPartition, eventlog::Offset> positions) {
  stop();
  next_ = positions;
  taken_ = std::move(positions);
  pending_ = std::make_unique<schema::BronzeDecoder>(topic_);
  error_.reset();
  tasks_.run("read " + topic_.topic.name, [this](std::stop_token stop) { read_ahead(stop); });
}

void SourceReader::stop() {
  tasks_.stop();
  pending_.reset();
}

base::Result<bool> SourceReader::read_piece(schema::BronzeDecoder& decoder,
                                            const eventlog::TopicPartition& partition,
                                            eventlog::Offset& position, eventlog::Offset until) {
  const eventlog::ReadResult read = TRY(log_.read(partition, position, kPieceBytes));
  const eventlog::Offset to = std::min(read.next_offset, until);
  for (const std::span<const std::byte> batch : read.batches) {
    TRY(decoder.add(partition.partition, batch, position, to));
  }
  const bool moved = to > position;
  position = to;
  return moved;
}

void SourceReader::read_ahead(std::stop_token stop) {
  while (!stop.stop_requested()) {
    bool any = false;
    for (auto& [partition, position] : next_) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop, [&] { return !is_full(); });
      if (stop.stop_requested()) return;
      auto moved = read_piece(*pending_, partition, position, kNoEnd);
      if (!moved) {
        error_ = std::move(moved).error();
        changed_.notify_all();
        return;
      }
      if (!*moved) continue;
      any = true;
      changed_.notify_all();
    }
    if (any) continue;
    const std::vector<std::pair<eventlog::TopicPartition, eventlog::Offset>> positions(
        next_.begin(), next_.end());
    log_.wait_for_data(positions, kWaitUs);
  }
}

bool SourceReader::is_full() const {
  return pending_->rows() >= rows_max_ || pending_->bytes() >= kPendingBytesMax;
}

bool SourceReader::full() const {
  const std::scoped_lock lock(mutex_);
  return error_ || (pending_ && is_full());
}

base::Result<std::optional<EpochInput>> SourceReader::take(std::int64_t timeout_us) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::microseconds(timeout_us),
                    [&] { return error_ || pending_->rows() > 0; });
  if (error_) return std::unexpected(*error_);
  if (pending_->rows() == 0) return std::nullopt;
  EpochInput input;
  for (const auto& [partition, to] : next_) {
    eventlog::Offset& from = taken_[partition];
    if (to > from) input.intervals.push_back({partition, from, to});
    from = to;
  }
  input.rows = pending_->take();
  lock.unlock();
  changed_.notify_all();
  return input;
}

std::map<eventlog::TopicPartition, runs::Interval> SourceReader::empty_ahead() const {
  const std::scoped_lock lock(mutex_);
  std::map<eventlog::TopicPartition, runs::Interval> empty;
  if (!pending_ || pending_->rows() > 0) return empty;
  for (const auto& [partition, to] : next_)
    empty[partition] = {partition, taken_.at(partition), to};
  return empty;
}

base::Result<EpochInput> SourceReader::replay(const std::vector<runs::Interval>& intervals) {
  schema::BronzeDecoder decoder(topic_);
  for (const runs::Interval& interval : intervals) {
    eventlog::Offset position = interval.from;
    while (position < interval.to) {
      if (TRY(read_piece(decoder, interval.source, position, interval.to))) continue;
      if (!log_.wait_for_data({{interval.source, position}}, kReplayWaitUs)) {
        return base::fail_with(
            base::Code::kCorrupt,
            fmt::format("the log of {}/{} ends at {}, but an epoch was planned up to {}",
                        interval.source.topic, interval.source.partition, position, interval.to),
            "restore the data folder whole: log, lake and state belong together");
      }
    }
  }
  EpochInput input;
  input.intervals = intervals;
  input.rows = decoder.take();
  return input;
}

}  // namespace stream
