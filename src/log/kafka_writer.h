// Appends record batches to a real Kafka, and knows what idempotent producers have brought already.
//
// Every record goes through one idempotent producer of librdkafka with acks=all: in order, once,
// and durable as the topic's replication makes it. A batch with a producer and a sequence is
// numbered record by record (kafka_records.h): before it is sent, everything that has come into the
// partition since, from whichever process, is read for such numbers, and records that are there are
// left out.
// What holds with several workers: a record that one worker was told to be durable is never taken a
// second time by another one. The same request sent to two workers at the same moment can be
// doubled; who repeats a request waits for its answer, or for the end of the connection, first.
// Threads: any; done() is called from one of two threads of the writer.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <vector>

#include "base/task_group.h"
#include "log/kafka_admin.h"
#include "log/kafka_reader.h"
#include "log/record_batch.h"

namespace eventlog {

// How far back a producer's last record is looked for; one that was silent for longer counts as
// new.
inline constexpr Offset kSequenceTailMax = 5'000'000;

class KafkaWriter {
 public:
  static base::Result<std::unique_ptr<KafkaWriter>> open(const KafkaUrl& url, KafkaAdmin& admin,
                                                         KafkaReader& reader);
  ~KafkaWriter();

  void append(const TopicPartition& partition, std::vector<std::byte> batch, AppendDone done);
  base::Result<std::optional<std::int32_t>> last_sequence(const TopicPartition& partition,
                                                          std::int64_t producer_id);

 private:
  struct Flight;    // the records of one append on their way
  struct Waiting {  // an idempotent append that is to be compared first
    TopicPartition partition;
    std::vector<std::byte> batch;
    BatchHeader header;
    AppendDone done;
  };
  struct Known {     // of one partition
    Offset to = -1;  // everything before it is in `last`
    std::map<std::int64_t, std::int32_t> last;
    std::map<std::int64_t, std::int32_t> flying;  // sent, not yet acknowledged
  };

  KafkaWriter(KafkaAdmin& admin, KafkaReader& reader) : admin_(admin), reader_(reader) {}
  static void on_delivery(rd_kafka_t* client, const rd_kafka_message_t* message, void* self);
  void poll(std::stop_token stop);
  void compare_and_send(std::stop_token stop);
  void send_compared(Waiting waiting, base::Result<Offset> end);
  base::Result<> learn(const TopicPartition& partition, Known& known, Offset end);
  void landed(const TopicPartition& partition, std::int64_t producer, std::int32_t sequence,
              std::int64_t records, const base::Result<AppendResult>& result);
  // Sends the records from the `skip`-th on.
  void send(const TopicPartition& partition, std::span<const std::byte> batch,
            const BatchHeader& header, std::int32_t skip, AppendDone done);
  rd_kafka_topic_t* topic(const std::string& name);

  KafkaAdmin& admin_;
  KafkaReader& reader_;
  KafkaHandle producer_;
  std::mutex send_mutex_;  // keeps the records of one append together
  std::map<std::string, KafkaTopic> topics_;
  std::mutex known_mutex_;
  std::map<TopicPartition, Known> known_;
  std::mutex queue_mutex_;
  std::condition_variable_any queued_;
  std::vector<Waiting> queue_;
  std::size_t queued_bytes_ = 0;
  base::TaskGroup tasks_;
};

}  // namespace eventlog
