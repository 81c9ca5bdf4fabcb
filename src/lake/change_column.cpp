#include "lake/change_column.h"

#include <algorithm>

#include "lake/change.h"
#include "lake/evolution.h"

namespace lake {
namespace {

using base::Code;
using base::Result;
using Kind = ColumnChange::Kind;

const char* verb_of(Kind kind) {
  switch (kind) {
    case Kind::kRename:
      return "RENAME COLUMN";
    case Kind::kDrop:
      return "DROP COLUMNS";
    case Kind::kRetype:
      return "CHANGE COLUMN";
  }
  return "CHANGE COLUMN";
}

Result<> check(const Metadata& metadata, const std::string& table, const ColumnChange& what) {
  if (!metadata.schema.find(what.column))
    return base::fail_with(Code::kNotFound, fmt::format("{} has no column {}", table, what.column),
                           "see the columns with 'waybill tables show'");
  if (what.kind == Kind::kRename && metadata.schema.find(what.to))
    return base::fail_with(Code::kAlreadyExists, fmt::format("{} has a column {}", table, what.to),
                           "choose another name");
  if (what.kind == Kind::kDrop && metadata.schema.fields.size() == 1)
    return base::fail_with(Code::kInvalid,
                           fmt::format("{} is the only column of {}", what.column, table),
                           "drop the table");
  const auto& partition = metadata.partition_columns;
  if (std::ranges::find(partition, what.column) != partition.end())
    return base::fail_with(Code::kInvalid,
                           fmt::format("{} is partitioned by {}", table, what.column),
                           "make another table, and write the rows there");
  for (const auto& [key, text] : metadata.configuration) {
    if (!key.starts_with("delta.constraints.") || !text.contains(what.column)) continue;
    return base::fail_with(
        Code::kInvalid,
        fmt::format("the constraint {} of {} names {}", key.substr(18), table, what.column),
        "take the constraint away first");
  }
  return {};
}

// The metadata with the change; the SELECT's items follow the fields.
Result<Metadata> changed(const Metadata& old, const ColumnChange& what,
                         std::vector<std::string>& items) {
  Metadata metadata = old;
  auto schema = nlohmann::json::parse(old.schema_string);
  nlohmann::json fields = nlohmann::json::array();
  for (nlohmann::json& field : schema.at("fields")) {
    const std::string name = sql::quote_name(field.at("name").get<std::string>());
    if (field.at("name") != what.column) {
      items.push_back(name);
    } else if (what.kind == Kind::kDrop) {
      continue;
    } else if (what.kind == Kind::kRename) {
      field["name"] = what.to;
      items.push_back(fmt::format("{} AS {}", name, sql::quote_name(what.to)));
    } else {
      field["type"] = TRY(spark_type(what.to));
      items.push_back(fmt::format("CAST({} AS {}) AS {}",
                                  what.value.empty() ? name : "(" + what.value + ")", what.to,
                                  name));
    }
    fields.push_back(std::move(field));
  }
  schema["fields"] = std::move(fields);
  metadata.schema_string = schema.dump();
  return metadata;
}

}  // namespace

Result<Changed> change_column(Table& table, sql::Connection& connection, const ColumnChange& what,
                              const WriteOptions& options) {
  return Change::run(
      table, connection, options,
      {.operation = verb_of(what.kind), .parameters = {{"column", what.column}, {"to", what.to}}},
      [&](Change& change) -> Result<> {
        const Metadata old = *change.base().state().metadata;
        TRY(check(old, change.table().path(), what));
        if (change.state().mapping != ColumnMapping::kNone)
          return base::fail_with(Code::kUnsupported,
                                 fmt::format("{} has mapped columns, which Waybill does not rename",
                                             change.table().path()),
                                 "use the engine that made the table");
        std::vector<std::string> items;
        Metadata metadata = TRY(changed(old, what, items));
        change.transaction().read_whole_table();
        const std::string rows = change.base().scan_sql();
        TRY(change.set_metadata(std::move(metadata)));
        for (const AddFile& file : change.base().files()) change.remove(file);
        change.counts().rows_updated = TRY(change.stage(
            fmt::format("SELECT {} FROM ({}) AS target", fmt::join(items, ", "), rows)));
        return {};
      });
}

}  // namespace lake
