#include "server/kafka_broker.h"

#include <random>

#include "base/file_system.h"

namespace server {
namespace {

constexpr std::size_t kWorkQueueMax = 4096;
constexpr std::size_t kClusterIdSize = 22;
constexpr std::string_view kUrlSafe =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// 128 random bits the way Kafka writes them: 22 characters of URL-safe base64.
std::string new_cluster_id() {
  std::random_device random;
  std::string id(kClusterIdSize, 'A');
  for (char& c : id) c = kUrlSafe[random() % kUrlSafe.size()];
  id.back() = kUrlSafe[(random() % 4) * 16];  // of the last six bits, two count
  return id;
}

base::Result<std::string> open_cluster_id(const base::Path& folder) {
  base::FileSystem& disk = base::posix_file_system();
  const base::Path file = folder / "cluster_id";
  auto kept = base::read_file(disk, file, 4096);
  if (kept) {
    if (kept->size() == kClusterIdSize && kept->find_first_not_of(kUrlSafe) == std::string::npos)
      return *kept;
    return base::fail_with(base::Code::kCorrupt, fmt::format("{} holds no id", file.string()),
                           "write the id that clients know, 22 characters, or remove the file");
  }
  if (kept.error().code != base::Code::kNotFound) return kept;
  std::string made = new_cluster_id();
  TRY(base::write_file_durably(disk, file, made));
  return made;
}

}  // namespace

KafkaBroker::KafkaBroker(const KafkaParts& parts, KafkaOptions options)
    : parts_(parts),
      options_(std::move(options)),
      workers_("kafka-worker", options_.workers, kWorkQueueMax) {}

base::Result<std::unique_ptr<KafkaBroker>> KafkaBroker::open(const KafkaParts& parts,
                                                             KafkaOptions options) {
  std::unique_ptr<KafkaBroker> broker(new KafkaBroker(parts, std::move(options)));
  broker->cluster_id_ = TRY(open_cluster_id(parts.log.directory()));
  return broker;
}

eventlog::TopicConfig KafkaBroker::new_topic(const std::string& name) const {
  eventlog::TopicConfig config = options_.topic_defaults;
  config.name = name;
  config.partitions = options_.default_partitions;
  return config;
}

void KafkaBroker::advertise(std::string host, std::uint16_t port) {
  host_ = std::move(host);
  port_ = port;
}

}  // namespace server
