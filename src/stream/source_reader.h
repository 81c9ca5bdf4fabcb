// Reads the partitions of some topics ahead of a pipeline and decodes them into bronze rows.
//
// Threads: take() and replay() from the pipeline's thread, the read-ahead on its own; at most two
// epochs' rows are in memory.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/task_group.h"
#include "columns/batch.h"
#include "log/event_log.h"
#include "runs/ledger.h"
#include "schema/bronze.h"

namespace stream {

// Memory of rows that nobody needs any more, to be used again: fresh memory costs as much as the
// decoding. Threads: any.
class SpareRows {
 public:
  // Rows that come back here with their last owner.
  static std::shared_ptr<const columns::Batch> lend(const std::shared_ptr<SpareRows>& spares,
                                                    const std::string& topic, columns::Batch rows);
  std::optional<columns::Batch> take(const std::string& topic);
  void clear();

 private:
  std::mutex mutex_;
  std::map<std::string, columns::Batch> rows_;  // by topic, one each
};

struct EpochInput {
  std::vector<runs::Interval> intervals;       // partitions that brought records
  std::map<std::string, columns::Batch> rows;  // bronze rows by topic, each partition in order
  base::TimestampUs now_us = 0;                // what the epoch counts as now, kept with its plan
  std::size_t count() const;
};

class SourceReader {
 public:
  // At most about `rows_max` rows of all topics are read ahead.
  SourceReader(const eventlog::EventLog& log, const std::vector<schema::TopicSchema>& topics,
               std::size_t rows_max);
  ~SourceReader();

  // Starts (again) at these offsets; starts the read-ahead.
  void start(std::map<eventlog::TopicPartition, eventlog::Offset> positions);
  void stop();
  // What has been read since the last call, at once; waits up to `timeout_us` for the first row.
  // nullopt at the time-out. An unreadable partition gives the log's error.
  base::Result<std::optional<EpochInput>> take(std::int64_t timeout_us);
  // True when a whole epoch's rows wait.
  bool full() const;
  // True when reading ended at a record whose schema has columns that its topic lacks: the error of
  // take() or replay() was this. Until the next start() or stop().
  bool met_new_columns() const { return met_new_columns_; }
  // While no row waits: offsets that hold none, by partition, behind what was taken last (marks
  // that end transactions, what compaction took away).
  std::map<eventlog::TopicPartition, runs::Interval> empty_ahead() const;
  // Where the rows of an epoch that is over may be given back to.
  const std::shared_ptr<SpareRows>& spares() const { return spares_; }
  // Exactly these intervals, read now: an epoch that was planned before a crash. The read-ahead
  // must be stopped.
  base::Result<EpochInput> replay(const std::vector<runs::Interval>& intervals);

 private:
  using Decoders = std::map<std::string, schema::BronzeDecoder>;  // by topic

  Decoders make_decoders() const;
  std::size_t pending_rows() const;  // under mutex_
  bool is_full() const;              // under mutex_
  void read_ahead(std::stop_token stop);
  // Reads one piece of one partition into its decoder; false when nothing was there.
  base::Result<bool> read_piece(Decoders& decoders, const eventlog::TopicPartition& partition,
                                eventlog::Offset& position, eventlog::Offset until);

  const eventlog::EventLog& log_;
  std::vector<schema::TopicSchema> topics_;
  std::size_t rows_max_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<eventlog::TopicPartition, eventlog::Offset> next_;  // where reading goes on
  std::map<eventlog::TopicPartition, eventlog::Offset>
      taken_;  // where the rows not yet taken begin
  Decoders pending_;
  std::shared_ptr<SpareRows> spares_ = std::make_shared<SpareRows>();
  std::optional<base::Error> error_;
  std::atomic<bool> met_new_columns_ = false;
  base::TaskGroup tasks_;
};

}  // namespace stream
