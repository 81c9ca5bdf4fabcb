#include "lake/catalog.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>

namespace lake {
namespace {

using base::Code;
using base::Result;

constexpr std::size_t kSuggestionsMax = 3;
constexpr std::size_t kNameBytesMax = 200;

// "silver.scans" as the key prefix silver/scans.
Result<std::string> path_of(const std::string& name) {
  const bool fits = !name.empty() && name.size() <= kNameBytesMax && name.front() != '.' &&
                    name.back() != '.' && name.find("..") == std::string::npos &&
                    std::ranges::all_of(name, [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
                    });
  if (!fits) {
    return base::fail_with(Code::kInvalid, fmt::format("\"{}\" is no table name", name),
                           "use letters, digits, _ and -, with dots between the parts");
  }
  std::string path = name;
  std::ranges::replace(path, '.', '/');
  return path;
}

// silver/scans/ as "silver.scans".
std::string name_of(const std::string& prefix) {
  std::string name = prefix.substr(0, prefix.size() - 1);
  std::ranges::replace(name, '/', '.');
  return name;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t corner = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = corner + (a[i - 1] == b[j - 1] ? 0 : 1);
      corner = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

std::string nearest(const std::string& name, std::vector<std::string> names) {
  std::ranges::sort(names, {},
                    [&](const std::string& one) { return std::pair(distance(name, one), one); });
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kSuggestionsMax); ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  return text;
}

class StoreCatalog final : public Catalog {
 public:
  StoreCatalog(storage::ObjectStore& store, sql::Database& database)
      : store_(store), database_(database) {}

  Result<std::shared_ptr<Table>> table(const std::string& name) override {
    auto opened = open(name);
    if (opened || opened.error().code != Code::kNotFound) return opened;
    const auto known = names(true);
    const std::string near = known ? nearest(name, *known) : std::string();
    return base::fail_with(Code::kNotFound, "there is no table " + name,
                           near.empty() ? "the lake has no tables yet" : "use one of: " + near);
  }

  Result<std::shared_ptr<Table>> open_or_create(const std::string& name,
                                                const Table::CreateOptions& options) override {
    auto opened = open(name);
    if (opened || opened.error().code != Code::kNotFound) return opened;
    auto created = Table::create(store_, database_, TRY(path_of(name)), options);
    if (!created && created.error().code == Code::kAlreadyExists) return open(name);
    if (!created) return std::unexpected(std::move(created).error().in(name));
    const std::scoped_lock lock(mutex_);
    if (names_) names_->insert(name);
    return tables_.try_emplace(name, std::move(*created)).first->second;
  }

  Result<std::vector<std::string>> names(bool refresh) override {
    {
      const std::scoped_lock lock(mutex_);
      if (names_ && !refresh) return std::vector(names_->begin(), names_->end());
    }
    std::set<std::string> known;
    {
      const std::scoped_lock lock(mutex_);
      for (const auto& [name, table] : tables_) known.insert(name);
    }
    std::set<std::string> found;
    TRY(find_tables("", known, found));
    const std::scoped_lock lock(mutex_);
    names_ = std::move(found);
    return std::vector(names_->begin(), names_->end());
  }

  void forget(const std::string& name) override {
    const std::scoped_lock lock(mutex_);
    tables_.erase(name);
    if (names_) names_->erase(name);
  }

  storage::ObjectStore& store() override { return store_; }

 private:
  // Looks into folders until there is a log. The folder of a table that is open need not be looked
  // into: on S3 that lists every file which lies in it.
  Result<> find_tables(const std::string& prefix, const std::set<std::string>& known,
                       std::set<std::string>& found) {
    const auto folders = TRY(store_.folders(prefix));
    if (!prefix.empty() && std::ranges::find(folders, "_delta_log") != folders.end()) {
      found.insert(name_of(prefix));
      return {};
    }
    for (const std::string& folder : folders) {
      const std::string below = prefix + folder + "/";
      if (known.contains(name_of(below))) {
        found.insert(name_of(below));
      } else {
        TRY(find_tables(below, known, found));
      }
    }
    return {};
  }

  Result<std::shared_ptr<Table>> open(const std::string& name) {
    const std::string path = TRY(path_of(name));
    {
      const std::scoped_lock lock(mutex_);
      if (const auto it = tables_.find(name); it != tables_.end()) return it->second;
    }
    auto opened = TRY(Table::open(store_, database_, path));
    const std::scoped_lock lock(mutex_);
    return tables_.try_emplace(name, std::move(opened)).first->second;
  }

  storage::ObjectStore& store_;
  sql::Database& database_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Table>> tables_;
  std::optional<std::set<std::string>> names_;
};

}  // namespace

std::unique_ptr<Catalog> make_catalog(storage::ObjectStore& store, sql::Database& database) {
  return std::make_unique<StoreCatalog>(store, database);
}

}  // namespace lake
