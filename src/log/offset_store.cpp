#include "log/offset_store.h"

#include <algorithm>
#include <future>

#include "base/bug.h"

namespace eventlog {

struct OffsetStore::Change {
  enum class Kind : std::uint8_t { kOffsets, kEnded, kForgotten, kMark, kDeleted, kDropped };
  Kind kind = Kind::kOffsets;
  std::string group = {};  // or the topic that was dropped
  Committed offsets = {};
  std::int64_t producer_id = -1;
  bool committed = false;
  std::vector<TopicPartition> partitions = {};
  GroupMark mark = {};
};

namespace {

nlohmann::json json_of_offset(const TopicPartition& at, const CommittedOffset& committed) {
  return nlohmann::json::array({at.topic, at.partition, committed.offset, committed.leader_epoch,
                                committed.metadata, committed.committed_us});
}

}  // namespace

nlohmann::json OffsetStore::json_of(const Change& change) {
  nlohmann::json json = nlohmann::json::object();
  switch (change.kind) {
    case Change::Kind::kOffsets: {
      json["group"] = change.group;
      auto& list = json["offsets"] = nlohmann::json::array();
      for (const auto& [at, committed] : change.offsets) list += json_of_offset(at, committed);
      if (change.producer_id >= 0) json["producer"] = change.producer_id;
      break;
    }
    case Change::Kind::kEnded:
      json["producer"] = change.producer_id;
      json["ended"] = change.committed;
      break;
    case Change::Kind::kForgotten: {
      json["group"] = change.group;
      auto& list = json["forgotten"] = nlohmann::json::array();
      for (const auto& at : change.partitions)
        list += nlohmann::json::array({at.topic, at.partition});
      break;
    }
    case Change::Kind::kMark:
      json["group"] = change.group;
      json["generation"] = change.mark.generation_id;
      json["type"] = change.mark.protocol_type;
      json["emptied"] = change.mark.emptied_us;
      break;
    case Change::Kind::kDeleted:
      json["group"] = change.group;
      json["deleted"] = true;
      break;
    case Change::Kind::kDropped:
      json["dropped"] = change.group;
      break;
  }
  return json;
}

// May throw nlohmann's exceptions, which the journal reports with the place.
base::Result<OffsetStore::Change> OffsetStore::change_of(const nlohmann::json& json) {
  using Kind = Change::Kind;
  Change change;
  if (json.contains("dropped")) {
    change.kind = Kind::kDropped;
    change.group = json.at("dropped").get<std::string>();
  } else if (json.contains("ended")) {
    change.kind = Kind::kEnded;
    change.producer_id = json.at("producer").get<std::int64_t>();
    change.committed = json.at("ended").get<bool>();
  } else if (json.contains("commits")) {
    for (const auto& entry : json.at("commits")) {
      change.group = entry.at("group").get<std::string>();
      change.offsets.push_back(
          {{entry.at("topic").get<std::string>(), entry.at("partition").get<Partition>()},
           {.offset = entry.at("offset").get<Offset>()}});
    }
  } else {
    change.group = json.at("group").get<std::string>();
    if (json.contains("offsets")) {
      change.producer_id = json.value("producer", std::int64_t{-1});
      for (const auto& entry : json.at("offsets")) {
        change.offsets.push_back({{entry.at(0).get<std::string>(), entry.at(1).get<Partition>()},
                                  {.offset = entry.at(2).get<Offset>(),
                                   .leader_epoch = entry.at(3).get<std::int32_t>(),
                                   .metadata = entry.at(4).get<std::string>(),
                                   .committed_us = entry.at(5).get<std::int64_t>()}});
      }
    } else if (json.contains("forgotten")) {
      change.kind = Kind::kForgotten;
      for (const auto& entry : json.at("forgotten"))
        change.partitions.push_back({entry.at(0).get<std::string>(), entry.at(1).get<Partition>()});
    } else if (json.contains("generation")) {
      change.kind = Kind::kMark;
      change.mark = {json.at("generation").get<std::int32_t>(), json.at("type").get<std::string>(),
                     json.at("emptied").get<std::int64_t>()};
    } else if (json.contains("deleted")) {
      change.kind = Kind::kDeleted;
    } else {
      return base::fail(base::Code::kCorrupt, "an unknown change of consumer offsets: {}",
                        json.dump());
    }
  }
  return change;
}

void OffsetStore::apply_offsets(const Change& change) {
  Group& group = groups_[change.group];
  const bool pending = change.producer_id >= 0;
  StoredOffsets& into = pending ? group.pending[change.producer_id] : group.offsets;
  if (pending) pending_groups_[change.producer_id].insert(change.group);
  ++order_;
  for (const auto& [at, committed] : change.offsets) into[at] = {committed, order_};
}

void OffsetStore::apply_end(std::int64_t producer_id, bool commit) {
  const auto found = pending_groups_.find(producer_id);
  if (found == pending_groups_.end()) return;
  for (const std::string& name : found->second) {
    const auto group = groups_.find(name);
    if (group == groups_.end()) continue;
    auto pending = group->second.pending.extract(producer_id);
    if ((commit || base::bug("offsets_ahead")) && !pending.empty()) {
      for (auto& [at, stored] : pending.mapped()) {
        Stored& held = group->second.offsets[at];
        if (held.order < stored.order) held = std::move(stored);
      }
    }
    if (group->second.empty()) groups_.erase(group);
  }
  pending_groups_.erase(found);
}

void OffsetStore::apply_dropped(const std::string& topic) {
  const auto of_topic = [&](const auto& entry) { return entry.first.topic == topic; };
  for (auto& [name, group] : groups_) {
    std::erase_if(group.offsets, of_topic);
    for (auto& [producer_id, offsets] : group.pending) std::erase_if(offsets, of_topic);
  }
}

void OffsetStore::apply(const Change& change) {
  switch (change.kind) {
    case Change::Kind::kOffsets:

      return apply_offsets(change);
    case Change::Kind::kEnded:
      return apply_end(change.producer_id, change.committed);
    case Change::Kind::kForgotten: {
      const auto group = groups_.find(change.group);
      if (group == groups_.end()) return;
      for (const auto& at : change.partitions) group->second.offsets.erase(at);
      if (group->second.empty()) groups_.erase(group);
      return;
    }
    case Change::Kind::kMark:
      groups_[change.group].mark = change.mark;
      return;
    case Change::Kind::kDeleted:
      groups_.erase(change.group);
      for (auto& [producer_id, names] : pending_groups_) names.erase(change.group);
      std::erase_if(pending_groups_, [](const auto& entry) { return entry.second.empty(); });
      return;
    case Change::Kind::kDropped:
      return apply_dropped(change.group);
  }
}

// In the order in which they were committed, so that what a transaction holds back stays older than
// what was committed since.
std::vector<nlohmann::json> OffsetStore::current() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::pair<std::uint64_t, Change>> changes;
  for (const auto& [name, group] : groups_) {
    const auto add = [&](const StoredOffsets& offsets, std::int64_t producer_id) {
      std::map<std::uint64_t, Committed> by_order;
      for (const auto& [at, stored] : offsets)
        by_order[stored.order].emplace_back(at, stored.committed);
      for (auto& [order, committed] : by_order) {
        changes.emplace_back(
            order,
            Change{.group = name, .offsets = std::move(committed), .producer_id = producer_id});
      }
    };
    add(group.offsets, -1);
    for (const auto& [producer_id, offsets] : group.pending) add(offsets, producer_id);
    if (group.mark) {
      changes.emplace_back(0,
                           Change{.kind = Change::Kind::kMark, .group = name, .mark = *group.mark});
    }
  }
  std::sort(changes.begin(), changes.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<nlohmann::json> list;
  list.reserve(changes.size());
  for (const auto& [order, change] : changes) list.push_back(json_of(change));
  return list;
}

base::Result<std::unique_ptr<OffsetStore>> OffsetStore::open(base::FileSystem& disk,
                                                             const base::Path& directory) {
  std::unique_ptr<OffsetStore> store(new OffsetStore());
  const auto change = [&store](const nlohmann::json& json) -> base::Result<> {
    auto read = change_of(json);
    if (!read) return std::unexpected(std::move(read).error());
    store->apply(*read);
    return {};
  };
  store->journal_ = TRY(Journal::open(disk, directory / "offsets.log", "offsets of consumers",
                                      change, [raw = store.get()] { return raw->current(); }));
  return store;
}

void OffsetStore::submit(Change change, Done done) {
  const nlohmann::json json = json_of(change);
  journal_->append(json, [this, change = std::move(change),
                          done = std::move(done)](const base::Result<>& written) {
    if (written) {
      const std::scoped_lock lock(mutex_);
      apply(change);
    }
    done(written);
  });
}

base::Result<> OffsetStore::submit_and_wait(Change change) {
  std::promise<base::Result<>> promise;
  auto future = promise.get_future();
  submit(std::move(change),
         [&promise](base::Result<> result) { promise.set_value(std::move(result)); });
  return future.get();
}

base::Result<> OffsetStore::commit(const std::string& group, const Offsets& offsets) {
  if (group.empty()) return base::fail(base::Code::kInvalid, "a consumer group needs a name");
  if (offsets.empty()) return {};
  Change change{.group = group};
  for (const auto& [at, offset] : offsets) change.offsets.push_back({at, {.offset = offset}});
  return submit_and_wait(std::move(change));
}

base::Result<> OffsetStore::drop_topic(const std::string& topic) {
  return submit_and_wait({.kind = Change::Kind::kDropped, .group = topic});
}

void OffsetStore::commit(const std::string& group, Committed offsets, Done done) {
  submit({.group = group, .offsets = std::move(offsets)}, std::move(done));
}

void OffsetStore::commit_pending(const std::string& group, std::int64_t producer_id,
                                 Committed offsets, Done done) {
  // Also what is not durable yet may become what a reader must not miss.
  std::vector<TopicPartition> partitions;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [at, committed] : offsets) {
      partitions.push_back(at);
      ++being_written_[{group, at}];
    }
  }
  submit({.group = group, .offsets = std::move(offsets), .producer_id = producer_id},
         [this, group, partitions = std::move(partitions),
          done = std::move(done)](const base::Result<>& written) {
           {
             const std::scoped_lock lock(mutex_);
             for (const auto& at : partitions) {
               const auto found = being_written_.find({group, at});
               if (--found->second == 0) being_written_.erase(found);
             }
           }
           done(written);
         });
}

