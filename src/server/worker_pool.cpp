#include "server/worker_pool.h"

namespace server {

WorkerPool::WorkerPool(std::string name, int threads, std::size_t queue_max)
    : queue_max_(queue_max) {
  for (int i = 0; i < threads; ++i) {
    threads_.run(name, [this](std::stop_token) { work(); });
  }
}

bool WorkerPool::submit(std::function<void()> task) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_ || queue_.size() >= queue_max_) return false;
    queue_.push_back(std::move(task));
  }
  wake_.notify_one();
  return true;
}

void WorkerPool::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  threads_.stop();
}

void WorkerPool::work() {
  for (;;) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

}  // namespace server
