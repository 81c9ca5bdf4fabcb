#include <signal.h>

#include <algorithm>
#include <charconv>
#include <iostream>
#include <set>

#include "cli/kafka_commands.h"
#include "cli/kafka_record.h"

namespace cli {
namespace {

using eventlog::kafka_check;
using eventlog::Offset;
using eventlog::PartitionList;
using eventlog::TopicPartition;

constexpr int kPollMs = 100;
constexpr std::int64_t kCommitEvery = 10'000;  // records
constexpr int kAssignWaitPolls = 300;          // of kPollMs: until the group has given partitions

// Ctrl-C and SIGTERM are taken as a wish to stop, so that the group learns of it.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  bool came() const {
    const timespec now{};
    return sigtimedwait(&signals_, nullptr, &now) > 0;
  }

 private:
  sigset_t signals_{};
};

std::string bytes_of(const void* bytes, std::size_t size) {
  return {static_cast<const char*>(bytes), size};
}

KafkaRecord record_of(const rd_kafka_message_t& message) {
  KafkaRecord record{.topic = rd_kafka_topic_name(message.rkt),
                     .partition = message.partition,
                     .offset = message.offset};
  record.timestamp_ms = rd_kafka_message_timestamp(&message, nullptr);
  if (message.key != nullptr) record.key = bytes_of(message.key, message.key_len);
  if (message.payload != nullptr) record.value = bytes_of(message.payload, message.len);
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      record.headers.emplace_back(
          name, value == nullptr ? std::nullopt : std::optional(bytes_of(value, size)));
    }
  }
  return record;
}

std::optional<Offset> as_offset(const std::string& text) {
  Offset offset = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), offset);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || offset < 0)
    return std::nullopt;
  return offset;
}

// One reading of a topic, alone or as a member of a group.
class Reader {
 public:
  Reader(const ConsumeFlags& flags, RecordFormat format)
      : flags_(flags), format_(std::move(format)) {}

  base::Result<> start(const KafkaTarget& target) {
    const auto url = TRY(find_kafka(target));
    const bool in_group = !flags_.group.empty();
    auto conf = TRY(eventlog::make_conf(
        url, {{"group.id", in_group ? flags_.group : "waybill-consume"},
              {"enable.auto.commit", "false"},
              {"enable.partition.eof", "true"},
              {"isolation.level", "read_committed"},
              {"auto.offset.reset", flags_.from == "end" ? "latest" : "earliest"}}));
    handle_ = TRY(eventlog::make_handle(RD_KAFKA_CONSUMER, std::move(conf)));
    rd_kafka_poll_set_consumer(handle_.get());
    if (in_group) return subscribe();
    return assign(*TRY(KafkaCluster::connect(target)));
  }

  base::Result<> run() {
    int polls_without_assignment = 0;
    while (!stop_.came() && !enough() && !at_the_end()) {
      const eventlog::KafkaMessage message(rd_kafka_consumer_poll(handle_.get(), kPollMs));
      if (message) {
        TRY(take(*message));
        continue;
      }
      std::cout.flush();
      if (flags_.group.empty() || flags_.follow || !assigned().empty()) continue;
      if (++polls_without_assignment >= kAssignWaitPolls)
        return base::fail_with(
            base::Code::kUnavailable,
            fmt::format("the group {} gave no partition of {}", flags_.group, flags_.topic),
            "another member may hold all: see 'waybill groups describe'");
    }
    std::cout.flush();
    return {};
  }

  base::Result<> finish() {
    auto committed = commit();
    if (!flags_.group.empty()) rd_kafka_consumer_close(handle_.get());
    return committed;
  }

