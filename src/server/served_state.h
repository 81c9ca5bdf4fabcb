// The current rows of served tables in memory, by key, for look-ups in microseconds.
//
// Holds what is committed: an epoch's changed rows come in after its commit, and readers see a
// table's change as a whole. A row is kept as the JSON object that look-ups answer. Where a look-up
// has a `ttl`, a row is gone once its time is that long ago; its memory is taken back by later
// changes.
// Threads: any.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "runs/served.h"

namespace server {

struct ServedRow {
  std::string id;
  std::string json;
  std::int64_t expires_ms = 0;  // since 1970; 0: never
};

// One table of rows by key. The clock outlives it.
class ServedTable {
 public:
  explicit ServedTable(const base::Clock& clock) : clock_(clock) {}

  // Instead of all that is there.
  void replace(std::vector<ServedRow> rows);
  void apply(std::vector<ServedRow> changed, const std::vector<std::string>& removed = {});

  // Calls `see(json, expires_ms)` under the table's lock; whether there is such a row.
  template <class See>
  bool look(std::string_view id, See&& see) const {
    const std::shared_lock lock(mutex_);
    const auto it = index_.find(id);
    if (it == index_.end()) return false;
    const Slot& slot = slots_[it->second];
    if (expired(slot)) return false;
    see(std::string_view(slot.json), slot.expires_ms);
    return true;
  }
  std::optional<std::string> get(std::string_view id) const;
  bool contains(std::string_view id) const;
  std::size_t size() const;   // with rows that are gone and not taken back yet
  std::size_t bytes() const;  // of keys and rows
  // Calls `each(id)` for the rows of up to `slots` places from `cursor` on; the next cursor, 0 at
  // the end. A row that is there all the while is met exactly once.
  std::uint64_t scan(std::uint64_t cursor, std::size_t slots,
                     const std::function<void(std::string_view)>& each) const;

 private:
  struct Slot {
    std::string id;
    std::string json;
    std::int64_t expires_ms = 0;
    bool used = false;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  void put(ServedRow row);
  void erase(std::string_view id);
  bool expired(const Slot& slot) const {
    return slot.expires_ms != 0 && slot.expires_ms <= clock_.now_us() / base::kUsPerMs;
  }
  void sweep(std::size_t slots);

  const base::Clock& clock_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string_view, std::uint32_t, Hash, std::equal_to<>> index_;  // into slots_
  std::deque<Slot> slots_;  // never moved: the index looks at their ids
  std::vector<std::uint32_t> free_;
  std::size_t bytes_ = 0;
  std::size_t swept_ = 0;  // where the next sweep begins
};

// One entry of waybill.yaml's `lookups:`.
struct Lookup {
  std::string table;        // of the lake
  std::int64_t ttl_us = 0;  // of a row, from its `time` on; 0: none
  std::string time = {};    // a TIMESTAMP column of the table
};

// Whether the table has the column that the look-up's `time` names.
bool can_expire(const Lookup& lookup, const columns::Schema& table);

// Who passes the rows on to somewhere else. Called with no lock held, after the table has changed,
// by the thread that changed it.
class ServedWatcher {
 public:
  virtual ~ServedWatcher() = default;
  virtual void replaced(const std::string& lookup) = 0;
  virtual void changed(const std::string& lookup, std::vector<std::string> ids) = 0;
};

// The tables by the name of their look-up ("trucks", "shipments"), kept up by the pipelines.
class ServedState final : public runs::ServedFollower {
 public:
  // By the name of the look-up. The clock outlives it.
  ServedState(const std::map<std::string, Lookup>& lookups, const base::Clock& clock);
  // At most one, before the first change; it outlives this.
  void watch(ServedWatcher* watcher) { watcher_ = watcher; }
  ServedTable* table(std::string_view name);
  const ServedTable* table(std::string_view name) const;
  const std::vector<std::string>& names() const { return names_; }

  bool follows(const std::string& table) const override;
  void replaced(const std::string& table, const std::string& key,
                const columns::Batch& rows) override;
  void changed(const std::string& table, const std::string& key,
               const columns::Batch& rows) override;

 private:
  std::map<std::string, Lookup> lookups_;
  ServedWatcher* watcher_ = nullptr;
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<ServedTable>> tables_;
};

}  // namespace server
