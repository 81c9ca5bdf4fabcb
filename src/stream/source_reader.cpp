#include "stream/source_reader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "stream/step.h"

namespace stream {
namespace {

constexpr std::size_t kPieceBytes = 2UL << 20;
constexpr std::size_t kPendingBytesMax = 512UL << 20;
constexpr std::size_t kSpareBytesMax = 256UL << 20;
constexpr std::size_t kSpareRowsMin = 50'000;  // smaller ones are not worth their keeping
constexpr std::int64_t kWaitUs = 20'000;       // a stop waits for so long
constexpr std::int64_t kReplayWaitUs = 5 * base::kUsPerSecond;
constexpr eventlog::Offset kNoEnd = std::numeric_limits<eventlog::Offset>::max();

}  // namespace

std::shared_ptr<const columns::Batch> SpareRows::lend(const std::shared_ptr<SpareRows>& spares,
                                                      const std::string& topic,
                                                      columns::Batch rows) {
  const auto give_back = [spares, topic](const columns::Batch* batch) {
    const std::unique_ptr<const columns::Batch> owned(batch);
    std::size_t bytes = 0;
    for (const columns::Column& column : batch->columns) bytes += column.text_bytes();
    if (batch->rows() < kSpareRowsMin || bytes > kSpareBytesMax) return;
    const std::scoped_lock lock(spares->mutex_);
    spares->rows_.insert_or_assign(topic, std::move(*const_cast<columns::Batch*>(batch)));
  };
  return {new columns::Batch(std::move(rows)), give_back};
}

std::optional<columns::Batch> SpareRows::take(const std::string& topic) {
  const std::scoped_lock lock(mutex_);
  auto found = rows_.extract(topic);
  if (found.empty()) return std::nullopt;
  return std::move(found.mapped());
}

void SpareRows::clear() {
  const std::scoped_lock lock(mutex_);
  rows_.clear();
}

std::size_t EpochInput::count() const {
  std::size_t count = 0;
  for (const auto& [topic, batch] : rows) count += batch.rows();
  return count;
}

SourceReader::SourceReader(const eventlog::EventLog& log,
                           const std::vector<schema::TopicSchema>& topics, std::size_t rows_max)
    : log_(log), topics_(topics), rows_max_(rows_max) {}

SourceReader::~SourceReader() { stop(); }

SourceReader::Decoders SourceReader::make_decoders() const {
  Decoders decoders;
  for (const schema::TopicSchema& topic : topics_)
    decoders.emplace(topic.topic.name, schema::BronzeDecoder(topic));
  return decoders;
}

void SourceReader::start(std::map<eventlog::TopicPartition, eventlog::Offset> positions) {
  stop();
  next_ = positions;
  taken_ = std::move(positions);
  pending_ = make_decoders();
  error_.reset();
  tasks_.run("read " + topics_.front().topic.name,
             [this](std::stop_token stop) { read_ahead(stop); });
}

void SourceReader::stop() {
  tasks_.stop();
  pending_.clear();
  met_new_columns_ = false;
}

base::Result<bool> SourceReader::read_piece(Decoders& decoders,
                                            const eventlog::TopicPartition& partition,
                                            eventlog::Offset& position, eventlog::Offset until) {
  const eventlog::ReadResult read = TRY(log_.read(partition, position, kPieceBytes));
  const eventlog::Offset to = std::min(read.next_offset, until);
  schema::BronzeDecoder& decoder = decoders.at(partition.topic);
  for (const std::span<const std::byte> batch : read.batches) {
    if (auto added = decoder.add(partition.partition, batch, position, to); !added) {
      met_new_columns_ = added.error().code == base::Code::kConflict;
      return std::unexpected(std::move(added).error());
    }
  }
  const bool moved = to > position;
  position = to;
  return moved;
}

void SourceReader::read_ahead(std::stop_token stop) {
  prometheus::Counter& cpu_seconds = step_cpu(topics_.front().topic.name, "read");
  double cpu_before = thread_cpu_seconds();
  while (!stop.stop_requested()) {
    bool any = false;
    for (auto& [partition, position] : next_) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop, [&] { return !is_full(); });
      if (stop.stop_requested()) return;
      auto moved = read_piece(pending_, partition, position, kNoEnd);
      if (!moved) {
        error_ = std::move(moved).error();
        changed_.notify_all();
        return;
      }
      if (!*moved) continue;
      any = true;
      changed_.notify_all();
    }
    const double cpu_now = thread_cpu_seconds();
    cpu_seconds.Increment(cpu_now - std::exchange(cpu_before, cpu_now));
    if (any) continue;
    const std::vector<std::pair<eventlog::TopicPartition, eventlog::Offset>> positions(
        next_.begin(), next_.end());
    log_.wait_for_data(positions, kWaitUs);
  }
}

std::size_t SourceReader::pending_rows() const {
  std::size_t rows = 0;
  for (const auto& [topic, decoder] : pending_) rows += decoder.rows();
  return rows;
}

bool SourceReader::is_full() const {
  std::size_t bytes = 0;
  for (const auto& [topic, decoder] : pending_) bytes += decoder.bytes();
  return pending_rows() >= rows_max_ || bytes >= kPendingBytesMax;
}

bool SourceReader::full() const {
  const std::scoped_lock lock(mutex_);
  return error_ || (!pending_.empty() && is_full());
}

base::Result<std::optional<EpochInput>> SourceReader::take(std::int64_t timeout_us) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::microseconds(timeout_us),
                    [&] { return error_ || pending_rows() > 0; });
  if (error_) return std::unexpected(*error_);
  if (pending_rows() == 0) {
    spares_->clear();
    return std::nullopt;
  }
  EpochInput input;
  for (const auto& [partition, to] : next_) {
    eventlog::Offset& from = taken_[partition];
    if (to > from) input.intervals.push_back({partition, from, to});
    from = to;
  }
  for (auto& [topic, decoder] : pending_) {
    input.rows[topic] = decoder.take();
    auto spare = spares_->take(topic);
    if (spare && input.rows[topic].rows() >= kSpareRowsMin) decoder.recycle(*std::move(spare));
  }
  lock.unlock();
  changed_.notify_all();
  return input;
}

std::map<eventlog::TopicPartition, runs::Interval> SourceReader::empty_ahead() const {
  const std::scoped_lock lock(mutex_);
  std::map<eventlog::TopicPartition, runs::Interval> empty;
  if (pending_.empty() || pending_rows() > 0) return empty;
  for (const auto& [partition, to] : next_)
    empty[partition] = {partition, taken_.at(partition), to};
  return empty;
}

base::Result<EpochInput> SourceReader::replay(const std::vector<runs::Interval>& intervals) {
  Decoders decoders = make_decoders();
  for (const runs::Interval& interval : intervals) {
    eventlog::Offset position = interval.from;
    while (position < interval.to) {
      if (TRY(read_piece(decoders, interval.source, position, interval.to))) continue;
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
  for (auto& [topic, decoder] : decoders) input.rows[topic] = decoder.take();
  return input;
}

}  // namespace stream