void OffsetStore::end_pending(std::int64_t producer_id, bool commit, Done done) {
  submit({.kind = Change::Kind::kEnded, .producer_id = producer_id, .committed = commit},
         std::move(done));
}

void OffsetStore::forget(const std::string& group, std::vector<TopicPartition> partitions,
                         Done done) {
  submit({.kind = Change::Kind::kForgotten, .group = group, .partitions = std::move(partitions)},
         std::move(done));
}

void OffsetStore::mark(const std::string& group, GroupMark mark, Done done) {
  submit({.kind = Change::Kind::kMark, .group = group, .mark = std::move(mark)}, std::move(done));
}

void OffsetStore::erase(const std::string& group, Done done) {
  submit({.kind = Change::Kind::kDeleted, .group = group}, std::move(done));
}

const OffsetStore::Group* OffsetStore::find(const std::string& group) const {
  const auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : &found->second;
}

OffsetStore::Offsets OffsetStore::committed(const std::string& group) const {
  const std::scoped_lock lock(mutex_);
  Offsets offsets;
  if (const Group* const found = find(group)) {
    for (const auto& [at, stored] : found->offsets) offsets[at] = stored.committed.offset;
  }
  return offsets;
}

std::optional<CommittedOffset> OffsetStore::committed(const std::string& group,
                                                      const TopicPartition& partition) const {
  const std::scoped_lock lock(mutex_);
  const Group* const found = find(group);
  if (found == nullptr) return std::nullopt;
  const auto entry = found->offsets.find(partition);
  if (entry == found->offsets.end()) return std::nullopt;
  return entry->second.committed;
}

