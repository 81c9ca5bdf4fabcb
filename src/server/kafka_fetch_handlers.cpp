// Giving batches out: whole, as they were stored, without a copy; waiting for more holds no thread.
#include <boost/asio/as_tuple.hpp>
#include <chrono>

#include "server/kafka_errors.h"
#include "server/kafka_handlers.h"

namespace server {
namespace {

using kafka::ErrorCode;
using std::chrono::steady_clock;

constexpr std::int32_t kFetchBytesMax = 64 << 20;  // of one answer, whatever a client asks for
constexpr std::int32_t kWaitMsMax = 300'000;
constexpr std::int16_t kFirstWithZstd = 10;
constexpr std::size_t kAttributesAt = 22;
constexpr unsigned kCodecBits = 7;
constexpr unsigned kZstd = 4;

}  // namespace

// Armed before the log is looked at: whatever comes after that ends the wait.
class KafkaFetchWatch {
 public:
  KafkaFetchWatch(asio::any_io_executor home, std::vector<eventlog::TopicPartition> partitions)
      : state_(std::make_shared<State>(std::move(home))), partitions_(std::move(partitions)) {}

  void begin(const eventlog::EmbeddedLog& log) {
    watch_ = log.watch(partitions_, [state = state_] {
      if (!state->armed.exchange(false)) return;
      asio::post(state->home, [state] { state->timer.cancel(); });
    });
  }
  void arm() { state_->armed.store(true); }
  void disarm() { state_->armed.store(false); }
  asio::steady_timer& timer() { return state_->timer; }
  const std::vector<eventlog::TopicPartition>& partitions() const { return partitions_; }

 private:
  struct State {
    explicit State(asio::any_io_executor executor) : home(std::move(executor)), timer(home) {}
    const asio::any_io_executor home;
    asio::steady_timer timer;
    std::atomic<bool> armed{false};
  };

  const std::shared_ptr<State> state_;
  const std::vector<eventlog::TopicPartition> partitions_;
  std::unique_ptr<eventlog::Watch> watch_;
};

namespace {

struct Found {
  kafka::FetchResponse response;
  std::size_t bytes = 0;
  bool failed = false;  // some partition has an error: the client wants to know at once
};

void take_error(const base::Error& error, kafka::FetchResponse::PartitionData& answer) {
  answer.error_code = kafka_offset_error(error.code);
  answer.high_watermark = -1;
}

bool has_zstd(const eventlog::FetchResult& result) {
  for (const auto& batches : result.batches) {
    if (batches.size() > kAttributesAt &&
        (std::to_integer<unsigned>(batches[kAttributesAt]) & kCodecBits) == kZstd)
      return true;
  }
  return false;
}

void take_result(eventlog::FetchResult&& result, bool committed,
                 kafka::FetchResponse::PartitionData& answer) {
  answer.high_watermark = result.high_watermark;
  answer.last_stable_offset = result.last_stable_offset;
  answer.log_start_offset = result.start_offset;
  answer.aborted_transactions.reset();
  if (committed) {
    auto& aborted = answer.aborted_transactions.emplace();
    aborted.reserve(result.aborted.size());
    for (const auto& one : result.aborted) aborted.push_back({one.producer_id, one.first_offset});
  }
  answer.records->chunks = std::move(result.batches);
  answer.records->holds = std::move(result.hold);
}

Found look(KafkaBroker& broker, const KafkaCall& call, const kafka::FetchRequest& request,
           const std::vector<eventlog::TopicPartition>& partitions) {
  const bool committed = request.isolation_level == 1;
  const auto isolation =
      committed ? eventlog::Isolation::kReadCommitted : eventlog::Isolation::kReadUncommitted;
  auto left = static_cast<std::size_t>(std::clamp(request.max_bytes, 0, kFetchBytesMax));
  Found found;
  found.response.responses.reserve(request.topics.size());
  std::size_t next = 0;
  for (const auto& topic : request.topics) {
    auto& answers = found.response.responses.emplace_back();
    answers.topic = topic.topic;
    answers.partitions.resize(topic.partitions.size());
    for (std::size_t p = 0; p < topic.partitions.size(); ++p) {
      const auto& asked = topic.partitions[p];
      auto& answer = answers.partitions[p];
      answer.partition_index = asked.partition;
      const auto most =
          std::min(left, static_cast<std::size_t>(std::max(asked.partition_max_bytes, 0)));
      auto result = broker.log().fetch(partitions[next++], asked.fetch_offset, most, isolation,
                                       found.bytes == 0);
      if (!result) {
        take_error(result.error(), answer);
      } else if (asked.current_leader_epoch > 0) {
        answer.error_code = ErrorCode::kUnknownLeaderEpoch;
      } else if (call.version < kFirstWithZstd && has_zstd(*result)) {
        answer.error_code = ErrorCode::kUnsupportedCompressionType;
      } else {
        found.bytes += result->bytes;
        left -= std::min(left, result->bytes);
        take_result(std::move(*result), committed, answer);
      }
      found.failed = found.failed || answer.error_code != ErrorCode::kNone;
    }
  }
  return found;
}

std::vector<eventlog::TopicPartition> partitions_of(const kafka::FetchRequest& request) {
  std::vector<eventlog::TopicPartition> partitions;
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions)
      partitions.push_back({topic.topic, partition.partition});
  }
  return partitions;
}

// The session's watch when it is for these partitions, else a new one.
std::shared_ptr<KafkaFetchWatch> watch_for(
    KafkaBroker& broker, const KafkaCall& call, const asio::any_io_executor& home,
    const std::vector<eventlog::TopicPartition>& partitions) {
  auto& kept = call.session.fetch_watch;
  if (!kept || kept->partitions() != partitions) {
    kept.reset();
    kept = std::make_shared<KafkaFetchWatch>(home, partitions);
    kept->begin(broker.log());
  }
  return kept;
}

}  // namespace

// There are no sessions (KIP-227): session id 0 in the answer tells the client to ask in full.
KafkaAnswer<kafka::FetchResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                         kafka::FetchRequest request) {
  const asio::any_io_executor home = co_await asio::this_coro::executor;
  const auto end = steady_clock::now() +
                   std::chrono::milliseconds(std::clamp(request.max_wait_ms, 0, kWaitMsMax));
  const auto enough = static_cast<std::size_t>(std::max(request.min_bytes, 0));
  const auto partitions = partitions_of(request);
  std::shared_ptr<KafkaFetchWatch> watch;
  if (const auto& kept = call.session.fetch_watch; kept && kept->partitions() == partitions) {
    watch = kept;
    watch->arm();
  }
  Found found = look(broker, call, request, partitions);
  while (found.bytes < enough && !found.failed && !call.session.gone && !call.session.hurry &&
         steady_clock::now() < end) {
    if (!watch) {
      watch = watch_for(broker, call, home, partitions);
    } else {
      call.session.on_change = [&watch] { watch->timer().cancel(); };
      watch->timer().expires_at(end);
      co_await watch->timer().async_wait(asio::as_tuple(asio::use_awaitable));
      call.session.on_change = nullptr;
    }
    watch->arm();
    found = look(broker, call, request, partitions);
  }
  if (watch) watch->disarm();
  co_return std::move(found.response);
}

}  // namespace server
