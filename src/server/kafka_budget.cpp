#include "server/kafka_budget.h"

#include <vector>

namespace server {

bool KafkaBudget::try_take(std::size_t bytes) {
  const std::scoped_lock lock(mutex_);
  if (!waiting_.empty() || !fits(bytes)) return false;
  used_ += bytes;
  return true;
}

void KafkaBudget::take(std::size_t bytes, std::function<void(bool)> taken) {
  {
    const std::scoped_lock lock(mutex_);
    if (!waiting_.empty() || !fits(bytes)) {
      waiting_.push_back({bytes, std::move(taken)});
      return;
    }
    used_ += bytes;
  }
  taken(true);
}

std::size_t KafkaBudget::used() const {
  const std::scoped_lock lock(mutex_);
  return used_;
}

void KafkaBudget::give_back(std::size_t bytes) {
  std::vector<std::function<void(bool)>> next;
  {
    const std::scoped_lock lock(mutex_);
    used_ -= bytes;
    while (!waiting_.empty() && fits(waiting_.front().bytes)) {
      used_ += waiting_.front().bytes;
      next.push_back(std::move(waiting_.front().taken));
      waiting_.pop_front();
    }
  }
  for (const auto& taken : next) taken(true);
}

}  // namespace server
