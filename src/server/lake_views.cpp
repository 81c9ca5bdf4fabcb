#include "server/lake_views.h"

#include <nlohmann/json.hpp>

namespace server {
namespace {

using nlohmann::json;

class CatalogViews final : public LakeViews {
 public:
  CatalogViews(lake::Catalog& catalog, ProjectTables project)
      : catalog_(catalog), project_(std::move(project)) {}

  base::Result<std::vector<std::string>> names() override { return catalog_.names(true); }

  base::Result<LakeView> view(const std::string& name, lake::Version known, Need need) override {
    const auto table = TRY(open(name));
    const auto snapshot = TRY(table->snapshot());
    LakeView view{.version = snapshot->version()};
    view.has_rows = need == Need::kRows || !catalog_.store().keeps_copies();
    if (view.has_rows) view.files = TRY(snapshot->fetch());
    if (view.version != known) {
      view.sql = view.has_rows ? snapshot->scan_sql() : snapshot->shape_sql();
      view.facts = facts(name, *snapshot);
    }
    return view;
  }

  base::Result<LakeView> view_at(const std::string& name, TablePin pin) override {
    const auto table = TRY(open(name));
    auto snapshot = pin.by_time ? table->snapshot_as_of(pin.value) : table->snapshot_at(pin.value);
    if (!snapshot) {
      auto error = std::move(snapshot).error();
      if (error.code == base::Code::kNotFound) error.mend = readable(*table);
      return std::unexpected(std::move(error).in("table " + name));
    }
    LakeView view{.version = (*snapshot)->version()};
    view.files = TRY((*snapshot)->fetch());
    view.sql = (*snapshot)->scan_sql();
    return view;
  }

 private:
  base::Result<std::shared_ptr<lake::Table>> open(const std::string& name) {
    auto table = catalog_.table(name);
    if (!table) return std::unexpected(std::move(table).error().in("table " + name));
    return table;
  }

  // "versions 3 (2026-01-01T00:00:00Z) to 12 (…) can be read".
  static std::string readable(lake::Table& table) {
    const auto newest = table.snapshot();
    if (!newest) return "look at the table with `waybill tables fsck`";
    lake::Version first = (*newest)->version();
    std::shared_ptr<const lake::Snapshot> oldest = *newest;
    // The oldest version that its log still leads to; readable versions have no gap.
    lake::Version low = 0;
    while (low < first) {
      const lake::Version middle = low + (first - low) / 2;
      if (auto there = table.snapshot_at(middle)) {
        first = middle;
        oldest = *there;
      } else {
        low = middle + 1;
      }
    }
    return fmt::format("versions {} (of {}) to {} (of {}) can be read", first,
                       base::format_rfc3339(oldest->timestamp_us()), (*newest)->version(),
                       base::format_rfc3339((*newest)->timestamp_us()));
  }

  std::string facts(const std::string& name, const lake::Snapshot& snapshot) const {
    const auto& metadata = snapshot.metadata();
    json facts = {{"committed_us", snapshot.timestamp_us()},
                  {"rows", snapshot.rows()},
                  {"bytes", snapshot.bytes()},
                  {"files", snapshot.files().size()},
                  {"description", metadata.description},
                  {"required", json::array()},
                  {"comments", json::object()},
                  {"key", json::array()},
                  {"model", ""}};
    const auto schema = json::parse(metadata.schema_string, nullptr, false);
    if (schema.is_object() && schema.contains("fields") && schema["fields"].is_array()) {
      for (const auto& field : schema["fields"]) {
        if (!field.is_object()) continue;
        const auto column = field.value("name", "");
        if (!field.value("nullable", true)) facts["required"].push_back(column);
        const auto more = field.value("metadata", json::object());
        const auto comment = more.is_object() ? more.find("comment") : more.end();
        if (comment != more.end() && comment->is_string()) facts["comments"][column] = *comment;
      }
    }
    if (const auto found = project_.find(name); found != project_.end()) {
      facts["key"] = found->second.key;
      facts["model"] = found->second.model;
      if (metadata.description.empty()) facts["description"] = found->second.description;
    }
    return facts.dump(-1, ' ', false, json::error_handler_t::replace);
  }

  lake::Catalog& catalog_;
  const ProjectTables project_;
};

}  // namespace

std::unique_ptr<LakeViews> views_of(lake::Catalog& catalog, ProjectTables project) {
  return std::make_unique<CatalogViews>(catalog, std::move(project));
}

}  // namespace server
