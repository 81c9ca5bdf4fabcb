// Simulated events into the event log, each exactly once over restarts.
//
// The simulation is the same every time, so the n-th record of a partition is the same record: its
// sequence. What the log already holds of this producer is not sent again.
// Threads: one at a time.
#pragma once

#include <atomic>
#include <fstream>
#include <stop_token>
#include <string>
#include <vector>

#include "log/event_log.h"
#include "log/record_batch.h"
#include "schema/topic_schema.h"
#include "sources/simulator.h"

namespace sources {

class LogSink final : public EventSink {
 public:
  // Which topic takes which stream is the topic's `simulate:`; a stream without a topic is dropped.
  // The truth file is written anew: a simulation that runs again tells all of it again.
  LogSink(eventlog::EventLog& log, const base::Clock& clock,
          const std::vector<schema::TopicSchema>& topics, EventWriter writer,
          std::int64_t producer_id, const base::Path& truth_file);

  void position(const Position& event) override;
  void scan(const Scan& event) override;
  void order(const Order& event) override;
  void weather(const Weather& event) override;
  void truth(std::string_view json) override;

  // Appends what has gathered and waits until it is durable. A busy log is asked again until
  // `stop`; kCancelled then.
  base::Result<> flush(std::stop_token stop);
  std::size_t gathered_bytes() const { return gathered_bytes_; }
  std::int64_t records() const { return records_.load(); }  // sent; from any thread

 private:
  struct Lane {  // one partition
    eventlog::TopicPartition partition;
    eventlog::BatchBuilder builder;
    std::vector<std::vector<std::byte>> batches;
    std::int32_t next_sequence = 0;
    std::int32_t known = 0;  // records that the log holds already
  };
  struct Stream {
    std::string key;  // field name, as the topic says
    std::vector<Lane> lanes;
  };

  Stream stream_of(const std::vector<schema::TopicSchema>& topics, std::string_view name) const;
  void add(Stream& stream, std::string_view key);
  void close_batch(Lane& lane);
  base::Result<> append(Lane& lane, std::stop_token stop);

  eventlog::EventLog& log_;
  const base::Clock& clock_;
  EventWriter writer_;
  std::int64_t producer_id_;
  Stream positions_;
  Stream scans_;
  Stream orders_;
  Stream weather_;
  std::string key_;
  std::string value_;
  std::size_t gathered_bytes_ = 0;
  std::atomic<std::int64_t> records_ = 0;
  std::ofstream truth_;
};

}  // namespace sources
