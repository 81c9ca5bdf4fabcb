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
#include <utility>
#include <vector>

#include "server/lake_views.h"
#include "server/platform.h"
#include "server/sql_session_guard.h"
#include "sql/database.h"

namespace server {

// A table as a statement reads it.
struct ReadVersion {
  std::string table;
  lake::Version version = -1;
  base::TimestampUs committed_us = 0;  // 0: not known, of an older version
};

// A session on whose connection a change is made, with texts that were judged as queries are.
class ChangeSession : public SqlSession {
 public:
  virtual sql::Connection& connection() = 0;
  // The text as it may run, with the views that it reads made fresh; an error when it may not.
  virtual base::Result<std::string> allow(const std::string& select) = 0;
};

class LakeSql {
 public:
  // `database` is locked and may read the lake's directory; it holds nothing else.
  static base::Result<std::unique_ptr<LakeSql>> open(LakeViews& views, sql::Database& database);

  base::Result<std::unique_ptr<SqlSession>> open_session();
  base::Result<std::unique_ptr<ChangeSession>> open_change_session(
      const std::vector<std::string>& search_path);

  // The lake's tables as last seen.
  std::set<std::string> tables();
  // Looks for tables that came or went and makes every view new that is stale.
  base::Result<> refresh_all();
  // Makes the views of these tables show the newest version.
  base::Result<> refresh(const std::set<std::string>& tables);
  // What the views of these tables show now.
  std::vector<ReadVersion> versions(const std::set<std::string>& tables);
  // A view of the table as it was, in the schema kPinnedSchema: its name there, and what it shows.
  base::Result<std::pair<std::string, ReadVersion>> pin(const std::string& table, TablePin pin);

 private:
  LakeSql(LakeViews& views, sql::Database& database, std::unique_ptr<sql::Connection> connection)
      : lake_views_(views), database_(database), connection_(std::move(connection)) {}

  struct View {
    ReadVersion shown;
    bool has_rows = false;
  };

  base::Result<> refresh_one(const std::string& table, LakeViews::Need need);
  base::Result<> note_facts(const std::string& table, const LakeView& view);
  base::Result<> forget_facts(const std::string& table);

  LakeViews& lake_views_;
  sql::Database& database_;
  std::mutex mutex_;
  std::unique_ptr<sql::Connection> connection_;
  std::set<std::string> tables_;
  std::map<std::string, View> views_;          // as they are in the database
  std::map<std::string, ReadVersion> pinned_;  // by the view's name
  std::set<std::string> schemas_;
  std::map<std::string, std::string> broken_;  // table to the last warning about it
};

}  // namespace server
