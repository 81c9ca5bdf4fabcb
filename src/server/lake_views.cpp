#include "server/lake_views.h"

namespace server {
namespace {

class CatalogViews final : public LakeViews {
 public:
  explicit CatalogViews(lake::Catalog& catalog) : catalog_(catalog) {}

  base::Result<std::vector<std::string>> names() override { return catalog_.names(true); }

  base::Result<LakeView> view(const std::string& name, lake::Version known, Need need) override {
    auto table = catalog_.table(name);
    if (!table) return std::unexpected(std::move(table).error().in("table " + name));
    const auto snapshot = TRY((*table)->snapshot());
    LakeView view{.version = snapshot->version()};
    view.has_rows = need == Need::kRows || !catalog_.store().keeps_copies();
    if (view.has_rows) view.files = TRY(snapshot->fetch());
    if (view.version != known)
      view.sql = view.has_rows ? snapshot->scan_sql() : snapshot->shape_sql();
    return view;
  }

 private:
  lake::Catalog& catalog_;
};

}  // namespace

std::unique_ptr<LakeViews> views_of(lake::Catalog& catalog) {
  return std::make_unique<CatalogViews>(catalog);
}

}  // namespace server
