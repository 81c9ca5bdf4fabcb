// Models that a rule with `severity: stop` holds back: they pause where they stand, the others of
// the pipeline go on. A person who lets one go on has seen the rows: those that had come by then go
// to the dead letters where they break the rule.
#include <algorithm>

#include "base/logging.h"
#include "stream/pipeline.h"

namespace stream {
namespace {

std::string alert_id(const std::string& table) { return "stop/" + table; }

}  // namespace

// Whether rules that stop do so in this epoch of a model.
bool Pipeline::stops(const EpochPlan& plan, const Operator& op) const {
  const auto it = paces_.find(op.model().table);
  if (it == paces_.end() || plan.model != op.model().table) return true;
  const Offsets& seen = it->second.consented;
  return std::ranges::none_of(plan.intervals, [&](const runs::Interval& interval) {
    const auto to = seen.find(interval.source);
    return to != seen.end() && interval.from < to->second;
  });
}

std::unexpected<base::Error> Pipeline::stopped_by(const Operator& op, const Outcome& outcome) {
  {
    const std::scoped_lock lock(mutex_);
    if (!held_) held_ = Held{.table = op.model().table, .reason = outcome.stopped_by};
  }
  return std::unexpected(base::Error{
      .code = base::Code::kInvalid,
      .message = fmt::format("{} is held back: {}", op.model().table, outcome.stopped_by),
      .mend = fmt::format("mend the source or quality/{}", op.model().quality)}
                             .at(op.model().file, 1));
}

// Pauses the model that the failed epoch held back, durably; the epoch's plan is run again without
// it. False when nothing was held back, or the model cannot be paused: then the pipeline waits.
base::Result<bool> Pipeline::hold_back(const EpochPlan& plan) {
  if (!held_) return false;
  const Held held = *std::exchange(held_, std::nullopt);
  const Operator& op = *TRY(find(held.table));
  const std::string mend = fmt::format(
      "mend the source, or quality/{0}, and start anew; then 'waybill models resume {1}' goes on, "
      "and rows so far that break the rule go to the dead letters",
      op.model().quality, held.table);
  services_.alerts.raise(alert_id(held.table), "critical",
                         fmt::format("{} is held back: {}; {}", held.table, held.reason, mend),
                         services_.clock.now_us());
  const auto paced = paces_.find(held.table);
  if (paced == paces_.end() && (!source_without_places(op).empty() || !sources_agree(op)))
    return false;
  Pace pace = paced == paces_.end() ? Pace{.offsets = reach(op)} : paced->second;
  pace.paused = true;
  pace.held = held.reason;
  state::WriteSet changes;
  changes.put(pace_key(held.table), to_text(pace));
  // An epoch of this model alone has changed no table yet.
  if (plan.model == held.table) changes.remove(plan_key(name_));
  TRY(services_.store.apply(changes));
  spdlog::warn("{}: {} is held back: {}", name_, held.table, held.reason);
  const std::scoped_lock lock(mutex_);
  paces_[held.table] = std::move(pace);
  return true;
}

// What a person lets go on has been seen.
void Pipeline::consent(const std::string& table, Pace& pace) {
  if (pace.held.empty()) return;
  pace.held.clear();
  pace.consented = committed_;
  services_.alerts.resolve(alert_id(table), services_.clock.now_us());
}

}  // namespace stream
