// What each idempotent producer has already brought into a topic, so that a repeated request
// neither doubles a record nor is refused.
//
// A producer numbers its records, 0, 1, 2 …, over the whole topic (Waybill-Sequence is the first of
// a request); the log counts per partition and per producer. A request's records split over the
// partitions by key, so the two countings are tied together here:
//   - high[p]: the highest of the producer's numbers on disk in partition p. A record at or below
//   it
//     is there already, because
//   - complete_to: all numbers below it are on disk, whichever partition they belong to, and a
//   request
//     that starts beyond it is refused (409): it would step over records that nobody has.
// A request that failed half-way is completed by repeating it: each partition takes only what it
// lacks.
//
// After a restart both are read back from the log. The first record of every batch carries the
// header `waybill-producer: FIRST START COUNT COMPLETE P,P,… OWN`: the first number ever taken, the
// request's numbers, what was complete before it, the partitions that the request writes to, and
// how many records are in this batch. The request is complete when all of these have it.
//
// On a log that several workers share, another worker may have taken requests of a producer since:
// numbers that do not fit are compared with the log once more before they are refused, and the log
// itself leaves out what is there already. Threads: any; an entry belongs to the one request that
// has acquired it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "log/event_log.h"

namespace server {

inline constexpr std::string_view kProducerHeader = "waybill-producer";
inline constexpr std::int64_t kProducerMax = (std::int64_t{1} << 61) - 1;
inline constexpr std::size_t kProducersInMemoryMax = 10'000;
inline constexpr std::size_t kProducerWaitersMax = 16;

// The log's id of an HTTP producer; Kafka's own ids are small.
constexpr std::int64_t log_producer_id(std::int64_t producer) {
  return producer | (std::int64_t{1} << 61);
}

struct ProducerProgress {
  bool known = false;  // has written, as far as the log remembers
  std::int64_t first = 0;
  std::int64_t complete_to = 0;
  std::vector<std::int64_t> high;           // by partition; -1 = nothing
  std::vector<std::int32_t> last_sequence;  // of the log, by partition; -1 = nothing
};

struct ProducerNote {
  std::int64_t first = 0;
  std::int64_t start = 0;
  std::int64_t count = 0;
  std::int64_t complete_to = 0;  // before the request
  std::vector<eventlog::Partition> partitions;
  std::int64_t own = -1;  // records of this batch; -1 = not said

  std::int64_t end() const { return start + count; }

  std::string text() const;
  static base::Result<ProducerNote> parse(std::string_view text);
};

// Reads the progress back from the log; blocks on disk.
base::Result<ProducerProgress> recover_progress(const eventlog::EventLog& log,
                                                const std::string& topic, int partitions,
                                                std::int64_t producer);

// Keeps complete_to where no batch says it; blocks on disk.
base::Result<> keep_complete(eventlog::EventLog& log, const std::string& topic,
                             std::int64_t producer, std::int64_t complete_to);

class Producers {
 public:
  struct Entry {
    ProducerProgress progress;
    bool loaded = false;

   private:
    friend class Producers;
    bool busy = false;
    std::uint64_t used = 0;
    std::deque<std::function<void()>> waiters;
  };
  using Key = std::pair<std::string, std::int64_t>;  // topic, producer

  // Calls `go` once the entry is the caller's, until release(): now, or (`waited`) later, from the
  // thread that released it. False when too many requests of this producer wait already.
  bool acquire(const Key& key, std::function<void(Entry&, bool waited)> go);
  void release(const Key& key);

 private:
  void forget_oldest();

  std::mutex mutex_;
  std::map<Key, Entry> entries_;
  std::uint64_t uses_ = 0;
};

}  // namespace server
