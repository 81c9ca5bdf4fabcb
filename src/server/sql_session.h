// SQL over the lake for clients: every lake table is a view of one locked database, fresh whenever
// a statement names it, and sessions that can do nothing but read.
//
// Threads: a LakeSql may be used from any thread; a session by one thread at a time, except
// interrupt(). A LakeSql outlives its sessions.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/lake_views.h"
#include "server/platform.h"
#include "server/sql_session_guard.h"
#include "sql/database.h"

namespace server {

class LakeSql {
 public:
  // `database` is locked and may read the lake's directory; it holds nothing else.
  static base::Result<std::unique_ptr<LakeSql>> open(LakeViews& views, sql::Database& database);

  base::Result<std::unique_ptr<SqlSession>> open_session();

  // The lake's tables as last seen.
  std::set<std::string> tables();
  // Looks for tables that came or went and makes every view new that is stale.
  base::Result<> refresh_all();
  // Makes the views of these tables show the newest version.
  base::Result<> refresh(const std::set<std::string>& tables);

 private:
  LakeSql(LakeViews& views, sql::Database& database, std::unique_ptr<sql::Connection> connection)
      : lake_views_(views), database_(database), connection_(std::move(connection)) {}

  struct View {
    lake::Version version = -1;
    bool has_rows = false;
  };

  base::Result<> refresh_one(const std::string& table, LakeViews::Need need);

  LakeViews& lake_views_;
  sql::Database& database_;
  std::mutex mutex_;
  std::unique_ptr<sql::Connection> connection_;
  std::set<std::string> tables_;
  std::map<std::string, View> views_;  // as they are in the database
  std::set<std::string> schemas_;
  std::map<std::string, std::string> broken_;  // table to the last warning about it
};

}  // namespace server
