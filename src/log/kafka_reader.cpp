#include "log/kafka_reader.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "log/kafka_records.h"

namespace eventlog {
namespace {

constexpr std::int64_t kReadTimeoutUs = 20 * base::kUsPerSecond;
constexpr std::int64_t kUnusedUs = 30 * base::kUsPerSecond;
constexpr std::int64_t kSliceUs = 50'000;
constexpr std::size_t kDrainAtOnce = 1000;
constexpr std::size_t kReadyMax = 20'000;

std::int64_t steady_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// The rebuilt batches of one read, kept together.
struct Held {
  std::vector<std::vector<std::byte>> batches;
};

}  // namespace

base::Result<std::unique_ptr<KafkaReader>> KafkaReader::open(const KafkaUrl& url) {
  std::unique_ptr<KafkaReader> reader(new KafkaReader(url));
  TRY(reader->lane(0));
  return reader;
}

KafkaReader::~KafkaReader() {
  const std::scoped_lock lock(mutex_);
  for (auto& [partition, list] : cursors_) {
    for (const CursorPtr& cursor : list) close(partition, cursor);
  }
  cursors_.clear();
  lanes_.clear();
}

base::Result<rd_kafka_t*> KafkaReader::lane(std::size_t index) {
  while (lanes_.size() <= index) {
    lanes_.push_back(TRY(make_handle(
        RD_KAFKA_CONSUMER,
        TRY(make_conf(url_,
                      {{"isolation.level", "read_committed"},
                       {"group.id", "waybill-reader"},
                       {"enable.auto.commit", "false"},
                       {"enable.auto.offset.store", "false"},
                       {"enable.partition.eof", "true"},
                       {"auto.offset.reset", "error"},
                       {"check.crcs", "true"},
                       {"fetch.wait.max.ms", "200"},
                       {"fetch.error.backoff.ms", "50"},
                       {"fetch.message.max.bytes", std::to_string(4 << 20)},
                       {"queued.min.messages", "50000"},
                       {"queued.max.messages.kbytes", std::to_string(kAheadBytesMax / 1024)}})))));
  }
  return lanes_[index].get();
}

void KafkaReader::on_event(rd_kafka_t* client, void* self) {
  static_cast<void>(client);
  auto* reader = static_cast<KafkaReader*>(self);
  const std::scoped_lock lock(reader->signal_mutex_);
  ++reader->signal_count_;
  reader->signal_.notify_all();
}

std::uint64_t KafkaReader::signals() {
  const std::scoped_lock lock(signal_mutex_);
  return signal_count_;
}

void KafkaReader::wait_for_signal(std::uint64_t seen, std::int64_t timeout_us) {
  std::unique_lock lock(signal_mutex_);
  signal_.wait_for(lock, std::chrono::microseconds(timeout_us),
                   [&] { return signal_count_ != seen; });
}

void KafkaReader::close(const TopicPartition& partition, const CursorPtr& cursor) {
  rd_kafka_queue_cb_event_enable(cursor->queue.get(), nullptr, nullptr);
  rd_kafka_consume_stop(cursor->topic.get(), partition.partition);
  cursor->ready.clear();
  cursor->queue.reset();
}

void KafkaReader::close_unused() {
  const std::int64_t now_us = steady_us();
  for (auto& [partition, list] : cursors_) {
    std::erase_if(list, [&, at = &partition](const CursorPtr& cursor) {
      if (cursor->busy || now_us - cursor->used_us < kUnusedUs) return false;
      close(*at, cursor);
      return true;
    });
  }
}

void KafkaReader::finish(const TopicPartition& partition, Offset offset) {
  const std::scoped_lock lock(mutex_);
  auto& list = cursors_[partition];
  const auto it = std::ranges::find_if(
      list, [&](const CursorPtr& cursor) { return !cursor->busy && cursor->next == offset; });
  if (it == list.end()) return;
  close(partition, *it);
  list.erase(it);
}

void KafkaReader::refresh(const std::string& topic) {
  const std::scoped_lock lock(mutex_);
  for (const KafkaHandle& client : lanes_) {
    const KafkaTopic handle(rd_kafka_topic_new(client.get(), topic.c_str(), nullptr));
    const rd_kafka_metadata_t* metadata = nullptr;
    if (rd_kafka_metadata(client.get(), 0, handle.get(), &metadata, kAdminTimeoutMs) ==
        RD_KAFKA_RESP_ERR_NO_ERROR)
      rd_kafka_metadata_destroy(metadata);
  }
}

void KafkaReader::forget(const std::string& topic) {
  const std::scoped_lock lock(mutex_);
  for (auto& [partition, list] : cursors_) {
    if (partition.topic != topic) continue;
    std::erase_if(list, [&, at = &partition](const CursorPtr& cursor) {
      if (!cursor->busy) close(*at, cursor);
      return !cursor->busy;
    });
  }
}

// Under mutex_.
base::Result<KafkaReader::CursorPtr> KafkaReader::begin_cursor(const TopicPartition& partition,
                                                               Offset offset) {
  close_unused();
  auto& list = cursors_[partition];
  std::array<bool, kLanesMax> taken{};
  for (const CursorPtr& cursor : list) taken[cursor->lane] = true;
  auto free = std::ranges::find(taken, false);
  if (free == taken.end()) {  // the one that was not asked for the longest gives its lane
    auto oldest = list.end();
    for (auto it = list.begin(); it != list.end(); ++it) {
      if (!(*it)->busy && (oldest == list.end() || (*it)->used_us < (*oldest)->used_us))
        oldest = it;
    }
    if (oldest == list.end())
      return base::fail_with(base::Code::kUnavailable,
                             fmt::format("{}/{} is read from more than {} places at once",
                                         partition.topic, partition.partition, kLanesMax),
                             "read again");
    free = taken.begin() + static_cast<std::ptrdiff_t>((*oldest)->lane);
    close(partition, *oldest);
    list.erase(oldest);
  }
  auto cursor = std::make_shared<Cursor>();
  cursor->lane = static_cast<std::size_t>(free - taken.begin());
  rd_kafka_t* client = TRY(lane(cursor->lane));
  cursor->topic.reset(rd_kafka_topic_new(client, partition.topic.c_str(), nullptr));
  cursor->queue.reset(rd_kafka_queue_new(client));
  cursor->next = offset;
  rd_kafka_queue_cb_event_enable(cursor->queue.get(), on_event, this);
  if (rd_kafka_consume_start_queue(cursor->topic.get(), partition.partition, offset,
                                   cursor->queue.get()) != 0) {
    return kafka_fail(rd_kafka_last_error(),
                      fmt::format("cannot read {}/{}", partition.topic, partition.partition));
  }
  list.push_back(cursor);
  return cursor;
}

base::Result<KafkaReader::CursorPtr> KafkaReader::take_cursor(const TopicPartition& partition,
                                                              Offset offset) {
  if (offset < 0)
    return base::fail(base::Code::kInvalid, "offset {} of {}/{} is no offset", offset,
                      partition.topic, partition.partition);
  const std::scoped_lock lock(mutex_);
  CursorPtr found;
  for (const CursorPtr& cursor : cursors_[partition]) {
    if (!cursor->busy && cursor->next == offset) found = cursor;
  }
  if (!found) found = TRY(begin_cursor(partition, offset));
  found->busy = true;
  return found;
}

void KafkaReader::give_back(const TopicPartition& partition, const CursorPtr& cursor) {
  const std::scoped_lock lock(mutex_);
  cursor->busy = false;
  cursor->used_us = steady_us();
  if (cursor->error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  close(partition, cursor);  // the next read begins anew
  std::erase(cursors_[partition], cursor);
}

bool KafkaReader::drain(Cursor& cursor) {
  std::array<rd_kafka_message_t*, kDrainAtOnce> messages;  // NOLINT: filled by the call
  while (cursor.ready.size() < kReadyMax) {
    const ssize_t count =
        rd_kafka_consume_batch_queue(cursor.queue.get(), 0, messages.data(), messages.size());
    if (count <= 0) break;
    for (ssize_t i = 0; i < count; ++i) {
      KafkaMessage message(messages[static_cast<std::size_t>(i)]);
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        cursor.end = -1;
        cursor.ready.push_back(std::move(message));
      } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        cursor.end = message->offset;
      } else if (message->err != RD_KAFKA_RESP_ERR__TRANSPORT &&
                 message->err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        cursor.error = message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET
                           ? RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE
                           : message->err;
      }
    }
  }
  return !cursor.ready.empty() || cursor.error != RD_KAFKA_RESP_ERR_NO_ERROR ||
         cursor.end > cursor.next;
}

