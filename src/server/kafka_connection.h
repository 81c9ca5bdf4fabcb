// One Kafka connection: requests are read ahead, answers leave in the order of the requests.
//
// Produce requests run side by side, up to a bound; every other request runs alone, after the
// answers before it were taken by the client. Nothing is read while the budget of bytes under way
// is used up: the client sees a slow socket, not an error.
// Threads: all on the io_context of the socket, which one thread runs.
#pragma once

#include <array>
#include <boost/asio.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/kafka_apis.h"
#include "server/kafka_budget.h"
#include "server/kafka_metrics.h"

namespace server {

// What the connections of one listener share.
struct KafkaServer {
  explicit KafkaServer(KafkaBroker& served)
      : broker(served), options(served.options()), budget(options.requests_bytes_max) {}

  KafkaBroker& broker;
  const KafkaOptions& options;
  KafkaBudget budget;
  KafkaMetrics metrics;
};

class KafkaConnection : public std::enable_shared_from_this<KafkaConnection> {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  KafkaConnection(asio::ip::tcp::socket socket, KafkaServer& server);

  // Reads until the connection ends.
  asio::awaitable<void> run();
  // Closes it when one of its times is over.
  void tick(TimePoint now);
  // Takes no more requests; closes when those that were taken are answered.
  void drain();
  // With a reason, one line is logged.
  void close(const std::string& reason);
  // No handler is under way and nothing is being written.
  bool ended() const { return closed_ && running_ == 0 && !writing_; }

 private:
  struct Slot {
    explicit Slot(KafkaSession& session) : call{.session = session, .frame = frame} {}
    const KafkaApi* api = nullptr;
    KafkaFrame frame;
    std::span<const std::byte> body;
    KafkaBudget::Lease lease;
    KafkaCall call;
    TimePoint taken;
    KafkaReply reply;
    bool done = false;
  };
  using SlotPtr = std::shared_ptr<Slot>;

  asio::awaitable<bool> fill(std::size_t bytes);
  asio::awaitable<bool> read_frame(Slot& slot);
  asio::awaitable<bool> read_body(KafkaFrame& frame);
  asio::awaitable<bool> take_budget(Slot& slot, std::size_t bytes);
  bool parse(Slot& slot);
  bool may_run(const KafkaApi& api, std::size_t bytes) const;
  asio::awaitable<bool> wait_for_turn(const Slot& slot);
  void begin(SlotPtr slot);
  static asio::awaitable<void> answer(std::shared_ptr<KafkaConnection> self, SlotPtr slot);
  void finish(const SlotPtr& slot, base::Result<KafkaReply> reply);
  void refuse_version(Slot& slot);
  void write_ready();
  void collect(std::vector<asio::const_buffer>& buffers);
  void wake();
  std::string describe_length(std::int32_t length) const;

  static constexpr std::size_t kInputBytes = 8UL << 10;

  KafkaServer& server_;
  asio::ip::tcp::socket socket_;
  asio::steady_timer changed_;  // wakes the reader; never expires
  KafkaSession session_;
  std::array<std::byte, kInputBytes> input_;
  std::size_t input_from_ = 0;
  std::size_t input_to_ = 0;

  std::deque<SlotPtr> slots_;     // taken and not yet given to the socket, in order
  std::vector<SlotPtr> sending_;  // what the socket is being given
  std::size_t running_ = 0;       // handlers under way
  std::size_t running_bytes_ = 0;
  bool running_alone_ = false;  // one that is not pipelined
  bool writing_ = false;
  bool draining_ = false;
  bool closed_ = false;
  TimePoint idle_since_;
  std::optional<TimePoint> read_deadline_;   // of the frame that has begun
  std::optional<TimePoint> write_deadline_;  // of the answers being sent
};

}  // namespace server
