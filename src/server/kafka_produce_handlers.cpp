// Taking batches: each goes to the log as it came, all before the handler waits for the first time,
// so that the batches of a connection's requests enter the log in the order in which they were
// sent.
#include <atomic>

#include "log/record_batch.h"
#include "log/transactions.h"
#include "server/kafka_coordinator_error.h"
#include "server/kafka_errors.h"
#include "server/kafka_handlers.h"

namespace server {
namespace {

using kafka::ErrorCode;
using PartitionAnswer = kafka::ProduceResponse::PartitionProduceResponse;

constexpr std::int16_t kFirstWithBatches = 3;  // older ones carry message sets
constexpr std::int16_t kFirstWithZstd = 7;
constexpr std::int16_t kFirstWithRecordErrors = 8;
constexpr std::size_t kAttributesAt = 22;  // the low byte
constexpr unsigned kCodecBits = 7;
constexpr unsigned kZstd = 4;

// The answers of one request's batches, counted down.
struct Gathered {
  std::atomic<std::size_t> open{1};  // one for the handler itself
  std::function<void(bool)> done;

  void one_less() {
    if (open.fetch_sub(1, std::memory_order_acq_rel) == 1) done(true);
  }
};

void refuse(PartitionAnswer& answer, ErrorCode error, std::string message) {
  answer.error_code = error;
  answer.base_offset = -1;
  answer.error_message = std::move(message);
}

void take_result(PartitionAnswer& answer, const base::Result<eventlog::AppendResult>& result,
                 eventlog::Refusal refusal) {
  if (result) {
    answer.base_offset = result->base_offset;
    answer.log_append_time_ms = result->append_time_ms;
    return;
  }
  const ErrorCode error =
      refusal == eventlog::Refusal::kNone ? kafka_error(result.error().code) : kafka_error(refusal);
  refuse(answer, error, result.error().to_string());
}

// Places in the batch of the records without a key.
std::vector<std::int32_t> keyless_records(std::span<const std::byte> batch) {
  std::vector<std::int32_t> keyless;
  std::int32_t index = 0;
  const auto walked =
      eventlog::for_each_record(batch, [&](const eventlog::RecordView& record) -> base::Result<> {
        if (!record.key) keyless.push_back(index);
        ++index;
        return {};
      });
  if (!walked) keyless.clear();  // the log says what is wrong with it
  return keyless;
}

void name_records(PartitionAnswer& answer, const std::vector<std::int32_t>& keyless) {
  if (answer.error_code != ErrorCode::kInvalidRecord) return;
  for (const std::int32_t index : keyless)
    answer.record_errors.push_back(
        {index, "the topic is compacted by key and the record has none"});
}

bool is_zstd(std::span<const std::byte> batch) {
  return batch.size() > kAttributesAt &&
         (std::to_integer<unsigned>(batch[kAttributesAt]) & kCodecBits) == kZstd;
}

std::optional<ErrorCode> check_request(const KafkaCall& call,
                                       const kafka::ProduceRequest& request) {
  if (call.version < kFirstWithBatches) return ErrorCode::kUnsupportedForMessageFormat;
  if (request.acks < -1 || request.acks > 1) return ErrorCode::kInvalidRequiredAcks;
  return std::nullopt;
}

void store(KafkaBroker& broker, const KafkaCall& call, const std::string& topic,
           const kafka::ProduceRequest::PartitionProduceData& data, PartitionAnswer& answer,
           const std::shared_ptr<Gathered>& gathered) {
  if (!data.records || data.records->chunks.empty())
    return refuse(answer, ErrorCode::kInvalidRecord, "there is no batch");
  const std::span<const std::byte> records = data.records->chunks.front();
  if (call.version < kFirstWithZstd && is_zstd(records)) {
    return refuse(answer, ErrorCode::kUnsupportedCompressionType,
                  "zstd needs version 7 of Produce; use a newer client or another codec");
  }
  const eventlog::TopicPartition partition{topic, data.index};
  std::vector<std::int32_t> keyless;
  if (call.version >= kFirstWithRecordErrors && broker.log().wants_keys(topic))
    keyless = keyless_records(records);
  const auto enqueue = [&broker, &partition, records, &answer, &gathered, &keyless] {
    gathered->open.fetch_add(1, std::memory_order_relaxed);
    broker.log().store(
        partition, {records.begin(), records.end()},
        [&answer, gathered, keyless = std::move(keyless)](
            const base::Result<eventlog::AppendResult>& result, eventlog::Refusal refusal) {
          take_result(answer, result, refusal);
          name_records(answer, keyless);
          gathered->one_less();
        });
  };
  const auto header = eventlog::read_header(records);
  if (!header || !header->is_transactional()) return enqueue();
  // Only what the coordinator knows to be in the producer's open transaction: otherwise nobody
  // would ever end it.
  const auto may =
      broker.transactions().write(header->producer_id, header->producer_epoch, partition, enqueue);
  if (may != eventlog::CoordinatorError::kNone)
    refuse(answer, kafka_error(may), "the batch is in no open transaction of this partition");
}

}  // namespace

KafkaAnswer<kafka::ProduceResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                           kafka::ProduceRequest request) {
  const auto bad = check_request(call, request);
  kafka::ProduceResponse response;
  response.responses.resize(request.topic_data.size());
  for (std::size_t t = 0; t < request.topic_data.size(); ++t) {
    const auto& topic = request.topic_data[t];
    response.responses[t].name = topic.name;
    response.responses[t].partition_responses.resize(topic.partition_data.size());
  }
  const auto start = [&](std::function<void(bool)> done) {
    const auto gathered = std::make_shared<Gathered>();
    gathered->done = std::move(done);
    for (std::size_t t = 0; t < request.topic_data.size(); ++t) {
      const auto& topic = request.topic_data[t];
      for (std::size_t p = 0; p < topic.partition_data.size(); ++p) {
        PartitionAnswer& answer = response.responses[t].partition_responses[p];
        answer.index = topic.partition_data[p].index;
        if (bad) {
          refuse(answer, *bad, "");
        } else {
          store(broker, call, topic.name, topic.partition_data[p], answer, gathered);
        }
      }
    }
    call.frame.release();
    gathered->one_less();
  };
  co_await await_callback<bool>(start);
  co_return response;
}

}  // namespace server
