#include "log/kafka_log.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "base/logging.h"
#include "log/kafka_admin.h"
#include "log/kafka_reader.h"
#include "log/kafka_writer.h"

namespace eventlog {
namespace {

class KafkaLog final : public EventLog {
 public:
  KafkaLog(std::unique_ptr<KafkaAdmin> admin, std::unique_ptr<KafkaReader> reader,
           std::unique_ptr<KafkaWriter> writer)
      : admin_(std::move(admin)), reader_(std::move(reader)), writer_(std::move(writer)) {}
  ~KafkaLog() override { closing_ = true; }

  base::Result<> create_topic(const TopicConfig& config) override {
    return admin_->create_topic(config);
  }
  base::Result<> delete_topic(const std::string& topic) override {
    reader_->forget(topic);
    return admin_->delete_topic(topic);
  }
  base::Result<> alter_topic(const TopicConfig& config) override {
    return admin_->alter_topic(config);
  }
  base::Result<> add_partitions(const std::string& topic, int partitions) override {
    return admin_->add_partitions(topic, partitions);
  }
  base::Result<Offset> delete_records(const TopicPartition& partition, Offset offset) override {
    return admin_->delete_records(partition, offset);
  }
  base::Result<TopicInfo> topic(const std::string& topic) const override {
    return admin_->topic(topic);
  }
  std::vector<TopicInfo> topics() const override {
    auto all = admin_->topics();
    if (all) return std::move(*all);
    spdlog::warn("kafka: {}", all.error().to_string());
    return {};
  }
  void append(const TopicPartition& partition, std::vector<std::byte> batch,
              AppendDone done) override {
    writer_->append(partition, std::move(batch), std::move(done));
  }
  base::Result<ReadResult> read(const TopicPartition& partition, Offset offset,
                                std::size_t bytes_max) const override {
    auto result = reader_->read(partition, offset, bytes_max);
    if (result) return result;
    const base::Code code = result.error().code;
    if (code != base::Code::kInvalid && code != base::Code::kNotFound) return result;
    const TopicInfo info = TRY(admin_->topic(partition.topic));
    const auto p = static_cast<std::size_t>(partition.partition);
    if (partition.partition < 0 || p >= info.start_offsets.size()) {
      return base::fail(base::Code::kNotFound, "there is no partition {} in {}",
                        partition.partition, partition.topic);
    }
    if (code == base::Code::kNotFound) {  // it is new
      reader_->refresh(partition.topic);
      return reader_->read(partition, offset, bytes_max);
    }
    return base::fail(base::Code::kInvalid, "offset {} of {}/{} is not kept: it has {} to {}",
                      offset, partition.topic, partition.partition, info.start_offsets[p],
                      info.end_offsets[p]);
  }
  bool wait_for_data(const std::vector<std::pair<TopicPartition, Offset>>& positions,
                     std::int64_t timeout_us) const override {
    return reader_->wait_for_data(positions, timeout_us);
  }
  base::Result<Offset> offset_at_time(const TopicPartition& partition,
                                      base::TimestampUs time_us) const override {
    return admin_->offset_at_time(partition, (time_us + base::kUsPerMs - 1) / base::kUsPerMs);
  }
  base::Result<> commit_offsets(const std::string& group,
                                const std::map<TopicPartition, Offset>& offsets) override {
    return admin_->commit_offsets(group, offsets);
  }
  base::Result<std::map<TopicPartition, Offset>> committed_offsets(
      const std::string& group) const override {
    return admin_->committed_offsets(group);
  }
  std::vector<std::string> groups() const override {
    auto names = admin_->groups();
    if (names) return std::move(*names);
    spdlog::warn("kafka: {}", names.error().to_string());
    return {};
  }
  // "Never" is an answer that only a log that was read may give: asks until Kafka is there.
  std::optional<std::int32_t> last_sequence(const TopicPartition& partition,
                                            std::int64_t producer_id) const override {
    while (!closing_) {
      const auto last = writer_->last_sequence(partition, producer_id);
      if (last) return *last;
      if (last.error().code == base::Code::kNotFound) return std::nullopt;
      spdlog::warn("kafka: {}; asking again", last.error().to_string());
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
    return std::nullopt;
  }

 private:
  std::unique_ptr<KafkaAdmin> admin_;
  std::unique_ptr<KafkaReader> reader_;
  std::unique_ptr<KafkaWriter> writer_;  // first to go: it uses the others
  std::atomic<bool> closing_ = false;
};

}  // namespace

base::Result<std::unique_ptr<EventLog>> open_kafka_log(const KafkaUrl& url) {
  auto admin = TRY(KafkaAdmin::open(url));
  auto reader = TRY(KafkaReader::open(url));
  auto writer = TRY(KafkaWriter::open(url, *admin, *reader));
  return std::make_unique<KafkaLog>(std::move(admin), std::move(reader), std::move(writer));
}

}  // namespace eventlog
