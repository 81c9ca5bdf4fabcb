// A file of small changes that survive: appended in rounds, one sync each, rewritten when it grows.
//
//   <crc32c of the JSON, 8 hex digits> <JSON>\n
// A line is one round: an array of the changes that came while the round before it was syncing (a
// single change may stand without the array). A line that does not hold is a torn tail and cut,
// unless a good line stands behind it (kCorrupt): the next round begins after the sync.
// Threads: any. `done` is called from the journal's thread, in the order of append(), before any
// later round is written. A failed sync stops the process.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/task_group.h"

namespace eventlog {

inline constexpr std::uint64_t kJournalRewriteBytes = 1UL << 20;
inline constexpr std::size_t kJournalQueuedBytesMax = 64UL << 20;

class Journal {
 public:
  using Change = std::function<base::Result<>(const nlohmann::json&)>;
  using Done = std::function<void(base::Result<>)>;
  // The changes that make up what is current, in their order. Called from the journal's thread,
  // after every `done` of what was written and before that of anything later.
  using Current = std::function<std::vector<nlohmann::json>()>;

  // Gives what is in the file to `change`, in order. `what` names the contents in errors. The
  // caller syncs the folder, in which the file may be new.
  static base::Result<std::unique_ptr<Journal>> open(base::FileSystem& disk, const base::Path& path,
                                                     const std::string& what, const Change& change,
                                                     Current current);
  ~Journal() { stop(); }

  // Once the change is durable, or with the error that kept it out (kUnavailable: a full disk or
  // queue, later it may work). Only after stop() is `done` called from here.
  void append(const nlohmann::json& change, Done done);
  base::Result<> append_and_wait(const nlohmann::json& change);
  // Writes what was appended, answers, ends. Later appends are refused.
  void stop();

 private:
  struct Waiting {
    std::string text;  // empty: it did not fit into the queue
    Done done;
  };

  Journal(base::FileSystem& disk, base::Path path, std::string what, Current current)
      : disk_(disk), path_(std::move(path)), what_(std::move(what)), current_(std::move(current)) {}
  base::Result<> load(const Change& change);
  base::Result<> apply_line(const nlohmann::json& line, std::size_t position, const Change& change);
  void write_rounds(const std::stop_token& stop);
  base::Result<> write(const std::vector<Waiting>& round);
  base::Result<> rewrite();
  std::unexpected<base::Error> no_more() const;

  base::FileSystem& disk_;
  const base::Path path_;
  const std::string what_;
  const Current current_;
  std::mutex mutex_;
  std::condition_variable_any work_there_;
  std::vector<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  bool stopped_ = false;
  std::unique_ptr<base::File> file_;  // from here on: of the journal's thread
  std::uint64_t end_ = 0;
  std::uint64_t rewrite_at_ = kJournalRewriteBytes;
  base::TaskGroup writing_;
};

}  // namespace eventlog
