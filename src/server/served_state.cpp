#include "server/served_state.h"

#include <algorithm>

namespace server {

void ServedTable::replace(std::vector<ServedRow> rows) {
  const std::unique_lock lock(mutex_);
  index_.clear();
  slots_.clear();
  free_.clear();
  bytes_ = 0;
  for (ServedRow& row : rows) put(std::move(row));
}

void ServedTable::apply(std::vector<ServedRow> changed, const std::vector<std::string>& removed) {
  const std::unique_lock lock(mutex_);
  for (const std::string& id : removed) erase(id);
  for (ServedRow& row : changed) put(std::move(row));
}

void ServedTable::put(ServedRow row) {
  if (const auto it = index_.find(row.id); it != index_.end()) {
    Slot& slot = slots_[it->second];
    bytes_ += row.json.size() - slot.json.size();
    slot.json = std::move(row.json);
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
  slot = {.id = std::move(row.id), .json = std::move(row.json), .used = true};
  index_.emplace(slot.id, place);
}

void ServedTable::erase(const std::string& id) {
  const auto it = index_.find(id);
  if (it == index_.end()) return;
  const std::uint32_t place = it->second;
  index_.erase(it);
  bytes_ -= slots_[place].id.size() + slots_[place].json.size();
  slots_[place] = {};
  free_.push_back(place);
}

std::optional<std::string> ServedTable::get(std::string_view id) const {
  const std::shared_lock lock(mutex_);
  const auto it = index_.find(id);
  if (it == index_.end()) return std::nullopt;
  return slots_[it->second].json;
}

bool ServedTable::contains(std::string_view id) const {
  const std::shared_lock lock(mutex_);
  return index_.contains(id);
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
    if (slots_[i].used) each(slots_[i].id);
  }
  return end >= slots_.size() ? 0 : end;
}

ServedState::ServedState(const std::vector<std::string>& names) : names_(names) {
  for (std::size_t i = 0; i < names_.size(); ++i)
    tables_.push_back(std::make_unique<ServedTable>());
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
