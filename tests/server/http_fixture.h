// A platform small enough for the listener's tests: a real log on disk, real SQL, a real fleet.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "log/record_batch.h"
#include "server/http_listener.h"

namespace server {

// The real log, which can be told to refuse the next appends to a partition.
class FaultyLog final : public eventlog::EventLog {
 public:
  explicit FaultyLog(std::unique_ptr<eventlog::EventLog> log) : log_(std::move(log)) {}

  void fail_next(eventlog::Partition partition, base::Error error, int times = 1);

  base::Result<> create_topic(const eventlog::TopicConfig& config) override {
    return log_->create_topic(config);
  }
  base::Result<> delete_topic(const std::string& topic) override {
    return log_->delete_topic(topic);
  }
  base::Result<> alter_topic(const eventlog::TopicConfig& config) override {
    return log_->alter_topic(config);
  }
  base::Result<> add_partitions(const std::string& topic, int partitions) override {
    return log_->add_partitions(topic, partitions);
  }
  base::Result<eventlog::Offset> delete_records(const eventlog::TopicPartition& partition,
                                                eventlog::Offset offset) override {
    return log_->delete_records(partition, offset);
  }
  std::vector<std::string> groups() const override { return log_->groups(); }
  base::Result<eventlog::TopicInfo> topic(const std::string& topic) const override {
    return log_->topic(topic);
  }
  std::vector<eventlog::TopicInfo> topics() const override { return log_->topics(); }
  void append(const eventlog::TopicPartition& partition, std::vector<std::byte> batch,
              eventlog::AppendDone done) override;
  base::Result<eventlog::ReadResult> read(const eventlog::TopicPartition& partition,
                                          eventlog::Offset offset,
                                          std::size_t bytes_max) const override {
    return log_->read(partition, offset, bytes_max);
  }
  bool wait_for_data(
      const std::vector<std::pair<eventlog::TopicPartition, eventlog::Offset>>& positions,
      std::int64_t timeout_us) const override {
    return log_->wait_for_data(positions, timeout_us);
  }
  base::Result<eventlog::Offset> offset_at_time(const eventlog::TopicPartition& partition,
                                                base::TimestampUs time_us) const override {
    return log_->offset_at_time(partition, time_us);
  }
  base::Result<> commit_offsets(
      const std::string& group,
      const std::map<eventlog::TopicPartition, eventlog::Offset>& offsets) override {
    return log_->commit_offsets(group, offsets);
  }
  base::Result<std::map<eventlog::TopicPartition, eventlog::Offset>> committed_offsets(
      const std::string& group) const override {
    return log_->committed_offsets(group);
  }
  std::optional<std::int32_t> last_sequence(const eventlog::TopicPartition& partition,
                                            std::int64_t producer_id) const override {
    return log_->last_sequence(partition, producer_id);
  }

 private:
  std::unique_ptr<eventlog::EventLog> log_;
  std::mutex mutex_;
  std::map<eventlog::Partition, std::pair<base::Error, int>> faults_;
};

class TestPlatform final : public Platform {
 public:
  explicit TestPlatform(const base::Path& directory);

  eventlog::EventLog& log() override { return *log_; }
  FaultyLog& faulty_log() { return *log_; }
  const std::vector<schema::TopicSchema>& topics() const override { return topics_; }
  ops::Fleet* fleet() override { return &fleet_; }
  base::Result<std::unique_ptr<JsonQuery>> json_query(SqlRequest request) override;
  std::vector<std::string> lookups() const override { return {"shipments", "trucks"}; }
  base::Result<std::optional<nlohmann::json>> lookup(const std::string& name,
                                                     const std::string& id) override;
  nlohmann::json status() override { return {{"version", "test"}}; }
  base::Result<nlohmann::json> runs(std::size_t limit, const std::string& model) override;
  base::Result<nlohmann::json> audit() override { return nlohmann::json{{"balanced", true}}; }
  base::Result<nlohmann::json> dead_letters(const DeadLetterFilter& filter) override;
  base::Result<nlohmann::json> redrive(const DeadLetterFilter& filter) override;
  base::Result<nlohmann::json> run_model(const std::string& name) override;
  base::Result<nlohmann::json> explain_model(const std::string& name) override;
  base::Result<nlohmann::json> steer_model(const std::string& name, ModelCommand command) override;
  base::Result<nlohmann::json> streams() override { return nlohmann::json::array(); }
  nlohmann::json alerts() override { return nlohmann::json::array(); }
  nlohmann::json queries() override { return nlohmann::json::array(); }
  base::Result<> kill_query(std::int64_t id) override {
    return base::fail(base::Code::kNotFound, "no query {} runs", id);
  }
  base::Result<nlohmann::json> dashboards() override;
  base::Result<nlohmann::json> dashboard(const std::string& name) override;
  base::Result<nlohmann::json> room_call(const RoomCall& call) override {
    return nlohmann::json{{"posts", call.posts}, {"segments", call.segments}, {"body", call.body}};
  }

 private:
  std::unique_ptr<FaultyLog> log_;
  std::vector<schema::TopicSchema> topics_;
  ops::Fleet fleet_{ops::FleetSpec{.topic = "positions"}};
  std::unique_ptr<sql::Database> database_;
};

struct Reply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
};

// A client's socket: what it sends is sent byte for byte.
class Client {
 public:
  explicit Client(std::uint16_t port);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();
  void send(std::string_view bytes);
  void shut_sending();
  Reply receive(bool head_only = false);  // status 0 when the server closed the connection
  bool closed();                          // by the server, within a second

 private:
  bool fill();
  int socket_;
  std::string buffer_;
};

std::string request_text(std::string_view method, std::string_view target,
                         std::string_view body = "", const std::vector<std::string>& headers = {});
inline const std::string kNdjson = "Content-Type: application/x-ndjson";
inline const std::string kJson = "Content-Type: application/json";

struct Stored {
  eventlog::Partition partition = 0;
  eventlog::Offset offset = 0;
  std::int64_t timestamp_ms = 0;
  std::string key;
  std::string value;
  std::map<std::string, std::string> headers;
};
std::vector<Stored> records_of(const eventlog::EventLog& log, const std::string& topic);

class HttpTest : public testing::Test {
 protected:
  void SetUp() override { start(); }
  void TearDown() override;
  // Both as after a restart of the process.
  void start();
  void restart();

  Reply call(std::string_view method, std::string_view target, std::string_view body = "",
             const std::vector<std::string>& headers = {});
  Reply post(const std::string& topic, std::string_view body,
             std::vector<std::string> headers = {kNdjson});
  std::vector<Stored> stored(const std::string& topic) {
    return records_of(platform_->log(), topic);
  }

  base::Path directory_ =
      std::filesystem::temp_directory_path() / ("waybill-http-" + base::new_uuid());
  base::ManualClock clock_{1'800'000'000'000'000};
  HttpOptions options_{.address = "127.0.0.1:0", .web_root = directory_ / "dist"};
  std::unique_ptr<TestPlatform> platform_;
  std::unique_ptr<HttpListener> listener_;
};

}  // namespace server
