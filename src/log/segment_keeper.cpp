#include "log/segment_keeper.h"

#include "base/logging.h"
#include "log/partition_log.h"

namespace eventlog {
namespace {
constexpr std::size_t kFillBytes = 1UL << 20;
constexpr std::uint64_t kSyncEveryBytes = 8UL << 20;  // small enough not to hold up other syncs
}  // namespace

SegmentKeeper::SegmentKeeper(base::FileSystem& disk, const base::Path& directory)
    : disk_(disk), spares_(disk, directory / "spare") {
  tasks_.run("log-segments", [this](const std::stop_token& stop) { work(stop); });
}

void SegmentKeeper::stop() {
  drain();
  tasks_.stop();
}

void SegmentKeeper::enqueue(std::function<void()> task) {
  {
    const std::scoped_lock lock(mutex_);
    queue_.push_back(std::move(task));
  }
  there_.notify_one();
}

void SegmentKeeper::drain() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return queue_.empty() && !busy_; });
}

void SegmentKeeper::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (there_.wait(lock, stop, [this] { return !queue_.empty(); })) {
    const auto task = std::move(queue_.front());
    queue_.pop_front();
    busy_ = true;
    lock.unlock();
    task();
    lock.lock();
    busy_ = false;
    idle_.notify_all();
  }
}

base::Result<> SegmentKeeper::make_file(const base::Path& path, std::uint64_t bytes) {
  if (TRY(spares_.take(path, bytes))) return {};
  const auto file = TRY(disk_.open(path, true));
  TRY(file->truncate(0));
  TRY(file->allocate(bytes));
  const std::vector<std::byte> zeros(std::min<std::uint64_t>(kFillBytes, bytes));
  std::uint64_t unsynced = 0;
  for (std::uint64_t at = 0; at < bytes; at += zeros.size()) {
    const std::size_t size = std::min<std::uint64_t>(zeros.size(), bytes - at);
    TRY(file->write_at(at, std::span(zeros).first(size)));
    unsynced += size;
    if (unsynced < kSyncEveryBytes) continue;
    TRY(file->sync());
    unsynced = 0;
  }
  TRY(file->sync());
  return disk_.sync_directory(path.parent_path());
}

void SegmentKeeper::prepare(base::Path path, std::uint64_t bytes, std::function<void(bool)> ready) {
  enqueue([this, path = std::move(path), bytes, ready = std::move(ready)] {
    const auto made = make_file(path, bytes);
    if (!made) {
      spdlog::warn("log: no segment was prepared: {}", made.error().to_string());
      static_cast<void>(disk_.remove(path));
    }
    ready(made.has_value());
  });
}

void SegmentKeeper::close(std::shared_ptr<Segment> segment, SegmentState state, bool sync,
                          std::function<void()> done) {
  enqueue(
      [this, segment = std::move(segment), state = std::move(state), sync, done = std::move(done)] {
        auto file = disk_.open(segment->path(), false);
        if (!file) return done();  // it was dropped before
        auto cut = (*file)->truncate(state.end_position);
        if (sync) {
          if (auto synced = (*file)->sync(); !synced)
            stop_unsynced(segment->path(), synced.error());
        }
        if (cut) cut = save_index(disk_, segment->index_path(), state);
        if (!cut) spdlog::warn("log: closing a segment: {}", cut.error().to_string());
        done();
      });
}

base::Result<> SegmentKeeper::drop(const std::shared_ptr<Segment>& segment) {
  static_cast<void>(disk_.remove(segment->index_path()));
  // Whoever else has the segment, or a mapping of it, still looks at the bytes.
  if (segment.use_count() > 1 || segment->is_read()) return disk_.remove(segment->path());
  return spares_.give(segment->path());
}

}  // namespace eventlog
