#include "server/lake_views.h"

namespace server {
namespace {

class CatalogViews final : public LakeViews {
 public:
  explicit CatalogViews(lake::Catalog& catalog) : catalog_(catalog) {}

  base::Result<std::vector<std::string>> names() override { return catalog_.names(true); }

  base::Result<std::optional<LakeView>> view(const std::string& name,
                                             lake::Version known) override {
    auto table = catalog_.table(name);
    if (!table) return std::unexpected(std::move(table).error().in("table " + name));
    const auto snapshot = TRY((*table)->snapshot());
    if (snapshot->version() == known) return std::optional<LakeView>();
    return LakeView{.version = snapshot->version(), .sql = snapshot->scan_sql()};
  }

 private:
  lake::Catalog& catalog_;
};

}  // namespace

std::unique_ptr<LakeViews> views_of(lake::Catalog& catalog) {
  return std::make_unique<CatalogViews>(catalog);
}

}  // namespace server
