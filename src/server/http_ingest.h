// POST /v1/topics/{topic}/records: a body of JSON records into the log, answered when they are on
// disk.
//
// The body is cut into records, each is read once by the topic's decoder (which also finds the key
// and what does not fit the schema), and goes into one batch per partition. Nothing is appended
// unless all records of the request are good. Threads: any. Small plain bodies are taken on the
// caller's thread, which never blocks; packed and large ones on the worker pool. The answer comes
// from a thread of the log or of the pool.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "server/http_message.h"
#include "server/http_producers.h"
#include "server/http_records.h"
#include "server/platform.h"
#include "server/worker_pool.h"

namespace server {

inline constexpr std::size_t kBodyBytesMax = 16UL << 20;      // as sent
inline constexpr std::size_t kUnpackedBytesMax = 64UL << 20;  // after decompression

class Ingest {
 public:
  Ingest(Platform& platform, const base::Clock& clock, WorkerPool& workers);
  ~Ingest();

  // `request` lives until `done` is called, once.
  void take(const Request& request, Done done);

 private:
  struct Flight;     // the batches of one request on their way to disk
  struct Numbered {  // what an idempotent producer's request says of itself
    std::int64_t producer = 0;
    std::int64_t sequence = 0;
  };

  void take_plain(const Request& request, TopicReader& topic, const Done& done);
  void take_numbered(const Request& request, TopicReader& topic, const Numbered& number,
                     const Done& done);
  void load_and_append(const Request& request, TopicReader& topic, const Numbered& number,
                       Producers::Entry& entry, const Done& done);
  void append_new(const Request& request, TopicReader& topic, const Numbered& number,
                  Producers::Entry& entry, bool fresh, const Done& done);
  std::optional<Response> build_new(const Records& records, const Numbered& number,
                                    const ProducerProgress& progress, const ProducerNote& note,
                                    Flight& flight) const;
  void append(const std::shared_ptr<Flight>& flight);

  Platform& platform_;
  const base::Clock& clock_;
  WorkerPool& workers_;
  std::map<std::string, std::unique_ptr<TopicReader>> topics_;
  Producers producers_;
};

}  // namespace server
