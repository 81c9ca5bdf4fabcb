#include "batch/swap.h"

#include <algorithm>
#include <ranges>
#include <set>

#include "lake/actions.h"

namespace batch {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

constexpr const char* kNumberKey = "swap-number";
constexpr int kAttemptsMax = 50;

std::string swap_key(std::int64_t number) {
  return "swap/" + state::key_number(static_cast<std::uint64_t>(number));
}

std::string app_id(const std::string& table) { return "waybill/swap/" + table; }

std::set<std::string> keys_of(const std::vector<lake::AddFile>& files) {
  std::set<std::string> keys;
  for (const lake::AddFile& file : files) keys.insert(lake::file_key(file));
  return keys;
}

// Parts that have other files than the swap's `side` of them.
std::vector<Moved> moved_in(const TableSwap& table, const lake::Snapshot& now,
                            std::vector<lake::AddFile> PartSwap::* side = &PartSwap::out) {
  std::vector<Moved> moved;
  std::map<std::optional<std::string>, std::set<std::string>> files;
  for (const lake::AddFile& file : now.files())
    files[value_in(file, table.column)].insert(lake::file_key(file));
  for (std::size_t i = 0; i < table.parts.size(); ++i) {
    if (keys_of(table.parts[i].*side) != files[table.parts[i].part.value])
      moved.push_back({table.table, i, now.version(), table.parts[i].part.label(table.column)});
  }
  return moved;
}

// The version that made a swap's commit; the newest one when the log no longer has it.
Result<lake::Version> version_of(lake::Table& target, const Swap& swap) {
  for (const lake::HistoryEntry& entry : TRY(target.history(1000))) {
    const json parameters = entry.commit_info.is_object()
                                ? entry.commit_info.value("operationParameters", json::object())
                                : json::object();
    if (parameters.value("swap", "") == std::to_string(swap.number)) return entry.version;
  }
  return TRY(target.snapshot())->version();
}

// One attempt at a table's commit from the newest version.
Result<lake::Version> commit_table(lake::Table& target, const Swap& swap, const TableSwap& table,
                                   std::vector<Moved>& moved) {
  auto transaction = TRY(target.begin());
  const lake::Snapshot& now = transaction->base();
  if (now.transaction_version(app_id(table.table)) >= swap.number) {
    moved = moved_in(table, now, &PartSwap::in);  // left at its commit, or written since
    return version_of(target, swap);
  }
  const std::vector<Moved> left = moved_in(table, now);
  std::vector<std::map<std::string, std::optional<std::string>>> read;
  for (std::size_t i = 0; i < table.parts.size(); ++i) {
    const PartSwap& part = table.parts[i];
    if (std::ranges::any_of(left, [&](const Moved& one) { return one.index == i; })) continue;
    for (const lake::AddFile& file : part.out) transaction->remove(file);
    for (lake::AddFile file : part.in) {
      file.data_change = true;
      transaction->add(std::move(file));
    }
    if (!table.column.name.empty()) read.push_back({{table.column.name, part.part.value}});
  }
  if (table.column.name.empty()) {
    transaction->read_whole_table();
  } else {
    transaction->read_partitions(std::move(read));
  }
  transaction->set_transaction(app_id(table.table), swap.number);
  const auto version = TRY(transaction->commit(
      {.operation = swap.operation,
       .parameters = {{"swap", std::to_string(swap.number)},
                      {"partitions", std::to_string(table.parts.size() - left.size())}},
       .user_metadata = table.metadata}));
  moved = left;
  return version;
}

Result<> commit_all(lake::Catalog& catalog, Swap& swap, SwapDone& done) {
  for (TableSwap& table : swap.tables) {
    const auto target = TRY(catalog.table(table.table));
    for (int attempt = 0;; ++attempt) {
      std::vector<Moved> left;
      auto version = commit_table(*target, swap, table, left);
      if (version) {
        table.version = *version;
        for (const Moved& one : left | std::views::reverse)
          table.parts.erase(table.parts.begin() + static_cast<std::ptrdiff_t>(one.index));
        done.moved.insert(done.moved.end(), left.begin(), left.end());
        break;
      }
      // Somebody wrote one of the parts between the look and the commit: look again.
      // kAlreadyExists: the commit took effect and did not tell; the next look finds it.
      const Code code = version.error().code;
      if ((code != Code::kConflict && code != Code::kAlreadyExists) || attempt == kAttemptsMax)
        return std::unexpected(std::move(version).error());
    }
  }
  return {};
}

}  // namespace

