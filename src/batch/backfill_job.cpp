#include "batch/backfill_job.h"

#include <algorithm>
#include <array>

namespace batch {
namespace {

using base::Result;
using nlohmann::json;

constexpr std::array<std::string_view, 8> kStates{"running",    "failed", "ready",  "refused",
                                                  "publishing", "done",   "undone", "cancelled"};

json to_json(const JobTable& table) {
  json parts = json::array();
  for (const Part& part : table.parts) parts.push_back(part.value ? json(*part.value) : json());
  return {{"file", table.model.file},    {"text", table.model.text},
          {"column", table.column.name}, {"type", static_cast<int>(table.column.type)},
          {"parts", std::move(parts)},   {"base", table.base},
          {"inputs", table.inputs}};
}

Result<JobTable> table_from_json(const json& saved) {
  JobTable table;
  table.model = TRY(runs::parse_model(saved.at("text"), saved.at("file")));
  table.column = {saved.at("column"), static_cast<columns::Type>(saved.at("type"))};
  for (const json& value : saved.at("parts"))
    table.parts.push_back(
        {value.is_null() ? std::nullopt : std::optional(value.get<std::string>())});
  table.base = saved.at("base");
  table.inputs = saved.at("inputs");
  return table;
}

std::string prefix_of(const std::string& id) { return "backfill-part/" + id + "/"; }

}  // namespace

std::string_view state_name(Job::State state) {
  return kStates.at(static_cast<std::size_t>(state));
}

std::string job_key(const std::string& id) { return "backfill/" + id; }

json to_json(const Job& job) {
  json tables = json::array();
  for (const JobTable& table : job.tables) tables.push_back(to_json(table));
  return {{"id", job.id},
          {"model", job.request.model},
          {"from", job.request.from},
          {"to", job.request.to},
          {"expect", job.request.expect},
          {"parallel", job.request.parallel},
          {"publish", job.request.publish},
          {"state", state_name(job.state)},
          {"tables", std::move(tables)},
          {"error", job.error},
          {"report", job.report},
          {"published", job.published},
          {"started_us", job.started_us},
          {"ended_us", job.ended_us}};
}

Result<Job> job_from_json(const json& saved) {
  Job job;
  job.id = saved.at("id");
  job.request = {.model = saved.at("model"),
                 .from = saved.at("from"),
                 .to = saved.at("to"),
                 .expect = saved.at("expect"),
                 .parallel = saved.at("parallel"),
                 .publish = saved.at("publish")};
  const auto state = std::ranges::find(kStates, saved.at("state").get<std::string>());
  if (state == kStates.end())
    return base::fail(base::Code::kCorrupt, "the backfill {} has no state", job.id);
  job.state = static_cast<Job::State>(state - kStates.begin());
  for (const json& table : saved.at("tables")) job.tables.push_back(TRY(table_from_json(table)));
  job.error = saved.at("error");
  job.report = saved.at("report");
  job.published = saved.at("published");
  job.started_us = saved.at("started_us");
  job.ended_us = saved.at("ended_us");
  return job;
}

Result<std::optional<Job>> read_job(const state::Store& store, const std::string& id) {
  const auto saved = TRY(store.get(job_key(id)));
  if (!saved) return std::nullopt;
  return TRY(job_from_json(json::parse(*saved)));
}

Result<std::vector<Job>> read_jobs(const state::Store& store) {
  std::vector<std::string> texts;
  TRY(store.scan("backfill/", [&](auto, auto value) {
    texts.emplace_back(value);
    return true;
  }));
  std::vector<Job> jobs;
  for (const std::string& text : texts) jobs.push_back(TRY(job_from_json(json::parse(text))));
  return jobs;
}

std::string part_key(const std::string& id, std::size_t table, std::size_t part) {
  return prefix_of(id) + state::key_number(table) + state::key_number(part);
}

std::string to_text(const PartDone& done) {
  return json{{"table", done.table},          {"part", done.part},
              {"out", to_json(done.out)},     {"in", to_json(done.staged.files)},
              {"rows", done.staged.rows},     {"bytes", done.staged.bytes},
              {"inputs", done.inputs},        {"error", done.error},
              {"elapsed_us", done.elapsed_us}}
      .dump();
}

Result<std::vector<PartDone>> read_parts(const state::Store& store, const std::string& id) {
  std::vector<std::string> texts;
  TRY(store.scan(prefix_of(id), [&](auto, auto value) {
    texts.emplace_back(value);
    return true;
  }));
  std::vector<PartDone> parts;
  for (const std::string& text : texts) {
    const json saved = json::parse(text);
    parts.push_back({.table = saved.at("table"),
                     .part = saved.at("part"),
                     .out = TRY(files_from_json(saved.at("out"))),
                     .staged = Staged(TRY(files_from_json(saved.at("in")))),
                     .inputs = saved.at("inputs"),
                     .error = saved.at("error"),
                     .elapsed_us = saved.at("elapsed_us")});
  }
  return parts;
}

void forget_parts(const std::string& id, std::size_t table, state::WriteSet& changes) {
  changes.remove_range(prefix_of(id) + state::key_number(table),
                       prefix_of(id) + state::key_number(table + 1));
}

void remember_swap(const std::string& id, const Swap& swap, state::WriteSet& changes) {
  changes.put(fmt::format("backfill-swap/{}/{}", id,
                          state::key_number(static_cast<std::uint64_t>(swap.number))),
              to_json(swap).dump());
}

Result<Swap> swaps_of(const state::Store& store, const std::string& id) {
  std::vector<std::string> texts;
  TRY(store.scan("backfill-swap/" + id + "/", [&](auto, auto value) {
    texts.emplace_back(value);
    return true;
  }));
  Swap all;
  for (const std::string& text : texts) {
    const Swap one = TRY(swap_from_json(json::parse(text)));
    for (const TableSwap& table : one.tables) {
      const auto known = std::ranges::find(all.tables, table.table, &TableSwap::table);
      if (known == all.tables.end()) {
        all.tables.push_back(table);
        continue;
      }
      for (const PartSwap& part : table.parts) {
        const auto same = std::ranges::find_if(
            known->parts, [&](const PartSwap& p) { return p.part.value == part.part.value; });
        if (same == known->parts.end()) {
          known->parts.push_back(part);
        } else {
          same->in = part.in;
        }
      }
    }
  }
  return all;
}

Swap reversed(Swap swap) {
  for (TableSwap& table : swap.tables) {
    for (PartSwap& part : table.parts) std::swap(part.out, part.in);
  }
  return swap;
}

}  // namespace batch