 private:
  base::Result<> subscribe() {
    const PartitionList list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), flags_.topic.c_str(), RD_KAFKA_PARTITION_UA);
    return kafka_check(rd_kafka_subscribe(handle_.get(), list.get()),
                       "cannot join the group " + flags_.group);
  }

  base::Result<> assign(KafkaCluster& cluster) {
    std::vector<TopicPartition> partitions;
    for (const PartitionSummary& one : TRY(cluster.partitions(flags_.topic))) {
      if (flags_.partition >= 0 && one.partition != flags_.partition) continue;
      partitions.push_back({flags_.topic, one.partition});
      if (!flags_.follow) ends_[one.partition] = one.end_offset;
    }
    if (partitions.empty()) {
      return base::fail_with(
          base::Code::kNotFound,
          fmt::format("the topic {} has no partition {}", flags_.topic, flags_.partition),
          fmt::format("see 'waybill topics describe {}'", flags_.topic));
    }
    const auto starts = TRY(starts_of(cluster, partitions));
    const PartitionList list(
        rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
    for (const auto& [partition, offset] : starts) {
      rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)
          ->offset = offset;
      reading_.insert(partition.partition);
      if (!flags_.follow && offset >= ends_[partition.partition]) done_.insert(partition.partition);
    }
    return kafka_check(rd_kafka_assign(handle_.get(), list.get()), "cannot read " + flags_.topic);
  }

  base::Result<std::map<TopicPartition, Offset>> starts_of(
      KafkaCluster& cluster, const std::vector<TopicPartition>& partitions) const {
    if (flags_.from.empty() || flags_.from == "beginning") return cluster.beginnings(partitions);
    if (flags_.from == "end") return cluster.ends(partitions);
    if (const auto offset = as_offset(flags_.from)) {
      const auto begins = TRY(cluster.beginnings(partitions));
      auto starts = TRY(cluster.ends(partitions));
      for (auto& [one, start] : starts) start = std::clamp(*offset, begins.at(one), start);
      return starts;
    }
    auto time_us = base::parse_timestamp(flags_.from);
    if (!time_us) {
      return base::fail_with(base::Code::kInvalid,
                             fmt::format("--from '{}' is no place in a topic", flags_.from),
                             "use beginning, end, an offset, or a time as 2026-11-23T08:00:00Z");
    }
    return cluster.at_time(partitions, *time_us / base::kUsPerMs);
  }

  base::Result<> take(const rd_kafka_message_t& message) {
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      if (!flags_.follow) done_.insert(message.partition);
      return {};
    }
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      // Connections come back by themselves; what a topic or a group refuses does not.
      if (message.err == RD_KAFKA_RESP_ERR__TRANSPORT ||
          message.err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        return {};
      return eventlog::kafka_fail(message.err, "cannot read " + flags_.topic,
                                  rd_kafka_message_errstr(&message));
    }
    const auto end = ends_.find(message.partition);
    if (end != ends_.end() && message.offset + 1 >= end->second) done_.insert(message.partition);
    if (end != ends_.end() && message.offset >= end->second) return {};
    std::cout << format_.print(record_of(message));
    ++printed_;
    next_[message.partition] = message.offset + 1;
    if (printed_ % kCommitEvery == 0) return commit();
    return {};
  }

  bool enough() const { return flags_.count >= 0 && printed_ >= flags_.count; }

  bool at_the_end() {
    if (flags_.follow) return false;
    if (!flags_.group.empty()) reading_ = assigned();
    return !reading_.empty() && std::ranges::includes(done_, reading_);
  }

  std::set<std::int32_t> assigned() const {
    rd_kafka_topic_partition_list_t* raw = nullptr;
    std::set<std::int32_t> partitions;
    if (rd_kafka_assignment(handle_.get(), &raw) != RD_KAFKA_RESP_ERR_NO_ERROR) return partitions;
    const PartitionList list(raw);
    for (int i = 0; i < list->cnt; ++i) partitions.insert(list->elems[i].partition);
    return partitions;
  }

  // What was printed counts as read.
  base::Result<> commit() {
    if (flags_.group.empty() || next_.empty()) return {};
    std::cout.flush();
    const PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(next_.size())));
    for (const auto& [partition, offset] : next_) {
      rd_kafka_topic_partition_list_add(list.get(), flags_.topic.c_str(), partition)->offset =
          offset;
    }
    next_.clear();
    return kafka_check(rd_kafka_commit(handle_.get(), list.get(), 0),
                       "cannot commit offsets of the group " + flags_.group);
  }

  const ConsumeFlags& flags_;
  RecordFormat format_;
  StopSignals stop_;  // before the handle, whose threads inherit the mask
  eventlog::KafkaHandle handle_;
  std::map<std::int32_t, Offset> ends_;  // when the reading began; not when it follows
  std::set<std::int32_t> reading_;
  std::set<std::int32_t> done_;
  std::map<std::int32_t, Offset> next_;
  std::int64_t printed_ = 0;
};

}  // namespace

base::Result<> consume(const KafkaTarget& target, const ConsumeFlags& flags) {
  RecordFormat format = TRY(RecordFormat::parse(flags.format));
  if (!flags.group.empty()) {
    const bool place = flags.from.empty() || flags.from == "beginning" || flags.from == "end";
    if (!place || flags.partition >= 0) {
      return base::fail_with(base::Code::kInvalid,
                             "a group decides itself on partitions and on where it goes on",
                             "leave --partition and --from out, or use 'waybill groups reset' "
                             "before");
    }
  }
  Reader reader(flags, std::move(format));
  TRY(reader.start(target));
  auto result = reader.run();
  auto finished = reader.finish();
  return result ? finished : result;
}

}  // namespace cli
