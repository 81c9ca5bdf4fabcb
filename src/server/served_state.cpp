#include "server/served_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/clock.h"
#include "base/json_text.h"
#include "columns/convert.h"

namespace server {
namespace {

// As look-ups by HTTP show a value.
void append_value(const columns::Column& column, std::size_t row, std::string& out) {
  if (column.is_null(row)) {
    out += "null";
    return;
  }
  switch (column.type()) {
    case columns::Type::kBoolean:
    case columns::Type::kInt32:
    case columns::Type::kInt64:
      columns::append_text(column, row, out);
      return;
    case columns::Type::kFloat64:
      if (std::isfinite(column.double_at(row))) {
        columns::append_text(column, row, out);
      } else {
        out += "null";
      }
      return;
    case columns::Type::kString:
      base::append_json_text(column.text_at(row), out);
      return;
    case columns::Type::kBytes:
      out += "\"\\\\x";  // as PostgreSQL prints bytes: they need be no text
      for (const char c : column.text_at(row))
        fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<unsigned char>(c));
      out += '"';
      return;
    case columns::Type::kDate:
    case columns::Type::kTimestamp:
      out += '"';
      columns::append_text(column, row, out);
      out += '"';
      return;
  }
}

constexpr std::size_t kSweepSlots = 256;  // at least, with every change

// The column from whose time rows live on; null when they live for ever.
const columns::Column* time_column(const Lookup& lookup, const columns::Batch& rows) {
  return lookup.ttl_us == 0 ? nullptr : &rows.column(lookup.time);
}

std::int64_t expires_ms(base::TimestampUs time_us, std::int64_t ttl_us) {
  if (time_us > std::numeric_limits<base::TimestampUs>::max() - ttl_us) return 0;
  return std::max<std::int64_t>(1, (time_us + ttl_us) / base::kUsPerMs);
}

std::vector<ServedRow> served_rows(const Lookup& lookup, const std::string& key,
                                   const columns::Batch& rows) {
  std::vector<std::string> names;
  for (const columns::Field& field : rows.schema.fields) {
    std::string& name = names.emplace_back(names.empty() ? "{" : ",");
    base::append_json_text(field.name, name);
    name += ':';
  }
  const columns::Column& keys = rows.column(key);
  const columns::Column* const times = time_column(lookup, rows);
  std::vector<ServedRow> served;
  served.reserve(rows.rows());
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    if (keys.is_null(row)) continue;  // nobody can ask for it
    ServedRow& one = served.emplace_back();
    columns::append_text(keys, row, one.id);
    if (times != nullptr && !times->is_null(row))
      one.expires_ms = expires_ms(times->int_at(row), lookup.ttl_us);
    for (std::size_t i = 0; i < rows.columns.size(); ++i) {
      one.json += names[i];
      append_value(rows.columns[i], row, one.json);
    }
    one.json += '}';
    one.json.shrink_to_fit();
  }
  return served;
}

}  // namespace

bool can_expire(const Lookup& lookup, const columns::Schema& table) {
  return std::ranges::any_of(table.fields, [&](const columns::Field& field) {
    return field.name == lookup.time && field.type == columns::Type::kTimestamp;
  });
}

void ServedTable::replace(std::vector<ServedRow> rows) {
  const std::unique_lock lock(mutex_);
  index_.clear();
  slots_.clear();
  free_.clear();
  bytes_ = 0;
  swept_ = 0;
  for (ServedRow& row : rows) put(std::move(row));
}

void ServedTable::apply(std::vector<ServedRow> changed, const std::vector<std::string>& removed) {
  const std::unique_lock lock(mutex_);
  for (const std::string& id : removed) erase(id);
  const std::size_t rows = changed.size();
  for (ServedRow& row : changed) put(std::move(row));
  sweep(kSweepSlots + 2 * rows);
}

// Takes rows back that are gone, so that all places are seen while as many rows again come in.
void ServedTable::sweep(std::size_t slots) {
  for (std::size_t i = std::min(slots, slots_.size()); i > 0; --i) {
    if (swept_ >= slots_.size()) swept_ = 0;
    const Slot& slot = slots_[swept_++];
    if (slot.used && expired(slot)) erase(std::string(slot.id));
  }
}

