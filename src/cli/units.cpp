#include "cli/units.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <thread>

#include "base/logging.h"
#include "log/kafka_url.h"

namespace cli {
namespace {

using nlohmann::json;

constexpr std::int64_t kFollowUs = 500'000;

// A project's name as a part of topics' names.
std::string topic_name(const Project& project, const std::string& what) {
  std::string name = "waybill." + project.name + "." + what;
  for (char& c : name) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
    if (!fits) c = '-';
  }
  return name;
}

void pause(std::stop_token stop, std::int64_t us) {
  for (; us > 0 && !stop.stop_requested(); us -= 50'000)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

}  // namespace

base::Result<std::unique_ptr<Units>> Units::open(const Project& project, eventlog::EventLog* log,
                                                 quality::Alerts& alerts, const base::Clock& clock,
                                                 const std::vector<std::string>& names) {
  std::unique_ptr<Units> units(new Units(project, log, alerts, clock));
  for (const std::string& name : names) units->units_[name];
  if (units->shared()) {
    TRY(units->open_replicas(names));
  } else {
    units->store_ = TRY(state::Store::open(project.data / "state"));
  }
  return units;
}

base::Result<> Units::make_state_topic(int partitions) {
  const std::string topic = topic_name(project_, "state");
  const auto made = log_->create_topic({.name = topic,
                                        .partitions = partitions,
                                        .cleanup = eventlog::Cleanup::kCompact,
                                        .retention_us = -1,
                                        .tombstone_retention_us = runs::kTombstonesKeptUs});
  if (!made && made.error().code != base::Code::kAlreadyExists)
    return std::unexpected(made.error());
  const auto info = TRY(log_->topic(topic));
  if (info.config.partitions >= partitions) return {};
  const auto grown = log_->add_partitions(topic, partitions);
  if (grown || TRY(log_->topic(topic)).config.partitions >= partitions) return {};
  return grown;
}

base::Result<> Units::open_replicas(const std::vector<std::string>& names) {
  const eventlog::KafkaUrl url = TRY(eventlog::parse_kafka_url(project_.log));
  places_ = TRY(eventlog::place_units(*log_, topic_name(project_, "units"), names));
  eventlog::Partition most = 0;
  for (const auto& place : places_) most = std::max(most, place.partition);
  TRY(make_state_topic(most + 1));
  for (const auto& place : places_) {
    const eventlog::TopicPartition changelog{topic_name(project_, "state"), place.partition};
    const std::string id = topic_name(project_, place.name);
    units_[place.name].replica =
        TRY(runs::ReplicatedStore::open(*log_, eventlog::make_kafka_changelog(url, changelog, id),
                                        {.folder = project_.worker_folder() / "state" / place.name,
                                         .changelog = changelog,
                                         .incarnation = place.id,
                                         .group = id}));
  }
  return follow();
}

state::Store& Units::store(const std::string& unit) {
  if (store_) return *store_;
  return *units_.at(unit).replica;
}

std::vector<const state::Store*> Units::stores() const {
  if (store_) return {store_.get()};
  std::vector<const state::Store*> all;
  for (const auto& [name, unit] : units_) all.push_back(unit.replica.get());
  return all;
}

base::Result<> Units::add(const std::string& unit, UnitWork work) {
  units_.at(unit).work = std::move(work);
  if (!store_ || !units_.at(unit).work.prepare) return {};
  return units_.at(unit).work.prepare();
}

base::Result<> Units::start(const std::string& address) {
  if (store_) {
    for (auto& [name, unit] : units_) {
      unit.running = true;
      unit.tasks->run(name.substr(0, 15), unit.work.run);
    }
    return {};
  }
  owner_ = json{{"worker", project_.worker}, {"address", address}}.dump();
  followers_.run("follow", [this](std::stop_token stop) { follow_all(stop); });
  share_ = TRY(eventlog::join_units(
      {.url = TRY(eventlog::parse_kafka_url(project_.log)),
       .topic = topic_name(project_, "units"),
       .member = project_.worker,
       .session_us = project_.session_us,
       .units = places_,
       .started =
           [this](const std::string& name) {
             Unit& unit = units_.at(name);
             unit.tasks->run(name.substr(0, 15), [this, name, &unit](std::stop_token stop) {
               work_on(name, unit, stop);
             });
           },
       .stopped = [this](const std::string& name) { units_.at(name).tasks->stop(); }}));
  return {};
}

base::Result<> Units::take_over(Unit& unit) {
  TRY(unit.replica->own(owner_));
  if (unit.work.prepare) TRY(unit.work.prepare());
  return {};
}

// One unit for as long as it is this worker's. A unit whose state another worker has taken over is
// left alone until the group has had the time to say whose it is.
void Units::work_on(const std::string& name, Unit& unit, std::stop_token stop) {
  spdlog::info("unit {}: taking over", name);
  while (!stop.stop_requested()) {
    std::stop_source inner;
    const std::stop_callback outer(stop, [&] { inner.request_stop(); });
    const auto ready = take_over(unit);
    unit.replica->on_lost([inner]() mutable { inner.request_stop(); });
    if (ready) {
      alerts_.resolve("unit/" + name, clock_.now_us());
      unit.running = true;
      unit.work.run(inner.get_token());
      unit.running = false;
    } else {
      spdlog::warn("unit {}: {}", name, ready.error().to_string());
      alerts_.raise("unit/" + name, "critical",
                    fmt::format("unit {}: {}", name, ready.error().to_string()), clock_.now_us());
    }
    unit.replica->on_lost(nullptr);
    const bool lost = !unit.replica->owned();
    unit.replica->disown();
    if (stop.stop_requested()) break;
    spdlog::warn("unit {}: {}", name, lost ? "another worker has taken it over" : "is tried again");
    pause(stop, lost ? 2 * project_.session_us : base::kUsPerSecond);
  }
  spdlog::info("unit {}: given up", name);
}

void Units::follow_all(std::stop_token stop) {
  while (!stop.stop_requested()) {
    if (auto done = follow(); !done) {
      spdlog::warn("state: {}", done.error().to_string());
      pause(stop, base::kUsPerSecond);
      continue;
    }
    std::vector<std::pair<eventlog::TopicPartition, eventlog::Offset>> positions;
    for (const auto& [name, unit] : units_) {
      if (!unit.replica->owned())
        positions.emplace_back(unit.replica->changelog(), unit.replica->position());
    }
    if (positions.empty()) {
      pause(stop, kFollowUs);
    } else {
      log_->wait_for_data(positions, kFollowUs);
      pause(stop, kFollowUs / 5);
    }
  }
}

base::Result<> Units::follow() {
  if (store_) return {};
  std::vector<std::pair<eventlog::TopicPartition, eventlog::Offset>> positions;
  for (const auto& [name, unit] : units_) {
    if (!unit.replica->owned())
      positions.emplace_back(unit.replica->changelog(), unit.replica->position());
  }
  log_->wait_for_data(positions, 0);  // begins to fetch all of them side by side
  for (auto& [name, unit] : units_) TRY(unit.replica->follow());
  return {};
}

void Units::stop() {
  if (share_) share_->stop();
  followers_.stop();
  for (const bool sources : {true, false}) {
    std::vector<std::future<void>> ending;
    for (auto& [name, unit] : units_) {
      if (unit.work.is_source != sources) continue;
      ending.push_back(std::async(std::launch::async, [&unit] { unit.tasks->stop(); }));
    }
  }
}

bool Units::running(const std::string& unit) const { return units_.at(unit).running; }

json Units::owner(const std::string& unit) const {
  if (store_) return nullptr;
  const auto text = units_.at(unit).replica->get(runs::kOwnerKey);
  if (!text || !*text) return nullptr;
  return json::parse(**text, nullptr, false);
}

std::map<std::string, std::uint64_t> Units::changes() const {
  std::map<std::string, std::uint64_t> all;
  for (const auto& [name, unit] : units_) {
    if (unit.replica) all[name] = unit.replica->change();
  }
  return all;
}

std::int64_t Units::changed_us(const std::string& unit) const {
  return store_ ? 0 : units_.at(unit).replica->changed_us();
}

}  // namespace cli