base::Result<ReadResult> KafkaReader::read(const TopicPartition& partition, Offset offset,
                                           std::size_t bytes_max) {
  const CursorPtr cursor = TRY(take_cursor(partition, offset));
  const std::int64_t until_us = steady_us() + kReadTimeoutUs;
  std::uint64_t seen = signals();
  while (!drain(*cursor) && cursor->end < 0 && steady_us() < until_us) {
    wait_for_signal(seen, kSliceUs);
    seen = signals();
  }
  const bool told = !cursor->ready.empty() || cursor->end >= 0;
  if (!told) {
    if (cursor->error == RD_KAFKA_RESP_ERR_NO_ERROR) cursor->error = RD_KAFKA_RESP_ERR__TIMED_OUT;
    const auto error = cursor->error;
    give_back(partition, cursor);
    return kafka_fail(error, fmt::format("cannot read {}/{} at offset {}", partition.topic,
                                         partition.partition, offset));
  }
  BatchGatherer gatherer;
  while (!cursor->ready.empty() && gatherer.bytes() < bytes_max) {
    gatherer.add(*cursor->ready.front());
    cursor->next = cursor->ready.front()->offset + 1;
    cursor->ready.pop_front();
  }
  if (cursor->ready.empty() && cursor->end > cursor->next) cursor->next = cursor->end;
  ReadResult result;
  result.next_offset = cursor->next;
  std::int64_t low = 0;
  std::int64_t high = 0;
  rd_kafka_t* client = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    client = lanes_[cursor->lane].get();
  }
  rd_kafka_get_watermark_offsets(client, partition.topic.c_str(), partition.partition, &low, &high);
  result.end_offset = std::max(cursor->next, high);
  give_back(partition, cursor);
  auto held = std::make_shared<Held>(Held{gatherer.take()});
  for (const std::vector<std::byte>& batch : held->batches) result.batches.emplace_back(batch);
  if (!held->batches.empty()) result.hold.push_back(std::move(held));
  return result;
}

bool KafkaReader::wait_for_data(const std::vector<std::pair<TopicPartition, Offset>>& positions,
                                std::int64_t timeout_us) {
  const std::int64_t until_us = steady_us() + timeout_us;
  while (true) {
    const std::uint64_t seen = signals();
    for (const auto& [partition, offset] : positions) {
      const auto cursor = take_cursor(partition, offset);
      if (!cursor) continue;
      // An error is for read() to tell.
      const bool has = drain(**cursor);
      {
        const std::scoped_lock lock(mutex_);
        (*cursor)->busy = false;
        (*cursor)->used_us = steady_us();
      }
      if (has) return true;
    }
    const std::int64_t left_us = until_us - steady_us();
    if (left_us <= 0) return false;
    wait_for_signal(seen, std::min(left_us, kSliceUs));
  }
}

}  // namespace eventlog
