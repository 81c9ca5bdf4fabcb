#include "log/event_log.h"

#include <future>

namespace eventlog {

base::Result<AppendResult> EventLog::append_and_wait(const TopicPartition& partition,
                                                     std::vector<std::byte> batch) {
  // Shared, because the callback may still hold the promise when the waiter wakes.
  const auto promise = std::make_shared<std::promise<base::Result<AppendResult>>>();
  auto future = promise->get_future();
  append(partition, std::move(batch),
         [promise](base::Result<AppendResult> result) { promise->set_value(std::move(result)); });
  return future.get();
}

}  // namespace eventlog
