// One topic's side of reading a request: body to records, checked against the schema and routed to
// partitions by key.
//
// Threads: any; decoders are lent to one request at a time.
#pragma once

#include <prometheus/counter.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "columns/decoder.h"
#include "log/event_log.h"
#include "schema/topic_schema.h"
#include "server/http_message.h"

namespace server {

// Views point into the request's body, or into `unpacked`.
struct Records {
  struct Route {
    std::uint32_t key_at = 0;  // in `keys`
    std::uint32_t key_size = 0;
    eventlog::Partition partition = 0;
    bool has_key = false;
  };
  std::string unpacked;
  std::string_view body;
  std::vector<std::string_view> values;
  std::vector<Route> routes;  // one per value
  std::string keys;
  bool in_wire_format = false;       // of a schema registry, not JSON
  std::vector<std::string> decoded;  // what `values` point into then

  std::optional<std::string_view> key(std::size_t i) const {
    if (!routes[i].has_key) return std::nullopt;
    return std::string_view(keys).substr(routes[i].key_at, routes[i].key_size);
  }
};

class TopicReader {
 public:
  TopicReader(const schema::TopicSchema& schema, int partitions);

  const std::string& name() const { return schema_.topic.name; }
  int partitions() const { return partitions_; }
  bool is_json() const { return schema_.format == schema::Format::kJson; }
  prometheus::Counter& taken() { return taken_; }

  // Fills `records` from the request; the refusal when it cannot be taken.
  std::optional<Response> read(const Request& request, Records& records);

 private:
  struct Reader {  // a decoder with its reusable batch
    std::unique_ptr<columns::Decoder> decoder;
    columns::Batch batch;
    std::optional<std::size_t> key;  // the key's column
  };

  std::optional<Response> decode(Reader& reader, Records& records);
  void route(const Reader& reader, Records& records, std::size_t count,
             eventlog::Partition keyless);
  std::unique_ptr<Reader> borrow(const std::string& key_field, bool in_wire_format);
  std::unique_ptr<Reader> make_reader(const std::string& key_field, bool in_wire_format) const;

  const schema::TopicSchema& schema_;
  const int partitions_;
  prometheus::Counter& taken_;
  std::atomic<std::uint32_t> keyless_{0};
  std::mutex mutex_;
  std::vector<std::unique_ptr<Reader>> idle_;  // for the topic's own key
};

}  // namespace server
