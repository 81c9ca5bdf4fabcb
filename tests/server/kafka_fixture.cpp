#include "server/kafka_fixture.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "base/uuid.h"

namespace server {

void KafkaTest::start(KafkaOptions options) {
  folder_ = std::filesystem::temp_directory_path() / ("kafka_test_" + base::new_uuid());
  auto log = eventlog::open_embedded_log(base::posix_file_system(), clock_,
                                            {.directory = folder_ / "log"});
  ASSERT_TRUE(log) << log.error().to_string();
  log_ = std::move(*log);
  options.address = "127.0.0.1:0";
  auto door = KafkaDoor::open(*log_, clock_, std::move(options));
  ASSERT_TRUE(door) << door.error().to_string();
  door_ = std::move(*door);
}

KafkaTest::~KafkaTest() {
  stop();
  door_.reset();
  log_.reset();
  if (!folder_.empty()) std::filesystem::remove_all(folder_);
}

void KafkaTest::stop() {
  if (door_) door_->stop();
}

void KafkaTest::make_topic(const std::string& name, int partitions) {
  eventlog::TopicConfig config;
  config.name = name;
  config.partitions = partitions;
  config.segment_bytes_max = 1 << 20;
  const auto made = log_->create_topic(config);
  ASSERT_TRUE(made) << made.error().to_string();
}

eventlog::Offset KafkaTest::end_of(const std::string& topic, int partition) {
  const auto info = log_->topic(topic);
  CHECK(info.has_value(), "{}", info.error().to_string());
  return info->end_offsets[static_cast<std::size_t>(partition)];
}

KafkaClient::KafkaClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  const int done = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address);
  CHECK(done == 0, "the broker does not listen on port {}", port);
}

KafkaClient::~KafkaClient() { ::close(socket_); }

void KafkaClient::send_bytes(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // closed: receive() tells
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool KafkaClient::fill(int timeout_ms) {
  pollfd ready{.fd = socket_, .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, timeout_ms) <= 0) return false;
  char bytes[65536];
  const auto size = ::recv(socket_, bytes, sizeof bytes, 0);
  if (size <= 0) return false;
  buffer_.append(bytes, static_cast<std::size_t>(size));
  return true;
}

std::optional<std::vector<std::byte>> KafkaClient::receive(int timeout_ms) {
  while (true) {
    if (buffer_.size() >= 4) {
      std::uint32_t length = 0;
      for (std::size_t i = 0; i < 4; ++i)
        length = (length << 8U) | static_cast<unsigned char>(buffer_[i]);
      if (buffer_.size() >= 4 + length) {
        const auto* first = reinterpret_cast<const std::byte*>(buffer_.data()) + 4;
        std::vector<std::byte> frame(first, first + length);
        buffer_.erase(0, 4 + length);
        return frame;
      }
    }
    if (!fill(timeout_ms)) return std::nullopt;
  }
}

bool KafkaClient::closed(int timeout_ms) {
  pollfd ready{.fd = socket_, .events = POLLIN, .revents = 0};
  while (::poll(&ready, 1, timeout_ms) > 0) {
    char bytes[4096];
    if (::recv(socket_, bytes, sizeof bytes, 0) <= 0) return true;
  }
  return false;
}

std::vector<std::byte> batch_of(const std::vector<std::string>& values, std::int64_t timestamp_ms) {
  eventlog::BatchBuilder builder;
  for (const std::string& value : values) builder.add(std::nullopt, value, timestamp_ms);
  return builder.finish();
}

kafka::ProduceRequest produce_of(const std::string& topic, const std::vector<std::byte>& batch,
                                 std::int32_t partition, std::int16_t acks) {
  kafka::ProduceRequest request;
  request.acks = acks;
  request.timeout_ms = 10'000;
  auto& data = request.topic_data.emplace_back().partition_data.emplace_back();
  request.topic_data[0].name = topic;
  data.index = partition;
  data.records->chunks = {batch};
  return request;
}

kafka::FetchRequest fetch_of(const std::string& topic, std::int64_t offset,
                             std::int32_t max_wait_ms, std::int32_t partitions) {
  kafka::FetchRequest request;
  request.max_wait_ms = max_wait_ms;
  request.min_bytes = 1;
  request.max_bytes = 1 << 20;
  auto& asked = request.topics.emplace_back();
  asked.topic = topic;
  for (std::int32_t p = 0; p < partitions; ++p) {
    asked.partitions.push_back(
        {.partition = p, .fetch_offset = offset, .partition_max_bytes = 1 << 20});
  }
  return request;
}

std::vector<std::string> values_of(const kafka::FetchResponse::PartitionData& partition) {
  std::vector<std::string> values;
  for (const auto& chunk : partition.records->chunks) {
    auto rest = chunk;
    while (!rest.empty()) {
      const auto header = eventlog::read_header(rest);
      CHECK(header.has_value(), "{}", header.error().to_string());
      const auto batch = rest.first(header->size());
      CHECK(eventlog::check_batch(batch).has_value(), "a batch that came is damaged");
      const auto read =
          eventlog::for_each_record(batch, [&values](const eventlog::RecordView& record) {
            values.emplace_back(record.value);
            return base::Result<>{};
          });
      CHECK(read.has_value(), "{}", read.error().to_string());
      rest = rest.subspan(header->size());
    }
  }
  return values;
}

}  // namespace server