OffsetStore::Committed OffsetStore::all_committed(const std::string& group) const {
  const std::scoped_lock lock(mutex_);
  Committed all;
  if (const Group* const found = find(group)) {
    for (const auto& [at, stored] : found->offsets) all.emplace_back(at, stored.committed);
  }
  return all;
}

bool OffsetStore::is_pending(const std::string& group, const TopicPartition& partition) const {
  const std::scoped_lock lock(mutex_);
  if (being_written_.contains({group, partition})) return true;
  const Group* const found = find(group);
  return found != nullptr && std::ranges::any_of(found->pending, [&](const auto& entry) {
           return entry.second.contains(partition);
         });
}

std::set<TopicPartition> OffsetStore::pending(const std::string& group) const {
  const std::scoped_lock lock(mutex_);
  std::set<TopicPartition> partitions;
  for (auto at = being_written_.lower_bound({group, {}});
       at != being_written_.end() && at->first.first == group; ++at) {
    partitions.insert(at->first.second);
  }
  if (const Group* const found = find(group)) {
    for (const auto& [producer_id, offsets] : found->pending) {
      for (const auto& [at, stored] : offsets) partitions.insert(at);
    }
  }
  return partitions;
}

std::vector<std::int64_t> OffsetStore::producers_with_pending() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::int64_t> producers;
  for (const auto& [producer_id, names] : pending_groups_) producers.push_back(producer_id);
  return producers;
}

std::optional<GroupMark> OffsetStore::mark_of(const std::string& group) const {
  const std::scoped_lock lock(mutex_);
  const Group* const found = find(group);
  return found == nullptr ? std::nullopt : found->mark;
}

std::vector<std::string> OffsetStore::groups() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, group] : groups_) {
    if (!group.offsets.empty()) names.push_back(name);
  }
  return names;
}

std::vector<std::string> OffsetStore::all_groups() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, group] : groups_) names.push_back(name);
  return names;
}

bool OffsetStore::knows(const std::string& group) const {
  const std::scoped_lock lock(mutex_);
  return find(group) != nullptr;
}

}  // namespace eventlog
