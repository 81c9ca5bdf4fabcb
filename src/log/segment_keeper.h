// What happens to segments beside the commit path: preparing the next file, finishing closed ones,
// putting dropped ones aside.
//
// Threads: any may ask; one thread of the keeper works. Invariant: a failure here costs time or
// space, never data.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

#include "base/task_group.h"
#include "log/segment.h"
#include "log/segment_index.h"
#include "log/spare_files.h"

namespace eventlog {

class SegmentKeeper {
 public:
  SegmentKeeper(base::FileSystem& disk, const base::Path& directory);
  ~SegmentKeeper() { stop(); }

  base::Result<> open() { return spares_.open(); }
  // Makes `path` a file of `bytes` that can be written without growing, then calls `ready`.
  void prepare(base::Path path, std::uint64_t bytes, std::function<void(bool)> ready);
  // Cuts the file to what it holds, writes its index; syncs it first where it was not. Then `done`.
  void close(std::shared_ptr<Segment> segment, SegmentState state, bool sync,
             std::function<void()> done);
  // Puts the dropped segment's file aside or removes it, and its index.
  base::Result<> drop(const std::shared_ptr<Segment>& segment);
  // Space is short.
  void free_space() { spares_.clear(); }
  // Waits until everything that was asked for is done.
  void drain();
  void stop();

 private:
  void work(const std::stop_token& stop);
  void enqueue(std::function<void()> task);
  base::Result<> make_file(const base::Path& path, std::uint64_t bytes);

  base::FileSystem& disk_;
  SpareFiles spares_;
  std::mutex mutex_;
  std::condition_variable_any there_;
  std::condition_variable_any idle_;
  std::deque<std::function<void()>> queue_;
  bool busy_ = false;
  base::TaskGroup tasks_;
};

}  // namespace eventlog
