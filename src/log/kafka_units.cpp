#include "log/kafka_units.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/logging.h"
#include "base/task_group.h"
#include "base/uuid.h"
#include "log/kafka_client.h"
#include "log/record_batch.h"

namespace eventlog {
namespace {

constexpr std::size_t kReadBytes = 64UL << 10;
constexpr int kPlaceTries = 20;

// What the first record of a partition says; a free partition has none.
base::Result<std::optional<UnitPlace>> placed_in(EventLog& log, const TopicPartition& at) {
  const ReadResult read = TRY(log.read(at, 0, kReadBytes));
  std::optional<UnitPlace> place;
  for (const auto& batch : read.batches) {
    TRY(for_each_record(batch, [&](const RecordView& record) -> base::Result<> {
      if (place) return {};
      const auto json = nlohmann::json::parse(record.value, nullptr, false);
      if (!json.is_object() || !json.contains("unit") || !json.contains("id")) {
        return base::fail_with(
            base::Code::kCorrupt,
            fmt::format("{}/{} does not begin with the name of a unit", at.topic, at.partition),
            "delete that topic: it is made again");
      }
      place = UnitPlace{.name = json.at("unit"), .partition = at.partition, .id = json.at("id")};
      return {};
    }));
  }
  return place;
}

base::Result<> claim(EventLog& log, const TopicPartition& at, const std::string& unit) {
  BatchBuilder builder;
  builder.add("unit", nlohmann::json{{"unit", unit}, {"id", base::new_uuid()}}.dump(), 0);
  TRY(log.append_and_wait(at, builder.finish()));
  return {};
}

base::Result<int> partitions_of(EventLog& log, const std::string& topic, int least) {
  const auto info = log.topic(topic);
  if (info && info->config.partitions >= least) return info->config.partitions;
  auto made = info ? log.add_partitions(topic, least)
                   : log.create_topic({.name = topic, .partitions = least, .retention_us = -1});
  // Another process may have done it at the same time.
  if (!made && (info || made.error().code != base::Code::kAlreadyExists)) {
    const auto now = log.topic(topic);
    if (!now || now->config.partitions < least) return std::unexpected(made.error());
  }
  return TRY(log.topic(topic)).config.partitions;
}

}  // namespace

base::Result<std::vector<UnitPlace>> place_units(EventLog& log, const std::string& topic,
                                                 const std::vector<std::string>& units) {
  for (int i = 0; i < kPlaceTries; ++i) {
    const int partitions = TRY(partitions_of(log, topic, static_cast<int>(units.size())));
    std::vector<UnitPlace> places;
    std::vector<Partition> free;
    std::vector<std::string> missing = units;
    std::vector<std::pair<TopicPartition, Offset>> begins;
    for (Partition p = 0; p < partitions; ++p) begins.push_back({{topic, p}, 0});
    log.wait_for_data(begins, 0);  // begins to fetch all of them side by side
    for (Partition p = 0; p < partitions; ++p) {
      auto place = TRY(placed_in(log, {topic, p}));
      if (!place) {
        free.push_back(p);
      } else if (std::erase(missing, place->name) > 0) {
        places.push_back(std::move(*place));
      }
    }
    if (missing.empty()) return places;
    if (free.size() < missing.size()) {
      const auto more = static_cast<int>(missing.size() - free.size());
      TRY(partitions_of(log, topic, partitions + more));
      continue;
    }
    // Two processes may claim one partition: the first record counts, which the next turn reads.
    for (std::size_t u = 0; u < missing.size(); ++u) TRY(claim(log, {topic, free[u]}, missing[u]));
  }
  return base::fail(base::Code::kConflict, "other processes keep changing {}", topic);
}

namespace {

class Share final : public UnitShare {
 public:
  explicit Share(UnitShareOptions options) : options_(std::move(options)) {}
  ~Share() override { stop(); }

  base::Result<> join() {
    const std::int64_t session_ms = options_.session_us / base::kUsPerMs;
    KafkaConf conf =
        TRY(make_conf(options_.url, {{"group.id", options_.topic},
                                     {"client.id", "waybill-" + options_.member},
                                     {"partition.assignment.strategy", "cooperative-sticky"},
                                     {"session.timeout.ms", std::to_string(session_ms)},
                                     {"heartbeat.interval.ms", std::to_string(session_ms / 5)},
                                     {"max.poll.interval.ms", "600000"},
                                     {"enable.auto.commit", "false"},
                                     {"auto.offset.reset", "latest"}}));
    rd_kafka_conf_set_rebalance_cb(conf.get(), on_rebalance);
    rd_kafka_conf_set_opaque(conf.get(), this);
    consumer_ = TRY(make_handle(RD_KAFKA_CONSUMER, std::move(conf)));
    rd_kafka_poll_set_consumer(consumer_.get());
    const PartitionList topics(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(topics.get(), options_.topic.c_str(), RD_KAFKA_PARTITION_UA);
    TRY(kafka_check(rd_kafka_subscribe(consumer_.get(), topics.get()),
                    "cannot join " + options_.topic));
    tasks_.run("units", [this](std::stop_token stop) { poll(stop); });
    return {};
  }

  void stop() override { tasks_.stop(); }

 private:
  void poll(std::stop_token stop) {
    while (!stop.stop_requested()) {
      const KafkaMessage message(rd_kafka_consumer_poll(consumer_.get(), 100));
      if (message && message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        spdlog::debug("units: {}", rd_kafka_message_errstr(message.get()));
    }
    rd_kafka_consumer_close(consumer_.get());  // gives the units back
  }

  static void on_rebalance(rd_kafka_t* client, rd_kafka_resp_err_t what,
                           rd_kafka_topic_partition_list_t* list, void* self) {
    auto* share = static_cast<Share*>(self);
    const bool given = what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    if (!given) share->tell(*list, share->options_.stopped);
    const KafkaError error(given ? rd_kafka_incremental_assign(client, list)
                                 : rd_kafka_incremental_unassign(client, list));
    if (error) spdlog::error("units: {}", rd_kafka_error_string(error.get()));
    if (given) share->tell(*list, share->options_.started);
  }

  void tell(const rd_kafka_topic_partition_list_t& list,
            const std::function<void(const std::string&)>& call) {
    for (int i = 0; i < list.cnt; ++i) {
      const auto it =
          std::ranges::find(options_.units, list.elems[i].partition, &UnitPlace::partition);
      if (it != options_.units.end()) call(it->name);
    }
  }

  UnitShareOptions options_;
  KafkaHandle consumer_;
  base::TaskGroup tasks_;
};

}  // namespace

base::Result<std::unique_ptr<UnitShare>> join_units(UnitShareOptions options) {
  auto share = std::make_unique<Share>(std::move(options));
  TRY(share->join());
  return share;
}

}  // namespace eventlog
