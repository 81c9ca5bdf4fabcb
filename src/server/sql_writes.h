// Changes of the lake's tables by clients: who may make them, and the process that makes one.
//
// A change is one commit, or none. It runs in a process of its own, started for it, which may write
// into that table's folder and nowhere else; the server's own process never runs a client's text.
// Threads: any.
#pragma once

#include <atomic>
#include <map>
#include <semaphore>
#include <set>
#include <string>

#include "lake/catalog.h"
#include "server/lake_views.h"
#include "server/sql_worker_process.h"

namespace server {

inline constexpr std::ptrdiff_t kChangesMax = 2;  // at a time

// The start of what is refused for want of a right; PostgreSQL's error code derives from it.
inline constexpr std::string_view kNoRight = "permission denied for ";

struct SqlWritesOptions {
  std::string program;
  base::Path lake;
  base::Path spill;
  Workload workload = {};
  // The schemas that each user may change.
  std::map<std::string, std::set<std::string>> rights = {};
  ProjectTables project = {};  // what the project writes itself
};

class SqlWrites {
 public:
  // `catalog` and `views` outlive it.
  SqlWrites(lake::Catalog& catalog, LakeViews& views, SqlWritesOptions options)
      : catalog_(catalog), views_(views), options_(std::move(options)) {}

  // Whether there is anything that the user may change.
  bool may_write(const std::string& user) const { return options_.rights.contains(user); }

  // The tag of the command. `stop` is looked at while it runs; kCancelled then, and nothing was
  // committed unless the commit was under way.
  base::Result<std::string> run(const std::string& user, const std::string& sql,
                                const std::vector<std::string>& search_path,
                                const std::atomic<bool>& stop);

 private:
  base::Result<std::string> find_table(const std::vector<std::string>& name, bool create,
                                       const std::vector<std::string>& search_path);
  base::Result<> check_right(const std::string& user, const std::string& table) const;
  // Tables are folders: the folder of a new one may not be, hold or lie in that of another.
  base::Result<> check_place(const std::vector<std::string>& name, const std::string& table);
  base::Result<std::string> drop(const std::string& table);
  base::Result<std::string> run_in_process(const std::string& sql, const std::string& table,
                                           const std::vector<std::string>& search_path,
                                           const std::atomic<bool>& stop);

  lake::Catalog& catalog_;
  LakeViews& views_;
  const SqlWritesOptions options_;
  std::counting_semaphore<kChangesMax> slots_{kChangesMax};
  std::atomic<std::uint64_t> last_{0};
};

}  // namespace server
