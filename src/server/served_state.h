// The current rows of served tables in memory, by key, for look-ups in microseconds.
//
// Holds what is committed: an epoch's changed rows come in after its commit, and readers see a
// table's change as a whole. A row is kept as the JSON object that look-ups answer.
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

#include "runs/served.h"

namespace server {

struct ServedRow {
  std::string id;
  std::string json;
};

// One table of rows by key.
class ServedTable {
 public:
  // Instead of all that is there.
  void replace(std::vector<ServedRow> rows);
  void apply(std::vector<ServedRow> changed, const std::vector<std::string>& removed = {});

  std::optional<std::string> get(std::string_view id) const;
  bool contains(std::string_view id) const;
  std::size_t size() const;
  std::size_t bytes() const;  // of keys and rows
  // Calls `each(id)` for the rows of up to `slots` places from `cursor` on; the next cursor, 0 at
  // the end. A row that is there all the while is met exactly once.
  std::uint64_t scan(std::uint64_t cursor, std::size_t slots,
                     const std::function<void(std::string_view)>& each) const;

 private:
  struct Slot {
    std::string id;
    std::string json;
    bool used = false;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  void put(ServedRow row);
  void erase(const std::string& id);

  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string_view, std::uint32_t, Hash, std::equal_to<>> index_;  // into slots_
  std::deque<Slot> slots_;  // never moved: the index looks at their ids
  std::vector<std::uint32_t> free_;
  std::size_t bytes_ = 0;
};

// The tables by the name of their look-up ("trucks", "shipments"), kept up by the pipelines.
class ServedState final : public runs::ServedFollower {
 public:
  // Lake tables by the name of their look-up.
  explicit ServedState(const std::map<std::string, std::string>& lookups);
  ServedTable* table(std::string_view name);
  const ServedTable* table(std::string_view name) const;
  const std::vector<std::string>& names() const { return names_; }

  bool follows(const std::string& table) const override;
  void replaced(const std::string& table, const std::string& key,
                const columns::Batch& rows) override;
  void changed(const std::string& table, const std::string& key,
               const columns::Batch& rows) override;

 private:
  std::map<std::string, std::string> lookups_;
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<ServedTable>> tables_;
};

}  // namespace server
