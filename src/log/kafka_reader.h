// Reads partitions of a real Kafka from any offset, ahead of those who ask, committed records only.
//
// A cursor is one partition being fetched from one offset on. A read that goes on where the one
// before ended takes the same cursor; one that does not begins a new one. A consumer handle of
// librdkafka can fetch a partition once, so that there are a few of them (kLanesMax): several
// readers of one partition do not disturb each other.
// Threads: any. Memory: each cursor holds up to kAheadBytesMax of what nobody asked for yet; a
// cursor that was not asked for half a minute is closed when another one begins.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "log/kafka_client.h"

namespace eventlog {

inline constexpr std::size_t kLanesMax = 4;
inline constexpr std::int64_t kAheadBytesMax = 16 << 20;

class KafkaReader {
 public:
  static base::Result<std::unique_ptr<KafkaReader>> open(const KafkaUrl& url);
  ~KafkaReader();

  // As EventLog::read. Waits for Kafka's answer, at most kReadTimeoutMs (then kUnavailable).
  base::Result<ReadResult> read(const TopicPartition& partition, Offset offset,
                                std::size_t bytes_max);
  bool wait_for_data(const std::vector<std::pair<TopicPartition, Offset>>& positions,
                     std::int64_t timeout_us);
  // Nobody goes on reading here: ends the fetching.
  void finish(const TopicPartition& partition, Offset offset);
  // Asks anew which partitions the topic has.
  void refresh(const std::string& topic);
  // Ends all fetching of a topic that is being deleted.
  void forget(const std::string& topic);

 private:
  struct Cursor {
    KafkaTopic topic;
    KafkaQueue queue;
    std::size_t lane = 0;
    Offset next = 0;  // what read() gives next
    Offset end = -1;  // the end that Kafka told; -1 when more may be on its way
    std::deque<KafkaMessage> ready;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    bool busy = false;
    std::int64_t used_us = 0;
  };
  using CursorPtr = std::shared_ptr<Cursor>;

  explicit KafkaReader(const KafkaUrl& url) : url_(url) {}
  base::Result<rd_kafka_t*> lane(std::size_t index);
  base::Result<CursorPtr> take_cursor(const TopicPartition& partition, Offset offset);
  base::Result<CursorPtr> begin_cursor(const TopicPartition& partition, Offset offset);
  void give_back(const TopicPartition& partition, const CursorPtr& cursor);
  void close(const TopicPartition& partition, const CursorPtr& cursor);
  void close_unused();
  // Takes what librdkafka has fetched; true when the cursor has something to say.
  static bool drain(Cursor& cursor);
  std::uint64_t signals();
  void wait_for_signal(std::uint64_t seen, std::int64_t timeout_us);
  static void on_event(rd_kafka_t* client, void* self);

  KafkaUrl url_;
  std::mutex mutex_;  // guards the lists, not a busy cursor's inside
  std::vector<KafkaHandle> lanes_;
  std::map<TopicPartition, std::vector<CursorPtr>> cursors_;
  std::mutex signal_mutex_;
  std::condition_variable signal_;
  std::uint64_t signal_count_ = 0;
};

}  // namespace eventlog
