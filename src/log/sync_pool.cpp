#include "log/sync_pool.h"

namespace eventlog {

SyncPool::SyncPool(int threads) {
  for (int i = 0; i < threads; ++i) {
    tasks_.run("log-sync", [this](const std::stop_token& stop) { work(stop); });
  }
}

SyncPool::~SyncPool() { tasks_.stop(); }

void SyncPool::sync_all(std::span<PartitionLog* const> partitions) {
  std::unique_lock lock(mutex_);
  partitions_ = partitions;
  next_ = 0;
  left_ = partitions.size();
  if (left_ > 1) work_there_.notify_all();
  while (sync_next(lock)) {
  }
  all_done_.wait(lock, [this] { return left_ == 0; });
  partitions_ = {};
  next_ = 0;
}

bool SyncPool::sync_next(std::unique_lock<std::mutex>& lock) {
  if (next_ >= partitions_.size()) return false;
  PartitionLog& partition = *partitions_[next_++];
  lock.unlock();
  if (base::File* const file = partition.dirty_file(); file != nullptr) {
    if (auto synced = file->sync(); !synced) stop_unsynced(partition.directory(), synced.error());
  }
  lock.lock();
  if (--left_ == 0) all_done_.notify_one();
  return true;
}

void SyncPool::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (work_there_.wait(lock, stop, [this] { return next_ < partitions_.size(); })) {
    sync_next(lock);
  }
}

}  // namespace eventlog
