// Keyed state on disk: what a pipeline must remember between epochs, changed only in whole epochs.
//
// Threads: any; one Batch is applied at a time.
// Invariant: a WriteSet is applied as one, synced, or not at all (RocksDB write batch with a synced
// write-ahead log).
#pragma once

#include <algorithm>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"

namespace state {

class WriteSet {
 public:
  void put(std::string key, std::string value) { changes_.push_back({std::move(key), std::move(value)}); }
  void remove(std::string key) { changes_.push_back({std::move(key), std::nullopt}); }
  void remove_range(std::string from, std::string to) {  // [from, to)
    ranges_.push_back({std::move(from), std::move(to)});
  }
  bool empty() const { return changes_.empty() && ranges_.empty(); }
  void append(WriteSet other) {
    std::move(other.changes_.begin(), other.changes_.end(), std::back_inserter(changes_));
    std::move(other.ranges_.begin(), other.ranges_.end(), std::back_inserter(ranges_));
  }

  struct Change {
    std::string key;
    std::optional<std::string> value;
  };
  const std::vector<Change>& changes() const { return changes_; }
  const std::vector<std::pair<std::string, std::string>>& ranges() const { return ranges_; }

 private:
  std::vector<Change> changes_;
  std::vector<std::pair<std::string, std::string>> ranges_;
};

class Store {
 public:
  virtual ~Store() = default;
  static base::Result<std::unique_ptr<Store>> open(const base::Path& directory);
  virtual base::Result<std::optional<std::string>> get(const std::string& key) const = 0;
  // Calls `each(key, value)` in key order for keys with the prefix, from `from` on, until it returns
  // false.
  virtual base::Result<> scan(const std::string& prefix, const std::function<bool(std::string_view, std::string_view)>& each,
                              const std::string& from = "") const = 0;
  // Newest first: the same in reverse key order.
  virtual base::Result<> scan_reverse(const std::string& prefix,
                                      const std::function<bool(std::string_view, std::string_view)>& each) const = 0;
  // Durable when it returns. kIo stops the process, as any failed sync.
  virtual base::Result<> apply(const WriteSet& changes) = 0;
};

// Big-endian, so that numbers sort as keys.
std::string key_number(std::uint64_t number);
std::uint64_t number_of_key(std::string_view eight_bytes);

}  // namespace state
