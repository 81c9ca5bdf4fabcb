#include "batch/once.h"

#include <nlohmann/json.hpp>

namespace batch {
namespace {

std::string plan_key(const lake::Table& table) { return "dag/plan/" + table.path(); }
std::string app_id(const lake::Table& table) { return "waybill/dag/" + table.path(); }

}  // namespace

base::Result<bool> Once::done(const std::string& instance) const {
  return TRY(store_.get(mark_key(instance))).has_value();
}

base::Result<> Once::settle(const lake::Table& table, const lake::Snapshot& snapshot) {
  const auto saved = TRY(store_.get(plan_key(table)));
  if (!saved) return {};
  const auto plan = nlohmann::json::parse(*saved);
  state::WriteSet changes;
  changes.remove(plan_key(table));
  if (snapshot.transaction_version(app_id(table)) >= plan.at("number").get<std::int64_t>())
    changes.put(mark_key(plan.at("instance")), "");
  return store_.apply(changes);
}

base::Result<std::optional<lake::Version>> Once::commit(
    lake::Table& table, const std::string& instance, const lake::CommitInfo& info,
    const std::function<base::Result<>(lake::Transaction&)>& fill) {
  const std::scoped_lock lock(mutex_);
  const auto transaction = TRY(table.begin());
  TRY(settle(table, transaction->base()));
  if (TRY(done(instance))) return std::nullopt;
  const std::int64_t number =
      std::max<std::int64_t>(transaction->base().transaction_version(app_id(table)), 0) + 1;
  TRY(fill(*transaction));
  state::WriteSet plan;
  plan.put(plan_key(table), nlohmann::json{{"number", number}, {"instance", instance}}.dump());
  TRY(store_.apply(plan));
  transaction->set_transaction(app_id(table), number);
  const lake::Version version = TRY(transaction->commit(info));
  state::WriteSet mark;
  mark.remove(plan_key(table));
  mark.put(mark_key(instance), "");
  TRY(store_.apply(mark));
  return version;
}

}  // namespace batch
