#include "log/kafka_changelog.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "log/kafka_client.h"

namespace eventlog {
namespace {

constexpr int kOwnTimeoutMs = 30'000;
constexpr int kCommitTimeoutMs = 20'000;
constexpr int kTries = 3;

using GroupMetadata = std::unique_ptr<rd_kafka_consumer_group_metadata_t,
                                      Destroy<rd_kafka_consumer_group_metadata_destroy>>;

class Changelog final : public KafkaChangelog {
 public:
  Changelog(const KafkaUrl& url, TopicPartition partition, std::string id)
      : url_(url), partition_(std::move(partition)), id_(std::move(id)) {}

  base::Result<> own() override {
    topic_.reset();
    producer_.reset();
    KafkaConf conf = TRY(make_conf(url_, {{"transactional.id", id_},
                                          {"enable.idempotence", "true"},
                                          {"linger.ms", "0"},
                                          {"compression.type", "lz4"},
                                          {"message.timeout.ms", "20000"},
                                          {"transaction.timeout.ms", "30000"}}));
    rd_kafka_conf_set_dr_msg_cb(conf.get(), on_delivery);
    rd_kafka_conf_set_opaque(conf.get(), this);
    producer_ = TRY(make_handle(RD_KAFKA_PRODUCER, std::move(conf)));
    topic_.reset(rd_kafka_topic_new(producer_.get(), partition_.topic.c_str(), nullptr));
    for (int i = 0;; ++i) {
      const KafkaError error(rd_kafka_init_transactions(producer_.get(), kOwnTimeoutMs));
      if (!error) return {};
      if (i + 1 < kTries && rd_kafka_error_is_retriable(error.get()) != 0) continue;
      const auto failure = failed(error.get(), "cannot take over");
      producer_close();
      return failure;
    }
  }

  base::Result<Offset> commit(const std::vector<Change>& changes,
                              const std::optional<GroupOffsets>& offsets) override {
    if (!producer_)
      return base::fail(base::Code::kConflict, "{} is not this process's to write", id_);
    last_offset_ = -1;
    delivery_ = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (const KafkaError error(rd_kafka_begin_transaction(producer_.get())); error)
      return leave(error.get());
    for (const Change& change : changes) {
      if (const KafkaError error(send(change)); error) return leave(error.get());
    }
    if (offsets) {
      if (const KafkaError error(send_offsets(*offsets)); error) return leave(error.get());
    }
    rd_kafka_flush(producer_.get(), kCommitTimeoutMs);
    for (int i = 0;; ++i) {
      const KafkaError error(rd_kafka_commit_transaction(producer_.get(), kCommitTimeoutMs));
      if (!error) break;
      if (i + 1 < kTries && rd_kafka_error_is_retriable(error.get()) != 0) continue;
      return leave(error.get());
    }
    CHECK(last_offset_ >= 0 && delivery_ == RD_KAFKA_RESP_ERR_NO_ERROR,
          "a committed transaction of {} has no offset", id_);
    return last_offset_ + 1;
  }

 private:
  static void on_delivery(rd_kafka_t* client, const rd_kafka_message_t* message, void* self) {
    static_cast<void>(client);
    auto* changelog = static_cast<Changelog*>(self);
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) changelog->delivery_ = message->err;
    changelog->last_offset_ = std::max(changelog->last_offset_, message->offset);
  }

  rd_kafka_error_t* send(const Change& change) {
    std::array<rd_kafka_vu_t, 5> values{};
    values[0].vtype = RD_KAFKA_VTYPE_RKT;
    values[0].u.rkt = topic_.get();
    values[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    values[1].u.i32 = partition_.partition;
    values[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    values[2].u.i = RD_KAFKA_MSG_F_COPY;
    values[3].vtype = RD_KAFKA_VTYPE_KEY;
    values[3].u.mem.ptr = const_cast<char*>(change.key.data());
    values[3].u.mem.size = change.key.size();
    values[4].vtype = RD_KAFKA_VTYPE_VALUE;
    values[4].u.mem.ptr = change.value.empty() ? nullptr : const_cast<char*>(change.value.data());
    values[4].u.mem.size = change.value.size();
    while (true) {
      rd_kafka_error_t* error = rd_kafka_produceva(producer_.get(), values.data(), values.size());
      if (error == nullptr || rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return error;
      rd_kafka_error_destroy(error);
      rd_kafka_poll(producer_.get(), 50);
    }
  }

  rd_kafka_error_t* send_offsets(const GroupOffsets& group) {
    const PartitionList list(
        rd_kafka_topic_partition_list_new(static_cast<int>(group.offsets.size())));
    for (const auto& [partition, offset] : group.offsets) {
      rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)
          ->offset = offset;
    }
    const GroupMetadata metadata(rd_kafka_consumer_group_metadata_new(group.group.c_str()));
    return rd_kafka_send_offsets_to_transaction(producer_.get(), list.get(), metadata.get(),
                                                kCommitTimeoutMs);
  }

  std::unexpected<base::Error> failed(const rd_kafka_error_t* error, const std::string& what) {
    return kafka_fail(rd_kafka_error_code(error), what + " " + id_, rd_kafka_error_string(error));
  }

  // Rolls back. When even that is not certain nobody knows what is there: kConflict.
  std::unexpected<base::Error> leave(const rd_kafka_error_t* error) {
    auto failure = failed(error, "cannot write the state of");
    if (rd_kafka_error_txn_requires_abort(error) != 0) {
      const KafkaError abort(rd_kafka_abort_transaction(producer_.get(), kCommitTimeoutMs));
      if (!abort) {
        failure.error().code = base::Code::kUnavailable;
        return failure;
      }
    }
    failure.error().code = base::Code::kConflict;
    producer_close();
    return failure;
  }

  void producer_close() {
    topic_.reset();
    rd_kafka_purge(producer_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_poll(producer_.get(), 0);
    producer_.reset();
  }

  KafkaUrl url_;
  TopicPartition partition_;
  std::string id_;
  KafkaHandle producer_;
  KafkaTopic topic_;
  Offset last_offset_ = -1;
  rd_kafka_resp_err_t delivery_ = RD_KAFKA_RESP_ERR_NO_ERROR;
};

}  // namespace

std::unique_ptr<KafkaChangelog> make_kafka_changelog(const KafkaUrl& url,
                                                     const TopicPartition& partition,
                                                     const std::string& transactional_id) {
  return std::make_unique<Changelog>(url, partition, transactional_id);
}

}  // namespace eventlog
