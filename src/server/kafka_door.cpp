#include "server/kafka_door.h"

#include <chrono>
#include <thread>

#include "server/kafka_lag.h"

namespace server {
namespace {

constexpr auto kTick = std::chrono::milliseconds(50);
constexpr int kTicksBetweenLags = 100;

}  // namespace

base::Result<std::unique_ptr<KafkaDoor>> KafkaDoor::open(eventlog::EmbeddedLog& log,
                                                         const base::Clock& clock,
                                                         KafkaOptions options,
                                                         base::FileSystem& disk) {
  std::unique_ptr<KafkaDoor> door(new KafkaDoor);
  door->groups_ = std::make_unique<eventlog::GroupCoordinator>(clock, log.offsets());
  door->transactions_ =
      TRY(eventlog::TransactionCoordinator::open(disk, clock, log, log.offsets(), *door->groups_));
  TRY(disk.sync_directory(log.directory()));
  door->broker_ = TRY(KafkaBroker::open(
      {.log = log, .clock = clock, .groups = *door->groups_, .transactions = *door->transactions_},
      std::move(options)));
  door->listener_ =
      TRY(KafkaListener::start(*door->broker_, [self = door.get()] { self->end_waits(); }));
  door->tasks_.run("kafka-time",
                   [self = door.get()](const std::stop_token& stop) { self->keep_time(stop); });
  return door;
}

KafkaDoor::~KafkaDoor() { stop(); }

std::string KafkaDoor::address() const {
  return fmt::format("{}:{}", broker_->host(), broker_->port());
}

void KafkaDoor::stop() {
  if (listener_) listener_->stop();
  tasks_.stop();
  end_waits();
  if (broker_) broker_->stop();
}

void KafkaDoor::end_waits() {
  if (groups_) groups_->stop();
  if (transactions_) transactions_->stop();
}

void KafkaDoor::keep_time(const std::stop_token& stop) {
  KafkaLag lag(broker_->log());
  for (int tick = 0; !stop.stop_requested(); ++tick) {
    groups_->tick();
    transactions_->tick();
    if (tick % kTicksBetweenLags == 0) lag.measure();
    std::this_thread::sleep_for(kTick);
  }
}

}  // namespace server
