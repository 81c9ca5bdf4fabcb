#include "base/task_group.h"

#include <pthread.h>

namespace base {

void TaskGroup::run(const std::string& name, std::function<void(std::stop_token)> task) {
  const std::scoped_lock lock(mutex_);
  threads_.emplace_back([name, task = std::move(task)](std::stop_token stop) {
    pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
    task(stop);
  });
}

void TaskGroup::stop() {
  std::vector<std::jthread> threads;
  {
    const std::scoped_lock lock(mutex_);
    threads.swap(threads_);
  }
  for (std::jthread& thread : threads) thread.request_stop();
  threads.clear();  // joins
}

}  // namespace base