json to_json(const Swap& swap) {
  json tables = json::array();
  for (const TableSwap& table : swap.tables) {
    json parts = json::array();
    for (const PartSwap& part : table.parts)
      parts.push_back({{"value", part.part.value ? json(*part.part.value) : json()},
                       {"out", batch::to_json(part.out)},
                       {"in", batch::to_json(part.in)}});
    tables.push_back({{"table", table.table},
                      {"column", table.column.name},
                      {"type", static_cast<int>(table.column.type)},
                      {"metadata", table.metadata},
                      {"parts", std::move(parts)}});
  }
  return {{"number", swap.number},
          {"operation", swap.operation},
          {"owner", swap.owner},
          {"tables", std::move(tables)}};
}

Result<Swap> swap_from_json(const json& saved) {
  Swap swap{.number = saved.at("number"),
            .operation = saved.at("operation"),
            .owner = saved.at("owner"),
            .tables = {}};
  for (const json& one : saved.at("tables")) {
    TableSwap table{.table = one.at("table"),
                    .column = {one.at("column"), static_cast<columns::Type>(one.at("type"))},
                    .parts = {},
                    .metadata = one.at("metadata")};
    for (const json& part : one.at("parts")) {
      const json& value = part.at("value");
      table.parts.push_back(
          {.part = {value.is_null() ? std::nullopt : std::optional(value.get<std::string>())},
           .out = TRY(files_from_json(part.at("out"))),
           .in = TRY(files_from_json(part.at("in")))});
    }
    swap.tables.push_back(std::move(table));
  }
  return swap;
}

Result<std::vector<Moved>> moved_parts(lake::Catalog& catalog, const Swap& swap) {
  std::vector<Moved> moved;
  for (const TableSwap& table : swap.tables) {
    const auto now = TRY(TRY(catalog.table(table.table))->snapshot());
    for (Moved& one : moved_in(table, *now)) moved.push_back(std::move(one));
  }
  return moved;
}

Result<> check_files(lake::Catalog& catalog, const Swap& swap) {
  for (const TableSwap& table : swap.tables) {
    const auto target = TRY(catalog.table(table.table));
    for (const PartSwap& part : table.parts) {
      for (const lake::AddFile& file : part.in) {
        if (catalog.store().head(target->path() + "/" + file.path)) continue;
        return base::fail_with(
            Code::kNotFound,
            fmt::format("{} {}: the file {} is gone", table.table, part.part.label(table.column),
                        file.path),
            "run the backfill again; upkeep deletes files that no version has used for days");
      }
    }
  }
  return {};
}

Result<std::int64_t> next_number(state::Store& store) {
  const auto saved = TRY(store.get(kNumberKey));
  const std::int64_t number = saved ? json::parse(*saved).get<std::int64_t>() + 1 : 1;
  state::WriteSet changes;
  changes.put(kNumberKey, json(number).dump());
  TRY(store.apply(changes));
  return number;
}

Result<SwapDone> apply_swap(lake::Catalog& catalog, state::Store& store, Swap& swap) {
  SwapDone done;
  state::WriteSet record;
  record.put(swap_key(swap.number), to_json(swap).dump());
  TRY(store.apply(record));
  TRY(commit_all(catalog, swap, done));
  return done;
}

Result<> finish_swaps(lake::Catalog& catalog, state::Store& store,
                      const std::function<Result<>(const Swap&, const SwapDone&)>& done) {
  std::vector<std::string> records;
  TRY(store.scan("swap/", [&](auto, auto value) {
    records.emplace_back(value);
    return true;
  }));
  for (const std::string& record : records) {
    Swap swap = TRY(swap_from_json(json::parse(record)));
    SwapDone what;
    TRY(commit_all(catalog, swap, what));
    TRY(done(swap, what));
  }
  return {};
}

void forget_swap(const Swap& swap, state::WriteSet& changes) {
  changes.remove(swap_key(swap.number));
}

}  // namespace batch
