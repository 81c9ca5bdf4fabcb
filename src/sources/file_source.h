// Drop folders: partners' files, each landed in its topic exactly once, however often and under
// whatever name its content appears.
//
// A file is taken when its size and time stood still for a second; names that start with '.' or end
// in .part or .tmp are left alone. The content's SHA-256 is the producer of its records and their
// place in the file is their sequence, so that a landing that a crash cut short goes on behind the
// last record that the log holds. Landed files stay where they are; DATA/files.json lists them.
// Threads: poll() from one thread (start() makes one); the rest from any.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/task_group.h"
#include "log/event_log.h"
#include "schema/topic_schema.h"
#include "sql/database.h"

namespace sources {

struct LandedFile {
  std::string topic;
  std::string file;    // the name under which the content was seen first
  std::string sha256;  // content_id()
  std::int64_t records = 0;
  base::TimestampUs landed_at_us = 0;
};

// A file that could not be landed; it is tried again when it changes. `error` has file and line.
struct FileProblem {
  std::string topic;
  base::Error error;
};

struct FileSourceOptions {
  base::Path project;
  base::Path data;
  std::int64_t poll_us = base::kUsPerSecond;
  std::int64_t still_us = base::kUsPerSecond;
  int batch_records_max = 1000;
  std::function<void(const FileProblem&)> on_problem = {};
};

class FileSource {
 public:
  FileSource(eventlog::EventLog& log, sql::Database& database, base::FileSystem& disk,
             const base::Clock& clock, const std::vector<schema::TopicSchema>& topics,
             FileSourceOptions options);
  ~FileSource() { stop(); }

  // Reads files.json and makes the folders; kCorrupt when it is not what Waybill wrote.
  base::Result<> open();
  // Watches in the background, after open().
  void start();
  void stop();
  // Looks once; the number of files that it landed.
  base::Result<int> poll(std::stop_token stop = {});

  std::vector<LandedFile> landed() const;
  std::vector<FileProblem> problems() const;  // of the files as they are now

 private:
  struct Seen {
    std::uintmax_t size = 0;
    std::int64_t changed = 0;        // modification time, ns
    base::TimestampUs since_us = 0;  // unchanged since
    bool done = false;               // landed, or hopeless until it changes
  };

  void forget_gone();
  bool is_ready(const base::Path& path, Seen& seen) const;
  base::Result<bool> take(const schema::TopicSchema& topic, const base::Path& path,
                          std::stop_token stop);
  base::Result<std::int64_t> land(const schema::TopicSchema& topic, const base::Path& path,
                                  std::int64_t producer, std::stop_token stop);
  base::Result<> append(const eventlog::TopicPartition& partition,
                        const std::vector<std::byte>& batch, std::stop_token stop);
  base::Result<> remember(LandedFile file);
  void report(const schema::TopicSchema& topic, const base::Path& path, base::Error error);

  eventlog::EventLog& log_;
  sql::Database& database_;
  base::FileSystem& disk_;
  const base::Clock& clock_;
  std::vector<schema::TopicSchema> topics_;  // those with a drop folder
  FileSourceOptions options_;
  std::map<base::Path, Seen> seen_;
  mutable std::mutex mutex_;
  std::vector<LandedFile> landed_;              // under mutex_
  std::map<base::Path, FileProblem> problems_;  // under mutex_
  base::TaskGroup tasks_;
};

}  // namespace sources