void ServedTable::put(ServedRow row) {
  if (const auto it = index_.find(row.id); it != index_.end()) {
    Slot& slot = slots_[it->second];
    bytes_ += row.json.size() - slot.json.size();
    slot.json = std::move(row.json);
    slot.expires_ms = row.expires_ms;
    return;
  }
  std::uint32_t place = 0;
  if (free_.empty()) {
    place = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    place = free_.back();
    free_.pop_back();
  }
  Slot& slot = slots_[place];
  bytes_ += row.id.size() + row.json.size();
  slot = {.id = std::move(row.id),
          .json = std::move(row.json),
          .expires_ms = row.expires_ms,
          .used = true};
  index_.emplace(slot.id, place);
}

void ServedTable::erase(std::string_view id) {
  const auto it = index_.find(id);
  if (it == index_.end()) return;
  const std::uint32_t place = it->second;
  index_.erase(it);
  bytes_ -= slots_[place].id.size() + slots_[place].json.size();
  slots_[place] = {};
  free_.push_back(place);
}

std::optional<std::string> ServedTable::get(std::string_view id) const {
  std::optional<std::string> found;
  look(id, [&](std::string_view json, std::int64_t) { found = json; });
  return found;
}

bool ServedTable::contains(std::string_view id) const {
  return look(id, [](std::string_view, std::int64_t) {});
}

std::size_t ServedTable::size() const {
  const std::shared_lock lock(mutex_);
  return index_.size();
}

std::size_t ServedTable::bytes() const {
  const std::shared_lock lock(mutex_);
  return bytes_;
}

std::uint64_t ServedTable::scan(std::uint64_t cursor, std::size_t slots,
                                const std::function<void(std::string_view)>& each) const {
  const std::shared_lock lock(mutex_);
  const std::uint64_t end = std::min<std::uint64_t>(cursor + slots, slots_.size());
  for (std::uint64_t i = cursor; i < end; ++i) {
    if (slots_[i].used && !expired(slots_[i])) each(slots_[i].id);
  }
  return end >= slots_.size() ? 0 : end;
}

ServedState::ServedState(const std::map<std::string, Lookup>& lookups, const base::Clock& clock)
    : lookups_(lookups) {
  for (const auto& [name, lookup] : lookups_) {
    names_.push_back(name);
    tables_.push_back(std::make_unique<ServedTable>(clock));
  }
}

bool ServedState::follows(const std::string& table) const {
  return std::ranges::any_of(lookups_, [&](const auto& one) { return one.second.table == table; });
}

void ServedState::replaced(const std::string& lake_table, const std::string& key,
                           const columns::Batch& rows) {
  for (const auto& [name, lookup] : lookups_) {
    if (lookup.table != lake_table) continue;
    table(name)->replace(served_rows(lookup, key, rows));
    if (watcher_ != nullptr) watcher_->replaced(name);
  }
}

void ServedState::changed(const std::string& lake_table, const std::string& key,
                          const columns::Batch& rows) {
  for (const auto& [name, lookup] : lookups_) {
    if (lookup.table != lake_table) continue;
    std::vector<ServedRow> served = served_rows(lookup, key, rows);
    std::vector<std::string> ids;
    if (watcher_ != nullptr) {
      for (const ServedRow& row : served) ids.push_back(row.id);
    }
    table(name)->apply(std::move(served));
    if (watcher_ != nullptr) watcher_->changed(name, std::move(ids));
  }
}

const ServedTable* ServedState::table(std::string_view name) const {
  const auto it = std::ranges::find(names_, name);
  return it == names_.end() ? nullptr
                            : tables_[static_cast<std::size_t>(it - names_.begin())].get();
}

ServedTable* ServedState::table(std::string_view name) {
  return const_cast<ServedTable*>(std::as_const(*this).table(name));
}

}  // namespace server
